"""From what releases call and take to the rows of `call_arguments.yaml`; `mine_calls.py` gives it the facts."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

import yaml
from call_paths import path_of
from call_reader import Shape
from mine_symbols import MODULES
from missing_table import ranges
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from signature_reader import Taken, refused

ROOT = Path(__file__).resolve().parent.parent


def shape_of(raw: Sequence[Any]) -> Shape:
    return Shape(raw[0], tuple(raw[1]), raw[2])


def taken_of(raw: Sequence[Any]) -> Taken:
    return Taken(tuple(raw[0]), tuple(raw[1]), tuple(raw[2]), raw[3], raw[4], tuple(raw[5]))


def candidates(calls: Dict[str, Dict[str, Any]], there: Dict[str, Dict[str, Any]]) -> Iterator[Dict[str, Any]]:
    """What some release of a package calls and some release of another refuses, in runs of releases."""
    for package, by in calls.items():
        rows: Dict[Any, Dict[str, List[str]]] = {}
        for version, one in by.items():
            for key, refusing in _refusals(package, one, there).items():
                alive = [other for other in refusing if not _is_dead(package, version, key.of, other)]
                if alive:
                    rows.setdefault(key, {})[version] = sorted(alive, key=Version)
        for key, holding in rows.items():
            for run in _runs([(version, holding.get(version)) for version in by]):
                provider = list(there[key.of])
                dead = {other for version, _ in run for other in provider if _is_dead(package, version, key.of, other)}
                yield {**key._asdict(), "package": package, "versions": (run[0][0], run[-1][0]), "refused": run[0][1], "dead": dead}


def _runs(pairs: Sequence[Tuple[str, Optional[List[str]]]]) -> Iterator[List[Tuple[str, Optional[List[str]]]]]:
    run: List[Tuple[str, Optional[List[str]]]] = []
    for pair in pairs:
        if run and pair[1] != run[-1][1]:
            yield run
            run = []
        if pair[1]:
            run.append(pair)
    if run:
        yield run


@cache
def _dead(package: str, version: str, provider: str) -> Tuple[SpecifierSet, ...]:
    """The releases of another package beside which this one cannot even be imported: `missing-name` tells them."""
    found = []
    for table in ("missing_names", "framework_names", "library_names", "outside_names"):
        for block in _table(table):
            rows = block["missing"] if block["package"] == package else ()
            found += [SpecifierSet(one) for row in rows if row["of"] == provider and SpecifierSet(row["versions"]).contains(version) for one in row["lacks"]]
    return tuple(found)


@cache
def _table(name: str) -> Any:
    return yaml.safe_load((ROOT / "matrices" / "facts" / f"{name}.yaml").read_text())["rows"]


@cache
def _is_dead(package: str, version: str, provider: str, other: str) -> bool:
    return any(one.contains(other) for one in _dead(package, version, provider))


class Key(NamedTuple):
    """What is the same in all releases of one row."""

    kind: str
    path: str
    scope: str
    of: str
    target: str
    says: str
    stops: str
    severity: str
    also: Tuple[Tuple[str, str], ...]


def _refusals(package: str, one: Dict[str, Any], there: Dict[str, Dict[str, Any]]) -> Dict[Key, Set[str]]:
    found: Dict[Key, Set[str]] = {}

    def add(kind: str, path: str, scope: str, target: str, says: str, asked: Any, left: Sequence[str], version: str) -> None:
        on = path_of(package, scope, left)
        provider = MODULES[target.partition(".")[0]]
        own = [specifier for name, specifier in asked if name == provider and specifier]
        if on is None or not all(SpecifierSet(specifier).contains(version) for specifier in own):
            return
        others = tuple((name, specifier or "installed") for name, specifier in asked if name != provider)
        stops = re.sub("^the first (?:step|log)", "the first checkpoint", on[1]) if target.endswith("._save_checkpoint") else on[1]
        found.setdefault(Key(kind, path, scope, provider, target, says, stops, on[0].severity, (*on[0].also, *others)), set()).add(version)

    for path, scope, _, module, name, shape, asked, left in one["calls"]:
        for version, kept in there.get(MODULES.get(module.partition(".")[0], ""), {}).items():
            taken = kept.get(("takes", module, name))
            last = name.rpartition(".")[2]
            is_class = last[:1].isupper()
            says = refused(shape_of(shape), taken_of(taken), int(is_class or "." in name)) if taken else ""
            if says:
                add("call", path, scope, f"{module}.{name}", f"{name}{'.__init__' * is_class}() {says}", asked, left, version)
    for path, scope, _, module, name, asked, left in one["imports"]:
        for version, kept in there.get(MODULES.get(module.partition(".")[0], ""), {}).items():
            if kept.get(("has", module, name)) is False:
                add("import", path, scope, f"{module}.{name}", f"cannot import name '{name}' from '{module}'", asked, left, version)
    own: Dict[str, Set[str]] = {}
    for _, scope, *_ in one["overrides"]:
        own.setdefault(scope.partition(".")[0], set()).add(scope.partition(".")[2])
    for path, scope, _, module, name, method, taken in one["overrides"]:
        mine = own[scope.partition(".")[0]]
        for version, kept in there.get(MODULES.get(module.partition(".")[0], ""), {}).items():
            for called_method, shape, _, inner, asked, left in kept.get(("calls", module, name)) or ():
                # Where the method that makes the call is overridden too, nobody knows whether it is still made.
                if called_method == method and not {"train", "_inner_training_loop", inner.partition(".")[2]} & mine:
                    says = refused(shape_of(shape), taken_of(taken), 1)
                    if says:
                        add("override", path, scope, f"{module}.{name}.{method}", f"{method}() {says}", asked, left, version)
    return found


HEAD = """\
# Calls that a release makes and that releases of another package do not take, or the other way round: each pair of versions in
# `versions` and `refuses` ends in the error under `says` when a run comes to what `stops` names. Written by scripts/mine_calls.py from the
# published wheels; docs/missing-names.md says how it was checked. `first` is the first release that it goes well with (again), `last` the last.
rows:
"""


def _says_less(row: Dict[str, Any], other: Dict[str, Any]) -> bool:
    """Whether another import of the same function fails beside all these releases, and more."""
    same = all(row[key] == other[key] for key in ("package", "versions", "kind", "scope", "of"))
    return same and row["kind"] == "import" and set(row["refused"]) < set(other["refused"])


def together(rows: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Rows that differ only in the class as one; an error where trl's two trainers that most people use are among them."""
    groups: Dict[str, List[Dict[str, Any]]] = {}
    for row in rows:
        if any(_says_less(row, other) for other in rows):
            continue
        same = [row[key] for key in ("package", "versions", "kind", "of", "target", "says", "severity", "also", "refused")]
        groups.setdefault(json.dumps([*same, re.sub("`.*`", "", row["stops"])]), []).append(row)
    found = []
    for group in groups.values():
        group.sort(key=lambda row: (not row["scope"].startswith("SFT"), not row["scope"].startswith("DPO"), row["scope"]))
        classes = [matched[0] for row in group if (matched := re.search("`.*`", row["stops"]))]
        one = {**group[0], "scope": ", ".join(dict.fromkeys(row["scope"] for row in group))}
        if classes:
            one["stops"] = re.sub("`.*`", ", ".join(dict.fromkeys(classes)), one["stops"])
        if {"`SFTTrainer`", "`DPOTrainer`"} <= set(classes):
            one["severity"] = "error"
        found.append(one)
    return found


