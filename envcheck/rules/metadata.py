"""What the probe found odd on disk, one rule for each kind of Anomaly."""

from __future__ import annotations

from typing import Callable, Dict, Tuple

from envcheck.model import Anomaly, Finding, Page, Snapshot, UsedFact
from envcheck.rules.rule import Rule, Tables

_REINSTALL = "uninstall the package until `pip` says that it is not installed, then install it once"

_ABOUT: Dict[str, Tuple[str, str, Page]] = {
    "duplicate-metadata": (
        "a package has two metadata folders in one place",
        "warning",
        Page(
            cause="An interrupted upgrade, or two installers, left two dist-info folders. Which version's files are there cannot be read from the metadata.",
            fix=(_REINSTALL,),
        ),
    ),
    "stale-metadata": (
        "a package's files are of another version than its metadata",
        "warning",
        Page(
            cause="The files were replaced without the metadata. Everything that trusts the listed version, this check too, judges the wrong package.",
            fix=(_REINSTALL,),
        ),
    ),
    "user-site-shadow": (
        "the user site hides a package of the environment",
        "warning",
        Page(
            cause="Python looks into the user site first, so what `pip install --user` once put there is imported instead of the environment's own version.",
            fix=("set env.PYTHONNOUSERSITE=1, or uninstall the package outside the environment",),
        ),
    ),
    "shadowed": (
        "packages are installed twice along the import path",
        "note",
        Page(
            cause="The first one on the import path is imported; the other is dead weight until the path changes (another launcher, another PYTHONPATH).",
            fix=("keep one of the two",),
        ),
    ),
    "shared-file": (
        "two distributions installed the same files",
        "note",
        Page(
            cause="The one installed later overwrote the other's files; removing or upgrading either breaks what is left.",
            fix=("uninstall both, then install the one that is wanted",),
        ),
    ),
    "stale-build-lock": (
        "an interrupted build left its lock behind",
        "warning",
        Page(
            symptom=("hang",),
            signature=(r"Using \S*torch_extensions\S* as PyTorch extensions root\.\.\.\s*$", r"Lock file exists in build directory"),
            cause="torch builds an extension under a lock, a plain file. A build that was killed leaves it there, and the next one waits for it "
            "without end: the "
            "run stands still after `Using … as PyTorch extensions root...`.",
            fix=("delete the lock file, or the whole folder: what is missing is built again",),
            links=("https://github.com/pytorch/pytorch/issues/189245", "https://github.com/huggingface/transformers/issues/26015"),
            level="many",
        ),
    ),
    "broken-metadata": (
        "a package's metadata is damaged",
        "note",
        Page(cause="Without its metadata file a package's version is at best a guess from the folder's name.", fix=(_REINSTALL,)),
    ),
}


def _finder(kind: str) -> Callable[[Snapshot, Tables], Tuple[Finding, ...]]:
    _, severity, page = _ABOUT[kind]

    def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
        odd = [one for one in snapshot.anomalies if one.kind == kind]
        return tuple(_finding(kind, severity if tables.stack & set(one.packages) else "note", one, page) for one in odd)

    return find


def _finding(kind: str, severity: str, odd: Anomaly, page: Page) -> Finding:
    return Finding(kind, "caution", severity, "certain", odd.detail, odd.packages, (UsedFact(odd.packages[0], odd.detail, odd.origin),), page)


RULES = tuple(Rule(kind, title, page, _finder(kind), tuple(dict.fromkeys((severity, "note")))) for kind, (title, severity, page) in _ABOUT.items())
"""Loud only about packages of the training stack: elsewhere a leftover folder is nobody's training run."""
