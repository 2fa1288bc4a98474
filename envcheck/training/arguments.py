"""Which arguments were written, as `Class.name` words, for the rule that knows which release takes which."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping, Sequence

from envcheck.model import Fact
from envcheck.training import overrides
from envcheck.training.names import CHANGED_ARGUMENTS
from envcheck.training.values import Section

CLASSES = {
    "transformers": ("TrainingArguments", "Seq2SeqTrainingArguments", "Trainer", "Seq2SeqTrainer"),
    "trl": tuple(f"{method}{what}" for method in ("SFT", "DPO", "GRPO", "KTO", "Reward", "ORPO", "CPO") for what in ("Config", "Trainer")),
}


def written(section: Section) -> Fact | None:
    """The arguments in a file or a command that not every TrainingArguments takes; None where it gives none."""
    names = sorted(str(key) for key in section.settings if key in CHANGED_ARGUMENTS)
    return Fact(" ".join(f"TrainingArguments.{name}" for name in names), section.path) if names else None


TRAINERS = frozenset(name for names in CLASSES.values() for name in names if name.endswith("Trainer"))


def of_script(
    tree: ast.Module, calls: Iterable[tuple[ast.Call, str]], imported: Collection[str], path: str, used: Collection[str] | None = None
) -> Fact | None:
    """The arguments that a script gives such a class, and what trainers of its own override and pass on; None where there are none.

    `used` names the classes that somebody makes use of; None where all in the file count.
    """
    own = overrides.derived(tree, imported, TRAINERS)
    counted = {name: one for name, one in own.items() if used is None or name in used}
    words = [*_called(calls, imported, own), *overrides.words(counted)]
    return Fact(" ".join(sorted(set(words))), path) if words else None


def _called(calls: Iterable[tuple[ast.Call, str]], imported: Collection[str], own: Mapping[str, overrides.Derived]) -> list[str]:
    of = {name: package for package, names in CLASSES.items() for name in names}
    words = []
    for call, dotted in calls:
        holder, _, name = dotted.rpartition(".")
        if not holder and name in own and not own[name].makes_itself:
            name = own[name].base
        elif name not in of or not (holder == of[name] if holder else f"{of[name]}.{name}" in imported):
            continue
        words += [f"{name}.{one.arg}" for one in call.keywords if one.arg is not None]
    return words


def together(facts: Sequence[Fact]) -> Fact | None:
    """The words of several places, each once; None of no place."""
    words = sorted({word for fact in facts for word in str(fact.value or "").split()})
    places = list(dict.fromkeys(fact.origin for fact in facts))
    more = [f"and {len(places) - _PLACES} more files"] if len(places) > _PLACES + 1 else []
    return Fact(" ".join(words), ", ".join([*places[:_PLACES], *more] if more else places)) if facts else None


_PLACES = 4
"""So many files are named where many say something."""
