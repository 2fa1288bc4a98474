"""LLaMA-Factory's YAML, JSON or command line -> training facts: TrainingArguments with its own names beside them.

Defaults from its hparams (model_args.py, finetuning_args.py): `stage: sft`, `finetuning_type: lora`, `lora_rank: 8`,
gradient checkpointing on unless `disable_gradient_checkpointing`, reentrant unless `use_reentrant_gc: false`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from envcheck.model import Fact, unknown
from envcheck.training import hf_arguments
from envcheck.training.values import Section

_OWN = ("finetuning_type", "dataset_dir", "lora_target", "cutoff_len", "flash_attn", "quantization_bit", "neat_packing", "enable_liger_kernel")
_STAGES = {"pt": "pretrain", "rm": "reward"}
_ATTENTION = {"disabled": "eager", "off": "eager", "sdpa": "sdpa", "fa2": "flash_attention_2", "fa3": "flash_attention_3"}
_FIRST_SWITCH = {"true": "flash_attention_2"}
"""`flash_attn` was a switch before it took a name."""
_DTYPE = "neither `bf16` nor `fp16` is on: LLaMA-Factory takes the model's own data type"


def fits(settings: Mapping[Any, Any]) -> bool:
    """Whether settings that only LLaMA-Factory has are among these: one that names the method, or two others."""
    if "finetuning_type" in settings or "stage" in settings and "template" in settings:
        return True
    return sum(key in settings for key in _OWN) > 1 or "flash_attn" in settings and "model_name_or_path" in settings


def read(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of one LLaMA-Factory config, and of the DeepSpeed config it names. Raises `InputError`."""
    section = section.owned("LLaMA-Factory's")
    found = hf_arguments.own(section)
    method, quantized = _method(section), _quantization(section)
    if method.value == "lora" and quantized is not None and quantized.value == "4bit":
        method = Fact("qlora", method.origin)
    found.update(
        {
            "framework": Fact("unsloth" if _is_on(section, "use_unsloth") else "llamafactory", section.path),
            "trainer": _stage(section),
            "method": method,
            "lora_r": (section.whole("lora_rank") or section.default(8)) if method.value in ("lora", "qlora") else None,
            "quantization": quantized,
            "attn_implementation": _attention(section),
            "gradient_checkpointing": _inverted(section.switch("disable_gradient_checkpointing")) or section.default("true"),
            "use_reentrant": section.switch("use_reentrant_gc") or section.default("true"),
            "use_liger_kernel": section.switch("enable_liger_kernel"),
            "resize_embeddings": section.switch("resize_vocab"),
            "packing": _packing(section),
            "packing_isolated": _isolated(section),
            "template": section.word("template"),
        }
    )
    if _is_on(section, "pure_bf16"):
        pure = Fact("bf16", section.origin("pure_bf16"))
        found.update({"precision": pure, "param_dtype": pure})
    elif found["trainer_precision"] is not None and found["trainer_precision"].value == "fp32":
        found["precision"] = unknown(_DTYPE, section.path)
    return hf_arguments.with_deepspeed(section, found, warn)


def _is_on(section: Section, key: str) -> bool:
    fact = section.switch(key)
    return fact is not None and fact.value == "true"


def _inverted(fact: Fact | None) -> Fact | None:
    if fact is None or not fact.is_known:
        return fact
    return Fact("false" if fact.value == "true" else "true", fact.origin)


def _stage(section: Section) -> Fact:
    stage = section.word("stage") or section.default("sft")
    return stage._replace(value=_STAGES.get(str(stage.value), stage.value)) if stage.is_known else stage


def _method(section: Section) -> Fact:
    return section.word("finetuning_type") or section.default("lora")


def _quantization(section: Section) -> Fact | None:
    bits = section.word("quantization_bit")
    if bits is None or not bits.is_known:
        return bits or hf_arguments.quantization(section)
    return Fact(f"{bits.value}bit", bits.origin)


def _attention(section: Section) -> Fact | None:
    given = section.word("flash_attn")
    if given is None or not given.is_known:
        return given
    name = str(given.value).lower()
    value = _ATTENTION.get(name) or _FIRST_SWITCH.get(name)
    return Fact(value, given.origin) if value else unknown(f"`flash_attn: {name}` leaves the choice to LLaMA-Factory", given.origin)


def _packing(section: Section) -> Fact | None:
    packed, neat = section.switch("packing"), section.switch("neat_packing")
    return neat if neat is not None and neat.value == "true" else packed


def _isolated(section: Section) -> Fact | None:
    """Whether packed samples are kept apart: `neat_packing` does it, which packs by itself."""
    packed = _packing(section)
    if packed is None or packed.value != "true":
        return None
    return section.switch("neat_packing") or Fact("false", packed.origin)
