"""HF TrainingArguments as a flat YAML or JSON file, and the DeepSpeed config it names -> training facts.

Such files are read by `HfArgumentParser` and by TRL's scripts, whose trainers have defaults of their own: where they
differ, and the file does not tell which trainer reads it, nothing is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from envcheck.documents import Text
from envcheck.model import Fact, unknown
from envcheck.training.arguments import written
from envcheck.training.combine import combine
from envcheck.training.misspelt import slips, unsettle
from envcheck.training.named import ZERO_KEYS, deepspeed_config, nested
from envcheck.training.names import TRAINING_ARGUMENTS, TRL_ALONE
from envcheck.training.values import Section, boolean

_UNDECIDED = "`bf16` is not given; `accelerate launch` or a trainer's own default may switch it on"
_TRL_VARIES = "TRL's default differs between its versions"
_DECIDES = {
    "bf16": ("precision", "trainer_precision"),
    "fp16": ("precision", "trainer_precision"),
    "optim": ("optimizer",),
    "gradient_checkpointing_kwargs": ("use_reentrant",),
    "load_in_4bit": ("quantization",),
    "load_in_8bit": ("quantization",),
    "deepspeed": ZERO_KEYS,
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


def read(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of a TrainingArguments file together with the DeepSpeed config it names, where that is there.

    Raises `InputError` for a value of the wrong type, in either file.
    """
    section = section.owned("TrainingArguments'")
    # A printed or pickled object was taken by the release that made it; only what is handed over can be refused.
    given = {"arguments": None if section.lenient else written(section), "framework": Fact("trl", section.path) if is_trl(section) else None}
    return with_deepspeed(section, {**own(section), **given}, warn)


def with_deepspeed(section: Section, found: Mapping[str, Fact | None], warn: Callable[[str], None]) -> dict[str, Fact]:
    """The facts that are there, what misspelt names would decide left open, together with the DeepSpeed config that is named."""
    trainer = {key: fact for key, fact in found.items() if fact is not None}
    slipped = () if section.lenient else slips(section.settings, section.path, _DECIDING, TRAINING_ARGUMENTS | TRL_ALONE)
    return combine([unsettle(trainer, list(slipped), _DECIDES, warn), deepspeed_config(section, warn)])


def own(section: Section) -> dict[str, Fact | None]:
    """What TrainingArguments, and the names that HF's and TRL's scripts put beside them, say; None where nothing is known."""
    return {
        **precision(section),
        "learning_rate": section.number("learning_rate"),
        "gradient_accumulation_steps": section.whole("gradient_accumulation_steps") or section.default(1),
        "per_device_train_batch_size": section.whole("per_device_train_batch_size") or section.default(8),
        "dataloader_num_workers": section.whole("dataloader_num_workers"),
        "max_grad_norm": section.number("max_grad_norm") or section.default(1.0),
        "logging_nan_inf_filter": section.switch("logging_nan_inf_filter") or section.default("true"),
        "optimizer": section.word("optim"),
        "adam_epsilon": section.number("adam_epsilon"),
        **{key: section.switch(key) for key in _SWITCHES},
        "neftune_noise_alpha": section.number("neftune_noise_alpha"),
        "label_smoothing_factor": section.number("label_smoothing_factor"),
        "padding_side": section.word("padding_side"),
        "vllm_mode": section.word("vllm_mode"),
        "use_liger_kernel": section.switch("use_liger_kernel"),
        "torch_compile": _compile(section),
        "group_by_length": _grouped(section),
        "eval_strategy": _moment(section, "eval_strategy") or _moment(section, "evaluation_strategy"),
        "save_strategy": _moment(section, "save_strategy"),
        "fsdp": _fsdp(section),
        **(fsdp_loading(nested(section, "fsdp_config"), section) if isinstance(section.raw("fsdp_config"), dict) else fsdp_loading(section)),
        **_checkpointing(section),
        **_model(section),
        **adapter(section),
    }


_SWITCHES = (
    *("tf32", "ddp_find_unused_parameters", "packing", "padding_free", "assistant_only_loss", "precompute_ref_log_probs"),
    *("use_vllm", "vllm_enable_sleep_mode"),
    # Of TRL's DPO, KTO and GRPO: until 0.24 the fused loss was switched on apart from the patched model.
    "use_liger_loss",
    *("average_tokens_across_devices", "auto_find_batch_size", "fp16_full_eval", "bf16_full_eval", "load_best_model_at_end", "save_only_model"),
)