def written(rows: Sequence[Dict[str, Any]], read: Dict[str, List[str]]) -> str:
    """The table as YAML."""
    lines = [HEAD]
    for package in read:
        own = sorted(
            (row for row in together(rows) if row["package"] == package), key=lambda row: (row["of"], Version(row["versions"][0]), row["scope"], row["target"])
        )
        if not own:
            continue
        lines.append(f'  - package: {package}\n    newest: "{read[package][-1]}"\n')
        lines.append(f"    source: {len(read[package])} published releases, from {read[package][0]} on\n    calls:\n")
        lines += ["      - {" + ", ".join(f"{key}: {value}" for key, value in _fields(row, read[row["of"]]).items()) + "}\n" for row in own]
    return "".join(lines)


def _fields(row: Dict[str, Any], versions: List[str]) -> Dict[str, str]:
    low, high = row["versions"]
    well = [version for version in versions if version not in row["refused"] and version not in row["dead"]]
    first = next((one for one in well if Version(one) > Version(row["refused"][-1])), "")
    last = next((one for one in reversed(well) if Version(one) < Version(row["refused"][0])), "")
    fields = {
        "versions": f'"=={low}"' if low == high else f'">={low},<={high}"',
        "file": row["path"],
        "where": json.dumps(row["scope"]),
        "how": row["kind"],
        "name": row["target"],
        "of": row["of"],
        "refuses": "[" + ", ".join(f'"{one}"' for one in ranges(row["refused"], versions)) + "]",
        "first": f'"{first}"' if first else "",
        "last": f'"{last}"' if last else "",
        "says": json.dumps(row["says"]),
        "with": "{" + ", ".join(f"{name}: {json.dumps(value)}" for name, value in row["also"]) + "}" if row["also"] else "",
        "stops": json.dumps(row["stops"]),
        "severity": row["severity"],
    }
    return {key: value for key, value in fields.items() if value}
