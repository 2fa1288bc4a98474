"""Brings `matrices/facts/releases.yaml` up to date with new releases, through pip's own client.

    python scripts/refresh_releases.py [PACKAGE …] [-- --no-index --find-links FOLDER]

New releases are added with what pip's report tells: Requires-Python, and tags and platforms where the wheel is for every system.
Dates, and the wheels of compiled packages, stay blank (unknown) until a person fills them in. A release of the table that the
index no longer lists, because it was withdrawn or removed, is told and not changed. Exit status 0, or 1 where something is left
to a person.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from installer import Refused, release, versions
from packaging.version import Version

from envcheck import documents
from envcheck.facts import releases

TABLE = Path(__file__).resolve().parent.parent / "matrices" / "facts" / "releases.yaml"
_ANY = re.compile(r"-(py3|py2\.py3)-none-any\.whl$")


def main(arguments: Sequence[str]) -> int:
    at = list(arguments).index("--") if "--" in arguments else len(arguments)
    options = list(arguments)[at + 1 :]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("packages", nargs="*", help="those of the table where none is named")
    parser.add_argument("--table", type=Path, default=TABLE)
    chosen = parser.parse_args(list(arguments)[:at])
    rows = known(chosen.table)
    trouble = 0
    for package in chosen.packages or list(rows):
        try:
            lines, odd = news(package, rows.get(package, {}), options)
        except Refused as error:
            print(f"{package}: nothing changed: {error}", file=sys.stderr)
            trouble += 1
            continue
        trouble += odd
        add(chosen.table, package, lines)
        print(f"{package}: {len(lines)} releases added")
    return 1 if trouble else 0


def known(path: Path) -> Dict[str, Dict[str, str]]:
    """Package -> version -> the rest of its line."""
    document: Any = documents.parse_yaml(documents.read_text(path), str(path), aliases=False)
    return dict(releases.check_row(row) for row in document["rows"])


def news(package: str, there: Dict[str, str], options: Sequence[str]) -> tuple[List[str], int]:
    """The lines of releases that the table lacks, and how many of the table the index no longer lists. Raises `Refused`."""
    listed = {Version(one): one for one in versions(package, options)}
    had = {Version(version): version for version in there}
    gone = [text for version, text in had.items() if version not in listed and _is_listed_here(releases.release(there, text))]
    for text in gone:
        print(f"{package} {text}: is in the table and no longer listed; a person must look whether it was withdrawn")
    latest = max(had, default=Version("0"))
    return [_line(package, text, options) for version, text in listed.items() if version > latest], len(gone)


def _is_listed_here(one: Optional[releases.Release]) -> bool:
    """Whether pip lists a release under this Python: not one that was withdrawn, nor one that has only wheels for others."""
    if one is None or one.yanked is not None:
        return False
    return one.sdist or not one.tags or any(map(_is_for_this_python, one.tags))


# cp310, cp38+abi3; not cp314t or pp310
_TAG = re.compile(r"cp3(\d+)(\+abi3)?")


def _is_for_this_python(tag: str) -> bool:
    found = _TAG.fullmatch(tag)
    if found is None:
        return tag.startswith("py")
    return int(found[1]) <= sys.version_info.minor if found[2] else int(found[1]) == sys.version_info.minor


def _line(package: str, version: str, options: Sequence[str]) -> str:
    try:
        item = release(package, version, options)
    except Refused:
        return version  # a source archive only: nothing is known but that it is there
    python = str(item["metadata"].get("requires_python", "")).replace(" ", "")
    found = _ANY.search(str(item.get("download_info", {}).get("url", "")))
    columns = " | ".join([version, "", python, *(["py3", "any"] if found else [])])
    return re.sub(r"\| +(?=\|)", "| ", columns).rstrip(" |")


def add(path: Path, package: str, lines: Sequence[str]) -> None:
    """Put lines behind the last one of a package, which gets a row of its own where it has none."""
    if not lines:
        return
    text = path.read_text(encoding="utf-8").splitlines()
    at = next((number for number, line in enumerate(text) if line == f"  - package: {package}"), None)
    if at is None:
        text += [f"  - package: {package}", '    source: "the package index"', "    releases: |"]
        at = len(text) - 3
    end = next((number for number in range(at + 1, len(text)) if text[number].startswith("  - package:")), len(text))
    text[end:end] = [f"      {line}" for line in lines]
    path.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
