"""The training settings that rules and entries know, and the one spelling each of their values has.

People write `torch.bfloat16`, `yes` or `fa2` for what entries call `bf16`, `true` and `flash_attention_2`.
"""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Tuple, Union

Scalar = Union[str, int, float, bool]

TRAIN_KEYS = (
    "precision",
    "param_dtype",
    "zero_stage",
    "overlap_comm",
    "contiguous_gradients",
    "reduce_bucket_size",
    "offload",
    "fsdp",
    "fsdp_version",
    "parallelism",
    "optimizer",
    "adam_epsilon",
    "learning_rate",
    "max_grad_norm",
    "gradient_accumulation_steps",
    "per_device_train_batch_size",
    "train_batch_size",
    "world_size",
    "gradient_checkpointing",
    "use_reentrant",
    "attn_implementation",
    "quantization",
    "method",
    "lora_r",
    "model",
    "model_type",
    "torch_compile",
    "tf32",
    "packing",
    "padding_side",
    "use_liger_kernel",
    "use_liger_loss",
    "resize_embeddings",
    "tie_word_embeddings",
    "trainer",
    "trainer_precision",
    "deepspeed_fp16",
    "deepspeed_bf16",
    "declared_precision",
    "bnb_4bit_compute_dtype",
    "ddp_find_unused_parameters",
    "logging_nan_inf_filter",
    "group_by_length",
    "deepspeed",
    "framework",
    "checkpoint_dtype",
    "attn_softcap",
    "sliding_window",
    "neftune_noise_alpha",
    "label_smoothing_factor",
    "padding_free",
    "precompute_ref_log_probs",
    "assistant_only_loss",
    "use_vllm",
    "vllm_mode",
    "vllm_enable_sleep_mode",
    "average_tokens_across_devices",
    "auto_find_batch_size",
    "dataloader_num_workers",
    "fp16_full_eval",
    "bf16_full_eval",
    "template",
    "packing_isolated",
    "fsdp_cpu_ram_efficient_loading",
    "fsdp_sync_module_states",
    "fsdp_activation_checkpointing",
    "fsdp_state_dict_type",
    "arguments",
    "imports",
    "bnb_4bit_quant_storage",
    "zero3_save_16bit_model",
    "load_best_model_at_end",
    "save_only_model",
    "eval_strategy",
    "save_strategy",
)
"""Known keys under `train`; another one is kept, with a warning."""

_PRECISION_SPELLINGS = {
    "bf16": ("bfloat16", "torch.bfloat16", "bf16-mixed", "bf16-true"),
    "fp16": ("float16", "torch.float16", "torch.half", "half", "16", "16-mixed", "16-true"),
    "fp32": ("float32", "torch.float32", "torch.float", "float", "32", "32-true", "no"),
}
_SWITCH_SPELLINGS = {"true": ("yes", "on", "1"), "false": ("no", "off", "0")}
_ATTENTION_SPELLINGS = {
    **{f"flash_attention_{number}": (f"fa{number}", f"flash_attn_{number}", f"flash_attn{number}", f"flash_attention{number}") for number in (2, 3, 4)},
    "sdpa": ("torch_sdpa", "torch.sdpa"),
}
_STAGE_SPELLINGS = {number: tuple(f"{word}{number}" for word in ("zero", "zero_", "stage", "stage_", "z")) + (f"{number}.0",) for number in "0123"}


def _aliases(spellings: Mapping[str, Tuple[str, ...]]) -> Dict[str, str]:
    return {other: name for name, others in spellings.items() for other in others}


_PRECISION, _SWITCH = _aliases(_PRECISION_SPELLINGS), _aliases(_SWITCH_SPELLINGS)
_SWITCHES = (
    "overlap_comm",
    "contiguous_gradients",
    "offload",
    "gradient_checkpointing",
    "use_reentrant",
    "torch_compile",
    "tf32",
    "packing",
    "use_liger_kernel",
    "use_liger_loss",
    "resize_embeddings",
    "tie_word_embeddings",
    "ddp_find_unused_parameters",
    "logging_nan_inf_filter",
    "group_by_length",
    "attn_softcap",
    "sliding_window",
    "padding_free",
    "precompute_ref_log_probs",
    "assistant_only_loss",
    "use_vllm",
    "vllm_enable_sleep_mode",
    "average_tokens_across_devices",
    "auto_find_batch_size",
    "fp16_full_eval",
    "bf16_full_eval",
    "packing_isolated",
    "fsdp_cpu_ram_efficient_loading",
    "fsdp_sync_module_states",
    "fsdp_activation_checkpointing",
    "load_best_model_at_end",
    "save_only_model",
)
_PRECISIONS = ("precision", "trainer_precision", "declared_precision")
_ALIASES: Dict[str, Dict[str, str]] = {
    **dict.fromkeys((*_PRECISIONS, "param_dtype", "checkpoint_dtype"), _PRECISION),
    **dict.fromkeys((*_SWITCHES, "deepspeed", "deepspeed_fp16", "deepspeed_bf16"), _SWITCH),
    "offload": {**_SWITCH, "cpu": "true", "nvme": "true", "none": "false"},
    "attn_implementation": _aliases(_ATTENTION_SPELLINGS),
    "zero_stage": _aliases(_STAGE_SPELLINGS),
}
_CLOSED: Dict[str, Tuple[str, ...]] = {
    **dict.fromkeys(_PRECISIONS, ("fp32", "fp16", "bf16", "fp8")),
    **dict.fromkeys(_SWITCHES, ("true", "false")),
    "zero_stage": ("0", "1", "2", "3"),
}


def normal(key: str, value: Scalar) -> Scalar:
    """The spelling that entries use of a setting's value; the value itself where it has none of its own."""
    aliases = _ALIASES.get(key)
    if aliases is None or isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    found = aliases.get(text) or aliases.get(text.replace("-", "_"))
    if found is None and text in _CLOSED.get(key, ()) and isinstance(value, str):
        return text
    return value if found is None else found


def known_values(key: str, value: Scalar) -> Optional[Tuple[str, ...]]:
    """The values that a setting can have where `value` is none of them; None where it is, or where any may be right.

    A comparison (`>=2`) is how a report says that it does not know more; `absent` says that the setting is not used.
    """
    closed, text = _CLOSED.get(key), str(value).lower()
    return None if closed is None or text in (*closed, "absent") or text[:1] in ("<", ">") else closed


_ELSEWHERE = {
    "bf16": "precision=bf16",
    "fp16": "precision=fp16",
    "fp32": "precision=fp32",
    "fp8": "precision=fp8",
    "load_in_4bit": "quantization=4bit",
    "load_in_8bit": "quantization=8bit",
    "dtype": "param_dtype=bf16",
    "torch_dtype": "param_dtype=bf16",
    "stage": "zero_stage=2",
    "lr": "learning_rate=2e-5",
}


def elsewhere(key: str) -> Optional[str]:
    """How to write what a trainer's own name of a setting says (`bf16` is `precision=bf16`)."""
    return _ELSEWHERE.get(key)
