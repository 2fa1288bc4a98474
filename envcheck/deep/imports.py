"""Really imports what training imports, in children of the inspected interpreter, and says what went wrong."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from envcheck.child import Child, Outcome
from envcheck.conditions import evaluate
from envcheck.deep.modules import MODULES
from envcheck.matrix.store import Matrix
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.probe import executable

ID = "import-fails"
SCRIPT = Path(__file__).with_name("inside.py")
LANES = 2
"""Children at the same time: most of the work is importing torch, and small machines have two cores."""
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "PYTHONWARNINGS": "ignore",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class Failure(NamedTuple):
    """A module that could not be imported."""

    package: str
    module: str
    ending: str
    """`error`, or how the child ended: `exit`, `signal`, `timeout`, `memory`."""
    message: str
    """`ImportError: cannot import name …`, `SIGSEGV in …`."""
    place: str = ""
    """The innermost file and line, where there is one."""


def findings(python: Optional[str], snapshot: Snapshot, matrix: Matrix, limit: float) -> Tuple[Finding, ...]:
    """One finding for each cause: modules that fail with one message are one. Each may take `limit` seconds."""
    failures = run(executable(python) if python else sys.executable, wanted(snapshot), limit)
    by_message: Dict[str, List[Failure]] = {}
    for failure in failures:
        by_message.setdefault(failure.message, []).append(failure)
    pages = _Pages(snapshot, matrix)
    return tuple(_finding(ones, snapshot, pages) for ones in by_message.values())


def wanted(snapshot: Snapshot) -> List[Tuple[str, str]]:
    """(package, module) of what is installed; nothing without torch, which all of it needs."""
    if snapshot.package("torch").value in (None, "absent"):
        return []
    there = [name for name in MODULES if snapshot.package(name).value not in (None, "absent")]
    return [(name, module) for name in there for module in MODULES[name].modules]


def run(python: str, asked: Sequence[Tuple[str, str]], limit: float) -> List[Failure]:
    """The failures, in the order of `asked`; a child that dies costs its module, and the next one goes on behind it."""
    owner = {module: package for package, module in asked}
    lanes = [_Lane(python, [module for _, module in asked[number::LANES]], limit) for number in range(LANES)]
    try:
        while sum(lane.step() for lane in lanes):
            pass
    finally:
        for lane in lanes:
            lane.stop()
    failed = {failure.module: failure for lane in lanes for failure in lane.failures(owner)}
    return [failed[module] for module in owner if module in failed]


class _Lane:
    """Modules that are imported one after the other, by as few children as their deaths allow."""

    def __init__(self, python: str, modules: Sequence[str], limit: float) -> None:
        self._python, self._left, self._limit = python, list(modules), limit
        self._child: Optional[Child] = None
        self._now = ""
        self._began = 0.0
        self._said: List[Tuple[str, str, Mapping[str, Any]]] = []

    def step(self) -> bool:
        """Wait a little; whether there is still something to do."""
        if self._child is None:
            if not self._left:
                return False
            self._start()
        assert self._child is not None
        outcome = self._child.step(0.05)
        if outcome is None and self._now and time.monotonic() - self._began > self._limit:
            self._child.timeout = 0.0
            outcome = self._child.step(0.0)
        if outcome is not None:
            self._ended(outcome)
        return self._child is not None or bool(self._left)

    def _start(self) -> None:
        self._now, self._began = "", time.monotonic()
        bound = self._limit * (len(self._left) + 1)
        self._child = Child(self._python, SCRIPT, self._left, timeout=bound, environment=ENVIRONMENT, on_row=self._row)

    def _row(self, row: Mapping[str, Any]) -> None:
        if "begin" in row:
            self._now, self._began = row["begin"], time.monotonic()
            self._left.remove(self._now)
        else:
            if "error" in row:
                self._said.append((self._now, "error", row))
            self._now = ""

    def _ended(self, outcome: Outcome) -> None:
        if self._now:
            detail = f"no answer within {self._limit:g} s" if outcome.ending == "timeout" else outcome.detail
            # A child that ends by itself, in peace and too early: os._exit(0) in a module.
            self._said.append((self._now, "exit" if outcome.ending == "ok" else outcome.ending, {"message": detail or "ended the process with status 0"}))
        elif outcome.ending not in ("ok", "exit") or not outcome.rows:
            self._left.clear()  # nothing was begun: no interpreter answered
        self._child = None

    def failures(self, owner: Mapping[str, str]) -> Iterator[Failure]:
        for module, ending, row in self._said:
            # A module that this release does not have is not broken.
            if row.get("error") == "ModuleNotFoundError" and (module + ".").startswith(str(row["missing"]) + "."):
                continue
            text = f"{row['error']}: {row['message']}" if ending == "error" else str(row["message"])
            yield Failure(owner[module], module, ending, " ".join(text.split()), str(row.get("place", "")))

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()


class _Pages:
    """Entries by what they leave in a log."""

    def __init__(self, snapshot: Snapshot, matrix: Matrix) -> None:
        self._snapshot, self._matrix = snapshot, matrix

    def match(self, message: str) -> Tuple[str, Page]:
        """The entry or rule that knows this message and that nothing known refutes; an empty id where none does."""
        from envcheck.rules import RULES

        for id, (located, index) in self._matrix.all().items():
            page = index.page(located.page)
            if page.withdrawn or located.entry.kind == "good" or not any(re.search(pattern, message) for pattern in page.signature):
                continue
            if evaluate(located.entry.when, self._snapshot).truth is not Truth.NO:
                return id, page
        return next(((rule.id, rule.page) for rule in RULES.values() if any(re.search(one, message) for one in rule.page.signature)), ("", Page()))


_SHOWN = {"exit": "ends the process", "signal": "crashes", "timeout": "hangs", "memory": "runs out of memory", "not-started": "cannot be tried"}


def _finding(ones: Sequence[Failure], snapshot: Snapshot, pages: _Pages) -> Finding:
    first = ones[0]
    severity = "error" if any(MODULES[one.package].severity == "error" for one in ones) and first.ending != "timeout" else "warning"
    names = " and ".join(f"`import {one.module}`" for one in ones[:3])
    how = _SHOWN.get(first.ending, "fails") if len(ones) == 1 else "fail"
    shown = first.message if len(first.message) <= 200 else first.message[:197] + "..."
    id, known = pages.match(first.message)
    cause = (
        f"{known.cause} (`envcheck explain {id}`)"
        if id
        else f"This is what the interpreter said{f', in {first.place}' if first.place else ''}; nothing known matches it."
    )
    fix = known.fix or (f"run `python -c 'import {first.module}'` for the whole traceback",)
    page = Page(symptom=known.symptom or ("import-error",), cause=cause, fix=fix, links=known.links, level=known.level, disputed=known.disputed)
    packages = tuple(dict.fromkeys(one.package for one in ones))
    used = tuple(UsedFact(name, snapshot.package(name).value or "", snapshot.package(name).origin) for name in packages)
    return Finding(ID, "bad", severity, "certain", f"{names} {how}: {shown}", packages, used, page)
