"""Accelerate's config (`accelerate config`, or the options of `accelerate launch`) -> training facts.

Names and defaults: accelerate/commands/config and accelerate/utils/dataclasses.py (`DeepSpeedPlugin`: ZeRO stage 2).
`mixed_precision: 'no'` is what its questionnaire writes; a Trainer with a precision of its own overrides it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from envcheck.model import Fact, unknown
from envcheck.training import hf_arguments
from envcheck.training.combine import combine
from envcheck.training.named import deepspeed_config
from envcheck.training.values import Section

_MARKS = ("compute_environment", "distributed_type", "deepspeed_config", "fsdp_config", "megatron_lm_config", "downcast_bf16", "main_training_function")
_PRECISION = {"fp16": "fp16", "bf16": "bf16", "fp8": "fp8"}
_SILENT = "Accelerate's `mixed_precision` is off; the training script may set its own"


def fits(settings: Mapping[Any, Any]) -> bool:
    """Whether two names that only Accelerate's config has are among these, or one beside `num_processes`."""
    count = sum(key in settings for key in _MARKS)
    return count > 1 or count == 1 and ("num_processes" in settings or "mixed_precision" in settings)


def read(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of one Accelerate config and of the DeepSpeed config it names. Raises `InputError`."""
    section = section.owned("Accelerate's")
    found: dict[str, Fact | None] = {
        "precision": _precision(section),
        "world_size": _world(section),
        "parallelism": _parallelism(section),
        "fsdp": _fsdp(section),
        **hf_arguments.fsdp_loading(section.inner("fsdp_config")),
        "torch_compile": _compiled(section),
    }
    own = {key: fact for key, fact in found.items() if fact is not None}
    return combine([own, _deepspeed(section, warn)])


def _precision(section: Section) -> Fact | None:
    given = section.word("mixed_precision")
    if given is None or not given.is_known:
        return given
    value = _PRECISION.get(str(given.value).lower())
    return Fact(value, given.origin) if value else unknown(_SILENT, given.origin)


def _world(section: Section) -> Fact | None:
    return section.whole("num_processes")


_PARALLELISM = {"MULTI_GPU": "ddp", "DEEPSPEED": "deepspeed", "FSDP": "fsdp", "MEGATRON_LM": "megatron"}


def _parallelism(section: Section) -> Fact | None:
    kind = section.word("distributed_type")
    if kind is None or not kind.is_known:
        return kind
    value = _PARALLELISM.get(str(kind.value).upper())
    return Fact(value, kind.origin) if value else None


def _fsdp(section: Section) -> Fact | None:
    fsdp = section.inner("fsdp_config")
    kind = section.word("distributed_type")
    if not fsdp.settings or kind is not None and kind.value != "FSDP":
        return None
    strategy = fsdp.word("fsdp_sharding_strategy")
    if strategy is None or not strategy.is_known:
        return strategy or Fact("full_shard", section.origin("fsdp_config"))
    return Fact(_STRATEGIES.get(str(strategy.value), str(strategy.value).lower()), strategy.origin)


_STRATEGIES = {"1": "full_shard", "2": "shard_grad_op", "3": "no_shard", "4": "hybrid_shard"}


def _compiled(section: Section) -> Fact | None:
    backend = section.inner("dynamo_config").word("dynamo_backend")
    return Fact("false" if str(backend.value).lower() == "no" else "true", backend.origin) if backend is not None and backend.is_known else None


def _deepspeed(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """What `deepspeed_config` says: a file, or settings of its own for a config that Accelerate then builds."""
    kind = section.word("distributed_type")
    if section.raw("deepspeed_config") is None or kind is not None and kind.is_known and str(kind.value).upper() != "DEEPSPEED":
        return {}
    own = section.inner("deepspeed_config")
    if own.raw("deepspeed_config_file") is not None:
        return deepspeed_config(own, warn, "deepspeed_config_file")
    stage = own.whole("zero_stage") or own.default(2)
    found = {
        "deepspeed": Fact("true", section.origin("deepspeed_config")),
        "zero_stage": stage,
        "overlap_comm": own.owned("DeepSpeed's").default("true" if stage.value == 3 else "false") if stage.is_known and stage.value else None,
        "contiguous_gradients": own.owned("DeepSpeed's").default("true") if stage.is_known and stage.value else None,
        "offload": _offload(own),
        "zero3_save_16bit_model": (own.switch("zero3_save_16bit_model") or own.default("false")) if stage.value == 3 else None,
        "max_grad_norm": own.number("gradient_clipping"),
        "gradient_accumulation_steps": own.whole("gradient_accumulation_steps"),
    }
    return {key: fact for key, fact in found.items() if fact is not None}


def _offload(own: Section) -> Fact:
    for key in ("offload_optimizer_device", "offload_param_device"):
        device = own.word(key)
        if device is not None and (not device.is_known or str(device.value).lower() != "none"):
            return Fact("true", device.origin) if device.is_known else device
    return own.default("false")
