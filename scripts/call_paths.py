"""Which calls a run certainly comes to: what `mine_calls.py` writes into the table, and how bad it is where one is refused."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple


class Path(NamedTuple):
    """Functions of a package, by their names in its files."""

    scope: str
    """Pattern of `Class.method`, or of a function; `{0}` in `stops` is what its first group matched."""
    stops: str
    severity: str
    allowed: str = ""
    """Pattern of the tests before the call that hold in an ordinary run."""
    also: Tuple[Tuple[str, str], ...] = ()


ORDINARY = re.compile(
    r"not is_sagemaker_mp_enabled\(\)|self\.control\.should_(log|save)( and .*)?|do_sync_step|total_batched_samples % .*|not isinstance\(eval_dataset, dict\)"
)
"""Tests in transformers' Trainer that hold sooner or later in every run."""

_STEPS = (
    r"(?:training_step|compute_loss|get_batch_samples|_get_train_sampler|create_optimizer|create_scheduler|_inner_training_loop|train|get_train_dataloader)$"
)


def trainers(severity: str = "warning", names: str = r"^(\w*Trainer)\.") -> List[Path]:
    """What trainers go through, whoever wrote them."""
    return [
        Path(names + "__init__$", "making a `{0}`", severity),
        Path(names + "create_accelerator_and_postprocess$", "making a `{0}`", severity),
        Path(names + _STEPS, "the first step of `{0}`", severity),
        Path(names + r"(?:log|_maybe_log_save_evaluate)$", "the first log of `{0}`", severity),
        Path(names + r"(?:_save_checkpoint|_save|save_model)$", "the first checkpoint of `{0}`", severity),
    ]


PATHS: Dict[str, List[Path]] = {
    "transformers": [
        Path(r"^(Trainer)\.create_accelerator_and_postprocess$", "making a `{0}`", "warning"),
        Path(r"^(Trainer)\.(?:training_step|compute_loss|get_train_dataloader|create_optimizer)$", "the first step of `{0}`", "warning"),
        Path(r"^(TrainingArguments)\._setup_devices$", "making `{0}`", "warning", r"not is_sagemaker_mp_enabled\(\)"),
        Path(r"^PreTrainedModel\.from_pretrained$", "loading a model with `device_map`", "warning", "device_map is not None"),
    ],
    "accelerate": [Path(r"^(Accelerator)\.(?:__init__|prepare|prepare_model|backward)$", "every `{0}`", "error")],
    "peft": [
        Path(r"^get_peft_model$|^PeftModel\w*\.(?:__init__|save_pretrained)$", "every PEFT model", "error"),
        Path(r"^_maybe_shard_state_dict_for_tp$", "loading an adapter in a run of several processes", "warning", "", (("gpu_count", ">1"),)),
    ],
    "trl": [
        *trainers(names=r"^((?:SFT|DPO|KTO|GRPO|ORPO|CPO|BCO|PPO|PPOv2|RLOO|Reward)Trainer)\."),
        Path(r"^prepare_fsdp$", "a reference or reward model under FSDP", "warning", "", (("train.fsdp", "*shard*"),)),
    ],
}
OUT = re.compile(r"^(?:IterativeSFT|Dummy|Mock)")
"""Classes that run on a way of their own."""


def path_of(package: str, scope: str, left: Sequence[str]) -> Optional[Tuple[Path, str]]:
    """The path that a call is on, and what stops; None where a run need not come to it."""
    if OUT.match(scope):
        return None
    for path in PATHS.get(package, trainers()):
        matched = re.match(path.scope, scope)
        if matched and all(ORDINARY.fullmatch(test) or (path.allowed and re.fullmatch(path.allowed, test)) for test in left):
            return path, path.stops.format(*(matched.groups() or ("",)))
    return None
