"""Prints the table of `docs/selftest.md`: which checks see which planted fault, and whether a healthy device raises an alarm.

Usage: `prove.py PYTHON [--seeds N] [--healthy N] [--own] [--keep FILE]`, where PYTHON has torch. `--own` plants each fault before its own
check only, which is fast; else before all checks, so that faults which one check alone must see are shown to be its own. With `--keep`
what has been run is written to FILE seed by seed, and a run that was ended goes on from there; a seed counts only for the same code,
interpreter and order.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from envcheck import child
from envcheck.selftest import CHECKS, host
from envcheck.selftest.private import Private

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--healthy", type=int, default=0)
    parser.add_argument("--own", action="store_true")
    parser.add_argument("--names", nargs="*")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    named = {"names": given.names} if given.names else {}
    rows = by_seed(given.python, {"task": "own" if given.own else "all", **named}, given.seeds, given.keep)
    lines, good = table(rows, own=given.own)
    if given.healthy:
        healthy = by_seed(given.python, {"task": "healthy", "backends": ["MATH", "FLASH_ATTENTION"]}, given.healthy, given.keep)
        more, calm = alarms(healthy)
        lines, good = [*lines, "", *more], good and calm
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0 if good else 1


def by_seed(python: str, order: Mapping[str, Any], seeds: int, keep: Path | None) -> list[Mapping[str, Any]]:
    """The rows of each seed in turn, those that FILE holds for this very run not run again."""
    if keep is None:
        return list(carried_out(python, {**order, "seeds": list(range(seeds))}))
    run = {"order": dict(order), "code": code(), "python": python}
    had = [json.loads(line) for line in keep.read_text().splitlines()] if keep.exists() else []
    found = {one["seed"]: one["rows"] for one in had if one["run"] == run}
    for seed in range(seeds):
        if seed not in found:
            found[seed] = list(carried_out(python, {**order, "seeds": [seed]}))
            with keep.open("a") as file:
                file.write(json.dumps({"run": run, "seed": seed, "rows": found[seed]}) + "\n")
    return [row for seed in range(seeds) for row in found[seed]]


def code() -> str:
    """A fingerprint of the self-test and of the faults."""
    files = sorted([*HERE.glob("*.py"), *host.WORKER.parent.rglob("*.py")])
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def carried_out(python: str, order: Mapping[str, Any], timeout: float = 36_000) -> tuple[Mapping[str, Any], ...]:
    """What the child reports; an error where it did not come to its end."""
    with Private() as private:
        environment = {**host.ENVIRONMENT, **host.STRICT, **private.environment}
        arguments = [str(host.WORKER), json.dumps(order)]
        outcome = child.run(python, HERE / "in_child.py", arguments, timeout=timeout, environment=environment, max_output=256 << 20)
    if outcome.ending != "ok":
        raise SystemExit(f"{outcome.ending}: {outcome.detail}\n{outcome.stderr}")
    return outcome.rows


def family(name: str) -> str:
    """The check of a comparison."""
    return name.partition(".")[0].partition(":")[0]


def table(rows: Iterable[Mapping[str, Any]], *, own: bool = False) -> tuple[list[str], bool]:
    """One line for each fault, and whether every one was seen on every seed, and by its own check alone where that is claimed.

    Checks that need a package do not count as others: accelerate and DeepSpeed run the training probe again. With `own` no
    other check ran, and nothing is said of them.
    """
    by_fault: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        by_fault.setdefault(row["fault"], []).append(row)
    lines, good = ["| fault | seen by its check | seen on every seed by |", "|---|---|---|"], True
    for fault, group in by_fault.items():
        check, alone = group[0]["check"], group[0]["alone"]
        seen = sum(any(family(name) == check for name in row["fired"]) for row in group)
        others = sorted(name for name in {family(name) for row in group for name in row["fired"]} - {check} if not CHECKS[name].needs)
        always = sorted(set.intersection(*({family(name) for name in row["fired"]} for row in group)))
        right = seen == len(group) and not (alone and others)
        good = good and right
        only = " alone" if alone and not own else ""
        lines.append(f"| `{fault}` | {'' if right else 'NO '}{seen}/{len(group)} `{check}`{only} | {', '.join(f'`{name}`' for name in always)} |")
        if alone and others:
            lines.append(f"| | also seen by {', '.join(others)} | |")
    lines += ["", f"{len(by_fault)} faults{'' if good else ', NOT all as they should be'}"]
    return lines, good


def alarms(rows: Iterable[Mapping[str, Any]]) -> tuple[list[str], bool]:
    """Largest ratio of every part by precision, and how many comparisons were above their bound."""
    worst: dict[str, dict[str, float]] = {}
    count = above = seeds = 0
    for row in rows:
        seeds += 1
        for name, ratio in row["ratios"].items():
            part, _, dtype = name.rpartition(".")
            part, dtype = (part, dtype) if dtype in ("fp32", "bf16", "fp16", "fp8") else (name, "-")
            count, above = count + 1, above + (ratio > 1)
            into = worst.setdefault(part, {})
            into[dtype] = max(into.get(dtype, 0.0), ratio)
    lines = [f"{seeds} seeds, {count} comparisons, {above} above their bound", "", "| part | fp32 | bf16 | fp16 | fp8 | none |", "|---|---|---|---|---|---|"]
    exact = [part for part, ratios in worst.items() if not any(ratios.values())]
    for part, ratios in worst.items():
        if part not in exact:
            shown = [f"{ratios[dtype]:.2g}" if dtype in ratios else "" for dtype in ("fp32", "bf16", "fp16", "fp8", "-")]
            lines.append(f"| `{part}` | {' | '.join(shown)} |")
    return [*lines, "", "Always 0: " + ", ".join(f"`{part}`" for part in exact) + "."], above == 0


if __name__ == "__main__":
    sys.exit(main())
