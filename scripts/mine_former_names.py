"""Reads which releases still look up a name that NumPy has taken away, and writes `matrices/facts/former_names.yaml`.

    python scripts/mine_former_names.py --cache FOLDER --write matrices/facts/former_names.yaml

Of each package in USES the final releases are downloaded once, as a wheel or as source (the running Python then needs setuptools, NumPy and
Cython, with which old releases tell their names), and only its Python files are kept.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from fetch_releases import keep, keep_source, pip  # noqa: E402
from missing_table import ranges  # noqa: E402


class Use(NamedTuple):
    """A function, and who comes to it."""

    file: str
    where: str
    """`Class.method`, a function, or nothing for what runs when the file is imported."""
    stops: str
    severity: str = "warning"


USES: Dict[str, Sequence[Use]] = {
    "pycocotools": [Use("pycocotools/cocoeval.py", "COCOeval.accumulate", "the first evaluation of boxes, masks or keypoints")],
    "pytorch-forecasting": [Use("pytorch_forecasting/data/timeseries.py", "TimeSeriesDataSet._data_to_tensors", "making a `TimeSeriesDataSet`")],
    "yolov5": [
        Use("yolov5/utils/datasets.py", "LoadImagesAndLabels.__init__", "reading the labels of a training set"),
        Use("yolov5/utils/dataloaders.py", "LoadImagesAndLabels.__init__", "reading the labels of a training set"),
        Use("yolov5/utils/metrics.py", "compute_ap", "the first validation"),
    ],
    "lvis": [Use("lvis/eval.py", "LVISEval.accumulate", "the first evaluation on LVIS")],
    "imgaug": [
        Use("imgaug/augmenters/meta.py", "SomeOf._get_augmenter_active", "the first batch that goes through `SomeOf` or `OneOf`", "note"),
        Use("imgaug/imgaug.py", "", "`import imgaug`"),
    ],
    "librosa": [Use("librosa/core/constantq.py", "", "`import librosa`")],
    "fairseq": [
        Use("fairseq/data/indexed_dataset.py", "", "`import fairseq`"),
        Use("fairseq/data/data_utils.py", "compute_mask_indices", "the first masked batch of wav2vec 2.0, HuBERT and data2vec", "note"),
    ],
}
"""What was seen to be looked up, by package: the first use of a release that is stopped speaks for it."""

SINCE = {"fairseq": "0.9", "imgaug": "0.2.9", "librosa": "0.7", "pycocotools": "2.0.2", "pytorch-forecasting": "0.8", "yolov5": "5.0"}
"""The first release that is read, where older ones are too old for any NumPy without the names, or for anybody."""

LACKS = {
    **dict.fromkeys(("complex", "float", "int", "object", "str"), (">=1.24", "1.23.5")),
    "bool": (">=1.24,<2", "1.23.5"),
    **dict.fromkeys(("in1d", "trapz"), (">=2.4", "2.3.5")),
}
"""Former name -> the releases of NumPy without it, and the last one with it: `__former_attrs__` in numpy/__init__.py, read in the wheels of 1.23.5, 1.24.4,
1.26.4, 2.0.2 and 2.3.5, and the lists `__all__` of 2.3.5 and 2.4.0."""
_OLDER = ("--only-binary", ":all:", "--python-version", "3.8", "--platform", "manylinux2014_x86_64", "--platform", "manylinux1_x86_64")
_KINDS = (("--only-binary", ":all:"), _OLDER, ("--no-binary", ":all:", "--no-build-isolation"))
_FINAL = re.compile(r"\d+(\.\d+)*(\.post\d+)?")


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--write", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    chosen.cache.mkdir(parents=True, exist_ok=True)
    blocks = [block(package, uses, chosen.cache) for package, uses in sorted(USES.items())]
    chosen.write.write_text(HEAD + "".join(text for text in blocks if text), encoding="utf-8")
    return 0


HEAD = """\
# Names that functions of a release look up on NumPy and that a release of NumPy has not: each pair of versions in `versions` and `refuses` ends in
# AttributeError when a run comes to what `stops` names. Written by scripts/mine_former_names.py from the published files.
rows:
"""


def block(package: str, uses: Sequence[Use], cache: Path) -> str:
    """The lines of one package; none where nothing was found."""
    kept_ = {version: kept(package, version, cache) for version in published(package)}
    releases = {version: path for version, path in kept_.items() if path is not None}
    lines = [line for use in uses for line in of_use(use, releases)]
    read = list(releases)
    head = f'  - package: {package}\n    newest: "{read[-1]}"\n    source: {len(read)} published releases, from {read[0]} on\n    calls:\n'
    return head + "".join(lines) if lines else ""


def of_use(use: Use, releases: Mapping[str, Path]) -> Iterator[str]:
    """The rows of one function, each for the releases that look up the same name."""
    by_name: Dict[str, List[str]] = {}
    for version, path in releases.items():
        for name in sorted(looked_up(path, use) & LACKS.keys())[:1]:
            by_name.setdefault(name, []).append(version)
    read = list(releases)
    where = use.where or use.file.removesuffix(".py").replace("/", ".")
    for name, versions in by_name.items():
        for span in ranges(versions, read):
            # Nobody knows what the release after the newest one looks up.
            ends = span if "<=" in span else f"{span},<={read[-1]}" if span != ">=0" else f"<={read[-1]}"
            row = {
                "versions": f'"{ends}"',
                "file": use.file,
                "where": f'"{where}"',
                "how": "attribute",
                "name": f"numpy.{name}",
                "of": "numpy",
                "refuses": f'["{LACKS[name][0]}"]',
                "last": f'"{LACKS[name][1]}"',
                "says": f"\"module 'numpy' has no attribute '{name}'\"",
                "stops": f'"{use.stops}"',
                "severity": use.severity,
            }
            yield "      - {" + ", ".join(f"{key}: {value}" for key, value in row.items()) + "}\n"


def looked_up(path: Path, use: Use) -> FrozenSet[str]:
    """The attributes of NumPy in that function, or in what runs when the file is imported; not those behind a `try`."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(use.file).decode("utf-8", "replace") if use.file in archive.namelist() else ""
    tree = ast.parse(text)
    names = {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names if alias.name == "numpy"}
    body = tree if not use.where else next((node for scope, node in scopes(tree, "") if scope == use.where), None)
    return frozenset(node.attr for node in running(body) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names)


