"""Carries out one order of the host: the checks of one group on one device, a row for each comparison."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from typing import Any, Callable

from . import devices
from .adamw import without_compiler
from .arithmetic import Result
from .bench import Bench
from .registry import CHECKS

_ABSENT = ("not implemented for", "not supported", "not currently implemented", "Could not run ", "No available kernel")
"""What torch says where a device or a version does not have an operation: there is nothing to check then."""


def carry_out(order: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> None:
    """Report the machine first, then every check: `begin` before it starts, so that a crash has a name."""
    seen = devices.visible()
    device = seen[0] if order["device"] == "auto" else order["device"]
    why = devices.missing(device)
    report({"machine": {"visible": seen, "device": device, "missing": why}})
    if why:
        report({"row": {"check": "device", "status": "skip", "detail": why}})
        return
    report({"begin": "device"})
    defaults = devices.settings()
    devices.settle(device)
    without_compiler()
    if order["group"] == "ops" and not order["attempt"]:
        detail = ", ".join(f"{name} {value}" for name, value in {**defaults, **order["environment"]}.items())
        report(
            {
                "row": {
                    "check": "settings",
                    "status": "info",
                    "detail": f"yours: {detail}; checked with TF32 and narrow sums off",
                }
            }
        )
    for name, dtype in order["checks"]:
        report({"begin": name, "dtype": dtype})
        for row in _rows(name, dtype, device, order):
            report({"row": {"dtype": dtype, **row}})


def _rows(name: str, dtype: str, device: str, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    module, function = CHECKS[name].code.split(":")
    started = time.perf_counter()
    try:
        why = devices.cannot(device, dtype)
        if why:
            yield {"check": name, "status": "skip", "detail": why}
            return
        check = getattr(importlib.import_module("." + module, __package__), function)
        for result in check(Bench(device, dtype, order["seed"], order["backend"])):
            now = time.perf_counter()
            yield {**_row(name, result), "seconds": now - started}
            started = now
    except Exception as error:
        yield {"check": name, "status": _status(error), "detail": f"{type(error).__name__}: {_first_line(error)}"}


def _row(name: str, result: Result) -> dict[str, Any]:
    row: dict[str, Any] = {"check": f"{name}.{result.part}" if result.part else name}
    if result.ratio is None:
        return {**row, "status": "skip", "detail": result.skipped}
    row.update(err=result.err, bound=result.bound, ratio=result.ratio, detail=result.detail, digest=result.digest)
    return {**row, "status": "pass" if result.ratio <= 1 else "fail"}


def _status(error: Exception) -> str:
    text = str(error)
    if "out of memory" in text or "can't allocate memory" in text or isinstance(error, MemoryError):
        return "memory"
    return "skip" if isinstance(error, NotImplementedError) or any(sign in text for sign in _ABSENT) else "crash"


def _first_line(error: Exception) -> str:
    lines: list[str] = str(error).strip().splitlines()
    return lines[0][:300] if lines else ""
