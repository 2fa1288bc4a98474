"""The targets of a run: each combination of what a project's settings list, with what the command line declares in place of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import List, Mapping, Sequence, Tuple

from envcheck.errors import InputError
from envcheck.inputs.target import Target

MOST = 500
"""More combinations than this are a mistake, not a plan."""


def combinations(tables: Sequence[Mapping[str, Tuple[str, ...]]], declared: Target, settings: Tuple[str, ...] = ()) -> List[Tuple[str, Target]]:
    """Label and target of each combination, in order; the label is empty where there is one alone. Raises `InputError` for too many."""
    base = replace(declared, settings=settings + declared.settings)
    found = [one for table in tables or ({},) for one in _of_table(table, base)]
    unique = list(dict.fromkeys(found))
    return [("", unique[0][1])] if len(unique) == 1 else unique


def _of_table(table: Mapping[str, Tuple[str, ...]], base: Target) -> List[Tuple[str, Target]]:
    open_ones = {key: values for key, values in table.items() if not getattr(base, _field(key))}
    size = 1
    for values in open_ones.values():
        size *= len(values)
    if size > MOST:
        raise InputError(f"the targets make {size} combinations; at most {MOST} are checked", where="targets", hint="list those that are used, one table each")
    return [_target(dict(zip(open_ones, chosen)), base) for chosen in product(*open_ones.values())]


def _target(chosen: Mapping[str, str], base: Target) -> Tuple[str, Target]:
    label = ", ".join(f"{key} {value}" for key, value in chosen.items())
    given = {_field(key): (value,) if key == "gpu" else value for key, value in chosen.items()}
    return label, replace(base, **given)  # type: ignore[arg-type]


def _field(key: str) -> str:
    return key.replace("-", "_")
