"""torchtitan's TOML -> training facts (torchtitan/config/job_config.py: mixed precision in bf16, clipping at 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from envcheck.model import Fact
from envcheck.training.values import Section

_TABLES = ("job", "model", "optimizer", "training", "parallelism", "activation_checkpoint", "checkpoint", "lr_scheduler")


def fits(settings: Mapping[Any, Any]) -> bool:
    """Whether a mapping holds the tables of a torchtitan job."""
    return isinstance(settings.get("training"), dict) and sum(isinstance(settings.get(key), dict) for key in _TABLES) > 2


def read(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of one torchtitan job. Raises `InputError`."""
    section = section.owned("torchtitan's")
    training, optimizer, model = section.inner("training"), section.inner("optimizer"), section.inner("model")
    checkpointing = section.inner("activation_checkpoint").word("mode")
    compiled = section.inner("compile").switch("enable") or (training.switch("compile") if isinstance(training.raw("compile"), str) else None)
    found = {
        "framework": Fact("torchtitan", section.path),
        "trainer": Fact("pretrain", section.path),
        "method": Fact("full", section.path),
        "model": _model(model),
        "precision": training.word("mixed_precision_param") or training.default("bf16"),
        "param_dtype": training.word("dtype") or training.default("fp32"),
        "optimizer": optimizer.word("name"),
        "learning_rate": optimizer.number("lr"),
        "adam_epsilon": optimizer.number("eps"),
        "per_device_train_batch_size": training.whole("local_batch_size") or training.whole("batch_size"),
        "train_batch_size": _global(training),
        "max_grad_norm": training.number("max_norm") or training.default(1.0),
        "torch_compile": compiled,
        "gradient_checkpointing": None if checkpointing is None or not checkpointing.is_known else _switched(checkpointing),
    }
    return {key: fact for key, fact in found.items() if fact is not None}


def _global(training: Section) -> Fact | None:
    size = training.whole("global_batch_size")
    # -1 is one step without accumulation.
    return size if size is not None and size.is_known and isinstance(size.value, int) and size.value > 0 else None


def _switched(mode: Fact) -> Fact:
    return Fact("false" if mode.value == "none" else "true", mode.origin)


def _model(model: Section) -> Fact | None:
    """The model's name of the two keys that make it up (`llama3`, `8B`)."""
    name, flavor = model.word("name"), model.word("flavor")
    if name is None or flavor is None or not (name.is_known and flavor.is_known):
        return name
    return Fact(f"{name.value} {flavor.value}", name.origin)
