"""Times whole processes side by side: envcheck against `pip check`, a bare interpreter and torch's own report.

    python scripts/bench.py --into ENV/bin/python --entries 1000

ENV is a throwaway environment with the packages to look at. A copy of this checkout with generated entries up to the number
asked for is built into a wheel and installed there, so that what is timed is what users run. The commands are started
in turn, round by round, and ratios are taken within a round: a machine that slows down slows all of them down.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Sequence

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("torch", "transformers", "accelerate", "peft", "trl", "deepspeed", "numpy", "datasets", "flash-attn", "xformers", "bitsandbytes", "vllm")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--into", required=True, metavar="PYTHON", help="interpreter of a throwaway environment, into which envcheck is installed")
    parser.add_argument("--entries", type=int, default=1000, help="entries in the matrix, the missing ones generated")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--snapshots", type=int, default=2000, help="lines of the `.jsonl` file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        count = install(chosen.into, chosen.entries, Path(folder))
        print(f"{count} entries; {packages(chosen.into)} packages in the environment; {os.cpu_count()} cores; median of {chosen.rounds} rounds")
        commands(chosen.into, chosen.rounds)
        stream(chosen.into, chosen.snapshots, Path(folder))
    return 0


def install(python: str, wanted: int, folder: Path) -> int:
    """Build and install a wheel with `wanted` entries; the number that it really has."""
    copy = folder / "copy"
    copy.mkdir()
    for name in ("envcheck", "matrices", "scripts", "docs"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.idx"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, copy / name)
    there = len(list((copy / "matrices" / "entries").rglob("*.yaml")))
    generated = copy / "matrices" / "entries" / "generated"
    generated.mkdir()
    for number in range(max(0, wanted - there)):
        (generated / f"generated-{number}.yaml").write_text(entry(number), encoding="utf-8")
    pip(python, "--force-reinstall", "--no-deps", str(copy))
    pip(python, "click", "rich", "packaging", "pyyaml", "importlib-metadata", "nvidia-ml-py")
    return max(there, wanted)


def pip(python: str, *arguments: str) -> None:
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)


def entry(number: int) -> str:
    """An entry that stays silent, spread over the packages and shaped like real ones: one, two or three conditions."""
    package = PACKAGES[number % len(PACKAGES)]
    other = PACKAGES[(number * 7 + 3) % len(PACKAGES)]
    when = [f'{package}: ">=0.0.{number},<0.0.{number + 1}"']
    if number % 3 and other != package:
        when.append(f'{other}: "<999"')
    if number % 5 == 0:
        when.append('train.zero_stage: ["1", "2"]')
    beside = f', {other}: "1.0.0"' if other != package else ""
    lines = "\n".join(f"  {line}" for line in when)
    return f"""id: generated-{number}
kind: bad
severity: warning
title: A generated entry about {package}
culprit: [{package}]
when:
{lines}
cause: Made up for the benchmark, as long as a real sentence about a real defect would be, and then a little longer than that.
fix:
  - change: {{{package}: ">=0.1"}}
evidence:
  level: many
  reviewed: 2026-11-22
  links: ["https://example.org/{number}"]
examples:
  hit: [{{packages: {{{package}: "0.0.{number}"{beside}}}, train: {{zero_stage: 1}}}}]
  miss: [{{packages: {{{package}: "1.0.0"}}}}]
  unknown: [{{packages: {{other-package: "1.0.0"}}}}]
"""


def packages(python: str) -> int:
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True)
    return len(json.loads(listed.stdout))


@dataclass
class Timed:
    """What one command took, round by round."""

    command: Sequence[str]
    seconds: List[float] = field(default_factory=list)
    peak_mib: float = 0.0

    def once(self) -> None:
        started = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        self.seconds.append(time.perf_counter() - started)
        process.returncode = 0
        # Kilobytes on Linux, bytes on macOS.
        self.peak_mib = max(self.peak_mib, usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024 * 1024))


def commands(python: str, rounds: int) -> None:
    tool = str(Path(python).with_name("envcheck"))
    timed: Dict[str, Timed] = {
        "pip check": Timed((python, "-m", "pip", "check")),
        "envcheck, text": Timed((tool,)),
        "envcheck, JSON": Timed((tool, "--format", "json")),
        "python -c pass": Timed((python, "-c", "pass")),
    }
    if subprocess.run([python, "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is None)"], check=False).returncode == 0:
        timed["torch.utils.collect_env"] = Timed((python, "-m", "torch.utils.collect_env"))
    for number in range(rounds + 1):
        for name, one in timed.items():
            if name != "torch.utils.collect_env" or number < 4:
                one.once()
            if number == 0:
                one.seconds.clear()  # the first round warms the disk's cache
    base = timed["pip check"]
    print(f"{'command':26} {'median s':>9} {'min s':>8} {'x pip check':>12} {'peak MiB':>9}")
    for name, one in timed.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(one.seconds, base.seconds))
        print(f"{name:26} {statistics.median(one.seconds):9.3f} {min(one.seconds):8.3f} {ratio:12.2f} {one.peak_mib:9.0f}")


def stream(python: str, count: int, folder: Path) -> None:
    """Reports per second over a `.jsonl` file of realistic snapshots, start-up included."""
    path = folder / "snapshots.jsonl"
    saved = subprocess.run([str(Path(python).with_name("envcheck")), "probe", "--format", "json"], capture_output=True, text=True, check=True)
    base = json.loads(saved.stdout)
    base.pop("origins", None)
    with open(path, "w", encoding="utf-8") as stream_:
        for number in range(count):
            versions = {
                "torch": f"2.{number % 9}.{number % 3}",
                "transformers": f"4.{30 + number % 27}.{number % 3}",
                "deepspeed": f"0.{12 + number % 7}.{number % 6}",
            }
            base["packages"].update(versions)
            base["gpus"] = [{"name": "NVIDIA A800-SXM4-80GB", "capability": "8.0", "count": 8}]
            base["train"] = {"zero_stage": number % 4, "precision": "bf16"}
            stream_.write(json.dumps(base) + "\n")
    one = Timed((str(Path(python).with_name("envcheck")), "check", "--snapshot", str(path), "--format", "json"))
    for _ in range(3):
        one.once()
    print(
        f".jsonl: {count} snapshots of {len(base['packages'])} packages in {statistics.median(one.seconds):.2f} s,"
        f" {count / statistics.median(one.seconds):.0f} a second, peak {one.peak_mib:.0f} MiB"
    )


if __name__ == "__main__":
    sys.exit(main())
