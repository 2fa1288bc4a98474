"""Which arguments were written, as `Class.name` words, for the rule that knows which release takes which."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Sequence

from envcheck.model import Fact
from envcheck.training.names import CHANGED_ARGUMENTS
from envcheck.training.values import Section

_CLASSES = {
    "transformers": ("TrainingArguments", "Seq2SeqTrainingArguments", "Trainer", "Seq2SeqTrainer"),
    "trl": tuple(f"{method}{what}" for method in ("SFT", "DPO", "GRPO", "KTO", "Reward", "ORPO", "CPO") for what in ("Config", "Trainer")),
}


def written(section: Section) -> Fact | None:
    """The arguments in a file or a command that not every TrainingArguments takes; None where it gives none."""
    names = sorted(str(key) for key in section.settings if key in CHANGED_ARGUMENTS)
    return Fact(" ".join(f"TrainingArguments.{name}" for name in names), section.path) if names else None


def called(calls: Iterable[tuple[ast.Call, str]], imported: Collection[str], path: str) -> Fact | None:
    """The arguments that a script names when it calls such a class, which it imports from its package; None where it calls none."""
    own = {name: package for package, names in _CLASSES.items() for name in names}
    words = []
    for call, dotted in calls:
        holder, _, name = dotted.rpartition(".")
        package = own.get(name)
        if package is not None and (holder == package if holder else f"{package}.{name}" in imported):
            words += [f"{name}.{one.arg}" for one in call.keywords if one.arg is not None]
    return together([Fact(" ".join(words), path)]) if words else None


def together(facts: Sequence[Fact]) -> Fact:
    """The arguments of several places, each once."""
    words = sorted({word for fact in facts for word in str(fact.value or "").split()})
    return Fact(" ".join(words), ", ".join(dict.fromkeys(fact.origin for fact in facts)))
