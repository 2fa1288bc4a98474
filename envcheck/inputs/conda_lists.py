"""What conda lists as text: the columns of `conda list`, `conda list --export` and `conda list --explicit`."""

from __future__ import annotations

import re

from envcheck.errors import InputError
from envcheck.inputs import conda_names
from envcheck.inputs.gathered import Gathered


def columns(text: str, path: str, gathered: Gathered) -> None:
    """Take name, version, build and channel of each line; pip's packages have the channel `pypi`."""
    found = 0
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if line.lstrip().startswith("#") or len(words) < 3 or words[:3] == ["Name", "Version", "Build"] or not words[1][:1].isdigit():
            continue
        found += 1
        channel = words[-1] if len(words) > 3 or words[-1] in ("pypi", "<pip>") else ""
        conda_names.take(_item(words[0], words[1], words[2], f"{path}:{number}", channel), gathered)
    _finish(found, path, gathered)


def export(text: str, path: str, gathered: Gathered) -> None:
    """Take the lines `name=version=build`; pip's packages have the build `pypi_0`."""
    found = 0
    for number, line in enumerate(text.split("\n"), 1):
        parts = line.strip().split("=")
        if len(parts) == 3 and all(parts) and not line.startswith("#"):
            found += 1
            conda_names.take(_item(parts[0], parts[1], parts[2], f"{path}:{number}", ""), gathered)
    _finish(found, path, gathered)


# https://index.example/linux-64/pytorch-2.1.0-py3.10_cuda12.1_cudnn8.9.2_0.tar.bz2#md5
_ARCHIVE = re.compile(r"([^/\s]+)-([^-/\s]+)-([^-/\s]+?)\.(?:tar\.bz2|conda)(?:#\S*)?")


def explicit(text: str, path: str, gathered: Gathered) -> None:
    """Take the packages that the archives' names tell. What pip installed is not in such a list, so it is not complete."""
    found = 0
    for number, line in enumerate(text.split("\n"), 1):
        # conda-lock writes pip's packages as comments, which its own installer reads.
        if line.startswith("# pip "):
            gathered.requirement(line[len("# pip ") :].partition(" --hash")[0].strip(), f"{path}:{number}")
        archive = _ARCHIVE.fullmatch(line.strip().rsplit("/", 1)[-1]) if "/" in line and not line.startswith("#") else None
        if archive:
            found += 1
            conda_names.take(conda_names.Item(archive[1], archive[2], archive[3], f"{path}:{number}"), gathered)
    _finish(found, path, gathered)
    gathered.complete[-1] = False


def _item(name: str, version: str, build: str, origin: str, channel: str) -> conda_names.Item:
    pip = channel in ("pypi", "<pip>") or build in ("pypi_0", "<pip>")
    return conda_names.Item(name, version, build, origin, "pypi" if pip else channel)


def _finish(found: int, path: str, gathered: Gathered) -> None:
    if not found:
        raise InputError("lists no package", where=path, hint="is this the file you meant?")
    gathered.complete.append(True)
