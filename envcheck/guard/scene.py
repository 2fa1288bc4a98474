"""A scene: what is kept of a sick step, one folder for each rank that saw it, and how it is read again.

scene.json holds the sign, step, rank, norms, first bad tensors by name and the fingerprints of the batches; report.json the environment
report; rng.pt the random states when it was kept; beside them lie the configs that the trainer gave. No data, no weights.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from envcheck.errors import InputError
from envcheck.guard.signs import Sign

SCHEMA = 1
_MOST = 16 << 20
"""Bytes of a scene's file that is still read."""


def keep(folder: Path, sign: Sign, step: int, batches: Sequence[Any], evidence: Mapping[str, Any], config: Mapping[str, str]) -> Optional[Path]:
    """Write a scene below `folder` and return where; None where nothing can be written: the stop must not depend on a disk."""
    from envcheck.guard import ranks, tensors

    try:
        place = _fresh(folder, f"step-{step}-rank-{ranks.rank()}")
        row: Dict[str, Any] = {
            "schema": SCHEMA,
            "sign": {"id": sign.id, "symptom": sign.symptom, "text": sign.text},
            "step": step,
            "rank": ranks.rank(),
            "world": ranks.world(),
            "batches": [_or_reason(tensors.fingerprint, batch) for batch in batches],
            **evidence,
        }
        (place / "scene.json").write_text(json.dumps(row, indent=1, default=str), encoding="utf-8")
        for name, text in config.items():
            (place / name).write_text(text, encoding="utf-8")
        _or_reason(_random_states, place)
        report = _or_reason(_report, ([str(place / name) for name in config], evidence.get("observed") or {}))
        (place / "report.json").write_text(json.dumps(report), encoding="utf-8")
    except OSError:
        return None
    return place


def _fresh(folder: Path, name: str) -> Path:
    """A folder that was not there: an earlier run's scene is never written over."""
    for number in range(1, 1000):
        place = folder / (name if number == 1 else f"{name}-{number}")
        try:
            place.mkdir(parents=True)
            return place
        except FileExistsError:
            continue
    raise OSError(f"{folder} is full of scenes")


def _or_reason(make: Any, of: Any) -> Any:
    """What `make` gives, or why it could not: one part of a scene that fails must not cost the others."""
    try:
        return make(of)
    except Exception as error:  # noqa: BLE001 - a foreign batch, tensor or environment may raise anything
        return {"failed": f"{type(error).__name__}: {error}"}


def _random_states(place: Path) -> None:
    import torch

    states = {"torch": torch.get_rng_state(), "python": random.getstate()}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    torch.save(states, place / "rng.pt")


def _report(told: Tuple[List[str], Mapping[str, str]]) -> Dict[str, Any]:
    from envcheck import api
    from envcheck.inputs.target import Target
    from envcheck.render import json_report

    configs, observed = told
    target = Target(settings=tuple(f"train.{key}={value}" for key, value in observed.items()))
    try:
        report = api.check(api.Sources(config=tuple(configs), target=target))
    except InputError:  # a config of the caller's own making
        report = api.check(api.Sources(target=target))
    return json_report.as_dict(report)


def read(folder: str) -> List[Dict[str, Any]]:
    """The scenes in a folder, which is one itself or holds those of several ranks, each with its `folder` and its `report`.

    Raises `InputError` where there is none, or one cannot be understood.
    """
    top = Path(folder)
    places = [top] if (top / "scene.json").is_file() else sorted(path.parent for path in top.glob("*/scene.json"))
    if not places:
        raise InputError("there is no scene in this folder", where=folder, hint="the guard keeps each scene in a folder with a `scene.json`")
    return [{**_object(place / "scene.json"), "folder": str(place), "report": _report_of(place / "report.json")} for place in places]


def _report_of(path: Path) -> Dict[str, Any]:
    return _object(path) if path.is_file() else {"failed": "report.json is not there"}


def _object(path: Path) -> Dict[str, Any]:
    try:
        if path.stat().st_size > _MOST:
            raise InputError("a scene's file is not this large", where=str(path))
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"cannot be read: {error}", where=str(path)) from None
    if not isinstance(found, dict):
        raise InputError("a scene's file is one JSON object", where=str(path))
    return found


__all__ = ["SCHEMA", "keep", "read"]
