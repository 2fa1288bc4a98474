"""bf16 asked for on NVIDIA GPUs that have no bf16 units, where too little is known to say whether it is refused or emulated."""

from __future__ import annotations

from typing import Tuple

from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "bf16-before-ampere"

PAGE = Page(
    symptom=("crash", "slow"),
    signature=(r"Your setup doesn't support bf16/gpu",),
    cause="bf16 units begin with capability 8.0 (Ampere). Below it torch before 2.3 says that bf16 is not supported, and trainers that ask refuse to start, "
    "that of transformers among them; code that does not ask, and torch from 2.3 on, computes bf16 through fp32: right, and slow.",
    fix=(
        "set train.precision=fp32",
        "use fp16 with fp32 parameters only for a model family that was trained in fp16; others may overflow",
        "use a GPU of capability 8.0 or later",
    ),
    links=(
        "https://github.com/pytorch/pytorch/issues/124996",
        "https://github.com/lm-sys/FastChat/issues/399",
        "https://github.com/OptimalScale/LMFlow/issues/88",
    ),
    level="many",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One warning where bf16 is on, every GPU is NVIDIA's and below 8.0, and no entry knows more.

    Entries speak where torch is 2.3 or later, and where both torch and transformers are known to refuse.
    """
    precision, cards = snapshot.train.get("precision"), snapshot.gpus or ()
    if precision is None or precision.value != "bf16" or not cards or any(gpu.capability is None for gpu in cards):
        return ()
    if truth_of("gpu", ">=8.0", snapshot) is not Truth.NO or truth_of("torch", ">=2.3", snapshot) is Truth.YES:
        return ()
    if truth_of("torch", "<2.3", snapshot) is Truth.YES and truth_of("transformers", ">=4.28", snapshot) is Truth.YES:
        return ()
    title = f"bf16 is asked for, and {cards[0].name} has no bf16 units (capability {cards[0].capability})"
    used = (UsedFact("train.precision", "bf16", precision.origin), UsedFact("gpu", cards[0].name, cards[0].origin))
    return (Finding(ID, "caution", "warning", "certain", title, ("gpu", "config"), used, PAGE),)


RULE = Rule(ID, "bf16 is asked for on a GPU without bf16 units", PAGE, find)
