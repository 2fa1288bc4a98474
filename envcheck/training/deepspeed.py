"""DeepSpeed's JSON config -> training facts (https://www.deepspeed.ai/docs/config-json/).

Defaults are those of deepspeed/runtime/zero/config.py and precision_config.py, equal in 0.8 to 0.19; where they are not
(`gradient_clipping`), nothing is assumed. `auto` is settled by the HF trainer's config (`combine`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from envcheck.documents import Text, line_of
from envcheck.errors import InputError
from envcheck.model import Fact, unknown
from envcheck.training.misspelt import Slip, slips, unsettle
from envcheck.training.names import DEEPSPEED
from envcheck.training.values import AUTO, Section, boolean, decoded, text_number, text_switch, unclipped

_OWN = ("zero_optimization", "train_micro_batch_size_per_gpu", "zero_allow_untested_optimizer", "gradient_clipping")
_SECTIONS = ("fp16", "bf16", "bfloat16")
"""In a DeepSpeed config a mapping; the trainer's settings of these names are booleans."""
_ZERO_DECIDES = ("zero_stage", "overlap_comm", "contiguous_gradients", "reduce_bucket_size", "offload")
_DECIDES = {
    "zero_optimization": _ZERO_DECIDES,
    "stage": _ZERO_DECIDES[:3],
    "offload_optimizer": ("offload",),
    "offload_param": ("offload",),
    **{name: (f"deepspeed_{side}", "precision") for name, side in (("fp16", "fp16"), ("bf16", "bf16"), ("bfloat16", "bf16"))},
    "gradient_clipping": ("max_grad_norm",),
    "train_micro_batch_size_per_gpu": ("per_device_train_batch_size",),
}
_DECIDING = (
    "zero_optimization",
    *_SECTIONS,
    "gradient_clipping",
    "train_micro_batch_size_per_gpu",
    "gradient_accumulation_steps",
    "train_batch_size",
    "optimizer",
)
_DECIDING_IN_ZERO = ("stage", "overlap_comm", "contiguous_gradients", "reduce_bucket_size", "offload_optimizer", "offload_param")

_CHANGED = {
    "DeepSpeedBF16Config": """auto_cast consecutive_hysteresis hysteresis initial_scale_power loss_scale loss_scale_window min_loss_scale opt_level
        bf16_master_weights_and_grads bf16_optimizer_states""",
    "DeepSpeedFP16Config": "fp16 fp16_opt_level fp16_scale_tolerance opt_level",
    "DeepSpeedZeroConfig": """memory_efficient_linear mics_hierarchical_params_gather mics_shard_size zero_hpz_partition_size zero_quantized_gradients
        zero_quantized_weights override_module_apply pipeline_loading_checkpoint zero_quantized_nontrainable_weights use_multi_rank_bucket_allreduce
        stage3_use_all_reduce_for_fetch_params use_all_reduce_for_fetch_params module_granularity_threshold stage3_module_granularity_threshold
        zeropp_loco_param log_trace_cache_warnings zenflow enable_sanity_checks leaf_module allgather_sequential stage3_allgather_sequential
        save_muon_momentum_buffer_in_memory""",
    "DeepSpeedZeroOffloadOptimizerConfig": "ratio cpuadam_cores_perc super_offload",
}
CHANGED_KEYS = {owner: frozenset(names.split()) for owner, names in _CHANGED.items()}
"""Keys that not every release takes, by the class that reads their section: the `DeepSpeed*` rows of `matrices/facts/arguments.yaml`."""


def fits(settings: Mapping[Any, Any]) -> bool:
    """Whether a mapping speaks DeepSpeed's language, be it with a slip in the name of its ZeRO section."""
    if any(key in settings for key in _OWN) or any(isinstance(settings.get(key), dict) for key in _SECTIONS):
        return True
    return any(isinstance(settings[slip.key], dict) for slip in slips(settings, "", ("zero_optimization",)))


