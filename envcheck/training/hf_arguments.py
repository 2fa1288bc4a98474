"""HF TrainingArguments as a flat YAML or JSON file, and the DeepSpeed config it names -> training facts.

Such files are read by `HfArgumentParser` and by TRL's scripts, whose trainers have defaults of their own: where they
differ, and the file does not tell which trainer reads it, nothing is assumed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Callable

from envcheck.documents import Text, parse_json
from envcheck.model import Fact, unknown
from envcheck.training import deepspeed
from envcheck.training.combine import combine
from envcheck.training.misspelt import slips, unsettle
from envcheck.training.names import TRAINING_ARGUMENTS, TRL_ALONE
from envcheck.training.values import Section, boolean

_UNDECIDED = "`bf16` is not given; `accelerate launch` or a trainer's own default may switch it on"
_TRL_VARIES = "TRL's default differs between its versions"
_FROM_DEEPSPEED = ("zero_stage", "overlap_comm", "offload")

_DECIDES = {
    "bf16": ("precision", "trainer_precision"),
    "fp16": ("precision", "trainer_precision"),
    "optim": ("optimizer",),
    "gradient_checkpointing_kwargs": ("use_reentrant",),
    "load_in_4bit": ("quantization",),
    "load_in_8bit": ("quantization",),
    "deepspeed": _FROM_DEEPSPEED,
}
_DECIDING = (
    *_DECIDES,
    *("learning_rate", "gradient_accumulation_steps", "per_device_train_batch_size", "max_grad_norm", "logging_nan_inf_filter", "adam_epsilon"),
    *("tf32", "use_liger_kernel", "ddp_find_unused_parameters", "packing", "torch_compile", "group_by_length", "fsdp"),
    *("gradient_checkpointing", "attn_implementation"),
)


def fits(settings: Mapping[Any, Any]) -> bool:
    """Whether a mapping holds at least two names that TrainingArguments has and hardly anything else does."""
    return sum(key in TRAINING_ARGUMENTS for key in settings) > 1


def read(settings: Mapping[Any, Any], path: str, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of a TrainingArguments file together with the DeepSpeed config it names, where that is there.

    Raises `InputError` for a value of the wrong type, in either file.
    """
    section = Section(settings, path, "TrainingArguments'")
    trainer = {key: fact for key, fact in _own(section).items() if fact is not None}
    found = list(slips(settings, path, _DECIDING, TRAINING_ARGUMENTS | TRL_ALONE))
    return combine([unsettle(trainer, found, _DECIDES, warn), _deepspeed(section, warn)])


def _own(section: Section) -> dict[str, Fact | None]:
    return {
        **_precision(section),
        "learning_rate": section.number("learning_rate"),
        "gradient_accumulation_steps": section.whole("gradient_accumulation_steps") or section.default(1),
        "per_device_train_batch_size": section.whole("per_device_train_batch_size") or section.default(8),
        "max_grad_norm": section.number("max_grad_norm") or section.default(1.0),
        "logging_nan_inf_filter": section.switch("logging_nan_inf_filter") or section.default("true"),
        "optimizer": section.word("optim"),
        "adam_epsilon": section.number("adam_epsilon"),
        **{key: section.switch(key) for key in ("tf32", "use_liger_kernel", "ddp_find_unused_parameters", "packing")},
        "torch_compile": _compile(section),
        "group_by_length": _grouped(section),
        "fsdp": _fsdp(section),
        **_checkpointing(section),
        **_model(section),
    }


def _precision(section: Section) -> dict[str, Fact | None]:
    """The trainer's own side, and the same as `precision` unless it is merely the trainer's default."""
    bf16, fp16 = section.switch("bf16"), section.switch("fp16")
    given = [fact for fact in (bf16, fp16) if fact is not None]
    on = [name for name, fact in (("bf16", bf16), ("fp16", fp16)) if fact is not None and fact.value == "true"]
    unclear = [fact for fact in given if not fact.is_known]
    if len(on) == 2:
        side = unknown("bf16 and fp16 are both on, which the Trainer refuses", ", ".join(fact.origin for fact in given))
    elif on:
        side = Fact(on[0], section.origin(on[0]))
    elif unclear:
        side = unclear[0]
    elif bf16 is not None:
        side = Fact("fp32", bf16.origin)
    else:
        undecided = unknown(_UNDECIDED, section.path)
        return {"trainer_precision": undecided if _is_trl(section) else section.default("fp32"), "precision": undecided}
    return {"trainer_precision": side, "precision": side}


