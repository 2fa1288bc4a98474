"""Packages that are parts of one release, in different versions: flashinfer-python beside another flashinfer-cubin."""

from __future__ import annotations

import re
from typing import List, Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "parts-of-unequal-release"
TITLE = "the parts of one release have different versions"
_EXACT = re.compile(r"\d+(\.\d+)+[\w.]*")
_BYPASS = "FLASHINFER_DISABLE_VERSION_CHECK"

PAGE = Page(
    symptom=("import-error", "crash"),
    signature=(
        r"flashinfer-(?:cubin|jit-cache) version \(.+\) does not match flashinfer version",
        r"Transformer ?Engine package version mismatch",
    ),
    cause="flashinfer comes in up to three packages, Transformer Engine in a core and a part for torch, built together. The main package compares their "
    "versions when it is imported and raises where they differ. pip does not know: an upgrade of vLLM or SGLang replaces the one that it pins and "
    "leaves the others.",
    fix=(
        "install all parts in one version, in one command",
        "take out the parts that only spare compile time: pip uninstall flashinfer-cubin flashinfer-jit-cache",
    ),
    links=(
        "https://github.com/vllm-project/vllm/issues/49804",
        "https://github.com/pipecat-ai/nemotron-january-2026/pull/8",
        "https://github.com/NVIDIA/TransformerEngine/blob/v2.18/transformer_engine/common/__init__.py",
    ),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One error for each package whose parts certainly are of another release than its own."""
    odd: List[Tuple[str, str]] = [
        (package, part) for package, part, checks in tables.rows("equal_parts") if asking.has(snapshot, package, checks) and _differ(snapshot, package, part)
    ]
    return tuple(_finding(snapshot, package, [part for first, part in odd if first == package]) for package in dict(odd))


def _differ(snapshot: Snapshot, package: str, part: str) -> bool:
    own = asking.release(snapshot.package(package))
    if not _EXACT.fullmatch(own) or not asking.is_there(snapshot, part) or asking.has(snapshot, f"env.{_BYPASS}", "set"):
        return False
    return asking.has(snapshot, package, f"=={own}") and asking.lacks(snapshot, part, f"=={own}")


def _finding(snapshot: Snapshot, package: str, parts: List[str]) -> Finding:
    others = " and ".join(f"{part} {asking.release(snapshot.package(part))}" for part in parts)
    title = f"{package} {asking.release(snapshot.package(package))} refuses {others}"
    return Finding(ID, "bad", "error", "certain", title, (*parts, package), asking.used(snapshot, package, *parts), PAGE)


RULE = Rule(ID, TITLE, PAGE, find)
