"""Installed distributions, read from the metadata folders on an import path without importing anything."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

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
    requires: Tuple[str, ...] = ()
    """Its `Requires-Dist`, those of extras left out, as they stand there."""

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
    head = _head(path, "METADATA" if kind == "dist-info" else "PKG-INFO")
    if head is None:
        return Distribution(canonical_name(name), version or None, path, root, "its metadata file is missing or cannot be read")
    fields: Dict[str, str] = {}
    for key, value in _FIELD.findall(head):
        fields.setdefault(key.decode().lower(), value.decode("utf-8", "replace"))
    called_there = canonical_name(fields.get("name", name))
    if not fields.get("version"):
        return Distribution(called_there, version or None, path, root, "its metadata states no version")
    return Distribution(called_there, fields["version"], path, root, requires=_requires(head))


# Name: transformers
# Version: 4.46.1
_FIELD = re.compile(rb"^(Name|Version):[ \t]*(\S+)", re.MULTILINE | re.IGNORECASE)
# Requires-Dist: tokenizers<0.24.0,>=0.23.1
# Requires-Dist: deepspeed>=0.9.3; extra == "deepspeed"
_REQUIRES = re.compile(rb"^Requires-Dist:[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_EXTRA = re.compile(rb"\bextra\s*==")
_HEAD_BYTES = 1 << 16
"""Some put their whole licence into the header: numpy's is 56 KiB long."""


def _head(path: str, file: str) -> Optional[bytes]:
    """The header of a metadata file, which a blank line ends; None where it cannot be read."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    # An egg-info may be a single file.
    for candidate in (os.path.join(path, file), path):
        try:
            handle = os.open(candidate, flags)
        except OSError:
            continue
        try:
            return os.read(handle, _HEAD_BYTES).split(b"\n\n", 1)[0]
        except OSError:
            continue
        finally:
            os.close(handle)
    return None


def _requires(head: bytes) -> Tuple[str, ...]:
    """What a header requires whatever the extras, where it says which versions; not what it wants from a place (`NAME @ URL`)."""
    asked = [(line, line.split(b";", 1)[0]) for line in _REQUIRES.findall(head)]
    lines = [line for line, before in asked if b"@" not in before and any(sign in before for sign in (b"<", b">", b"=", b"~"))]
    return tuple(line.decode("utf-8", "replace") for line in lines if not _EXTRA.search(line))


def requires(found: Iterable[Distribution]) -> Dict[str, Fact]:
    """Package name -> what its metadata requires of packages that are installed too, of the distribution that Python meets first."""
    first: Dict[str, Distribution] = {}
    for one in found:
        first.setdefault(one.name, one)
    asked = {name: [line for line in one.requires if canonical_name(_NAMED.split(line, maxsplit=1)[0]) in first] for name, one in first.items()}
    return {name: Fact(" | ".join(lines), first[name].path) for name, lines in asked.items() if lines}


# `tokenizers<0.24.0,>=0.23.1`, `torch (>=1.6.0)`, `fsspec[http]>=2023.1.0`: the name ends before the first of these.
_NAMED = re.compile(r"[ \t(\[<>=!~;@]")


def facts(found: Iterable[Distribution]) -> Dict[str, Fact]:
    """Package name -> version fact; of several distributions of one name the first on the path counts, as it does for Python."""
    packages: Dict[str, Fact] = {}
    for one in found:
        known = packages.get(one.name)
        if known is None or not known.is_known:
            packages[one.name] = one.fact
    return packages
