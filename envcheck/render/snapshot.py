"""A Snapshot as text: each fact with where it was read, and what is unknown with the reason."""

from __future__ import annotations

from typing import List, Mapping, Tuple

from envcheck.model import SENSE_KEYS, Fact, Snapshot
from envcheck.render.text import page_lines


def render(snapshot: Snapshot, *, color: bool = False, width: int = 100) -> str:
    """One fact a line: key, value, origin."""
    rows: List[Tuple[str, str]] = [(key, _shown(snapshot.facts[key])) for key in SENSE_KEYS if key in snapshot.facts]
    rows += _gpus(snapshot)
    for name in ("builds", "env", "train", "packages"):
        rows += _room(name, getattr(snapshot, name))
    rows += [("odd", f"{one.detail}  {one.origin}") for one in snapshot.anomalies]
    return page_lines(rows, width, color)


def _gpus(snapshot: Snapshot) -> List[Tuple[str, str]]:
    if snapshot.gpus is None:
        return [("gpu", _shown(snapshot.fact("gpus")))]
    return [
        (
            "gpu",
            f"{gpu.count or '?'} x {gpu.name}, {gpu.capability or gpu.arch or 'capability unknown'}"
            + (f", {gpu.memory_mib} MiB" if gpu.memory_mib else "")
            + f"  {gpu.origin}",
        )
        for gpu in snapshot.gpus
    ] or [("gpu", "none")]


def _room(name: str, facts: Mapping[str, Fact]) -> List[Tuple[str, str]]:
    return [(key if name != "env" else f"env.{key}", _shown(fact)) for key, fact in sorted(facts.items())]


def _shown(fact: Fact) -> str:
    if fact.value is None:
        return "unknown" + (f", because {fact.reason}" if fact.reason else "")
    value = "none" if fact.value == "absent" else str(fact.value)
    return f"{value}  {fact.origin}" if fact.origin else value
