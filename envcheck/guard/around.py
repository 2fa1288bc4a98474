"""What surrounds an optimizer: the engines that wrap it, the model it trains, and the settings that can be seen from here."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

_DTYPES = {"torch.float16": "fp16", "torch.bfloat16": "bf16", "torch.float32": "fp32"}


def innermost(optimizer: Any) -> Any:
    """The torch optimizer inside those of accelerate and DeepSpeed."""
    seen: Sequence[int] = ()
    while getattr(optimizer, "optimizer", None) is not None and id(optimizer) not in seen:
        seen = (*seen, id(optimizer))
        optimizer = optimizer.optimizer
    return optimizer


def is_sharded(optimizer: Any, parameters: Sequence[Any]) -> bool:
    """Whether each rank's optimizer holds only its part of the gradients (ZeRO, FSDP), so that norms add up over ranks."""
    while optimizer is not None:
        if type(optimizer).__module__.startswith("deepspeed") and hasattr(optimizer, "optimizer"):
            return True
        optimizer = getattr(optimizer, "optimizer", None)
    return any(hasattr(p, "_local_tensor") or hasattr(p, "_fsdp_flattened") or type(p).__name__ == "FlatParameter" for p in parameters)


def left_out(model: Any, optimizer: Any) -> int:
    """Steps that DeepSpeed left out so far for gradients that are not finite; without its engine only whether the last one was.

    0 where a dynamic loss scale makes that healthy.
    """
    while optimizer is not None and not isinstance(getattr(optimizer, "overflow", None), bool):
        optimizer = getattr(optimizer, "optimizer", None)
    if optimizer is None or getattr(optimizer, "dynamic_loss_scale", False):
        return 0
    skipped = getattr(model, "skipped_steps", None)
    return skipped if isinstance(skipped, int) else int(optimizer.overflow)


def vocabulary_of(model: Any) -> Optional[int]:
    """The size of the vocabulary that an HF model's config states."""
    config = getattr(getattr(model, "module", model), "config", None)
    text = getattr(config, "get_text_config", lambda: config)()
    size = getattr(text, "vocab_size", None)
    return size if isinstance(size, int) else None


def observed(model: Any, parameters: Sequence[Any]) -> Dict[str, str]:
    """The training settings, by their key under `train.`, that tensors show and configs often do not."""
    named = list(model.named_parameters())
    trained = [(name, parameter) for name, parameter in named if parameter.requires_grad]
    found: Dict[str, str] = {}
    dtypes = {str(parameter.dtype) for parameter in parameters}
    if len(dtypes) == 1 and dtypes <= set(_DTYPES):
        found["param_dtype"] = _DTYPES[dtypes.pop()]
    if any("lora_" in name for name, _ in trained):
        found["method"] = "lora"
    elif len(trained) == len(named):
        found["method"] = "full"
    return found


__all__ = ["innermost", "is_sharded", "left_out", "observed", "vocabulary_of"]
