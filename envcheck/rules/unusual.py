"""A learning rate or a clipping threshold far outside what is published for tuning with Adam. Always a note."""

from __future__ import annotations

from typing import Iterator, Tuple

from envcheck.model import Fact, Finding, Page, Snapshot, UsedFact
from envcheck.numbers import number
from envcheck.rules.rule import Rule, Tables

ID = "setting-far-outside"
# Published recipes for Adam lie between 1e-7 (preference tuning) and 3e-3 (small adapters, pre-training); one order beyond is a slip.
_HIGHEST, _LOWEST = 1e-2, 1e-9
_LOOSEST = 100.0
_OWN_SCALE = ("prodigy", "dadapt", "adafactor", "muon", "sgd", "adagrad", "schedule_free")
"""Optimizers for which a rate near 1 is usual."""

PAGE = Page(
    symptom=("nan-loss", "loss-spike"),
    cause="Recipes for tuning with Adam use learning rates from 1e-7 to 3e-3 and clip at 0.1 to 10. A value far outside is more often a slip of the "
    "exponent than meant.",
    fix=("compare the value with the recipe the run follows",),
    links=(
        "https://github.com/huggingface/alignment-handbook/tree/main/recipes",
        "https://github.com/pytorch/torchtune/tree/main/recipes/configs",
        "https://github.com/axolotl-ai-cloud/axolotl/tree/main/examples",
    ),
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One note for each such value of a run that tunes a model."""
    optimizer = str(snapshot.train.get("optimizer", Fact()).value or "adamw").lower()
    if any(word in optimizer for word in _OWN_SCALE):
        return ()
    return tuple(_finding(key, fact, what) for key, fact, what in _odd(snapshot))


def _odd(snapshot: Snapshot) -> Iterator[Tuple[str, Fact, str]]:
    rate, clipping = snapshot.train.get("learning_rate", Fact()), snapshot.train.get("max_grad_norm", Fact())
    lr, threshold = number(str(rate.value)), number(str(clipping.value))
    if lr is not None and lr >= _HIGHEST:
        yield "learning_rate", rate, "far above"
    elif lr is not None and 0 < lr <= _LOWEST:
        yield "learning_rate", rate, "far below"
    if threshold is not None and threshold >= _LOOSEST:
        yield "max_grad_norm", clipping, "far above"


def _finding(key: str, fact: Fact, what: str) -> Finding:
    title = f"`{key}` {fact.value} is {what} what is published for tuning with Adam"
    return Finding(ID, "caution", "note", "certain", title, ("config",), (UsedFact(f"train.{key}", fact.value or 0, fact.origin),), PAGE)


RULE = Rule(ID, "a setting far outside what is published", PAGE, find)
