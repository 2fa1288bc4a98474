"""Brings `matrices/facts/requires.yaml` up to date with what new releases declare, through pip's own client.

    python scripts/refresh_requires.py [PACKAGE[>=OLDEST] …] [--limit 50] [-- --no-index --find-links FOLDER]

Releases that are not in the table yet are added. With `--again` those that are there are read once more: what differs is
told and not changed, because published metadata does not change and a person must look. An answer in an unknown shape stops
the script before the table is written. Exit status 0, or 1 where something is left to a person.
"""

from __future__ import annotations

import argparse
import re
import sys
from itertools import zip_longest
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import yaml
from installer import Refused, release, releases, versions
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from envcheck import documents
from envcheck.facts import requires
from envcheck.wire import canonical_name

TABLE = Path(__file__).resolve().parent.parent / "matrices" / "facts" / "requires.yaml"
_EXTRA = re.compile(r"\bextra\s*==")
# torch's own CUDA libraries are another table's business, and there are a dozen of them for each release.
_LEFT_OUT = re.compile(r"(nvidia|cuda)-.*|nvidia|pytest.*|sphinx.*")


def main(arguments: Sequence[str]) -> int:
    own, options = _split(list(arguments))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("packages", nargs="*", help="`NAME`, `NAME>=OLDEST`, or `NAME==ONE` (a withdrawn one); all of the table if none is named")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--limit", type=int, default=10_000, help="releases of a package to read at most, the newest first")
    parser.add_argument("--again", action="store_true", help="compare what is in the table instead of adding to it")
    chosen = parser.parse_args(own)
    rows = load(chosen.table)
    asked = [text for text in chosen.packages if "==" not in text] if chosen.packages else list(rows)
    wanted = dict(_named(text) for text in asked)
    if chosen.again:
        return 1 if sum(_compared(package, rows, options) for package in wanted) else 0
    left = 0
    missing = [[(canonical_name(name), version)] for name, _, version in (text.partition("==") for text in chosen.packages if "==" in text)]
    for package, since in wanted.items():
        try:
            known = {Version(version) for version in rows.get(package, ("", {}))[1]}
            new = [one for one in versions(package, options) if Version(one) >= since and Version(one) not in known]
            missing.append([(package, one) for one in reversed(new[-chosen.limit :])])
        except Refused as error:
            print(f"{package}: nothing changed: {error}", file=sys.stderr)
            left += 1
    for batch in zip_longest(*missing):
        left += _add([one for one in batch if one], rows, options)
        save(chosen.table, rows)
    print(f"{sum(map(len, missing))} releases were missing, {left} are left to a person")
    return 1 if left else 0


def _named(text: str) -> Tuple[str, Version]:
    name, _, oldest = text.partition(">=")
    return canonical_name(name), Version(oldest or "0")


def _add(batch: Sequence[Tuple[str, str]], rows: Dict[str, Tuple[str, requires.Releases]], options: Sequence[str]) -> int:
    """Read one release of each package into `rows`; how many could not be read."""
    try:
        for (package, version), item in zip(batch, releases(batch, options)):
            found = read(item, f"{package} {version}")
            rows.setdefault(package, (SOURCE, {}))[1][version] = found
    except Refused as error:
        if len(batch) > 1:
            return sum(_add([one], rows, options) for one in batch)
        print(f"left out: {error}", file=sys.stderr)
        return 1
    return 0


def _split(arguments: List[str]) -> Tuple[List[str], List[str]]:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def load(path: Path) -> Dict[str, Tuple[str, requires.Releases]]:
    """Package -> source and releases of a table, which may not be there yet."""
    if not path.exists():
        return {}
    document: Any = documents.parse_yaml(documents.read_text(path), str(path), aliases=False)
    rows = {}
    for row in document["rows"] or ():
        package, block = requires.check_row(row)
        rows[package] = (str(row["source"]), {version: requires.declared(block, version) or () for version in block[0]})
    return rows


def save(path: Path, rows: Dict[str, Tuple[str, requires.Releases]]) -> None:
    """Write a table, its leading comment kept."""
    head = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")] if path.exists() else []
    lines = [*head, "rows:"]
    for package in sorted(rows):
        source, releases = rows[package]
        read, wanted = requires.coded(releases)
        lines += [f"  - package: {package}", f"    source: {yaml.safe_dump(source, width=1000).splitlines()[0]}", "    read: >-"]
        lines += [f"      {line}" for line in _wrapped(read)]
        lines += ["    requires: |", *(f"      {line}" for line in wanted.splitlines())] if wanted else ['    requires: ""']
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _wrapped(words: str) -> List[str]:
    import textwrap

    return textwrap.wrap(words, 150, break_on_hyphens=False)


SOURCE = "Requires-Dist in the metadata of each release's wheel"


def _compared(package: str, rows: Dict[str, Tuple[str, requires.Releases]], options: Sequence[str]) -> int:
    """How many releases of the table are gone from the index, or declare something else there."""
    known = rows.get(package, ("", {}))[1]
    there = {Version(version) for version in versions(package, options)}
    odd = 0
    for version, wanted in known.items():
        if Version(version) not in there:
            print(f"{package} {version}: is in the table and no longer in the index; a person must look")
            odd += 1
        elif sorted(read(release(package, version, options), f"{package} {version}")) != sorted(wanted):
            print(f"{package} {version}: declares something else than the table says; a person must look")
            odd += 1
    return odd


def read(item: Any, where: str) -> Tuple[requires.Declared, ...]:
    """What one release of pip's report declares, extras and requirements without a version left out. Raises `Refused`."""
    texts = item["metadata"].get("requires_dist", [])
    if not isinstance(texts, list):
        raise Refused(f"{where}: `requires_dist` is no list")
    return declared(texts, where)


def declared(texts: Sequence[str], where: str) -> Tuple[requires.Declared, ...]:
    """`Requires-Dist` lines as the table keeps them. Raises `Refused` for one that packaging cannot read."""
    found = []
    for text in texts:
        try:
            one = Requirement(text)
        except InvalidRequirement as error:
            raise Refused(f"{where}: `{text}`: {error}") from None
        marker = str(one.marker or "")
        name = canonical_name(one.name)
        if one.specifier and not _EXTRA.search(marker) and not _LEFT_OUT.fullmatch(name):
            clauses = sorted(str(clause) for clause in one.specifier)
            found.append(requires.Declared(name, ",".join(clauses), marker))
    return tuple(sorted(set(found)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
