"""conda-lock.yml: what conda-lock resolved, conda's packages and pip's, once for each platform.

https://conda.github.io/conda-lock/output/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envcheck import documents
from envcheck.documents import line_of
from envcheck.errors import InputError
from envcheck.inputs import conda_names
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.locked import flag, tables, text, texts

_MAIN = "main"
# https://docs.conda.io/projects/conda/en/stable/user-guide/configuration/settings.html#subdir-to-install-for-another-platform
_SUBDIRS = {
    ("linux", "x86_64"): "linux-64",
    ("linux", "aarch64"): "linux-aarch64",
    ("linux", "ppc64le"): "linux-ppc64le",
    ("darwin", "x86_64"): "osx-64",
    ("darwin", "arm64"): "osx-arm64",
    ("win32", "AMD64"): "win-64",
}


def read(text_: str, path: str, gathered: Gathered) -> None:
    """Take the packages of the target's platform in the main and the chosen categories. Raises `InputError`."""
    document = documents.parse_yaml(text_, path)
    rows = tables(document.get("package") if isinstance(document, dict) else None)
    if not rows:
        raise InputError("locks no package", where=path, hint="is this the file you meant?")
    platform = _platform(rows, path, gathered)
    categories = {category for row in rows for category in _categories(row)}
    taken = {category for category in categories if gathered.choice.takes(category, category == _MAIN)}
    for category in sorted(categories - {_MAIN}):
        gathered.met("group", category, category in taken)
    for row in rows:
        if text(row.get("platform")) == platform and taken & set(_categories(row)):
            _take(row, f"{path}:{line_of(row.get('name'))}", gathered)
    gathered.complete.append(not gathered.left_out())
    gathered.say_left_out(path)


def _categories(row: Mapping[str, Any]) -> list[str]:
    return texts(row.get("category")) or ["optional" if flag(row.get("optional")) else _MAIN]


def _platform(rows: list[Mapping[str, Any]], path: str, gathered: Gathered) -> str:
    environment = gathered.markers.environment
    wanted = _SUBDIRS.get((environment["sys_platform"], environment["platform_machine"]), environment["sys_platform"])
    there = list(dict.fromkeys(text(row.get("platform")) for row in rows))
    if wanted not in there:
        raise InputError(f"locks nothing for {wanted}, only for {', '.join(there)}", where=path, hint="`--platform` names the one that is meant")
    return wanted


def _take(row: Mapping[str, Any], origin: str, gathered: Gathered) -> None:
    name, version = text(row.get("name")), text(row.get("version"))
    if text(row.get("manager")) == "pip":
        gathered.pin(name, version, origin)
        return
    archive = text(row.get("url")).rpartition("/")[2]
    build = archive.removeprefix(f"{name}-{version}-").partition(".tar.bz2")[0].partition(".conda")[0]
    conda_names.take(conda_names.Item(name, version, build, origin), gathered)
