"""Reads the releases that `fetch_releases.py` fetched, and writes the pairs of versions of which one calls what the other does not take.

    python scripts/mine_calls.py --cache FOLDER --write matrices/facts/call_arguments.yaml [--jobs 2]

A call counts where its shape can be read off and the signature too; so does a method that overrides one of another package, which calls it
itself, and an import in a function. What each release calls and takes is kept beside it in the cache.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Sequence, Set, Tuple

from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import mine_symbols  # noqa: E402
from call_paths import PATHS  # noqa: E402
from call_reader import read  # noqa: E402
from call_table import candidates, written  # noqa: E402
from mine_symbols import MODULES, Wheel, releases  # noqa: E402
from signature_reader import Signatures, of_function  # noqa: E402

from envcheck.names.guards import conditions  # noqa: E402
from envcheck.names.package import Package  # noqa: E402
from envcheck.names.roots import FRAMEWORKS, PACKAGES  # noqa: E402
from envcheck.names.source import Module, parsed  # noqa: E402

READING = 2
PROVIDERS = (
    "transformers",
    "accelerate",
    "peft",
    "trl",
    "deepspeed",
    "huggingface-hub",
    "datasets",
    "torch",
    "liger-kernel",
    "tokenizers",
    "sentence-transformers",
    "lightning",
    "pytorch-lightning",
    "torchao",
    "tensordict",
    "torchrl",
    "unsloth-zoo",
    "compressed-tensors",
)
OF_TORCH = re.compile(
    r"torch\.(distributed\.(fsdp|_composable|tensor|device_mesh|checkpoint|init_process_group$)|optim|utils\.(data|checkpoint)|cuda\.amp|amp|load$|save$|nn\.utils)"
)
SKIPPED = re.compile(r"(^|/)(tests?|examples?|benchmarks?|docs|diffusers_scripts)/")
TRAINING = re.compile(
    r"/(trainer\w*|training_args\w*|modeling_utils|optimization|cache_utils|core_model_loading|debug_utils|configuration_utils|tokenization_utils_base|"
    r"hyperparameter_search|deepspeed|integrations|integrations/\w+|quantizers/\w+|data/data_collator|distributed/\w+|generation/utils|utils/(hub|generic|import_utils|loading_report))\.py$"
)
"""The files of transformers that training goes through; the others are models, which call little of other packages."""


def modules_of(names: Sequence[str]) -> FrozenSet[str]:
    return frozenset(PACKAGES[name].module for name in names if name in PACKAGES)


_READ: Dict[Tuple[str, str, bytes], Dict[str, List[Any]]] = {}


def called(path: Path, name: str) -> Dict[str, Any]:
    """What a release calls, overrides and imports late."""
    return mine_symbols._kept(path, f"calls{READING}", lambda: _called(path, name))  # type: ignore[no-any-return]


def _called(path: Path, name: str) -> Dict[str, Any]:
    wheel = Wheel(path)
    package = Package(PACKAGES[name].module, wheel)
    signatures = Signatures(package, wheel)
    others = modules_of(PROVIDERS) - {package.name}
    mentioned = re.compile(rb"\b(?:import|from)\s+(?:" + b"|".join(one.encode() for one in others) + rb")\b|\baccelerator\.|\bTrainer\b")
    found: Dict[str, Any] = {"calls": [], "imports": [], "overrides": []}
    for file in sorted(one for one in wheel.paths() if one.startswith(package.name + "/") and one.endswith(".py")):
        if SKIPPED.search(file) or (name == "transformers" and not TRAINING.search(file)):
            continue
        text = wheel.read(file) or b""
        if not mentioned.search(text) or (name not in PATHS and b"Trainer" not in text):
            continue
        # Most files of a release are those of the one before.
        known = (name, file, hashlib.sha1(text).digest())
        if known not in _READ:
            _READ[known] = {"calls": [], "imports": [], "overrides": []}
            dotted = re.sub(r"(/__init__)?\.py$", "", file).replace("/", ".")
            module = package.module(dotted)
            tree = parsed(text)
            if module is not None and tree is not None:
                _file(file, module, tree, package, signatures, others, _READ[known])
        for kind, rows in _READ[known].items():
            found[kind] += rows
    return found


def _file(path: str, module: Module, tree: ast.Module, package: Package, signatures: Signatures, others: FrozenSet[str], found: Dict[str, Any]) -> None:
    got = read(tree, module, others, package.name)
    lines = {name: _outer(module, name, signatures, others) for name in got.bases}
    for call in got.calls:
        target = call.target
        if target[0] in ("super", "self"):
            owner, _, method = target[1].partition(".")
            inner, outer = lines.get(owner, ((), ()))
            classes = inner[1:] if target[0] == "super" else inner
            if len(outer) != 1 or any(method in _methods(one) for one in classes):
                continue
            target = (outer[0][0], f"{outer[0][1]}.{method}")
        elif target[0].partition(".")[0] not in others:
            continue
        found["calls"].append([path, call.scope, call.line, *target, list(call.shape), *_asked(call.guards, module, package)])
    for scope, origin, name, line, guards in got.imports:
        found["imports"].append([path, scope, line, origin, name, *_asked(guards, module, package)])
    for name, (inner, outer) in lines.items():
        if len(outer) != 1:
            continue
        seen = set()
        for at, node in enumerate(inner):
            for method, definition in _methods(node).items():
                if method in seen:
                    continue
                seen.add(method)
                if at and id(node) in _WITH_OUTER:
                    continue
                taken = of_function(definition, True)
                if taken is not None:
                    found["overrides"].append([path, f"{name}.{method}", definition.lineno, *outer[0], method, list(taken)])


_WITH_OUTER: Set[int] = set()


@cache
def _methods(node: ast.ClassDef) -> Dict[str, ast.FunctionDef]:
    return {one.name: one for one in node.body if isinstance(one, ast.FunctionDef)}


def _outer(module: Module, name: str, signatures: Signatures, others: FrozenSet[str]) -> Tuple[List[ast.ClassDef], List[Tuple[str, str]]]:
    """The classes of the package itself that one is made of, the nearest first, and those of other packages; two of `?` where that is not certain."""
    found = signatures.classes(module.dotted, name)
    inner: List[ast.ClassDef] = []
    outer: Dict[Tuple[str, str], None] = {}
    unknown = [("?", "?"), ("?", "??")]

    def walk(place: Module, node: ast.ClassDef, depth: int) -> bool:
        if depth > 8:
            return False
        inner.append(node)
        has_outer = False
        for base in node.bases:
            while isinstance(base, ast.Subscript):
                base = base.value
            text = ast.unparse(base)
            if text in ("object", "ABC", "Generic", "abc.ABC", "Protocol", "Exception"):
                continue
            alias = _origin(text, place)
            if alias is not None and alias[0].partition(".")[0] in others:
                outer[alias] = None
                has_outer = True
                continue
            one = signatures._base(place, base)
            if not isinstance(one, tuple):
                return False
            if not walk(one[0], one[1], depth + 1):
                return False
            has_outer = has_outer or id(one[1]) in _WITH_OUTER
        if has_outer:
            _WITH_OUTER.add(id(node))
        return True

    if found is None or not walk(found[0], found[1], 0):
        return inner, unknown
    return inner, list(outer)


def _origin(text: str, module: Module) -> Optional[Tuple[str, str]]:
    first, _, rest = text.partition(".")
    origins = module.aliases.get(first, set())
    if len(origins) != 1 or first in module.rebound:
        return None
    ((origin, name),) = origins
    return origin, ".".join(part for part in (name, rest) if part)


def _asked(guards: Any, module: Module, package: Package) -> List[Any]:
    """What the tests ask for, and those that cannot be read off, as text."""
    asked: List[List[str]] = []
    left: List[str] = []
    for guard in guards:
        one = conditions((guard,), module, package)
        if one is None:
            left.append(("" if guard.wanted else "not ") + ast.unparse(guard.test)[:120])
        else:
            asked += [list(condition) for condition in one]
    return [asked, left]


def answers(path: Path, name: str, asked: Sequence[Tuple[str, str, str]]) -> Dict[Tuple[str, str, str], Any]:
    """(`takes`, module, name) -> what it takes; (`calls`, module, Class) -> what the class calls on itself; (`has`, module, name) -> whether it is there."""
    kept_at = path.with_name(f"{path.name}.takes{READING}.json")
    kept = {tuple(key): answer for key, answer in json.loads(kept_at.read_text())} if kept_at.exists() else {}
    new = [one for one in asked if one not in kept]
    if new:
        wheel = Wheel(path)
        package = Package(PACKAGES[name].module, wheel, mine_symbols.words(path))
        signatures = Signatures(package, wheel)
        for kind, module, inner in new:
            if kind == "takes":
                taken = signatures.taken(module, inner)
                kept[(kind, module, inner)] = list(taken) if taken else None
            elif kind == "has":
                kept[(kind, module, inner)] = False if package.lacks(module, inner) else package.has(module, inner) or None
            else:
                kept[(kind, module, inner)] = _own_calls(module, inner, package, signatures, wheel)
        kept_at.write_text(json.dumps([[list(key), answer] for key, answer in kept.items()]))
    return {one: kept[one] for one in asked}


def _own_calls(module: str, name: str, package: Package, signatures: Signatures, wheel: Wheel) -> List[Any]:
    """[method, shape, path, scope, asked, tests that cannot be read] of what a class calls on itself, its bases included."""
    found = signatures.classes(module, name)
    if found is None:
        return []
    rows: List[Any] = []
    own: Set[str] = set()
    line = signatures.line(*found)
    for place, node in line:
        tree = parsed(wheel.read(place.path) or b"")
        if tree is None:
            continue
        got = read(tree, place, frozenset(), package.name)
        defined = got.methods.get(node.name, {})
        for call in got.calls:
            method = call.scope.partition(".")[2]
            if call.target[0] == "self" and call.target[1].startswith(node.name + ".") and call.scope.startswith(node.name + ".") and method not in own:
                rows.append([call.target[1].partition(".")[2], list(call.shape), place.path, call.scope, *_asked(call.guards, place, package)])
        own |= set(defined)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", required=True, type=Path)
    parser.add_argument("--write", required=True, type=Path, metavar="FILE", help="the table, as YAML")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    chosen = parser.parse_args()
    PACKAGES.update(FRAMEWORKS)
    MODULES.update({looked.module: name for name, looked in FRAMEWORKS.items()})
    found = releases(chosen.cache)
    read = {name: _last_patches(by) if name == "transformers" else by for name, by in found.items() if not chosen.only or name in chosen.only}
    consumers = [(path, name) for name, by in read.items() for path in by.values()]
    with ProcessPoolExecutor(chosen.jobs) as pool:
        list(pool.map(called, *zip(*consumers), chunksize=16))
    calls = {name: {version: called(path, name) for version, path in by.items()} for name, by in read.items()}
    asked: Dict[str, Dict[Tuple[str, str, str], None]] = {}
    for by in calls.values():
        for one in by.values():
            for key in _questions(one):
                provider = MODULES.get(key[1].partition(".")[0])
                if provider in PROVIDERS:
                    asked.setdefault(provider, {})[key] = None
    every = [(path, name) for name, by in found.items() if name in asked for path in by.values()]
    with ProcessPoolExecutor(chosen.jobs) as pool:
        list(pool.map(answers, *zip(*every), [list(asked[name]) for _, name in every], chunksize=2))
    there = {name: {version: answers(path, name, list(asked[name])) for version, path in found[name].items()} for name in found if name in asked}
    rows = list(candidates(calls, there))
    chosen.write.write_text(written(rows, {name: list(by) for name, by in found.items()}), encoding="utf-8")
    print(f"{sum(map(len, calls.values()))} releases of {len(calls)} packages, {len(rows)} rows")
    return 0


def _last_patches(by: Dict[str, Path]) -> Dict[str, Path]:
    """Of each minor release the last patch."""
    return {version: by[version] for version in {Version(version).release[:2]: version for version in by}.values()}


def _questions(one: Dict[str, Any]) -> Iterator[Tuple[str, str, str]]:
    for _, _, _, module, name, shape, *_ in one["calls"]:
        # What is only given by place has hardly ever changed; of torch, what training calls by way of others.
        if (shape[1] or "." in name) and (not module.startswith("torch") or OF_TORCH.match(f"{module}.{name}")):
            yield "takes", module, name
    for _, _, _, module, name, *_ in one["imports"]:
        yield "has", module, name
    for _, _, _, module, name, *_ in one["overrides"]:
        yield "calls", module, name


if __name__ == "__main__":
    sys.exit(main())
