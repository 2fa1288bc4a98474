"""Rows of the self-test -> text: one line for each device and precision, and every row that is not good."""

from __future__ import annotations

import textwrap
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from envcheck.render.escape import visible

_ORDER = ("pass", "info", "warn", "fail", "crash", "timeout", "memory", "skip")
_QUIET = ("pass", "info")
_BAD = ("fail", "crash")
_ODD = ("warn", "timeout", "memory")


def lines(rows: Sequence[Mapping[str, Any]], *, settings: bool = False) -> List[str]:
    """The counts of each device and precision, the device's verdict, then each row that did not pass with its reason.

    With `settings`, what is only told stands there too.
    """
    groups: Dict[Tuple[str, str], List[Mapping[str, Any]]] = {}
    for row in rows:
        if row["status"] != "info" and (row["status"] != "skip" or row["dtype"]):
            groups.setdefault((str(row["device"]), str(row["dtype"])), []).append(row)
    shown = [_counts(" ".join(filter(None, key)) + ", no precision" * (not key[1]), group) for key, group in groups.items() if key[0]]
    shown += [f"self-test  {visible(device)}: {_verdict(rows, device)}" for device in dict.fromkeys(str(row["device"]) for row in rows) if device]
    absent = [row for row in rows if row["status"] == "skip" and row["device"] and not row["dtype"]]
    shown += [_row(row) for row in rows if row not in absent and (row["status"] not in _QUIET or (settings and row["status"] == "info"))]
    return shown + [_absent(device, absent) for device in dict.fromkeys(str(row["device"]) for row in absent)]


def _absent(device: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """One line on what a device was not asked for at all."""
    return visible(f"  skip     {device}: " + ", ".join(f"{row['check']} ({row['detail']})" for row in rows if row["device"] == device))


def _verdict(rows: Sequence[Mapping[str, Any]], device: str) -> str:
    """One word on a device: its worst row, where any ran."""
    found = {row["status"] for row in rows if row["device"] == device}
    if found & set(_BAD):
        return "fail"
    if found & set(_ODD):
        return "pass, with warnings" if "pass" in found else "unknown"
    return "pass" if "pass" in found else "unknown: nothing ran"


def _counts(name: str, group: Sequence[Mapping[str, Any]]) -> str:
    counts = [f"{sum(row['status'] == status for row in group)} {status}" for status in _ORDER if any(row["status"] == status for row in group)]
    rated = [row for row in group if row["ratio"] is not None]
    worst = max(rated, key=lambda row: float(row["ratio"]), default=None)
    tail = f", largest error {worst['ratio']:.2g} of its bound ({worst['check']})" if worst and worst["ratio"] else ""
    return visible(f"self-test  {name}: {', '.join(counts)}{tail}")


def _row(row: Mapping[str, Any]) -> str:
    where = " ".join(filter(None, (str(row["device"]), str(row["dtype"]))))
    return visible(f"  {row['status']:7}  {row['check']}" + (f" ({where})" if where else "") + (f": {row['detail']}" if row["detail"] else ""))


def catalogue(levels: Mapping[str, str], checks: Mapping[str, Any], width: int = 100) -> str:
    """The levels, then each check: its child, precisions and kind of bound, cost, purpose, and a failure on record."""
    shown = [f"level {name:9} {text}" for name, text in levels.items()]
    for name, check in checks.items():
        needs = f", needs {check.needs}" if check.needs else ""
        kinds = f", only on {', '.join(check.kinds)}" if check.kinds else ""
        precisions = ",".join(filter(None, check.dtypes)) or "-"
        level = "quick" if check.quick else "standard"
        shown += ["", f"{name:16} {check.group:10} {precisions:14} {check.bound:5}  from level {level}, about {check.cost:g} s{needs}{kinds}"]
        shown += textwrap.wrap(check.purpose, width - 4, initial_indent="    ", subsequent_indent="    ")
        shown += [f"    {check.link}"] if check.link else []
    return "\n".join(shown) + "\n"