def _moment(section: Section, key: str) -> Fact | None:
    """When something is done: `no` (which YAML reads as false), `steps` or `epoch`. No default: frameworks set their own."""
    return Fact("no", section.origin(key)) if section.raw(key) is False else section.word(key)


def adapter(section: Section) -> dict[str, Fact | None]:
    """`method` and `lora_r` as TRL's and many people's own scripts name them."""
    rank = section.whole("lora_r") or section.whole("lora_rank")
    switched = next((fact for fact in (section.switch("use_peft"), section.switch("lora_enable"), section.switch("use_lora")) if fact is not None), None)
    if switched is None or not switched.is_known:
        return {"lora_r": rank, "method": switched}
    quantized = quantization(section)
    name = "full" if switched.value == "false" else "qlora" if quantized is not None and quantized.value == "4bit" else "lora"
    return {"lora_r": rank if name != "full" else None, "method": Fact(name, switched.origin)}


def quantization(section: Section) -> Fact | None:
    """`4bit` or `8bit` where `load_in_4bit` or `load_in_8bit` is on."""
    bits = {name: section.switch(f"load_in_{name}") for name in ("4bit", "8bit")}
    return next((Fact(name, fact.origin) for name, fact in bits.items() if fact is not None and fact.value == "true"), None)


def precision(section: Section) -> dict[str, Fact | None]:
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
        return {"trainer_precision": undecided if is_trl(section) else section.default("fp32"), "precision": undecided}
    return {"trainer_precision": side, "precision": side}


def is_trl(section: Section) -> bool:
    """Whether settings that only TRL's configs have are among these."""
    return any(key in TRL_ALONE for key in section.settings)


def _checkpointing(section: Section) -> dict[str, Fact | None]:
    # transformers 5 renames both; the new name wins where both stand.
    switch = section.switch("activation_checkpointing") or section.switch("gradient_checkpointing")
    names = ("activation_checkpointing_kwargs", "gradient_checkpointing_kwargs")
    name = next((one for one in names if section.raw(one) is not None), names[1])
    default = unknown(_TRL_VARIES, section.path) if is_trl(section) else section.default("false")
    return {"gradient_checkpointing": switch or default, "use_reentrant": nested(section, name).switch("use_reentrant")}


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


def fsdp_loading(section: Section, outer: Section | None = None) -> dict[str, Fact | None]:
    """Which FSDP it is and how its ranks get their weights, under either spelling of Accelerate's and HF's settings.

    `outer` is what the section stands in; axolotl writes the version there.
    """
    names = ("cpu_ram_efficient_loading", "sync_module_states")
    version = section.whole("fsdp_version")
    if outer is not None:
        version = version or section.whole("version") or outer.whole("fsdp_version")
    return {
        "fsdp_version": version,
        "fsdp_state_dict_type": section.word("fsdp_state_dict_type") or section.word("state_dict_type"),
        **{f"fsdp_{name}": section.switch(f"fsdp_{name}") or section.switch(name) for name in names},
        # Outside fsdp_config the short name is transformers 5's for the Trainer's own checkpointing.
        "fsdp_activation_checkpointing": section.switch("fsdp_activation_checkpointing") or (section.switch("activation_checkpointing") if outer else None),
    }


def _model(section: Section) -> dict[str, Fact | None]:
    key = "model_name_or_path" if section.raw("model_name_or_path") is not None else "model"
    model = section.word(key) if isinstance(section.raw(key), Text) else None
    attention = section.word("attn_implementation") or nested(section, "model_init_kwargs").word("attn_implementation")
    if attention is None:
        old = section.switch("use_flash_attention_2") or section.switch("use_flash_attn")
        attention = Fact("flash_attention_2", old.origin) if old is not None and old.value == "true" else None
    dtype = section.word("torch_dtype") or section.word("dtype") or nested(section, "model_init_kwargs").word("torch_dtype")
    return {
        "model": model,
        "quantization": quantization(section),
        "attn_implementation": attention,
        "param_dtype": None if dtype is None or dtype.value == "auto" else dtype,
        "bnb_4bit_compute_dtype": section.word("bnb_4bit_compute_dtype"),
        "bnb_4bit_quant_storage": section.word("bnb_4bit_quant_storage"),
    }