def scopes(node: ast.AST, name: str) -> Iterator[Tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
            inner = f"{name}.{child.name}".lstrip(".")
            yield inner, child
            yield from scopes(child, inner)


def running(node: Optional[ast.AST]) -> Iterator[ast.AST]:
    """What is evaluated when a body runs: of a function that it defines only the defaults and decorators, and nothing that a test of versions guards."""
    for child in ast.iter_child_nodes(node) if node is not None and not isinstance(node, ast.Try) else ():
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner: List[ast.AST] = [*child.args.defaults, *(one for one in child.args.kw_defaults if one), *child.decorator_list]
        else:
            inner = [] if isinstance(child, ast.Lambda) or is_guarded(child) else [child]
        for one in inner:
            yield one
            yield from running(one)


def is_guarded(node: ast.AST) -> bool:
    return isinstance(node, (ast.If, ast.IfExp)) and re.search("version|hasattr", ast.unparse(node.test), re.IGNORECASE) is not None


def published(package: str) -> List[str]:
    """The final releases from the first on that is read, oldest first."""
    texts: Set[str] = set()
    for kind in ((), ("--no-binary", ":all:")):
        found = re.search(r"^Available versions: (.*)$", pip("index", "versions", package, "--ignore-requires-python", *kind).stdout, re.MULTILINE)
        texts.update(found[1].split(", ") if found else ())
    return sorted((text for text in filter(_FINAL.fullmatch, texts) if Version(text) >= Version(SINCE.get(package, "0"))), key=Version)


def kept(package: str, version: str, cache: Path) -> Optional[Path]:
    """The Python files of a release in a zip in the cache; None where it cannot be had."""
    target = cache / f"{package}-{version}-python.zip"
    for kind in _KINDS:
        if not target.exists():
            with tempfile.TemporaryDirectory() as folder:
                if pip("download", "--no-deps", "--ignore-requires-python", "-q", "-d", folder, *kind, f"{package}=={version}").returncode == 0:
                    archive = next(Path(folder).iterdir())
                    (keep if archive.suffix == ".whl" else keep_source)(archive, target)
    return target if target.exists() else None


if __name__ == "__main__":
    sys.exit(main())
