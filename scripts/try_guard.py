"""Runs the guard under every framework that an interpreter has, healthy and sick, in one process and in two, and prints a table.

    python scripts/try_guard.py PYTHON [--only fsdp2 ...]

PYTHON has torch and some of accelerate, lightning and deepspeed; envcheck is taken from this checkout. Each row is one run of `tests/guard/frameworks.py`
(or `fitted.py` for Lightning). Exit status 1 where one did not go as it must: healthy runs reach their end, a NaN on one rank stops all of
them at that step with finite weights, a rate of 1e6 leaves the weights of the start, and without the guard the NaN does its harm.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

ROOT = Path(__file__).resolve().parent.parent
LOOPS = ROOT / "tests" / "guard"
RUNS: Tuple[Tuple[str, int], ...] = (
    ("plain", 2),
    ("lightning", 1),
    ("lightning", 2),
    ("lightning:accumulate", 1),
    ("accelerate launch", 1),
    ("accelerate", 2),
    ("accelerate:accumulate", 2),
    ("fsdp1", 2),
    ("fsdp1:orig", 2),
    ("fsdp2", 2),
    ("deepspeed:0-bf16", 2),
    ("deepspeed:1-bf16", 2),
    ("deepspeed:2-bf16", 2),
    ("deepspeed:3-bf16", 2),
    ("deepspeed:2", 2),
)
"""What the table has, and in how many processes; behind the colon a variant: accumulation, `use_orig_params`, the ZeRO stage and precision."""
MODULES = {"plain": "torch", "accelerate": "accelerate", "fsdp1": "torch", "fsdp2": "torch", "lightning": "lightning", "deepspeed": "deepspeed"}
KINDS = ("healthy", "nan", "rate", "bare")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python")
    parser.add_argument("--only", nargs="*", default=[], help="frameworks, by the words of the table")
    given = parser.parse_args()
    versions = _versions(given.python)
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print("\n| loop | processes | healthy | NaN on one rank at step 5 | rate of 1e6 | the NaN without the guard |\n|---|---|---|---|---|---|")
    good = True
    for loop, processes in RUNS:
        name = loop.partition(":")[0].split()[0]
        if (given.only and name not in given.only and loop not in given.only) or MODULES[name] not in versions:
            continue
        cells = []
        for kind in KINDS:
            right, said = run(given.python, loop, processes, kind)
            good = good and right
            cells.append(said if right else f"**{said}**")
        print(f"| {loop} | {processes} | {' | '.join(cells)} |", flush=True)
    return 0 if good else 1


def run(python: str, loop: str, processes: int, kind: str) -> Tuple[bool, str]:
    """Whether one run went as it must, and what to say of it."""
    framework, _, variant = loop.partition(":")
    script = ["fitted.py", "{}", variant] if framework == "lightning" else ["frameworks.py", "{}", loop.split()[0]]
    with tempfile.TemporaryDirectory() as folder:
        command = [str(LOOPS / script[0]), folder, script[2], kind]
        if loop == "accelerate launch":
            command = [
                "-m",
                "accelerate.commands.launch",
                "--cpu",
                "--num_processes",
                str(processes),
                "--num_machines",
                "1",
                "--mixed_precision",
                "no",
            ] + command
        elif processes > 1:
            command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), *command]
        own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run([python, *command], capture_output=True, text=True, env={**os.environ, **own}, cwd=folder, timeout=900, check=False)
        ranks = [json.loads(path.read_text()) for path in sorted(Path(folder).glob("rank-*.json"))]
        shown = _explained(Path(folder)) if kind in ("nan", "rate") else 0
    if len(ranks) != processes:
        return False, f"status {done.returncode}: {(done.stderr.strip().splitlines() or ['nothing said'])[-1][:120]}"
    return judged(kind, ranks, shown)


def judged(kind: str, ranks: List[Dict[str, Any]], shown: int) -> Tuple[bool, str]:
    """Whether what the ranks tell is as it must be, and that in words; `shown` is the number of scenes that `envcheck explain` read."""
    first = ranks[0]
    alike = all((one["stopped"], one["sign"]) == (first["stopped"], first["sign"]) for one in ranks)
    whole, moved = all(one["finite"] for one in ranks), any(one["moved"] for one in ranks)
    if kind == "healthy":
        return whole and moved and not any(one["stopped"] for one in ranks) and first["steps"] == 8, f"{first['steps']} steps, silent"
    if kind == "bare":
        return True, "weights lost" if not whole else "weights kept by the framework"
    where = f"stopped at step {first['stopped']}" + ("" if alike else ", not all ranks")
    right = alike and whole and shown == len(ranks) and (first["stopped"] == 5 if kind == "nan" else first["stopped"] > 0 and not moved)
    kept = ("weights finite" if kind == "nan" else "weights of the start") if whole and (kind == "nan" or not moved) else "weights LOST"
    return right, f"{where}, {kept}"


def _explained(folder: Path) -> int:
    """How many scenes `envcheck explain` shows of a folder."""
    done = subprocess.run([sys.executable, "-m", "envcheck", "explain", str(folder)], capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout.count("step ") and len(list(folder.glob("step-*"))) if done.returncode == 0 else 0


def _versions(python: str) -> Dict[str, str]:
    code = "import importlib.metadata as m, json; print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))"
    found = json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout)
    return {name: found[name] for name in ("torch", "accelerate", "lightning", "deepspeed") if name in found}


if __name__ == "__main__":
    sys.exit(main())
