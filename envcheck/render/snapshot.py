"""A Snapshot as text: each fact with where it was read, and what is unknown with the reason."""

from __future__ import annotations

import posixpath
from typing import Dict, List, Mapping, Tuple

from envcheck.model import SENSE_KEYS, Fact, Snapshot
from envcheck.render.text import page_lines

Row = Tuple[str, str]


def render(snapshot: Snapshot, *, color: bool = False, width: int = 100) -> str:
    """One fact a line, with its origin; packages below the folder that their metadata lies in."""
    rows: List[Row] = [(key, _shown(snapshot.facts[key])) for key in SENSE_KEYS if key in snapshot.facts]
    rows += _gpus(snapshot)
    for name, prefix in (("builds", ""), ("env", "env."), ("train", "train.")):
        rows += [(prefix + key, _shown(fact)) for key, fact in sorted(getattr(snapshot, name).items())]
    rows += [("odd", f"{one.detail}  {one.origin}") for one in snapshot.anomalies]
    return page_lines([*rows, *_packages(snapshot.packages)], width, color)


def _gpus(snapshot: Snapshot) -> List[Row]:
    if snapshot.gpus is None:
        return [("gpu", _shown(snapshot.fact("gpus")))]
    shown = []
    for gpu in snapshot.gpus:
        memory = f", {gpu.memory_mib} MiB" if gpu.memory_mib else ""
        shown.append(("gpu", f"{gpu.count or '?'} x {gpu.name}, {gpu.capability or gpu.arch or 'capability unknown'}{memory}  {gpu.origin}"))
    return shown or [("gpu", "none")]


def _packages(packages: Mapping[str, Fact]) -> List[Row]:
    folders: Dict[str, List[Row]] = {}
    for name, fact in sorted(packages.items()):
        # Windows paths have no `/` and stay whole; a redacted one keeps its last part.
        folder = posixpath.dirname(fact.origin) or fact.origin
        folders.setdefault(folder, []).append((f"  {name}", fact.reason and _shown(fact) or str(fact.value)))
    rows: List[Row] = []
    for folder, members in folders.items():
        rows += [("packages", f"{len(members)} in {folder}"), *members]
    return rows


def _shown(fact: Fact) -> str:
    if fact.value is None:
        return "unknown" + (f", because {fact.reason}" if fact.reason else "")
    value = "none" if fact.value == "absent" else str(fact.value)
    return f"{value}  {fact.origin}" if fact.origin else value
