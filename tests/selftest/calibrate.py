"""Measures the checks on a healthy CPU or against the planted faults; run by hand, as `docs/selftest.md` shows.

Usage: `calibrate.py PYTHON healthy|own|all SEEDS`, where PYTHON has torch and SEEDS is how many seeds to take.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from envcheck import child
from envcheck.selftest import host


def main(arguments: Sequence[str]) -> int:
    python, task, seeds = arguments
    script = Path(__file__).with_name("faults.py")
    outcome = child.run(python, script, [str(host.WORKER), str(list(range(int(seeds)))), task], timeout=36_000, environment=host.ENVIRONMENT)
    lines = _healthy(outcome.rows) if task == "healthy" else _faults(outcome.rows)
    sys.stdout.write("".join(f"{line}\n" for line in (*lines, f"{outcome.ending} {outcome.detail} after {outcome.seconds:.0f} s")))
    return 0 if outcome.ending == "ok" else 3


def _healthy(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    worst: dict[str, float] = {}
    count = above = 0
    for row in rows:
        for name, ratio in row["ratios"].items():
            count, above = count + 1, above + (ratio > 1)
            worst[name] = max(worst.get(name, 0.0), ratio)
    yield from (f"{name} {ratio:.3g}" for name, ratio in worst.items())
    yield f"{count} comparisons, {above} above their bound"


def _faults(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    by_fault: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_fault.setdefault(row["fault"], []).append(row)
    for fault, group in by_fault.items():
        seen = sum(any(name.startswith(row["family"] + ".") for name in row["fired"]) for row in group)
        always = sorted(set.intersection(*(set(row["fired"]) for row in group)))
        yield f"{fault} {seen}/{len(group)} by {group[0]['family']}; {len(always)} comparisons every time, {', '.join(always[:3])}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
