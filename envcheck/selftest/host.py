"""Runs the plan: a few children at once, each failure again in fresh ones, and every way to end is a row."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from envcheck.child import Child, Outcome
from envcheck.selftest.inside.registry import lacking
from envcheck.selftest.plan import Order, Plan, plan
from envcheck.selftest.private import Private
from envcheck.selftest.rows import Row

WORKER = Path(__file__).parent / "worker.py"

MOST_AT_ONCE = 4
"""Children at the same time, on a machine that has twice as many cores; two on any other, where more would only take turns."""

RERUNS = 2

PARTS = 3
"""How often another child carries on behind a check that ended its process: a device on which everything crashes must end."""

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
    # Without it cuBLAS may choose other kernels from run to run, and a rerun would say nothing.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
STRICT = {
    # IEEE fp32 whatever the user's shell says; the `settings` row tells what it said.
    "NVIDIA_TF32_OVERRIDE": "0",
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
}
"""For every group but `yours`."""

_STATUS = {"timeout": "timeout", "memory": "memory"}

Progress = Callable[[int, int, str], None]
"""Called with the checks done, those known so far, and the one that begins."""


def run(
    python: str,
    devices: Sequence[str] = ("auto",),
    precisions: Sequence[str] = ("fp32", "bf16", "fp16", "fp8"),
    level: str = "standard",
    seed: int = 0,
    *,
    timeout: float = 120.0,
    train: Mapping[str, object] | None = None,
    only: Sequence[str] = (),
    skip: Sequence[str] = (),
    progress: Progress | None = None,
) -> tuple[Row, ...]:
    """Check the devices that `python`'s torch sees; one row for each comparison, in a stable order.

    `auto` stands for every visible accelerator, or the CPU where there is none. `level` is one of `LEVELS`; `timeout` bounds
    each child. `train` holds training settings by their HF name: with a `precision`, the training probe runs in that one
    only. `only` and `skip` name members of `CHECKS`. Raises `InputError` for unknown names; whatever torch does is a row.
    """
    with Private() as private:
        return _Session(python, timeout, plan(devices, precisions, level, seed, train, only, skip), private, progress).run()


@dataclass
class _Work:
    """One order, its child once it runs, and what came back."""

    order: Order
    child: Child | None = None
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    device: str = ""
    begun: tuple[str, str] = ("python", "")
    ended: bool = False
    spoilt: bool = False
    """Whether it ended itself early, because nothing after its last row would be of use."""

    def left(self) -> tuple[tuple[str, str], ...]:
        """The checks behind the one that began last; all where none did."""
        checks = self.order.checks
        return checks[checks.index(self.begun) + 1 :] if self.begun in checks else checks


class _Session:
    def __init__(self, python: str, timeout: float, plan: Plan, private: Private, progress: Progress | None) -> None:
        self._python, self._timeout, self._plan, self._private, self._progress = python, timeout, plan, private, progress
        self._waiting: deque[_Work] = deque()
        self._running: list[_Work] = []
        self._done: list[_Work] = []
        self._absent: list[Row] = []
        self._scouted = False
        self._begun = self._known = 0

    def run(self) -> tuple[Row, ...]:
        """The first child finds out what devices there are while it works; the others follow when it has said so."""
        first = next((order for device in self._plan.devices for order in self._plan.orders(device)), None)
        if first is None:
            return ()
        self._add(first)
        at_once = max(2, min(MOST_AT_ONCE, (os.cpu_count() or 1) // 2))
        try:
            while self._waiting or self._running:
                while self._waiting and len(self._running) < at_once:
                    self._start(self._waiting.popleft())
                for work in list(self._running):
                    self._watch(work)
        finally:
            for work in self._running:
                if work.child is not None:
                    work.child.stop()
        return self._collect()

    def _add(self, order: Order) -> None:
        self._known += len(order.checks)
        self._waiting.append(_Work(order))

    def _start(self, work: _Work) -> None:
        def take(row: Mapping[str, Any]) -> None:
            self._take(work, row)

        self._running.append(work)
        own = {} if work.order.group == "yours" else STRICT
        work.child = Child(
            self._python,
            WORKER,
            [work.order.as_argument(self._plan.train)],
            timeout=self._timeout,
            environment={**ENVIRONMENT, **own, **self._private.environment},
            on_row=take,
        )

    def _watch(self, work: _Work) -> None:
        assert work.child is not None
        outcome = work.child.step(0.02)
        if outcome is None:
            return
        self._running.remove(work)
        self._done.append(work)
        order = replace(work.order, device=work.device or work.order.device)
        if not work.ended:
            # Where none of its checks began, what follows says it: there is no torch, or no interpreter.
            left = 0 if self._carry_on(work, order, 2 if outcome.ending == "timeout" else 1) or work.begun not in order.checks else len(work.left())
            if not work.spoilt:
                work.rows.append(_death(work, outcome, left))
            elif left:
                work.rows[-1] = {**work.rows[-1], "detail": work.rows[-1]["detail"] + _undone(work.order, left)}
        failed = [row for row in work.rows if row["status"] == "fail"]
        if failed and not order.attempt:
            checks = tuple(dict.fromkeys((row["check"].partition(".")[0], row["dtype"]) for row in failed))
            for attempt in range(1, RERUNS + 1):
                self._add(replace(order, checks=checks, attempt=attempt))

    def _carry_on(self, work: _Work, order: Order, counts: int) -> bool:
        """Have what lies behind the check that ended its process done by another one, a few times; a hang counts twice."""
        left = work.left()
        if order.part + counts > PARTS or work.begun not in order.checks or not left:
            return False
        self._add(replace(order, checks=left, part=order.part + counts))
        return True

    def _take(self, work: _Work, row: Mapping[str, Any]) -> None:
        if "machine" in row:
            work.device = row["machine"]["device"]
            if not self._scouted:
                self._scouted = True
                self._follow(work.order, row["machine"])
        elif "begin" in row:
            work.begun = (row["begin"], row.get("dtype", ""))
            self._begun += work.begun in work.order.checks
            if self._progress is not None:
                self._progress(self._begun, self._known, " ".join(filter(None, (*work.begun, work.device))))
        elif "row" in row:
            work.rows.append(row["row"])
        elif "spoilt" in row:
            work.spoilt = True
        elif "end" in row:
            work.ended = not work.spoilt

    def _follow(self, first: Order, machine: Mapping[str, Any]) -> None:
        """Order everything but what the first child does itself, and nothing on its device where that is not there."""
        asked = (machine["visible"] if device == "auto" else (device,) for device in self._plan.devices)
        own = replace(first, device=machine["device"])
        for device in dict.fromkeys(chain.from_iterable(asked)):
            orders = () if machine["missing"] and device == own.device else self._plan.orders(device)
            for order in orders:
                # The first child may have been ordered for `auto` before it was known what that is.
                if (order.group, order.device) != (own.group, own.device):
                    self._order(order, machine["installed"])

    def _order(self, order: Order, installed: Sequence[str]) -> None:
        """Order what can run; of what cannot, say why instead of starting a child for it."""
        reasons = {name: lacking(name, order.device.partition(":")[0], installed) for name, _ in order.checks}
        if not reasons.get("deepspeed", "there is none"):
            reasons["deepspeed"] = self._private.refusal
        self._absent += [Row(name, order.device, "", "skip", detail=why, group=order.group) for name, why in reasons.items() if why]
        checks = tuple(check for check in order.checks if not reasons[check[0]])
        if checks:
            self._add(replace(order, checks=checks))

    def _collect(self) -> tuple[Row, ...]:
        firsts = [work for work in self._done if not work.order.attempt]
        rows = [_confirmed(_row(work, raw), raw, self._repeats(work, raw)) for work in sorted(firsts, key=self._place) for raw in work.rows]
        # A device that is not there says so in every one of its groups; once is enough.
        kept = [row for i, row in enumerate(rows) if row.family != "device" or row.status != "skip" or _first_of(rows, i)]
        return (*kept, *self._absent)

    def _place(self, work: _Work) -> tuple[str, int, int]:
        groups = [order.group for order in self._plan.orders(work.device or work.order.device)]
        return work.device, groups.index(work.order.group) if work.order.group in groups else 0, work.order.part

    def _repeats(self, work: _Work, raw: Mapping[str, Any]) -> list[Mapping[str, Any] | None]:
        """What the reruns of a row said; None where one did not get that far."""
        again = [w for w in self._done if w.order.attempt and (w.device, w.order.group, w.order.part) == (work.device, work.order.group, work.order.part)]
        key = (raw["check"], raw.get("dtype", ""))
        return [next((r for r in w.rows if (r["check"], r.get("dtype", "")) == key), None) for w in again]


def _first_of(rows: Sequence[Row], i: int) -> bool:
    return all((row.check, row.device) != (rows[i].check, rows[i].device) for row in rows[:i])


def _death(work: _Work, outcome: Outcome, left: int) -> Mapping[str, Any]:
    """The row of a child that died: on what, and how much of its order was left undone."""
    check, dtype = work.begun
    detail = (outcome.detail or "ended before it was done") + (_undone(work.order, left) if left else "")
    return {
        "check": check,
        "dtype": dtype,
        "status": _STATUS.get(outcome.ending, "crash"),
        "detail": detail,
        "seconds": outcome.seconds,
    }


def _undone(order: Order, left: int) -> str:
    return f"; {left} more check{'s' * (left != 1)} of `{order.group}` did not run"


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
