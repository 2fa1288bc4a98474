"""Runs the plan: at most two children at once, each failure again in fresh ones, and every way to end is a row."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from envcheck.child import Child, Outcome
from envcheck.selftest.plan import Order, Plan, plan
from envcheck.selftest.rows import Row

WORKER = Path(__file__).parent / "worker.py"

AT_ONCE = 2
"""Children at the same time: importing torch is most of the work, and more than two only take turns on small machines."""

RERUNS = 2

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
    # IEEE fp32 whatever the user's shell says; the `settings` row tells what it said.
    "NVIDIA_TF32_OVERRIDE": "0",
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
    # Without it cuBLAS may choose other kernels from run to run, and a rerun would say nothing.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}

_STATUS = {"timeout": "timeout", "memory": "memory"}


def run(
    python: str,
    devices: Sequence[str] = ("auto",),
    precisions: Sequence[str] = ("fp32", "bf16", "fp16"),
    level: str = "quick",
    seed: int = 0,
    *,
    timeout: float = 120.0,
    train: Mapping[str, object] | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
) -> tuple[Row, ...]:
    """Check the devices that `python`'s torch sees; one row for each comparison, in a stable order.

    `auto` stands for every visible accelerator, or the CPU where there is none. `timeout` bounds each child. `train` holds
    training settings by their HF name: with a `precision`, the training probe runs in that one only. `only` and `skip`
    name members of `CHECKS`. Raises `InputError` for unknown names; whatever torch does is a row.
    """
    session = _Session(python, timeout, plan(devices, precisions, level, seed, train, only, skip))
    return session.run()


@dataclass
class _Work:
    """One order, its child once it runs, and what came back."""

    order: Order
    child: Child | None = None
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    device: str = ""
    begun: tuple[str, str] = ("python", "")
    ended: bool = False


class _Session:
    def __init__(self, python: str, timeout: float, plan: Plan) -> None:
        self._python, self._timeout, self._plan = python, timeout, plan
        self._waiting: deque[_Work] = deque()
        self._running: list[_Work] = []
        self._done: list[_Work] = []
        self._scouted = False

    def run(self) -> tuple[Row, ...]:
        """The first child finds out what devices there are while it works; the others follow when it has said so."""
        first = next((order for device in self._plan.devices for order in self._plan.orders(device)), None)
        if first is None:
            return ()
        self._waiting.append(_Work(first))
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < AT_ONCE:
                    self._start(self._waiting.popleft())
                for work in list(self._running):
                    self._watch(work)
        finally:
            for work in self._running:
                if work.child is not None:
                    work.child.stop()
        return self._collect()

    def _start(self, work: _Work) -> None:
        def take(row: Mapping[str, Any]) -> None:
            self._take(work, row)

        self._running.append(work)
        work.child = Child(
            self._python,
            WORKER,
            [work.order.as_argument()],
            timeout=self._timeout,
            environment=ENVIRONMENT,
            on_row=take,
        )

    def _watch(self, work: _Work) -> None:
        assert work.child is not None
        outcome = work.child.step(0.02)
        if outcome is None:
            return
        self._running.remove(work)
        self._done.append(work)
        if not work.ended:
            work.rows.append(_death(work, outcome))
        failed = [row for row in work.rows if row["status"] == "fail"]
        if failed and work.order.attempt == 0:
            again = tuple(dict.fromkeys((row["check"].partition(".")[0], row["dtype"]) for row in failed))
            order = replace(work.order, device=work.device, checks=again)
            self._waiting.extend(_Work(replace(order, attempt=n + 1)) for n in range(RERUNS))

    def _take(self, work: _Work, row: Mapping[str, Any]) -> None:
        if "machine" in row:
            work.device = row["machine"]["device"]
            if not self._scouted:
                self._scouted = True
                self._follow(work.order, row["machine"])
        elif "begin" in row:
            work.begun = (row["begin"], row.get("dtype", ""))
        elif "row" in row:
            work.rows.append(row["row"])
        elif "end" in row:
            work.ended = True

    def _follow(self, first: Order, machine: Mapping[str, Any]) -> None:
        """Order everything but what the first child does itself, and nothing on its device where that is not there."""
        asked = (machine["visible"] if device == "auto" else (device,) for device in self._plan.devices)
        own = Order(first.group, machine["device"], first.checks, first.seed)
        for device in dict.fromkeys(chain.from_iterable(asked)):
            orders = () if machine["missing"] and device == own.device else self._plan.orders(device)
            self._waiting.extend(_Work(order) for order in orders if order != own)

    def _collect(self) -> tuple[Row, ...]:
        firsts = sorted((work for work in self._done if work.order.attempt == 0), key=self._place)
        rows = [_confirmed(_row(work, raw), raw, self._repeats(work, raw)) for work in firsts for raw in work.rows]
        # A device that is not there says so in every one of its groups; once is enough.
        return tuple(row for i, row in enumerate(rows) if row.family != "device" or row.status != "skip" or _first_of(rows, i))

    def _place(self, work: _Work) -> tuple[str, int]:
        groups = [order.group for order in self._plan.orders(work.device or work.order.device)]
        return work.device, groups.index(work.order.group) if work.order.group in groups else 0

    def _repeats(self, work: _Work, raw: Mapping[str, Any]) -> list[Mapping[str, Any] | None]:
        """What the reruns of a row said; None where one did not get that far."""
        again = [w for w in self._done if w.order.attempt and (w.device, w.order.group) == (work.device, work.order.group)]
        key = (raw["check"], raw.get("dtype", ""))
        return [next((r for r in w.rows if (r["check"], r.get("dtype", "")) == key), None) for w in again]


def _first_of(rows: Sequence[Row], i: int) -> bool:
    return all((row.check, row.device) != (rows[i].check, rows[i].device) for row in rows[:i])


def _death(work: _Work, outcome: Outcome) -> Mapping[str, Any]:
    """The row of a child that died: on what, and how much of its order was left."""
    check, dtype = work.begun
    checks = work.order.checks
    left = len(checks) - checks.index(work.begun) - 1 if work.begun in checks else len(checks)
    rest = f"; {left} more check{'s' * (left != 1)} of `{work.order.group}` did not run" if left else ""
    detail = (outcome.detail or "ended before it was done") + rest
    return {
        "check": check,
        "dtype": dtype,
        "status": _STATUS.get(outcome.ending, "crash"),
        "detail": detail,
        "seconds": outcome.seconds,
    }


def _row(work: _Work, raw: Mapping[str, Any]) -> Row:
    ratio, err, bound = (raw.get(key) if math.isfinite(raw.get(key) or 0.0) else None for key in ("ratio", "err", "bound"))
    where = (work.device, raw.get("dtype", ""), raw["status"], ratio, err, bound)
    return Row(raw["check"], *where, raw.get("detail", ""), round(raw.get("seconds", 0.0), 4), work.order.group)


def _confirmed(row: Row, raw: Mapping[str, Any], repeats: Sequence[Mapping[str, Any] | None]) -> Row:
    """A failed row with the word for what its reruns showed; any other row as it is.

    Wrong bits that come back are a property of the software or the device's design, `deterministic`; wrong bits that change
    are a race or a sick device, `intermittent`; an error that neither rerun shows is `gone`, and only a warning.
    """
    if row.status != "fail":
        return row
    ran = [again for again in repeats if again is not None]
    failed = [again for again in ran if again["status"] == "fail"]
    if not ran:
        return replace(row, detail=f"could not be run again: {row.detail}")
    if not failed:
        return replace(row, status="warn", detail=f"gone when run again {len(ran)} times: {row.detail}")
    same = len(failed) == len(ran) and all(again["digest"] == raw["digest"] for again in failed)
    return replace(row, detail=f"{'deterministic' if same else 'intermittent'}: {row.detail}")
