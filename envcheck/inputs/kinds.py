"""The kinds of files that describe an environment: how each is recognised and who reads it.

A further kind is one file with `read(text, path, gathered)` and its line in `KINDS`. A reader adds what the file says to
`Gathered` (`lay` takes a whole Snapshot) and raises `InputError` for what cannot be understood; readers are loaded when needed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import partial
from typing import Callable, NamedTuple, Optional

from envcheck.documents import LIMIT_BYTES, read_text
from envcheck.errors import InputError
from envcheck.inputs import sniff
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.reports.marks import MARKS
from envcheck.model import Snapshot

_LOCK_BYTES = 64 << 20
"""A lock file of three thousand packages with all their hashes has 10 to 20 MiB."""


class Kind(NamedTuple):
    """One format."""

    fits: Callable[[str, str], bool]
    """(text, path) -> whether the file is of this kind, by its name or its content."""
    reader: str
    """The module in `envcheck.inputs` that reads it, and the function behind a colon where it is not `read`."""
    purpose: str
    """What it is, for people."""


KINDS: dict[str, Kind] = {
    "snapshot": Kind(sniff.snapshot, "snapshot:take", "a saved snapshot of `envcheck probe -o`"),
    "pip-inspect": Kind(sniff.pip_inspect, "listings:pip_inspect", "`pip inspect`"),
    "pipfile-lock": Kind(sniff.pipfile_lock, "pipfile:read_lock", "Pipfile.lock"),
    "conda-list-json": Kind(sniff.conda_list_json, "listings:conda_json", "`conda list --json`"),
    "pip-list-json": Kind(sniff.pip_list_json, "listings:pip_json", "`pip list --format json`"),
    "uv-lock": Kind(sniff.uv_lock, "uv_lock", "uv.lock"),
    "poetry-lock": Kind(sniff.poetry_lock, "poetry_lock", "poetry.lock"),
    "pdm-lock": Kind(sniff.pdm_lock, "pdm_lock", "pdm.lock"),
    "pylock": Kind(sniff.pylock, "pylock", "pylock.toml"),
    "pyproject": Kind(sniff.pyproject, "pyproject", "pyproject.toml"),
    "pipfile": Kind(sniff.pipfile, "pipfile", "Pipfile"),
    "dockerfile": Kind(sniff.dockerfile, "dockerfile", "Dockerfile or Containerfile"),
    "setup-cfg": Kind(sniff.setup_cfg, "setup_cfg", "setup.cfg"),
    "setup-py": Kind(sniff.setup_py, "setup_py", "setup.py"),
    "conda-explicit": Kind(sniff.conda_explicit, "conda_lists:explicit", "`conda list --explicit`"),
    "conda-list": Kind(sniff.conda_list, "conda_lists:columns", "`conda list`"),
    "conda-export": Kind(sniff.conda_export, "conda_lists:export", "`conda list --export`"),
    "conda-lock": Kind(sniff.conda_lock, "conda_lock", "conda-lock.yml"),
    "conda-environment": Kind(sniff.conda_environment, "conda_environment", "environment.yml of conda"),
    **{name: Kind(partial(sniff.tool, name=name), "reports.report", purpose) for name, (_, purpose) in MARKS.items()},
    "report": Kind(sniff.report, "reports.report", "a bug report in Markdown"),
    "pip-list": Kind(sniff.pip_list, "listings:pip_columns", "`pip list`"),
    "pip-freeze": Kind(sniff.pip_freeze, "requirements:read_frozen", "`pip freeze`"),
    "requirements": Kind(sniff.requirements, "requirements", "a requirements file, or what pip-compile wrote"),
}
"""By the name that `--as` takes; the first that fits reads the file."""


def kind_of(text: str, path: str) -> Optional[str]:
    """The kind of a file, or None."""
    return next((name for name, kind in KINDS.items() if kind.fits(text, path)), None)


def read(paths: Sequence[str], gathered: Gathered, kind: Optional[str] = None) -> Snapshot:
    """The one environment that files describe together, each package with the lines that say so.

    A package's value is an exact version (`2.1.2+cu121`) or the normalised specifier (`>=0.12,<0.14`, `==2.1`, `>=0` where
    nothing is asked); None, with the reason, where the file does not tell it. `kind` decides for all of them.
    Raises `InputError` for what cannot be read, is of no known kind, or contradicts itself.
    """
    for path in paths:
        if os.path.isdir(path) and found_in(path):
            path = _chosen(path, gathered)
        text = read_text(path, limit=_LOCK_BYTES if path.lower().endswith((".lock", ".toml", ".json", "lock.yml", "lock.yaml")) else LIMIT_BYTES)
        found = kind or kind_of(text, path)
        if found is None:
            raise _strange(text, path)
        reader(found)(text, path, gathered)
    gathered.markers.say()
    for name in gathered.choice.missed():
        gathered.warn(f"no file that was read has a group or extra `{name}`")
    return gathered.snapshot()


def reader(name: str) -> Callable[[str, str, Gathered], None]:
    """The reader of a kind, loaded now."""
    module, _, function = KINDS[name].reader.partition(":")
    found: Callable[[str, str, Gathered], None] = getattr(importlib.import_module(f"envcheck.inputs.{module}"), function or "read")
    return found


def _strange(text: str, path: str) -> InputError:
    if not text.strip():
        return InputError("is empty", where=path, hint="is this the file you meant?")
    known = ", ".join(kind.purpose for kind in KINDS.values())
    hint = "a training config is named with `--config`, a training script with `--script`; `--as KIND`, such as `--as pip-freeze`, says what a file is"
    return InputError(f"is of no kind that envcheck knows; it knows {known}", where=path, hint=hint)


def _chosen(folder: str, gathered: Gathered) -> str:
    first, *others = found_in(folder)
    gathered.warn(f"{folder}: `{first}` was read" + (f"; {', '.join(f'`{name}`' for name in others)} can be named too" if others else ""))
    return first


def found_in(folder: str) -> list[str]:
    """The files in a project folder that describe its environment, the one that tells most first."""
    there = {name: os.path.join(folder, name) for name in _PROJECT if os.path.isfile(os.path.join(folder, name))}
    return [os.path.normpath(there[name]) for name in _PROJECT if name in there]


# What was resolved before what is asked for, and the standard before what one tool reads.
_PROJECT = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "pylock.toml",
    "Pipfile.lock",
    "conda-lock.yml",
    "requirements.txt",
    "environment.yml",
    "environment.yaml",
    "pyproject.toml",
    "Pipfile",
    "setup.cfg",
    "setup.py",
    "Dockerfile",
    "Containerfile",
)
