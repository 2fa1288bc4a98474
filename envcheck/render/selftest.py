"""Rows of the self-test -> text: one line for each device and precision, and every row that is not good."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from envcheck.render.escape import visible

_ORDER = ("pass", "info", "warn", "fail", "crash", "timeout", "memory", "skip")
_QUIET = ("pass", "info")


def lines(rows: Sequence[Mapping[str, Any]]) -> List[str]:
    """The counts of each device and precision, then each row that did not pass with its reason."""
    groups: Dict[Tuple[str, str], List[Mapping[str, Any]]] = {}
    for row in rows:
        if row["status"] != "info":
            groups.setdefault((str(row["device"]), str(row["dtype"])), []).append(row)
    shown = [_counts(" ".join(filter(None, key)), group) for key, group in groups.items() if any(key)]
    return shown + [_row(row) for row in rows if row["status"] not in _QUIET]


def _counts(name: str, group: Sequence[Mapping[str, Any]]) -> str:
    counts = [f"{sum(row['status'] == status for row in group)} {status}" for status in _ORDER if any(row["status"] == status for row in group)]
    ratios = [row["ratio"] for row in group if row["ratio"] is not None]
    worst = f", largest error {max(ratios):.2g} of its bound" if ratios else ""
    return visible(f"self-test  {name}: {', '.join(counts)}{worst}")


def _row(row: Mapping[str, Any]) -> str:
    where = " ".join(filter(None, (str(row["device"]), str(row["dtype"]))))
    return visible(f"  {row['status']:7}  {row['check']}" + (f" ({where})" if where else "") + (f": {row['detail']}" if row["detail"] else ""))
