"""Classes of a script that are trainers -> where their own methods meet those of the installed Trainer, for the rule that knows which release passes what.

`Trainer.compute_loss-num_items_in_batch`: the script overrides that method, and its own one takes no such argument.
`Trainer.compute_loss.num_items_in_batch`: the script passes that argument on to the method of the Trainer.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

METHODS = {
    "compute_loss": ("model", "inputs", "return_outputs", "num_items_in_batch"),
    "training_step": ("model", "inputs", "num_items_in_batch"),
    "log": ("logs", "start_time"),
    "get_batch_samples": ("epoch_iterator", "num_batches", "device"),
    "_get_train_sampler": ("train_dataset",),
    "_save_checkpoint": ("model", "trial", "metrics"),
}
"""Method of the Trainer -> its arguments in order, those that came later behind those that were there (transformers/trainer.py of 4.21 to 5.23)."""
CAME = {
    "compute_loss": ("num_items_in_batch",),
    "training_step": ("num_items_in_batch",),
    "log": ("start_time",),
    "get_batch_samples": ("device",),
    "_get_train_sampler": ("train_dataset",),
}
"""Those that the Trainer passes from some release on."""
CALLERS = {
    "compute_loss": "training_step",
    "training_step": "_inner_training_loop",
    "log": "_maybe_log_save_evaluate",
    "get_batch_samples": "_inner_training_loop",
    "_get_train_sampler": "get_train_dataloader",
}
"""The method of the Trainer that calls it so: a script that has its own of that calls as it likes."""
_BY_NAME = ("compute_loss",)
"""Methods to which the Trainer passes the later arguments by their names; to the others by position."""
_ASKING = ("version", "signature", "parameters", "hasattr")
_PACKAGES = ("transformers", "trl")
_TRANSFORMERS = ("Trainer", "Seq2SeqTrainer")
_OF_TRL = frozenset(("get_batch_samples", "_get_train_sampler"))
"""What some trainers of trl have, or call, in a way of their own (DPOTrainer up to 0.12, GRPOTrainer)."""


class Derived(NamedTuple):
    """A trainer that a script defines."""

    base: str
    """The trainer of transformers or trl that it is derived from, perhaps through others."""
    node: ast.ClassDef
    above: tuple[ast.ClassDef, ...]
    """The script's own classes between the two."""

    @property
    def makes_itself(self) -> bool:
        """Whether it has an `__init__` of its own."""
        return any(method.name == "__init__" for node in (self.node, *self.above) for method in _methods(node))

    @property
    def calls_itself(self) -> set[str]:
        """The methods of the Trainer that it has in its own way, without `super()`."""
        return {method.name for node in (self.node, *self.above) for method in _methods(node) if not _defers(method)}


def _methods(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [one for one in node.body if isinstance(one, ast.FunctionDef)]


def derived(tree: ast.Module, imported: Collection[str], known: Collection[str]) -> dict[str, Derived]:
    """The trainers of one file by name: classes of which a base is imported from transformers or trl, or is such a class above.

    `known` are the names of the trainers there, which are all driven by the loop of transformers' Trainer.
    """
    bases = {name: name for name in known for package in _PACKAGES if {f"{package}.{name}", f"{package}.trainer.{name}"} & set(imported)}
    bases.update({f"{package}.{name}": name for name in known for package in _PACKAGES})
    found: dict[str, Derived] = {}
    for node in tree.body:
        name = next((name for name in map(ast.unparse, node.bases) if name in bases), None) if isinstance(node, ast.ClassDef) else None
        if isinstance(node, ast.ClassDef) and name is not None:
            bases[node.name] = bases[name]
            found[node.name] = Derived(bases[name], node, (found[name].node, *found[name].above) if name in found else ())
    return found


def used(trees: Iterable[ast.Module]) -> set[str]:
    """The names of classes that some file makes use of, otherwise than as a base; and the bases of those."""
    names: set[str] = set()
    bases: dict[str, set[str]] = {}
    for tree in trees:
        derived_from = {id(base): node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases}
        for node in ast.walk(tree):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
            if id(node) in derived_from:
                bases.setdefault(derived_from[id(node)], set()).add(name)
            elif name:
                names.add(name)
    pending = list(names)
    while pending:
        new = bases.get(pending.pop(), set()) - names
        names |= new
        pending += new
    return names


def words(trainers: Mapping[str, Derived]) -> list[str]:
    """What they override and pass on."""
    found: list[str] = []
    for one in trainers.values():
        is_of_transformers = one.base in _TRANSFORMERS
        for method in _methods(one.node):
            is_called_otherwise = CALLERS.get(method.name) in one.calls_itself or not is_of_transformers and method.name in _OF_TRL
            found += [] if is_called_otherwise else _overridden(method)
            found += _passed_on(method, one.base)
    return list(dict.fromkeys(found))


def _defers(method: ast.FunctionDef) -> bool:
    """Whether it calls the method that it overrides."""
    calls = (node.func for node in ast.walk(method) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Attribute) and called.attr == method.name and _is_super(called.value) for called in calls)


def _overridden(method: ast.FunctionDef) -> Iterator[str]:
    """The later arguments that an override cannot take."""
    if any(isinstance(one, ast.Name) and one.id in ("staticmethod", "property") for one in method.decorator_list):
        return
    given = method.args
    places = [one.arg for one in (*given.posonlyargs, *given.args)][1:]
    for argument in CAME.get(method.name, ()):
        if argument in (*places, *(one.arg for one in given.kwonlyargs)):
            continue
        by_name = method.name in _BY_NAME
        takes = given.kwarg is not None if by_name else given.vararg is not None or len(places) > METHODS[method.name].index(argument)
        if not takes:
            yield f"Trainer.{method.name}-{argument}"


def _passed_on(method: ast.FunctionDef, base: str) -> Iterator[str]:
    """The arguments of `super().method(...)`, unless the method asks which release is there."""
    asked = {word for node in ast.walk(method) for word in (getattr(node, "id", ""), getattr(node, "attr", "")) if isinstance(word, str)}
    if any(part in word.lower() for word in asked for part in _ASKING):
        return
    for node in ast.walk(method):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_super(node.func.value):
            name, named = node.func.attr, [one.arg for one in node.keywords if one.arg]
            if name == "__init__":
                yield from (f"{base}.{one}" for one in named)
            elif name in METHODS and base == "Trainer" and not any(isinstance(one, ast.Starred) for one in node.args):
                yield from (f"Trainer.{name}.{one}" for one in (*METHODS[name][: len(node.args)], *named))


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
