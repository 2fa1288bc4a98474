"""Carries out one order of the host: the checks of one child on one device, a row for each comparison."""

from __future__ import annotations

import importlib
import importlib.util
import time
from collections.abc import Iterable, Iterator
from typing import Any, Callable

from . import devices
from .adamw import without_compiler
from .arithmetic import Result
from .bench import Bench
from .registry import CHECKS, lacking

Report = Callable[[dict], None]

_ABSENT = ("not implemented for", "not supported", "not currently implemented", "Could not run ", "No available kernel", "No usable temporary directory")
"""What torch says where a device or a version does not have an operation, and Python where nothing can be written: nothing can be checked then."""

_POISON = ("CUDA error", "HIP error", "device-side assert", "unspecified launch failure", "NPU error")
"""After one of these every later call of the process fails, on whatever it is."""

ONCE = ("yours", "accelerate", "deepspeed")
"""Groups whose checks gain nothing from another seed, or set up what a process can have only once."""

_SEVERITY = ("pass", "info", "skip", "warn", "fail", "memory", "crash")
"""Which row of several rounds is kept: the last of these that occurs."""


def carry_out(order: dict[str, Any], report: Report) -> None:
    """Report the machine first, then every check: `begin` before it starts, so that a crash has a name.

    Where an error has spoilt the process the order ends early, with `spoilt`: the host has the rest done by another child.
    """
    seen = devices.visible()
    device = seen[0] if order["device"] == "auto" else order["device"]
    why = devices.missing(device)
    report({"machine": {"visible": seen, "device": device, "missing": why, "installed": _installed()}})
    if why:
        report({"row": {"check": "device", "status": "skip", "detail": why}})
        return
    report({"begin": "device"})
    defaults = devices.settings()
    devices.settle(device, order["group"] == "yours", order["train"].get("tf32"))
    without_compiler()
    if order["first"]:
        detail = ", ".join(f"{name} {value}" for name, value in {**defaults, **order["environment"], **order["train"]}.items())
        row = {"check": "settings", "status": "info", "detail": f"{devices.describe(device)}; yours: {detail}"}
        report({"row": row})
    for name, dtype in order["checks"]:
        report({"begin": name, "dtype": dtype})
        for row in _rounds(name, dtype, device, order):
            report({"row": {"dtype": dtype, **row}})
            if row["status"] == "crash" and any(sign in row["detail"] for sign in _POISON):
                report({"spoilt": True})
                return


def _installed() -> list[str]:
    """Which of the packages that checks need can be imported, without importing them; a folder that an uninstall left is none."""
    names = sorted({check.needs for check in CHECKS.values() if check.needs})
    specs = {name: importlib.util.find_spec(name) for name in names}
    return [name for name, spec in specs.items() if spec is not None and spec.origin]


def _rounds(name: str, dtype: str, device: str, order: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """The rows of one check; of several rounds with a seed each, the worst row of every part."""
    rounds = order["rounds"]
    if rounds == 1 or CHECKS[name].group in ONCE:
        return _rows(name, dtype, device, order, order["seed"])
    kept: dict[str, dict[str, Any]] = {}
    for seed in range(order["seed"], order["seed"] + rounds):
        for row in _rows(name, dtype, device, order, seed):
            best = kept.get(row["check"])
            if best is None:
                kept[row["check"]] = row
            elif _badness(row) > _badness(best):
                kept[row["check"]] = {**row, "seconds": row["seconds"] + best["seconds"], "detail": f"{row['detail']} (seed {seed})".strip()}
            else:
                best["seconds"] += row["seconds"]
    return kept.values()


def _badness(row: dict[str, Any]) -> tuple[int, float]:
    return _SEVERITY.index(row["status"]), row.get("ratio") or 0.0


def _rows(name: str, dtype: str, device: str, order: dict[str, Any], seed: int) -> Iterator[dict[str, Any]]:
    module, function = CHECKS[name].code.split(":")
    started = time.perf_counter()
    large = order["rounds"] > 1 or not device.startswith("cpu")
    try:
        why = lacking(name, device.partition(":")[0], _installed()) or devices.cannot(device, dtype)
        if why:
            yield {"check": name, "status": "skip", "detail": why, "seconds": 0.0}
            return
        check = getattr(importlib.import_module("." + module, __package__), function)
        bench = Bench(device, dtype, seed, order["backend"], order["train"], order["environment"], large)
        for result in check(bench):
            now = time.perf_counter()
            yield {**_row(name, result), "seconds": now - started}
            started = now
    except Exception as error:
        detail = f"{type(error).__name__}: {_first_line(error)}"
        yield {"check": name, "status": _status(error), "detail": detail, "seconds": time.perf_counter() - started}


def _row(name: str, result: Result) -> dict[str, Any]:
    row: dict[str, Any] = {"check": f"{name}.{result.part}" if result.part else name}
    if result.skipped:
        return {**row, "status": "skip", "detail": result.skipped}
    if result.word == "info":
        return {**row, "status": "info", "detail": result.detail}
    row.update(err=result.err, bound=result.bound, ratio=result.ratio, detail=result.detail, digest=result.digest)
    return {**row, "status": "pass" if result.ratio is not None and result.ratio <= 1 else result.word or "fail"}


def _status(error: Exception) -> str:
    text = str(error)
    if "out of memory" in text or "can't allocate memory" in text or isinstance(error, MemoryError):
        return "memory"
    return "skip" if isinstance(error, NotImplementedError) or any(sign in text for sign in _ABSENT) else "crash"


def _first_line(error: Exception) -> str:
    lines: list[str] = str(error).strip().splitlines()
    return lines[0][:300] if lines else ""
