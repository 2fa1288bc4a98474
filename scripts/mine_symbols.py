"""Reads releases that `fetch_releases.py` fetched, and writes the pairs of versions of which one needs a name that the other lacks.

    python scripts/mine_symbols.py --cache FOLDER [--write matrices/facts/missing_names.yaml] [--frameworks | --libraries] [--jobs 2]

What each release needs and has is kept beside it in the cache, so that a second run only reads what is new; whoever changes how
files are read counts READING up. Where the two
ends of a minor release differ, the releases between them that would tell the exact one are printed.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import zipfile
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple

from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import fetch_releases  # noqa: E402
from missing_table import Row, neighbours, ranges, rows  # noqa: E402
from refused_names import may_give, refuses  # noqa: E402

from envcheck.names.needs import needs  # noqa: E402
from envcheck.names.package import Package  # noqa: E402
from envcheck.names.roots import FRAMEWORKS, LIBRARIES, PACKAGES, Looked  # noqa: E402

GIVERS: Dict[str, Looked] = {
    name: Looked(module, ())
    for name, module in {
        "numpy": "numpy",
        "pydantic": "pydantic",
        "scipy": "scipy",
        "scikit-learn": "sklearn",
        "pandas": "pandas",
        "pyarrow": "pyarrow",
        "torchvision": "torchvision",
        "torchaudio": "torchaudio",
        "gymnasium": "gymnasium",
        "fsspec": "fsspec",
        "omegaconf": "omegaconf",
        "networkx": "networkx",
        "librosa": "librosa",
        "jsonargparse": "jsonargparse",
        "setuptools": "pkg_resources",
    }.items()
}
"""Packages that only give names, to libraries and frameworks."""

if "--frameworks" in sys.argv:
    # What frameworks import, from one another and from the others, which then only give names.
    PACKAGES = {**{name: Looked(looked.module, ()) for name, looked in PACKAGES.items()}, **FRAMEWORKS}
if "--libraries" in sys.argv:
    # What libraries import, from one another and from all the others, which then only give names.
    PACKAGES = {**{name: Looked(looked.module, ()) for name, looked in {**PACKAGES, **FRAMEWORKS}.items()}, **LIBRARIES, **GIVERS}
BY_ENTRIES = frozenset((("colbert-ai", "transformers"), ("pyannote-audio", "torchaudio"), ("speechbrain", "torchaudio"), ("torchdata", "torch")))
"""Pairs of which entries tell already, with what a run comes to besides."""
READING = 2
"""Which way of reading the kept files are from."""
KEPT = f"needs{READING}" + "f" * ("--frameworks" in sys.argv) + "l" * ("--libraries" in sys.argv)
MODULES = {looked.module: name for name, looked in PACKAGES.items()}
Name = Tuple[str, Optional[str]]


class Wheel:
    """The files in a zip: see `envcheck.names.files.Files`."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self._folders: Dict[str, List[str]] = {}
        # What a wheel with compiled parts has in `x.data/purelib` is put beside the rest.
        self._at = {re.sub(r"^[^/]+\.data/(?:pure|plat)lib/", "", name): name for name in self._zip.namelist()}
        for name in self._at:
            parts = name.rstrip("/").split("/")
            for end in range(len(parts)):
                self._folders.setdefault("/".join(parts[:end]), []).append(parts[end])

    def read(self, path: str) -> Optional[bytes]:
        """The bytes of a file; None where there is none."""
        try:
            return self._zip.read(self._at[path])
        except KeyError:
            return None

    def listed(self, folder: str) -> FrozenSet[str]:
        """The names in a folder."""
        return _names(self, folder)

    def paths(self) -> List[str]:
        """Every file."""
        return list(self._at)


@cache
def _names(wheel: Wheel, folder: str) -> FrozenSet[str]:
    return frozenset(wheel._folders.get(folder, ()))


@cache
def releases(folder: Path) -> Dict[str, Dict[str, Path]]:
    """Distribution -> version -> file, oldest first."""
    found: Dict[str, Dict[str, Path]] = {}
    for path in folder.iterdir():
        matched = re.match(r"([A-Za-z0-9_.]+?)-([0-9][^-]*)-.*\.(?:whl|zip)$", path.name)
        name = matched[1].lower().replace("_", "-").replace(".", "-") if matched else ""
        if matched and name in PACKAGES and not Version(matched[2]).is_prerelease:
            found.setdefault(name, {})[matched[2]] = path
    return {name: dict(sorted(by.items(), key=lambda one: Version(one[0]))) for name, by in sorted(found.items())}


