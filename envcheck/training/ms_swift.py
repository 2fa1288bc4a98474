"""ms-swift's YAML, JSON, saved `args.json` or command line -> training facts.

Its names differ between major versions: `sft_type` (2), `train_type` (3), `tuner_type` (4); `quantization_bit` (2) is `quant_bits` (3).
`zero2` and the like stand for DeepSpeed configs that it carries; what they hold beside the stage differs between versions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Callable

from envcheck.documents import Text
from envcheck.model import Fact, unknown
from envcheck.training import hf_arguments
from envcheck.training.values import Section

_OWN = ("sft_type", "train_type", "tuner_type", "quant_bits", "attn_impl", "freeze_vit", "rlhf_type", "use_hf", "model_id_or_path", "torchacc_update_interval")
_METHODS = ("sft_type", "train_type", "tuner_type")
# zero0 … zero3, zero2_offload: names of configs that ms-swift carries; `default-zero2` in its version 2.
_PRESET = re.compile(r"(?:default-)?zero([0-3])([_-]offload)?")
_ATTENTION = {"flash_attn": "flash_attention_2"}
_CARRIED = "the config that ms-swift carries under this name differs between its versions"
_DTYPE = "no precision is given: ms-swift takes the model's own data type"


def fits(settings: Mapping[Any, Any]) -> bool:
    """Whether a name that only ms-swift has is among these, with something to train."""
    return any(key in settings for key in _METHODS) or sum(key in settings for key in _OWN) > 1


def read(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of one ms-swift config, and of the DeepSpeed config it names. Raises `InputError`."""
    section = section.owned("ms-swift's")
    found = hf_arguments.own(section)
    quantized = _quantization(section)
    method = next((fact for fact in (section.word(key) for key in _METHODS) if fact is not None), section.default("lora"))
    if method.value == "lora" and quantized is not None and quantized.value == "4bit":
        method = Fact("qlora", method.origin)
    kind = section.word("rlhf_type")
    model = next((fact for fact in (section.word(key) for key in ("model", "model_id_or_path")) if fact is not None), None)
    found.update(
        {
            "framework": Fact("ms-swift", section.path),
            "trainer": kind,
            "template": section.word("template"),
            "method": method,
            "quantization": quantized,
            "model": model or found["model"],
            "gradient_checkpointing": section.switch("gradient_checkpointing") or section.default("true"),
            "attn_implementation": _attention(section),
            # Not its file's default: ms-swift sets its own batch sizes.
            "per_device_train_batch_size": section.whole("per_device_train_batch_size"),
            "gradient_accumulation_steps": section.whole("gradient_accumulation_steps"),
            "param_dtype": None,
            **_precision(section, found),
        }
    )
    preset = _preset(section)
    if preset is not None:
        found.update(preset)
        section = Section({key: value for key, value in section.settings.items() if key != "deepspeed"}, section.path, section.owner, lenient=section.lenient)
    return hf_arguments.with_deepspeed(section, found, warn)


def _precision(section: Section, found: Mapping[str, Fact | None]) -> dict[str, Fact | None]:
    side = found["trainer_precision"]
    if side is not None and side.value in ("bf16", "fp16"):
        return {}
    dtype = section.word("torch_dtype") or section.word("dtype")
    known = dtype if dtype is not None and dtype.is_known and dtype.value != "AUTO" else unknown(_DTYPE, section.path)
    return {"precision": known, "trainer_precision": known}


def _quantization(section: Section) -> Fact | None:
    for key in ("quant_bits", "quantization_bit"):
        bits = section.word(key)
        if bits is not None and bits.value != "0":
            return Fact(f"{bits.value}bit", bits.origin) if bits.is_known else bits
    return None


def _attention(section: Section) -> Fact | None:
    given = section.word("attn_impl")
    if given is not None and given.is_known:
        return Fact(_ATTENTION.get(str(given.value), str(given.value)), given.origin)
    old = section.switch("use_flash_attn")
    return given or (Fact("flash_attention_2", old.origin) if old is not None and old.value == "true" else None)


def _preset(section: Section) -> dict[str, Fact | None] | None:
    name = section.raw("deepspeed")
    match = _PRESET.fullmatch(name) if isinstance(name, Text) else None
    if match is None:
        return None
    origin = section.origin("deepspeed")
    open_ = {key: unknown(_CARRIED, origin) for key in ("overlap_comm", "contiguous_gradients")}
    return {"deepspeed": Fact("true", origin), "zero_stage": Fact(int(match[1]), origin), "offload": Fact("true" if match[2] else "false", origin), **open_}
