"""A compiled package that was built against NumPy 1, beside NumPy 2."""

from __future__ import annotations

from typing import List, Tuple

from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "built-against-numpy-1"

PAGE = Page(
    symptom=("import-error",),
    signature=(
        r"A module that was compiled using NumPy 1\.x cannot be run in\s+NumPy 2",
        r"numpy\.dtype size changed, may indicate binary incompatibility",
        r"numpy\.core\.multiarray failed to import",
    ),
    cause="Compiled modules that were built against the headers of NumPy 1 do not load beside NumPy 2; those built against NumPy 2 load beside both. Releases "
    "from before NumPy 2 declare no upper bound, so the installer puts the two together.",
    fix=("install numpy<2", "update the package to a release that was built against NumPy 2"),
    links=("https://numpy.org/doc/stable/dev/depending_on_numpy.html", "https://github.com/numpy/numpy/issues/26710"),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One error for each package whose release certainly is too old for a NumPy that certainly is 2 or later."""
    if truth_of("numpy", ">=2.0", snapshot) is not Truth.YES:
        return ()
    numpy = snapshot.package("numpy")
    found: List[Finding] = []
    for package, fact in tables.subjects("numpy_abi", snapshot):
        first = tables.of("numpy_abi", package)
        if first and truth_of(package, f"<{first}", snapshot) is Truth.YES:
            title = f"{package} {fact.value} is built against NumPy 1 and does not load beside numpy {numpy.value}; {first} is the first that does"
            used = (UsedFact("numpy", numpy.value or "", numpy.origin), UsedFact(package, fact.value or "", fact.origin))
            found.append(Finding(ID, "bad", "error", "certain", title, ("numpy", package), used, PAGE))
    return tuple(found)


RULE = Rule(ID, "a compiled package was built against NumPy 1 and numpy is 2 or later", PAGE, find)