def _is_trl(section: Section) -> bool:
    return any(key in TRL_ALONE for key in section.settings)


def _checkpointing(section: Section) -> dict[str, Fact | None]:
    # transformers 5 renames both; the new name wins where both stand.
    switch = section.switch("activation_checkpointing") or section.switch("gradient_checkpointing")
    names = ("activation_checkpointing_kwargs", "gradient_checkpointing_kwargs")
    name = next((one for one in names if section.raw(one) is not None), names[1])
    default = unknown(_TRL_VARIES, section.path) if _is_trl(section) else section.default("false")
    return {"gradient_checkpointing": switch or default, "use_reentrant": _nested(section, name).switch("use_reentrant")}


def _nested(section: Section, key: str) -> Section:
    """The mapping under a key, which TrainingArguments also takes as a JSON text (`'{"use_reentrant": false}'`)."""
    value = section.raw(key)
    if isinstance(value, Text) and value.startswith("{"):
        # The line breaks put before it keep the line numbers.
        return Section({key: parse_json("\n" * (value.line - 1) + value, section.path)}, section.path, section.owner).inner(key)
    return section.inner(key)


def _compile(section: Section) -> Fact | None:
    # A backend or a mode switches it on (TrainingArguments.__post_init__).
    named = next((key for key in ("torch_compile_backend", "torch_compile_mode") if section.raw(key)), None)
    return Fact("true", section.origin(named)) if named else section.switch("torch_compile")


def _grouped(section: Section) -> Fact | None:
    # transformers 5: train_sampling_strategy: group_by_length
    strategy = section.word("train_sampling_strategy")
    if strategy is not None and strategy.is_known:
        return Fact("true" if strategy.value == "group_by_length" else "false", strategy.origin)
    return section.switch("group_by_length")


def _fsdp(section: Section) -> Fact | None:
    """The options as one text (`full_shard auto_wrap`), `true`, or `false` for an empty text or list."""
    value = section.raw("fsdp")
    if isinstance(value, list) and all(isinstance(part, Text) for part in value):
        return Fact(" ".join(value) or "false", section.origin("fsdp"))
    if isinstance(value, Text) and (not value or boolean(value)):
        return Fact(boolean(value) or "false", section.origin("fsdp"))
    return section.word("fsdp")


def _model(section: Section) -> dict[str, Fact | None]:
    key = "model_name_or_path" if section.raw("model_name_or_path") is not None else "model"
    model = section.word(key) if isinstance(section.raw(key), Text) else None
    bits = {name: section.switch(f"load_in_{name}") for name in ("4bit", "8bit")}
    quantized = next((Fact(name, fact.origin) for name, fact in bits.items() if fact is not None and fact.value == "true"), None)
    attention = section.word("attn_implementation") or _nested(section, "model_init_kwargs").word("attn_implementation")
    return {"model": model, "quantization": quantized, "attn_implementation": attention}


def _deepspeed(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The facts of the DeepSpeed config: a mapping in place, a JSON text, or a file next to this one or in the working directory."""
    value, origin = section.raw("deepspeed"), section.origin("deepspeed")
    if isinstance(value, dict) or (isinstance(value, Text) and value.startswith("{")):
        return deepspeed.read(_nested(section, "deepspeed").settings, section.path, warn)
    named = section.word("deepspeed")
    if named is None or str(named.value).lower() in ("", "false"):
        return {}
    if named.is_known:
        for path in (os.path.join(os.path.dirname(section.path), str(named.value)), str(named.value)):
            if os.path.isfile(path):
                return deepspeed.read_file(path, warn)
        warn(f"{origin}: the DeepSpeed config `{named.value}` is not there, so its settings are unknown")
    reason = named.reason or f"the DeepSpeed config `{named.value}` is not there"
    return {"deepspeed": Fact("true", origin), **{key: unknown(reason, origin) for key in _FROM_DEEPSPEED}}
