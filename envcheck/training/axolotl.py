"""axolotl's YAML -> training facts (https://docs.axolotl.ai/docs/config-reference.html)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from envcheck.documents import Text
from envcheck.model import Fact, unknown
from envcheck.training import hf_arguments
from envcheck.training.values import Section

_MARKS = ("adapter", "micro_batch_size", "sequence_len", "sample_packing", "datasets")
_ATTENTION = {
    "flash_attention": "flash_attention_2",
    "sdp_attention": "sdpa",
    "eager_attention": "eager",
    "flex_attention": "flex_attention",
    "xformers_attention": "xformers",
}
_BY_GPU = "`auto` is bf16 where the GPU has it, else fp16"
_PLUGIN = "axolotl.integrations.liger.LigerPlugin"


def fits(settings: Mapping[Any, Any]) -> bool:
    """Whether a mapping names a base model beside a setting that only axolotl has."""
    return "base_model" in settings and any(key in settings for key in _MARKS)


def read(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of one axolotl config, and of the DeepSpeed config it names. Raises `InputError`."""
    section = section.owned("axolotl's")
    found: dict[str, Fact | None] = {
        "framework": Fact("axolotl", section.path),
        "trainer": section.word("rl") or section.default("sft"),
        "model": section.word("base_model"),
        "method": _method(section),
        "lora_r": section.whole("lora_r"),
        "quantization": hf_arguments.quantization(section) if section.word("adapter") is not None else None,
        "gradient_accumulation_steps": section.whole("gradient_accumulation_steps"),
        "per_device_train_batch_size": section.whole("micro_batch_size"),
        "learning_rate": section.number("learning_rate"),
        "adam_epsilon": section.number("adam_epsilon"),
        "max_grad_norm": section.number("max_grad_norm"),
        "optimizer": section.word("optimizer"),
        "attn_implementation": _attention(section),
        "packing": section.switch("sample_packing") or section.default("false"),
        "packing_isolated": _isolated(section),
        "neftune_noise_alpha": section.number("neftune_noise_alpha"),
        "use_liger_kernel": _liger(section),
        **{key: section.switch(key) for key in ("tf32", "group_by_length", "torch_compile")},
        **_checkpointing(section),
        **_precision(section),
        "fsdp": _fsdp(section),
        **hf_arguments.fsdp_loading(section.inner("fsdp_config"), section),
    }
    return hf_arguments.with_deepspeed(section, found, warn)


def _method(section: Section) -> Fact:
    return section.word("adapter") or section.default("full")


def _attention(section: Section) -> Fact | None:
    given = section.word("attn_implementation")
    if given is not None:
        return given
    for key, name in _ATTENTION.items():
        switch = section.switch(key)
        if switch is not None and switch.value == "true":
            return Fact(name, switch.origin)
    return None


def _isolated(section: Section) -> Fact | None:
    """Whether packed documents are kept apart: only attention that is told where each begins does it."""
    packed = section.switch("sample_packing")
    if packed is None or packed.value != "true":
        return None
    chosen = _attention(section)
    if chosen is not None and not chosen.is_known:
        return chosen
    told = chosen is not None and ("flash" in str(chosen.value) or chosen.value in ("flex_attention", "xformers"))
    return Fact("true" if told else "false", packed.origin)


def _precision(section: Section) -> dict[str, Fact | None]:
    """`bf16: full` keeps the parameters in bf16 too; a bf16 of `auto` depends on the GPU."""
    bf16, bfloat16 = section.raw("bf16"), section.raw("bfloat16")
    origin = section.origin("bf16")
    if isinstance(bf16, Text) and bf16 == "full":
        pure = Fact("bf16", origin)
        return {"precision": pure, "trainer_precision": pure, "param_dtype": pure}
    if isinstance(bf16, Text) and bf16 == "auto":
        open_ = unknown(_BY_GPU, origin)
        return {"precision": open_, "trainer_precision": open_}
    if bfloat16 is not None and bf16 is None:
        switch = section.switch("bfloat16")
        if switch is not None and switch.value == "true":
            pure = Fact("bf16", switch.origin)
            return {"precision": pure, "param_dtype": pure}
    return hf_arguments.precision(section)


def _checkpointing(section: Section) -> dict[str, Fact | None]:
    # `offload` and `unsloth` are variants of the same.
    variant = section.raw("gradient_checkpointing") in ("offload", "offload_disk", "unsloth")
    switch = Fact("true", section.origin("gradient_checkpointing")) if variant else section.switch("gradient_checkpointing")
    return {
        "gradient_checkpointing": switch or section.default("false"),
        "use_reentrant": section.inner("gradient_checkpointing_kwargs").switch("use_reentrant"),
    }


def _liger(section: Section) -> Fact | None:
    plugins = section.raw("plugins")
    if isinstance(plugins, list) and _PLUGIN in plugins:
        return Fact("true", section.origin("plugins"))
    return None


def _fsdp(section: Section) -> Fact | None:
    value = section.raw("fsdp")
    if isinstance(value, list):
        return Fact(" ".join(str(part) for part in value if isinstance(part, Text)) or "false", section.origin("fsdp"))
    if value is None and isinstance(section.raw("fsdp_config"), dict):
        return Fact("full_shard", section.origin("fsdp_config"))
    return section.word("fsdp")
