"""Training settings that contradict each other, as the readers of training configs saw them."""

from __future__ import annotations

from typing import Tuple

from envcheck.model import CONTRADICTIONS, Finding, Page, Snapshot, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "settings-contradict"

PAGE = Page(
    symptom=("crash", "wrong-numerics"),
    cause="Two places give one setting different values, or two settings exclude each other; which one counts depends on the program, and some "
    "refuse to start. DeepSpeed and the HF Trainer take a number in quotation marks for no number.",
    fix=("write the setting in one place, or the same in both; numbers without quotation marks",),
    links=("https://github.com/huggingface/transformers/blob/v4.39.1/src/transformers/integrations/deepspeed.py",),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each setting that was found to be contradictory."""
    odd = [(key, fact) for key, fact in snapshot.train.items() if not fact.is_known and fact.reason.startswith(CONTRADICTIONS)]
    return tuple(
        Finding(ID, "bad", "warning", "certain", f"`{key}`: {fact.reason}", ("config",), (UsedFact(f"train.{key}", "unknown", fact.origin),), PAGE)
        for key, fact in odd
    )


RULE = Rule(ID, "training settings contradict each other", PAGE, find)
