"""What the package installer's own client says of releases: the one way in which the refresh scripts reach an index.

Which index that is, pip's configuration decides; `options` (`--no-index --find-links FOLDER`) go to pip as they are.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence, Tuple

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version


class Refused(Exception):
    """The client failed, or answered in a way that this reader does not know: nothing may be changed then."""


def _pip(arguments: Sequence[str], options: Sequence[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, *options],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        # What pip prints is what is read here, and of any release, not of those that this environment is held to.
        env={name: value for name, value in os.environ.items() if name not in ("PIP_QUIET", "PIP_CONSTRAINT")},
    )
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines()[-1:] or ["no word"]
        raise Refused(f"pip {arguments[0]} {arguments[-1]}: {last[0]}")
    return done.stdout


# peft (0.21.2)
# Available versions: 0.21.2, 0.21.1, 0.21.0
_AVAILABLE = re.compile(r"^Available versions: (.+)$", re.MULTILINE)


def versions(package: str, options: Sequence[str] = ()) -> List[str]:
    """The releases of a package that the index has, pre-releases left out, oldest first. Raises `Refused`."""
    found = _AVAILABLE.search(_pip(["index", "versions", "--ignore-requires-python", package], options))
    if found is None:
        raise Refused(f"pip index versions {package}: no line `Available versions:`")
    try:
        listed = sorted(Version(text.strip()) for text in found[1].split(","))
        # What is installed here is listed too, and may be a build of another index.
        return [str(one) for one in listed if not one.is_prerelease and one.local is None]
    except InvalidVersion as error:
        raise Refused(f"pip index versions {package}: {error}") from None


def newer(package: str, known: Iterable[str], options: Sequence[str] = ()) -> List[str]:
    """The releases that are newer than every known one, oldest first. Raises `Refused`."""
    latest = max(map(Version, known), default=Version("0"))
    return [one for one in versions(package, options) if Version(one) > latest]


def download(package: str, version: str, folder: Path, options: Sequence[str] = (), platform: Sequence[str] = ()) -> Path:
    """One release's wheel for this machine, or for the first of `platform` that it has one for, in `folder`. Raises `Refused`.

    Wheels for another Python than this one will do, because they are read and not installed.
    """
    targets = [part for one in platform for part in ("--platform", one)] + (["--python-version", "3.12"] if platform else [])
    arguments = ["--quiet", "--no-deps", "--only-binary=:all:", "--ignore-requires-python", *targets, "--dest", str(folder)]
    _pip(["download", *arguments, f"{package}=={version}"], options)
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise Refused(f"pip download {package}=={version}: {len(found)} wheels came")
    return found[0]


def release(package: str, version: str, options: Sequence[str] = ()) -> Dict[str, Any]:
    """What pip's report says of one release: `metadata` as the packaging standards name its fields, and `is_yanked`. Raises `Refused`."""
    [item] = releases([(package, version)], options)
    return item


def releases(wanted: Sequence[Tuple[str, str]], options: Sequence[str] = ()) -> List[Dict[str, Any]]:
    """The same of one release each of several packages, in one call, because starting pip is most of the work.

    Only wheels are asked for, because nothing may be built here. Raises `Refused` where any of them is not to be had.
    """
    arguments = ["--dry-run", "--report", "-", "--quiet", "--no-deps", "--ignore-installed", "--ignore-requires-python", "--only-binary=:all:"]
    text = _pip(["install", *arguments, *(f"{package}=={version}" for package, version in wanted)], options)
    try:
        items = {canonicalize_name(item["metadata"]["name"]): dict(item) for item in json.loads(text)["install"]}
        found = [items[canonicalize_name(package)] for package, _ in wanted]
        if len(items) != len(wanted) or any(Version(item["metadata"]["version"]) != Version(version) for item, (_, version) in zip(found, wanted)):
            raise Refused(f"{wanted}: the report is about {sorted(items)}")
        return found
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{wanted}: pip's report has another shape ({error!r})") from None