def read(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of one DeepSpeed config; `auto` is unknown but for `deepspeed_fp16` and `deepspeed_bf16`.

    Raises `InputError` for a value of the wrong type.
    """
    section = section.owned("DeepSpeed's")
    settings, path = section.settings, section.path
    optimizer = section.inner("optimizer")
    parameters = optimizer.inner("params")
    found = {
        "deepspeed": Fact("true", f"{path}:{line_of(settings) or 1}"),
        **_zero(section),
        **_precision(section),
        "max_grad_norm": section.number("gradient_clipping") or unclipped(path),
        "per_device_train_batch_size": _count(section, "train_micro_batch_size_per_gpu"),
        "gradient_accumulation_steps": _count(section, "gradient_accumulation_steps"),
        "train_batch_size": _count(section, "train_batch_size"),
        "optimizer": optimizer.word("type"),
        "learning_rate": parameters.number("lr"),
        "adam_epsilon": parameters.number("eps"),
        "arguments": _written(section),
    }
    facts = unsettle({key: fact for key, fact in found.items() if fact is not None}, _slips(section), _DECIDES, warn)
    for name in _SECTIONS:
        if isinstance(section.raw(name), dict):
            facts = unsettle(facts, list(slips(section.inner(name).settings, path, ("enabled",))), {"enabled": _DECIDES[name]}, warn)
    return facts


def _written(section: Section) -> Fact | None:
    """`Class.key` words, by the class that reads a section, of the keys that not every release takes; None where there are none."""
    held = {name: section.inner(name) for name in ("zero_optimization", *_SECTIONS) if isinstance(section.raw(name), dict)}
    zero = held.pop("zero_optimization", None)
    of = [(f"DeepSpeed{'FP16' if name == 'fp16' else 'BF16'}Config", one) for name, one in held.items()]
    if zero is not None:
        of.append(("DeepSpeedZeroConfig", zero))
        if isinstance(zero.raw("offload_optimizer"), dict):
            of.append(("DeepSpeedZeroOffloadOptimizerConfig", zero.inner("offload_optimizer")))
    words = [f"{owner}.{key}" for owner, one in of for key in one.settings if key in CHANGED_KEYS[owner]]
    return Fact(" ".join(sorted(words)), section.path) if words else None


def _count(section: Section, key: str) -> Fact | None:
    """A whole number; DeepSpeed multiplies these as they stand, and HF compares them with its own, so that a text fits nowhere."""
    value = section.raw(key)
    if isinstance(value, Text) and value.quoted and value.strip().isdigit():
        return text_number(f'"{value}"', section.origin(key))
    return section.whole(key)


def _slips(section: Section) -> list[Slip]:
    found = list(slips(section.settings, section.path, _DECIDING, DEEPSPEED))
    if isinstance(section.raw("zero_optimization"), dict):
        found += slips(section.inner("zero_optimization").settings, section.path, _DECIDING_IN_ZERO)
    return found


def read_file(path: str, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The facts of a file that another config names as its DeepSpeed config. Raises `InputError`."""
    settings = decoded(path)
    if not isinstance(settings, dict) or not (fits(settings) or DEEPSPEED.intersection(settings)):
        raise InputError("is no DeepSpeed config", where=path, hint="a DeepSpeed config is one JSON object")
    return read(Section(settings, path, "DeepSpeed's"), warn)


def _zero(section: Section) -> dict[str, Fact | None]:
    value = section.raw("zero_optimization")
    if boolean(value) is not None:
        # The form before 0.3: a bare true is stage 1.
        return {"zero_stage": Fact(int(boolean(value) == "true"), section.origin("zero_optimization"))}
    zero = section.inner("zero_optimization")
    stage = zero.whole("stage") or zero.default(0)
    if stage.is_known and stage.value not in (0, 1, 2, 3):
        raise zero.wrong("stage", "0, 1, 2 or 3", "write the ZeRO stage as a number")
    return {
        "zero_stage": stage,
        "overlap_comm": _tolerant(zero, "overlap_comm") or _overlap_default(zero, stage),
        "contiguous_gradients": _tolerant(zero, "contiguous_gradients") or _contiguous_default(zero, stage),
        "reduce_bucket_size": zero.number("reduce_bucket_size"),
        "offload": _offload(zero),
        "zero3_save_16bit_model": _saved(zero, stage),
    }


def _saved(zero: Section, stage: Fact) -> Fact | None:
    if stage.value != 3:
        return None
    # The second name: the one before 0.6.
    given = zero.switch("stage3_gather_16bit_weights_on_model_save") or zero.switch("stage3_gather_fp16_weights_on_model_save")
    return given or zero.default("false")


def _overlap_default(zero: Section, stage: Fact) -> Fact | None:
    if not stage.is_known:
        return unknown("its default depends on the ZeRO stage", stage.origin)
    return zero.default("true" if stage.value == 3 else "false") if stage.value else None


def _contiguous_default(zero: Section, stage: Fact) -> Fact | None:
    return None if stage.value == 0 else zero.default("true")


def _tolerant(section: Section, key: str) -> Fact | None:
    """A switch for which a text is unknown, not an error: DeepSpeed does not refuse `"true"`."""
    value = section.raw(key)
    if isinstance(value, Text) and value.quoted and value != "auto":
        return text_switch(f'"{value}"', section.origin(key))
    return section.switch(key)


def _offload(zero: Section) -> Fact:
    """Whether parameters or optimizer states leave the GPU: the first part that does decides, else one that is `auto`."""
    parts = [_device(zero.inner(key)) for key in ("offload_optimizer", "offload_param")]
    # cpu_offload and cpu_offload_param: the form before 0.3.16.
    parts += [zero.switch(key) for key in ("cpu_offload", "cpu_offload_param")]
    given = [fact for fact in parts if fact is not None]
    for wanted in ("true", None, "false"):
        for fact in given:
            if fact.value == wanted:
                return fact
    return zero.default("false")


def _device(part: Section) -> Fact | None:
    device = part.word("device")
    if device is None or not device.is_known:
        return device
    return Fact("false" if device.value == "none" else "true", device.origin)


_STRING = " (string)"


def _precision(section: Section) -> dict[str, Fact | None]:
    fp16 = _enabled(section, "fp16")
    bf16 = _enabled(section, "bf16" if section.raw("bf16") is not None else "bfloat16")
    return {"deepspeed_fp16": fp16, "deepspeed_bf16": bf16, "precision": _decided(section, fp16, bf16)}


def _enabled(section: Section, name: str) -> Fact | None:
    """`true`, `false`, `auto`, or a text as `"false" (string)`: old versions take any text as true. None without the section."""
    if section.raw(name) is None:
        return None
    part = section.inner(name)
    value = part.raw("enabled")
    if isinstance(value, Text) and value == "auto":
        return Fact("auto", part.origin("enabled"))
    if isinstance(value, Text) and value.quoted:
        return Fact(f'"{value}"{_STRING}', part.origin("enabled"))
    return part.switch("enabled") or part.default("false")


def _decided(section: Section, fp16: Fact | None, bf16: Fact | None) -> Fact:
    given = [fact for fact in (bf16, fp16) if fact is not None]
    origin = ", ".join(fact.origin for fact in given)
    values = [fact.value for fact in given]
    odd = [fact for fact in given if str(fact.value).endswith(_STRING)]
    if odd:
        return text_switch(str(odd[0].value)[: -len(_STRING)], odd[0].origin)
    if values == ["true", "true"]:
        return unknown("fp16 and bf16 are both on", origin)
    if "true" in values:
        name = "bf16" if bf16 is not None and bf16.value == "true" else "fp16"
        return Fact(name, given[values.index("true")].origin)
    if "auto" in values:
        return unknown(AUTO, origin)
    if None in values:
        return given[values.index(None)]
    return Fact("fp32", origin) if values == ["false", "false"] else section.default("fp32")