def needed(path: Path, name: str) -> Dict[str, List[Any]]:
    """Root -> what it needs of other packages, from the cache where this release was read before."""
    return _kept(path, KEPT, lambda: _needed(path, name))  # type: ignore[no-any-return]


def _needed(path: Path, name: str) -> Dict[str, List[Any]]:
    looked = PACKAGES[name]
    package = Package(looked.module, Wheel(path))
    others = frozenset(MODULES) - {looked.module}
    return {
        root.module: [
            [need.module, need.name, need.path, need.line, sorted(need.asked), need.is_attribute]
            for need in needs(package, root.module, others, lambda module, inner: is_doubtful(path.parent, module, inner))
        ]
        for root in looked.roots
        if package.has_module(root.module)
    }


@cache
def is_doubtful(folder: Path, module: str, name: str) -> bool:
    """Whether an old, a middle or a new release lacks an attribute: files that mention no such one need not be read in full."""
    giver = MODULES[module.partition(".")[0]]
    paths = list(releases(folder).get(giver, {}).values())
    return any(_answer(package, giver, path, (module, name)) is False for package, path in zip(_samples(folder, giver), _ends(paths)))


@cache
def _samples(folder: Path, name: str) -> List[Package]:
    paths = list(releases(folder).get(name, {}).values())
    return [Package(PACKAGES[name].module, Wheel(path), words(path)) for path in _ends(paths)]


