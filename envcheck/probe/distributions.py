"""Installed distributions, read from the metadata folders on an import path without importing anything."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from envcheck.model import Fact, unknown
from envcheck.probe import paths
from envcheck.wire import canonical_name


@dataclass(frozen=True)
class Distribution:
    """One metadata folder (or file) on the import path."""

    name: str
    """Canonical."""
    version: Optional[str]
    path: str
    """The metadata folder or file."""
    root: str
    """The import path entry it lies in."""
    trouble: str = ""
    """What is wrong with the metadata; empty where nothing is."""

    @property
    def fact(self) -> Fact:
        """The version as a Fact, unknown with the reason where the metadata has none."""
        return unknown(self.trouble, self.path) if self.version is None else Fact(self.version, self.path)


def scan(path: Sequence[str]) -> Tuple[Distribution, ...]:
    """Every distribution with metadata on an import path, in the order in which the importer would meet them."""
    roots: Dict[str, str] = {}
    for root in path:
        roots.setdefault(paths.key(root), root)
    found: List[Distribution] = []
    for root in roots.values():
        found.extend(sorted(_folder(root), key=lambda one: one.path))
    return tuple(found)


def _folder(root: str) -> Iterator[Distribution]:
    # An egg is a folder on the import path by itself (`easy-install.pth`), with its metadata inside.
    if root.endswith(".egg") and os.path.isfile(os.path.join(root, "EGG-INFO", "PKG-INFO")):
        yield _read(root, os.path.join(root, "EGG-INFO"), os.path.basename(root))
    try:
        with os.scandir(root) as entries:
            names = [entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    except OSError:
        # A zip on the path, a folder that is gone: Python skips them too.
        return
    for name in names:
        # pip renames what it is about to remove to `~orch-2.1.2.dist-info`; a leftover is no installation.
        if not name.startswith("~"):
            yield _read(root, os.path.join(root, name), name)


def _read(root: str, path: str, called: str) -> Distribution:
    """One distribution by its metadata; what it is `called`, `NAME-VERSION.dist-info`, stands in for what that lacks."""
    stem, _, kind = called.rpartition(".")
    name, _, version = stem.partition("-")
    # `setuptools-65.5.0-py3.11.egg-info` carries the Python version behind its own.
    version = re.sub(r"-py\d.*$", "", version)
    header = _header(path, "METADATA" if kind == "dist-info" else "PKG-INFO")
    if header is None:
        return Distribution(canonical_name(name), version or None, path, root, "its metadata file is missing or cannot be read")
    declared = header.get("name", name), header.get("version")
    if not declared[1]:
        return Distribution(canonical_name(declared[0]), version or None, path, root, "its metadata states no version")
    return Distribution(canonical_name(declared[0]), declared[1], path, root)


# Name: transformers
# Version: 4.46.1
_FIELD = re.compile(rb"^(Name|Version):[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
_HEAD_BYTES = 2048


def _header(path: str, file: str) -> Optional[Mapping[str, str]]:
    """Name and version from the first lines of a metadata file; None where it cannot be read."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    # An egg-info may be a single file.
    for candidate in (os.path.join(path, file), path):
        try:
            handle = os.open(candidate, flags)
        except OSError:
            continue
        try:
            head = os.read(handle, _HEAD_BYTES)
        except OSError:
            continue
        finally:
            os.close(handle)
        found: Dict[str, str] = {}
        for key, value in _FIELD.findall(head.split(b"\n\n", 1)[0]):
            found.setdefault(key.decode().lower(), value.decode("utf-8", "replace"))
        return found
    return None


def facts(found: Iterable[Distribution]) -> Dict[str, Fact]:
    """Package name -> version fact; of several distributions of one name the first on the path counts, as it does for Python."""
    packages: Dict[str, Fact] = {}
    for one in found:
        known = packages.get(one.name)
        if known is None or not known.is_known:
            packages[one.name] = one.fact
    return packages
