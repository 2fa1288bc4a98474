"""Entry files as the workshop holds them: each by itself, so that a malformed one never hides what is wrong with the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from envcheck import documents, versions
from envcheck.conditions import is_package
from envcheck.documents import line_of
from envcheck.errors import InputError, Problem
from envcheck.matrix import files, schema
from envcheck.matrix.index import Index, compile_index
from envcheck.matrix.sieve import Sieve
from envcheck.matrix.store import Matrix
from envcheck.model import Entry, Snapshot
from envcheck.rules.rule import Tables

LEVELS = ("error", "warning")


@dataclass(frozen=True)
class Complaint:
    """One thing that a lint says of one file."""

    code: str
    """`L06`: the number never changes its meaning."""
    level: str
    """One of `LEVELS`; a warning does not fail."""
    problem: Problem

    def __str__(self) -> str:
        return f"{self.problem} [{self.code}{'' if self.level == 'error' else ', ' + self.level}]"


@dataclass(frozen=True)
class Work:
    """One entry file."""

    path: Path
    shown: str
    """The path as it is printed."""
    text: str
    document: Any
    """The decoded YAML with its lines; None where it could not be read."""
    draft: Optional[schema.Draft]
    """None where its shape is wrong."""
    problems: Tuple[Problem, ...]

    def line(self, *keys: str) -> Optional[int]:
        """The line of a key, given with the keys above it; the nearest one above where it is not there."""
        at, line = self.document, 1
        for key in keys:
            found = next((k for k in at if k == key), None) if isinstance(at, dict) else None
            if found is None:
                return line
            line, at = line_of(found) or line, at[key]
        return line


def read(path: Path, shown: str) -> Work:
    """One file, whatever is wrong with it."""
    try:
        text = documents.read_text(path)
    except InputError as error:
        return Work(path, shown, "", None, None, (Problem(shown, None, error.message),))
    try:
        document = documents.parse_yaml(text, shown, aliases=False)
    except InputError as error:
        place, _, line = error.where.rpartition(":")
        return Work(path, shown, text, None, None, (Problem(place or shown, int(line) if line.isdigit() else None, error.message),))
    draft, problems = schema.read(document, shown, path.stem)
    return Work(path, shown, text, document, draft, tuple(problems))


class Workbench:
    """All entries of a folder, and what lints need to know of releases and of each other."""

    def __init__(self, folder: Path, matrix: Matrix) -> None:
        """`folder` holds the entries; `matrix` gives the tables."""
        self.works: Tuple[Work, ...] = tuple(read(path, _relative(path)) for path in files.below(folder))
        self._matrix = matrix
        self._releases: Dict[str, Tuple[str, ...]] = {}
        self._index: Optional[Sieve] = None

    @cached_property
    def packages(self) -> Tuple[str, ...]:
        """The packages that the tables know the releases of, or what they require."""
        return tuple(sorted({*self._matrix.table_keys("releases"), *self._matrix.table_keys("requires")}))

    @cached_property
    def tables(self) -> Tables:
        """The fact tables, for the rules."""
        return Tables(frozenset(self._matrix.table("stack") or ()), self._matrix.table, self._matrix.table_keys)

    @cached_property
    def by_stem(self) -> Mapping[str, List[Work]]:
        """The files of each id."""
        found: Dict[str, List[Work]] = {}
        for work in self.works:
            found.setdefault(work.path.stem, []).append(work)
        return found

    @cached_property
    def speaking_of(self) -> Mapping[str, int]:
        """In how many entries each package is a condition."""
        return Counter(name for draft in self.drafts for name in packages_of(draft.entry.when))

    @cached_property
    def drafts(self) -> List[schema.Draft]:
        """Those of sound shape, without the withdrawn ones."""
        return [work.draft for work in self.works if work.draft is not None and not work.draft.page.withdrawn]

    def releases(self, package: str) -> Tuple[str, ...]:
        """The releases of a package in the tables, oldest first; empty where they do not name it."""
        if package not in self._releases:
            rows: Mapping[str, Any] = self._matrix.table("releases", package) or {}
            self._releases[package] = tuple(sorted(rows, key=lambda text: versions.installed(text).intervals))
        return self._releases[package]

    def released(self, package: str, specifier: str) -> Tuple[str, ...]:
        """The releases that a specifier admits, oldest first."""
        return _admitted(self.releases(package), specifier)

    def release_date(self, package: str, version: str) -> str:
        """When it came out (`2024-10-24`); empty where nobody knows."""
        return str((self._matrix.table("releases", package) or {}).get(version, "")).partition("|")[0].strip()

    def candidates(self, snapshot: Snapshot) -> List[Entry]:
        """The entries here that a snapshot leaves over."""
        if self._index is None:
            self._index = Sieve(Index(compile_index(self.drafts, {}, "workshop"), "workshop"))
        return [located.entry for located in self._index.left_over(snapshot)]


def leaves(when: Any) -> Iterator[Tuple[str, Any]]:
    """The conditions of a `when`, those inside `any` and `not` among them."""
    for key, argument in when.items():
        if key in ("any", "not"):
            for branch in argument if key == "any" else [argument]:
                yield from leaves(branch)
        else:
            yield key, argument


def packages_of(when: Any) -> Set[str]:
    """The packages that a `when` speaks of."""
    return {key for key, _ in leaves(when) if is_package(key)}


@lru_cache(maxsize=4096)
def _admitted(releases: Sequence[str], specifier: str) -> Tuple[str, ...]:
    wanted = versions.specifier(specifier)
    return tuple(one for one in releases if versions.within(versions.installed(one), wanted))


def _relative(path: Path) -> str:
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