def _ends(paths: List[Path]) -> List[Path]:
    return list(dict.fromkeys((*paths[:1], *paths[len(paths) // 2 :][:1], *paths[-1:])))


def answers(path: Path, name: str, asked: Sequence[Name]) -> Dict[Name, Optional[bool]]:
    """Which of the asked names a release has; those asked before are kept."""
    kept_at = path.with_name(path.name + ".has.json")
    kept = {(module, inner): there for module, inner, there in json.loads(kept_at.read_text())} if kept_at.exists() else {}
    new = [one for one in asked if one not in kept]
    if new:
        package = Package(PACKAGES[name].module, Wheel(path), words(path))
        kept.update({one: _answer(package, name, path, one) for one in new})
        kept_at.write_text(json.dumps([[*one, there] for one, there in kept.items()]))
    return {one: kept[one] for one in asked}


def _answer(package: Package, name: str, path: Path, one: Name) -> Optional[bool]:
    version = path.name.split("-")[1]
    if may_give(name, version, *one):
        return None
    return False if package.lacks(*one) or refuses(name, version, package, *one) else package.has(*one) or None


def words(path: Path) -> Optional[Callable[[str], bool]]:
    """Whether a name occurs in the compiled part of a release of which only the words were kept."""
    raw = Wheel(path).read(fetch_releases.WORDS)
    return (lambda name: name.encode() + b"\n" in raw) if raw is not None else None


def _kept(path: Path, kind: str, make: Any) -> Any:
    kept_at = path.with_name(f"{path.name}.{kind}.json")
    if not kept_at.exists():
        kept_at.write_text(json.dumps(make()))
    return json.loads(kept_at.read_text())


def mine(cache: Path, jobs: int) -> Tuple[Dict[str, List[Row]], Dict[str, List[str]]]:
    """The rows of each package, and the releases of each that were read."""
    found = releases(cache)
    every = [(path, name) for name, by in found.items() for path in by.values()]
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(needed, *zip(*every), chunksize=4))
    needs = {name: {version: needed(path, name) for version, path in by.items()} for name, by in found.items()}
    asked: Dict[str, Dict[Name, None]] = {}
    for by in needs.values():
        for roots in by.values():
            for module, name, *_ in (need for root in roots.values() for need in root):
                asked.setdefault(MODULES[module.partition(".")[0]], {})[(module, name)] = None
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(answers, *zip(*every), [list(asked.get(name, ())) for _, name in every], chunksize=4))
    there = {name: {version: answers(path, name, list(asked.get(name, ()))) for version, path in by.items()} for name, by in found.items()}
    read = {name: list(by) for name, by in found.items()}
    result = {}
    for name in found:
        order = [(root.module, root.severity) for root in PACKAGES[name].roots]
        providers = {other: (PACKAGES[other].module, read[other]) for other in found if other != name}
        found_rows = rows(needs[name], order, providers, lambda provider, version, module, inner: there[provider][version].get((module, inner)))
        result[name] = [row for row in found_rows if "--libraries" not in sys.argv or _is_telling(name, row, read)]
    return result, read


def _is_telling(name: str, row: Row, read: Dict[str, List[str]]) -> bool:
    """Whether some release was seen to have the name: else it may be another distribution's, or be made while the package is imported."""
    return any(neighbours(row.use, read[row.provider])) and (name, row.provider) not in BY_ENTRIES


HEAD = """\
# Names that a release imports, without a way out, from releases of another package that do not have them: each pair of versions
# in `versions` and `lacks` fails with ImportError. Written by scripts/mine_symbols.py from the published wheels; docs/missing-names.md
# says how it was checked. `first` is the first release that has the name (again), `last` the last one that had it.
rows:
"""


def written(result: Dict[str, List[Row]], read: Dict[str, List[str]]) -> str:
    """The table as YAML."""
    lines = [HEAD]
    for package, found in result.items():
        if not found:
            continue
        lines.append(f'  - package: {package}\n    newest: "{read[package][-1]}"\n')
        lines.append(f"    source: {len(read[package])} published releases, from {read[package][0]} on\n    missing:\n")
        for row in sorted(found, key=lambda row: (row.provider, Version(row.importers[0]), row.use.target)):
            lines.append("      - {" + ", ".join(f"{key}: {value}" for key, value in _fields(row, read).items()) + "}\n")
    return "".join(lines)


def _fields(row: Row, read: Dict[str, List[str]]) -> Dict[str, str]:
    first, last = neighbours(row.use, read[row.provider])
    low, high = row.importers[0], row.importers[-1]
    fields = {
        "versions": f'"=={low}"' if low == high else f'">={low},<={high}"',
        "file": row.use.path,
        "name": row.use.target,
        "of": row.provider,
        "lacks": "[" + ", ".join(f'"{one}"' for one in ranges(row.use.missing, read[row.provider])) + "]",
        "first": f'"{first}"' if first else "",
        "last": f'"{last}"' if last else "",
        "how": "attribute" if row.use.is_attribute else "",
        "with": "{" + ", ".join(f'{name}: "{specifier or "installed"}"' for name, specifier in row.use.extra) + "}" if row.use.extra else "",
        "stops": "[" + ", ".join(row.roots) + "]",
    }
    return {key: value for key, value in fields.items() if value}


def inexact(result: Dict[str, List[Row]], read: Dict[str, List[str]], every: Dict[str, List[str]]) -> List[str]:
    """Releases that were not read and lie where an answer changes: what to fetch for exact bounds."""
    wanted: Set[str] = set()
    for package, found in result.items():
        for row in found:
            missing = set(row.use.missing)
            versions = read[row.provider]
            changes = [(a, b) for a, b in zip(versions, versions[1:]) if (a in missing) is not (b in missing)]
            own = read[package]
            at = own.index(row.importers[0]), own.index(row.importers[-1])
            edges = [(package, *pair) for pair in (own[at[0] - 1 : at[0] + 1], own[at[1] : at[1] + 2]) if len(pair) == 2]
            for name, low, high in [*edges, *((row.provider, a, b) for a, b in changes)]:
                wanted.update(f"{name}=={one}" for one in every.get(name, ()) if Version(low) < Version(one) < Version(high))
    return sorted(wanted)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cache", required=True, type=Path, help="folder that fetch_releases.py filled")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the table, as YAML")
    parser.add_argument("--frameworks", action="store_true", help="the rows of frameworks instead, for framework_names.yaml")
    parser.add_argument("--libraries", action="store_true", help="the rows of libraries, for library_names.yaml")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--inexact", action="store_true", help="name releases that would make a bound exact, one a line")
    chosen = parser.parse_args()
    result, read = mine(chosen.cache, chosen.jobs)
    if chosen.write:
        chosen.write.write_text(written(result, read), encoding="utf-8")
    if chosen.inexact:
        print("\n".join(inexact(result, read, {name: fetch_releases.listed(name) for name in read if name in fetch_releases.PACKAGES})))
    else:
        print(f"{sum(map(len, read.values()))} releases of {len(read)} packages, {sum(map(len, result.values()))} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
