"""Builds the environment of an entry's `reproducer:`, runs its script on the bad and on the good side, and says whether the entry holds.

python scripts/reproduce.py [ID...] [--all] [--record] [--python 3.11=PATH] [--folder FOLDER] [--jobs 2]
python scripts/reproduce.py --table            # writes docs/reproductions.md from the entries

pip installs what a side requires, from where its configuration says; the good side is the bad one after the requirements that differ were
exchanged, so that nothing else differs. torch is the one of tests/constraints.txt: it is installed once for
each Python, and the sides that require it by name see it. The exit status is 1 where an entry was not reproduced.
"""

from __future__ import annotations

import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from envcheck.matrix import files  # noqa: E402 - the checkout's own code
from envcheck.model import Reproducer  # noqa: E402
from envcheck.workshop import work  # noqa: E402

ENTRIES = ROOT / "matrices" / "entries"
TABLE = ROOT / "docs" / "reproductions.md"
CONSTRAINTS = ROOT / "tests" / "constraints.txt"
INSTALL_SECONDS = 1200
"""Chosen: several times what a cold cache needs; some packages are built from source."""


class Ran(NamedTuple):
    """How one side went."""

    status: int
    output: str


class Refused(Exception):
    """Why an entry cannot be tried here."""


class Bench:
    """Where environments are built; what it made is gone when its folder is."""

    def __init__(self, folder: Path, pythons: Dict[str, str], options: Sequence[str] = (), constraints: Path = CONSTRAINTS) -> None:
        """`options` go to pip as they are."""
        self._folder, self._pythons, self._options, self._constraints = folder, pythons, list(options), constraints
        self._lock = threading.Lock()

    def outcome(self, name: str, found: Reproducer) -> Tuple[bool, str]:
        """Whether the entry holds as it says, and one line about it."""
        try:
            self._refuse_another_torch(found)
            bad, good = self._sides(name, found)
        except Refused as reason:
            return False, str(reason)
        return judged(found, bad, good)

    def _refuse_another_torch(self, found: Reproducer) -> None:
        pinned = {one.name: one for one in map(Requirement, _lines(self._constraints))}
        for one in map(Requirement, (*found.bad, *found.good)):
            version = next((part.version for part in pinned[one.name].specifier), "") if one.name in pinned else ""
            if version and not one.specifier.contains(version, prereleases=True):
                raise Refused(f"needs {one}, and only {one.name} {version} may be installed")

    def _sides(self, name: str, found: Reproducer) -> Tuple[Ran, Ran]:
        place = self._folder / name
        variables = {**os.environ, **found.env, "PYTHONDONTWRITEBYTECODE": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
        variables.pop("PYTHONPATH", None)
        try:
            python = self._environment(place, found.python)
            if any(Requirement(one).name == "torch" for one in (*found.bad, *found.good)):
                self._share_torch(python, found.python)
            self._install(python, found.bad, variables)
            bad = _run_script(python, "bad", found, variables)
            if found.good != found.bad:
                self._remove(python, {Requirement(one).name for one in found.bad} - {Requirement(one).name for one in found.good})
                self._install(python, found.good, variables)
            return bad, _run_script(python, "good", found, variables)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _environment(self, place: Path, wanted: str) -> Path:
        base = self._pythons.get(wanted) or (sys.executable if wanted in ("", _minor()) else shutil.which(f"python{wanted}"))
        if base is None:
            raise Refused(f"needs Python {wanted}; give it with --python {wanted}=PATH")
        done = _bounded([base, "-m", "venv", "--without-pip", str(place)], 120, os.environ, self._folder)
        if done.status:
            raise Refused(f"no environment for Python {wanted}: {_last(done.output)}")
        return _python(place)

    def _share_torch(self, python: Path, wanted: str) -> None:
        """torch is large and there is only one: the packages of one environment that has it come last on the path of every other."""
        with self._lock:
            place = self._folder / f"torch-{wanted or _minor()}"
            if not place.exists():
                try:
                    self._install(self._environment(place, wanted), ["torch"], os.environ)
                except Refused:
                    shutil.rmtree(place, ignore_errors=True)
                    raise
        (_site(python) / "torch.pth").write_text(f"{_site(_python(place))}\n", encoding="utf-8")

    def _install(self, python: Path, requirements: Sequence[str], variables: Mapping[str, str]) -> None:
        quiet = ["--quiet", "--disable-pip-version-check", "--no-compile", "--prefer-binary"]
        command = [sys.executable, "-m", "pip", "--python", str(python), "install", *quiet, "--constraint", str(self._constraints)]
        done = _bounded([*command, *self._options, *requirements], INSTALL_SECONDS, variables, self._folder) if requirements else Ran(0, "")
        if done.status and len(requirements) > 1 and "conflicting dependencies" in done.output:
            # What contradicts its own metadata comes about by one installation after another.
            for one in requirements:
                self._install(python, [one], variables)
        elif done.status:
            raise Refused(f"cannot be installed: {_last(done.output)}")

    def _remove(self, python: Path, names: Set[str]) -> None:
        if names:
            command = [sys.executable, "-m", "pip", "--python", str(python), "uninstall", "--quiet", "--yes", *sorted(names)]
            _bounded(command, INSTALL_SECONDS, os.environ, self._folder)


def _run_script(python: Path, side: str, found: Reproducer, variables: Mapping[str, str]) -> Ran:
    """In an empty folder of its own."""
    place = python.parent.parent / "ran" / side
    place.mkdir(parents=True)
    (place / "reproducer.py").write_text(found.run + "\n", encoding="utf-8")
    return _bounded([str(python), "reproducer.py", side], found.timeout, variables, place)


def judged(found: Reproducer, bad: Ran, good: Ran) -> Tuple[bool, str]:
    """Whether the bad side failed as the entry says and the good side passed, and one line about it."""
    if bad.status == 0:
        return False, "the bad side passes"
    if not re.search(found.fails, bad.output):
        return False, f"the bad side fails otherwise: {_last(bad.output)}"
    if good.status:
        return False, f"the good side fails: {_last(good.output)}"
    said = next((line.strip() for line in reversed(bad.output.splitlines()) if re.search(found.fails, line)), _last(bad.output))
    return True, said


def _bounded(command: Sequence[str], seconds: int, variables: Mapping[str, str], place: Path) -> Ran:
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            cwd=place,
            env=dict(variables),
            text=True,
            errors="replace",
            encoding="utf-8",
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = error.output.decode("utf-8", "replace") if isinstance(error.output, bytes) else error.output or ""
        return Ran(124, f"{said}\nstopped after {seconds} s")
    return Ran(done.returncode, done.stdout)


def _python(place: Path) -> Path:
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _site(python: Path) -> Path:
    root = python.parent.parent
    return root / "Lib" / "site-packages" if os.name == "nt" else next((root / "lib").glob("python3.*/site-packages"))


def _minor() -> str:
    return "{}.{}".format(*sys.version_info)


def _last(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR:")), lines[-1] if lines else "no output")[:300]


def _lines(path: Path) -> List[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and not line.startswith("#")]


def record(path: Path, day: str) -> None:
    """Write the level and the date of the review into an entry, and nothing else."""
    text = path.read_text(encoding="utf-8")
    for key, value in (("level", "reproduced"), ("reviewed", day)):
        text, count = re.subn(rf"^(  {key}:) \S+", rf"\1 {value}", text, count=1, flags=re.MULTILINE)
        if count != 1:
            raise SystemExit(f"{path.name}: no line `  {key}:` under `evidence:`")
    path.write_text(text, encoding="utf-8")


def table(folder: Path = ENTRIES) -> str:
    """docs/reproductions.md: every entry of level `reproduced` that says how."""
    rows = []
    for path, found in _known(folder).items():
        document = work.read(path, path.name).document
        if document["evidence"]["level"] == "reproduced" and "withdrawn" not in document:
            cells = (f"`{path.stem}`", ", ".join(found.bad), ", ".join(found.good), f"`{found.fails}`".replace("|", "\\|"), document["evidence"]["reviewed"])
            rows.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return _HEAD.format(count=len(rows)) + "\n".join(sorted(rows)) + "\n"


_HEAD = """\
# Reproductions

{count} entries were seen to hold on a CPU by running the script under their `reproducer:`: in a fresh environment it fails on the bad side
with an output that the pattern matches, and after the requirements that differ were exchanged it passes on the good side. torch is the
one of `tests/constraints.txt`. Where both sides are alike, the script does two things. To run one again:
`python scripts/reproduce.py ID`; `envcheck explain ID` shows the script.
`python scripts/reproduce.py --table` writes this page.

| entry | bad side | good side | the bad side fails with | date |
|---|---|---|---|---|
"""


def _known(folder: Path = ENTRIES) -> Dict[Path, Reproducer]:
    drafts = ((path, work.read(path, path.name).draft) for path in files.below(folder))
    return {path: draft.page.reproducer for path, draft in drafts if draft is not None and draft.page.reproducer is not None}


def _run(chosen: Dict[Path, Reproducer], bench: Bench, jobs: int, recording: bool) -> int:
    today = datetime.date.today().isoformat()

    def one(item: Tuple[Path, Reproducer]) -> bool:
        path, found = item
        holds, line = bench.outcome(path.stem, found)
        print(f"{path.stem:52} {'reproduced' if holds else 'NOT':10} {line}", flush=True)
        if holds and recording:
            record(path, today)
        return holds

    with ThreadPoolExecutor(jobs) as pool:
        return 0 if all(list(pool.map(one, chosen.items()))) else 1


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--all", action="store_true", help="every entry with a reproducer")
    parser.add_argument("--record", action="store_true", help="write level and date into what was reproduced")
    parser.add_argument("--python", action="append", default=[], metavar="3.11=PATH")
    parser.add_argument("--folder", type=Path, help="where environments are built; the one with torch stays there for the next run")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--table", action="store_true", help="write docs/reproductions.md and run nothing")
    given = parser.parse_args(arguments)
    if given.table:
        TABLE.write_text(table(), encoding="utf-8")
        return 0
    known = _known()
    missing = set(given.ids) - {path.stem for path in known}
    if missing or not (given.ids or given.all):
        parser.error(f"no reproducer: {', '.join(sorted(missing))}" if missing else "which entries? Name some, or --all")
    chosen = {path: found for path, found in known.items() if given.all or path.stem in given.ids}
    if given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="reproduce-") as folder:
        bench = Bench(given.folder.resolve() if given.folder else Path(folder), dict(one.split("=", 1) for one in given.python))
        return _run(chosen, bench, given.jobs, given.record)


if __name__ == "__main__":
    sys.exit(main())
