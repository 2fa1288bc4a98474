"""A row of the self-test, and the host's few words about many of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

STATUSES = ("pass", "info", "warn", "fail", "crash", "timeout", "memory", "skip")


@dataclass(frozen=True)
class Row:
    """One comparison, or why there is none."""

    check: str
    """A name in `CHECKS`, followed by the part: `softmax.dx`, `sdpa.lowlse.dq`; or `torch`, `device`, `settings`, `python`."""
    device: str
    """As torch names it (`cpu`, `cuda:0`); empty where no device was reached."""
    dtype: str
    """`fp32`, `bf16`, `fp16`; empty where the row is about no precision."""
    status: str
    """One of `STATUSES`; `skip` is unknown, never good."""
    ratio: float | None = None
    """Error over bound of the worst element: at most 1 is a pass; None where it is not finite (different bits, a NaN)."""
    err: float | None = None
    bound: float | None = None
    """0 asks for equal bits."""
    detail: str = ""
    seconds: float = 0.0
    group: str = ""
    """`ops`, `sdpa:BACKEND` or `train`: the child it ran in."""

    @property
    def family(self) -> str:
        """The name in `CHECKS`."""
        return self.check.partition(".")[0]


def summary(rows: Iterable[Row]) -> tuple[str, ...]:
    """One line for each device and precision: `cpu fp32: 44 pass, 2 skip, largest error 0.25 of its bound`."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.status != "info":
            groups.setdefault((row.device, row.dtype), []).append(row)
    return tuple(_line(" ".join(filter(None, key)) or "self-test", group) for key, group in groups.items())


def _line(name: str, group: list[Row]) -> str:
    counted = Counter(row.status for row in group)
    parts = [f"{counted[status]} {status}" for status in STATUSES if counted[status]]
    ratios = [row.ratio for row in group if row.ratio is not None]
    if ratios:
        parts.append(f"largest error {max(ratios):.2g} of its bound")
    return f"{name}: {', '.join(parts)}"
