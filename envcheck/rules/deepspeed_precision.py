"""A DeepSpeed config whose precision contradicts itself, or the trainer's arguments."""

from __future__ import annotations

from typing import Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

BOTH, OTHER = "deepspeed-two-precisions", "deepspeed-precision-of-trainer"
_OTHERS = {"fp16": ["bf16", "fp32"], "bf16": ["fp16", "fp32"]}

BOTH_PAGE = Page(
    symptom=("crash",),
    signature=(r"bfloat16 and fp16 modes cannot be simultaneously enabled",),
    cause="DeepSpeed asserts that at most one of the sections `fp16` and `bf16` is enabled. A tool that adds a bf16 section of its own to a config with fp16 "
    "ends here too.",
    fix=("set train.deepspeed_fp16=false", "set train.deepspeed_bf16=false"),
    links=("https://github.com/deepspeedai/DeepSpeed/blob/v0.14.0/deepspeed/runtime/config.py", "https://github.com/hiyouga/LlamaFactory/issues/3493"),
    level="reproduced",
)
OTHER_PAGE = Page(
    symptom=("crash",),
    signature=(r"Please correct the following DeepSpeed config values that mismatch TrainingArguments values",),
    cause="The Trainer compares `bf16.enabled` and `fp16.enabled` of the DeepSpeed config with its own arguments and raises where they differ, so a config "
    "that switches bf16 on needs --bf16 as well.",
    fix=('write "auto" for `enabled` in both sections of the DeepSpeed config, and choose the precision in the trainer',),
    links=(
        "https://github.com/Ucas-HaoranWei/GOT-OCR2.0/issues/134",
        "https://github.com/huggingface/transformers/blob/v4.39.1/src/transformers/integrations/deepspeed.py",
    ),
    level="many",
    disputed="A trainer of one's own, or one whose defaults switch the precision on, is not affected.",
)


def find_both(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One error where both sections are certainly on."""
    keys = ("train.deepspeed_fp16", "train.deepspeed_bf16")
    if not all(asking.has(snapshot, key, "true") for key in keys):
        return ()
    title = "the DeepSpeed config enables fp16 and bf16 together"
    return (Finding(BOTH, "bad", "error", "certain", title, ("config", "deepspeed"), asking.used(snapshot, *keys), BOTH_PAGE),)


def find_other(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One warning where a section is certainly on and the trainer certainly has another precision."""
    for precision, others in _OTHERS.items():
        key = f"train.deepspeed_{precision}"
        if asking.has(snapshot, key, "true") and asking.has(snapshot, "train.trainer_precision", others):
            title = f"the DeepSpeed config enables {precision}, and the trainer has {snapshot.train['trainer_precision'].value}"
            used = asking.used(snapshot, key, "train.trainer_precision")
            return (Finding(OTHER, "bad", "warning", "certain", title, ("config", "deepspeed", "transformers"), used, OTHER_PAGE),)
    return ()


RULES = (
    Rule(BOTH, "a DeepSpeed config enables fp16 and bf16 together", BOTH_PAGE, find_both, ("error",)),
    Rule(OTHER, "a DeepSpeed config and the trainer name different precisions", OTHER_PAGE, find_other, ("warning",)),
)
