"""Installs pairs of releases and imports them, or lets them do a very small run: does what `missing-name` and `call-not-taken` say come true?

    python scripts/prove_names.py --base ENV/bin/python [--find-links FOLDER] [--markdown]

ENV is a throwaway environment with torch and all that the packages in question need beside each other, for example from
`pip install torch transformers accelerate peft trl datasets`. Each line of PAIRS is installed without dependencies into a folder
of its own that comes before ENV on the import path, and the modules of its first package are imported there; a line with `@sft` does
that run of `tiny_runs.py` instead.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import fetch_releases  # noqa: E402

from envcheck import api  # noqa: E402
from envcheck.model import Fact, Snapshot  # noqa: E402
from envcheck.names.roots import FRAMEWORKS, LIBRARIES, PACKAGES  # noqa: E402

PAIRS = Path(__file__).with_name("proven_pairs.txt")
"""One pair a line: the importer first, the release that lacks or has what it needs second, then what both need beside them."""


class Outcome(NamedTuple):
    """What was said of one set of releases, and what came true."""

    releases: Tuple[str, ...]
    said: str
    """Title of the finding, or nothing."""
    module: str
    came: str
    """The last line of the traceback, or nothing where the import succeeded."""

    reasons: Tuple[str, ...] = ()
    """What Python may say of a call."""

    @property
    def is_right(self) -> bool:
        """Whether both agree: the very name is missing, the very call is refused, or nothing is."""
        if not self.said or not self.came:
            return not self.said and not self.came
        if self.reasons:
            return any(reason in self.came for reason in self.reasons)
        module, _, name = self.said.split("`")[1].rpartition(".")
        return self._is_named(module, name)

    def _is_named(self, module: str, name: str) -> bool:
        parent, _, last = module.rpartition(".")
        if f"module '{module}' has no attribute '{name}'" in self.came or f"module '{parent}' has no attribute '{last}'" in self.came:
            return True
        return f"cannot import name '{name}' from '{module}" in self.came or f"No module named '{module}'" in self.came or f"'{module}.{name}'" in self.came


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--base", required=True, metavar="PYTHON", help="interpreter of an environment with torch and the other dependencies")
    parser.add_argument("--find-links", metavar="FOLDER", help="take releases from here only, as fetch_releases.py left them")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--runs", action="store_true", help="only the lines with a very small run")
    parser.add_argument("--markdown", action="store_true", help="print rows of a table")
    chosen = parser.parse_args()
    checker = api.Checker(rules_only=True)
    pairs = [tuple(line.split()) for line in PAIRS.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")]
    pairs = [pair for pair in pairs if pair[0].startswith("@") or not chosen.runs]
    wrong = 0
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for outcome in pool.map(lambda pair: prove(pair, chosen.base, chosen.find_links, checker), pairs):
            wrong += not outcome.is_right
            plain = f"{'right' if outcome.is_right else 'WRONG'}  {' '.join(outcome.releases)}: {outcome.came or 'imports'}"
            print(row(outcome) if chosen.markdown else plain, flush=True)
            if not outcome.is_right:
                print(f"       said: {outcome.said or 'nothing'}", flush=True)
    total = len(pairs)
    print(f"{total - wrong} of {total} predictions came true")
    return int(wrong > 0)


def prove(releases: Tuple[str, ...], base: str, find_links: Optional[str], checker: api.Checker) -> Outcome:
    """Install these releases without dependencies, and import the roots of the first one until one fails."""
    run = next((one[1:] for one in releases if one.startswith("@")), "")
    versions: Dict[str, str] = dict(one.split("==") for one in releases if not one.startswith("@"))
    packages = {name: Fact(version, "installed") for name, version in {**versions, "torch": "2.13.0"}.items()}
    importer = next(iter(versions))
    train = {"trainer": Fact(run, "the run")} if run in ("sft", "dpo", "kto", "grpo", "reward") else {}
    report = checker.report(Snapshot(packages=packages, train=train))
    finding = next((one for one in report.findings if one.id == ("call-not-taken" if run else "missing-name") and one.culprit[0] == importer), None)
    said = finding.title if finding else ""
    reasons = tuple(re.findall("`(?:Type|Import)Error: ([^`]+)`", finding.page.cause)) if finding and run else ()
    with tempfile.TemporaryDirectory() as folder:
        source = ["--no-index", "--find-links", find_links] if find_links else []
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-compile",
            "--ignore-requires-python",
            # A source release asks for torch while it is built: it is built with what runs this script.
            *(["--no-build-isolation"] if fetch_releases.PACKAGES.get(importer, fetch_releases.Wanted("0")).source else []),
            "--target",
            folder,
            *source,
            *(one for one in releases if not one.startswith("@")),
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, "DS_BUILD_OPS": "0"})
        if done.returncode:
            return Outcome(releases, said, importer, f"InstallError: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
        if run:
            return Outcome(releases, said, run, ran(base, run, folder), reasons)
        for root in {**PACKAGES, **FRAMEWORKS, **LIBRARIES}[importer].roots:
            came = imported(base, root.module, folder)
            if came:
                return Outcome(releases, said, root.module, came)
    return Outcome(releases, said, importer, "")


def ran(base: str, run: str, folder: str) -> str:
    """The last line of the traceback of a very small run; empty where it comes to its end."""
    environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore"}
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run([base, str(Path(__file__).with_name("tiny_runs.py")), run, out], capture_output=True, text=True, env=environment, check=False)
    lines: List[str] = [line for line in done.stderr.splitlines() if line.strip()]
    return "" if done.returncode == 0 else next((line for line in reversed(lines) if "Error" in line), f"exit status {done.returncode}")


def imported(base: str, module: str, folder: str) -> str:
    """The last line that importing a module leaves on stderr where it fails, as `ImportError: cannot import name …`."""
    environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1", "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    # A trainer that this release does not have is not to be imported.
    code = f"import importlib.util, sys\nif importlib.util.find_spec({module!r}): __import__({module!r})"
    done = subprocess.run([base, "-c", code], capture_output=True, text=True, env=environment, check=False)
    lines: List[str] = [line for line in done.stderr.splitlines() if line.strip()]
    return "" if done.returncode == 0 else next((line for line in reversed(lines) if "Error" in line), f"exit status {done.returncode}")


def row(outcome: Outcome) -> str:
    """One row of the table in docs/missing-names.md."""
    came = f"`{outcome.came.partition(' (')[0]}`" if outcome.came else "imports"
    says = ("refused" if outcome.reasons else "missing") if outcome.said else "nothing"
    return f"| {', '.join(outcome.releases)} | {says} | {came} | {'yes' if outcome.is_right else '**no**'} |"


if __name__ == "__main__":
    sys.exit(main())
