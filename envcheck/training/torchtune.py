"""torchtune's recipe config -> training facts. `dtype` is the data type of parameters, gradients and arithmetic alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Callable

from envcheck.documents import Text
from envcheck.model import Fact
from envcheck.training.values import Section

# torchtune.models.llama3_1.qlora_llama3_1_8b: the family, the method, the name.
_MODEL = re.compile(r"torchtune\.models\.(\w+)\.(lora_|qlora_|dora_)?\w+")


def fits(settings: Mapping[Any, Any]) -> bool:
    """Whether the parts of a mapping name torchtune's components."""
    parts = (value for value in settings.values() if isinstance(value, dict))
    return any(str(part.get("_component_", "")).startswith(("torchtune.", "torch.optim", "bitsandbytes.")) for part in parts)


def read(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of one torchtune config. Raises `InputError`."""
    section = section.owned("torchtune's")
    dtype = section.word("dtype")
    optimizer, model = section.inner("optimizer"), section.inner("model")
    found = {
        "framework": Fact("torchtune", section.path),
        "precision": dtype,
        "param_dtype": dtype,
        "optimizer": _named(optimizer),
        "learning_rate": optimizer.number("lr"),
        "adam_epsilon": optimizer.number("eps"),
        "per_device_train_batch_size": section.whole("batch_size"),
        "gradient_accumulation_steps": section.whole("gradient_accumulation_steps"),
        "max_grad_norm": section.number("clip_grad_norm"),
        "torch_compile": section.switch("compile") if isinstance(section.raw("compile"), Text) else None,
        "gradient_checkpointing": section.switch("enable_activation_checkpointing"),
        "packing": section.inner("dataset").switch("packed") if isinstance(section.raw("dataset"), dict) else None,
        "method": _method(model),
        "lora_r": model.whole("lora_rank"),
    }
    return {key: fact for key, fact in found.items() if fact is not None}


def _named(optimizer: Section) -> Fact | None:
    component = optimizer.word("_component_")
    return Fact(str(component.value).rpartition(".")[2].lower(), component.origin) if component is not None and component.is_known else component


def _method(model: Section) -> Fact | None:
    component = model.word("_component_")
    found = _MODEL.fullmatch(str(component.value)) if component is not None else None
    if component is None or found is None:
        return None
    return Fact((found[2] or "full").rstrip("_"), component.origin)
