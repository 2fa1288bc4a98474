"""A method of the Trainer that a script overrides, without an argument that the installed release passes to it."""

from __future__ import annotations

from typing import Dict, Tuple

from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "override-too-narrow"

PAGE = Page(
    symptom=("type-error", "crash"),
    signature=(
        r"\bcompute_loss\(\) got an unexpected keyword argument 'num_items_in_batch'",
        r"\btraining_step\(\) takes 3 positional arguments but 4 were given",
        r"\blog\(\) takes 2 positional arguments but 3 were given",
        r"\b_get_train_sampler\(\) takes 1 positional argument but 2 were given",
    ),
    cause="A script has a trainer of its own, derived from that of transformers, and overrides a method with the arguments of its day. Later releases pass one "
    "more: compute_loss and training_step get `num_items_in_batch` from 4.46 on, log `start_time` from 4.47, get_batch_samples `device` from "
    "4.50, _get_train_sampler the dataset from 4.52. Python refuses the call: at the first step, or when the data loader is made.",
    fix=(
        "give the method that argument with a default (`num_items_in_batch=None`), and pass it on to `super()`",
        "install the release that the script was written for",
    ),
    links=(
        "https://github.com/huggingface/transformers/issues/36331",
        "https://github.com/huggingface/transformers/issues/35838",
        "https://github.com/StarsfieldAI/R1-V/issues/75",
    ),
    level="many",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One warning for all methods that certainly get more than they take."""
    fact = snapshot.train.get("arguments")
    if fact is None or not isinstance(fact.value, str):
        return ()
    met: Dict[str, Dict[str, str]] = {}
    for word in fact.value.split():
        method, _, argument = word.partition("-")
        for package, kind, releases, name in (argument and tables.of("arguments", method)) or ():
            if kind == "passes" and name == argument and truth_of(package, releases, snapshot) is Truth.YES:
                met.setdefault(package, {})[word] = f"`{argument}` to {method.rpartition('.')[2]}"
    return tuple(_finding(package, words, snapshot) for package, words in met.items())


def _finding(package: str, words: Dict[str, str], snapshot: Snapshot) -> Finding:
    there, fact = snapshot.package(package), snapshot.train["arguments"]
    title = f"{package} {there.value} passes {' and '.join(words.values())}, and the script's override does not take it"
    used = (UsedFact(package, there.value or "", there.origin), UsedFact("train.arguments", " ".join(words), fact.origin))
    return Finding(ID, "bad", "warning", "certain", title, (package, "config"), used, PAGE)


RULE = Rule(ID, "a method that a script overrides gets more than it takes", PAGE, find)
