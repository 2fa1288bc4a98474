"""A release of an extension that is older than the torch beside it, so that no prebuilt wheel fits."""

from __future__ import annotations

from typing import Optional, Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking, extension_tag
from envcheck.rules.rule import Rule, Tables

ID = "no-prebuilt-wheel-for-torch"

PAGE = Page(
    symptom=("undefined-symbol", "build-failure"),
    signature=(r"flash_attn_2_cuda[^:]*: undefined symbol", r"selective_scan_cuda[^:]*: undefined symbol", r"causal_conv1d_cuda[^:]*: undefined symbol"),
    cause="The project published this release before it had wheels for this torch. It works where it was compiled beside this very torch; a wheel for an older "
    "torch fails at import with an undefined symbol, and pip takes such a wheel from its cache without a word.",
    fix=(
        "use the first release with wheels for this torch, or a newer one",
        "compile it here: `pip install --no-cache-dir --no-binary PACKAGE --no-build-isolation PACKAGE==VERSION`",
        "`python -c 'import flash_attn'` tells at once whether a build that is there fits",
    ),
    links=("https://github.com/Dao-AILab/flash-attention/issues/931", "https://github.com/Dao-AILab/flash-attention/issues/2361"),
    level="many",
)

_PACKAGES = {"flash-attn": "warning", "mamba-ssm": "note", "causal-conv1d": "note"}
"""The last two are compiled at installation more often than not."""


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each extension that certainly is older than its first wheel for this torch, unless it must have been compiled here."""
    names = [name for name in _PACKAGES if asking.is_there(snapshot, name)]
    if not names or not asking.is_published_torch(snapshot) or _no_wheel_has_this_cuda(snapshot):
        return ()
    found = []
    for name, torch, first in tables.rows("prebuilt_wheels"):
        if name in names and asking.has(snapshot, "torch", f"=={torch}.*") and asking.has(snapshot, name, f"<{first}") and not _says_itself(snapshot, name):
            found.append(_finding(snapshot, name, torch, first))
    return tuple(found)


def _no_wheel_has_this_cuda(snapshot: Snapshot) -> bool:
    """CUDA 13 and ROCm: what is installed was compiled on the spot."""
    major: Optional[int] = asking.major(snapshot.fact("torch_cuda"))
    return major not in (None, 11, 12) or "+rocm" in str(snapshot.package("torch").value)


def _says_itself(snapshot: Snapshot, name: str) -> bool:
    local = str(snapshot.package(name).value).partition("+")[2]
    return extension_tag.read_tag(local).torch is not None or ".whl" in str(snapshot.builds[f"{name}.url"].value if f"{name}.url" in snapshot.builds else "")


def _finding(snapshot: Snapshot, name: str, torch: str, first: str) -> Finding:
    title = f"{name} {asking.release(snapshot.package(name))} has no prebuilt wheel for torch {torch}; {first} is the first that has"
    return Finding(ID, "caution", _PACKAGES[name], "certain", title, (name, "torch"), asking.used(snapshot, name, "torch"), PAGE)


RULE = Rule(ID, "an extension is older than the torch beside it", PAGE, find)
