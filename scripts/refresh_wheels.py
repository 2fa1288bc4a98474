"""Adds new releases to the tables of what wheels hold and pin, through pip's own client.

    python scripts/refresh_wheels.py [TABLE …] [--limit N] [-- --no-index --find-links FOLDER]

torch_libraries, extension_torch    from the metadata of the wheels
bitsandbytes_cuda, triton_ptxas, extension_kernels, compile_pythons    from the wheels themselves, which are hundreds of megabytes each

Only rows are added, for releases that are newer than those of the table. A release whose wheel says what its reader does not know is told
and left out, and with it all that are newer. Exit status 0, or 1 where something is left to a person.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Sequence

import rows
from installer import Refused
from wheel_readers import READERS


def main(arguments: Sequence[str]) -> int:
    at = list(arguments).index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"all where none is named: {', '.join(READERS)}")
    parser.add_argument("--folder", type=Path, default=rows.FOLDER)
    parser.add_argument("--limit", type=int, default=5, help="releases of one package that are read at most")
    chosen = parser.parse_args(list(arguments)[:at])
    options = list(arguments)[at + 1 :]
    left = 0
    for name in chosen.tables or READERS:
        path = chosen.folder / f"{name}.yaml"
        had = rows.read(path)
        for package in READERS[name].packages(had):
            left += _refresh(path, name, package, options, chosen.limit)
    return 1 if left else 0


def _refresh(path: Path, name: str, package: str, options: Sequence[str], limit: int) -> int:
    """Add what is new of one package; 1 where something is left to a person."""
    reader = READERS[name]
    added = 0
    try:
        for version in reader.missing(rows.read(path), package, options)[:limit]:
            row = reader.row(rows.read(path), package, version, options)
            rows.add(path, [row], f"package: {package}," if "package" in row else "")
            added += 1
    except Refused as error:
        print(f"{name}, {package}: {added} rows added, then nothing changed: {error}", file=sys.stderr)
        return 1
    print(f"{name}, {package}: {added} rows added")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
