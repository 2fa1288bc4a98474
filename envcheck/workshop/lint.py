"""The numbered lints, and what they say of a folder of entries."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple

from envcheck.errors import Problem
from envcheck.workshop import logic, shape
from envcheck.workshop.logic import Said
from envcheck.workshop.work import Complaint, Work, Workbench


class Lint(NamedTuple):
    """One lint."""

    level: str
    """`error` fails, `warning` does not."""
    about: str
    """One line, for `--list`."""
    check: Callable[[Work, Workbench], Said]


LINTS: Dict[str, Lint] = {
    "L01": Lint("error", "the keys and values are those of docs/entries.md", shape.loader),
    "L02": Lint("error", "the id equals the file name and no other entry has it", shape.unique),
    "L03": Lint("error", "versions can be read and can be satisfied", shape.loader),
    "L04": Lint("error", "packages are known by a table or by another entry", shape.packages),
    "L05": Lint("error", "every example does what its heading says", shape.loader),
    "L06": Lint("error", "each condition is needed: dropping it makes a `miss` example hit", logic.mutation),
    "L07": Lint("error", "each fix leads out of the entry, and not into an error of another entry or a rule", logic.fix_leads_out),
    "L08": Lint("error", "the level of the evidence fits the kind", shape.loader),
    "L09": Lint("error", "links are plain https links", shape.loader),
    "L10": Lint("error", "some released version fits each condition", logic.dead),
    "L11": Lint("warning", "what else fires on a hit example is about the same culprit", logic.overlap),
    "L12": Lint("warning", "no newer release asks an open upper bound again", shape.open_bound),
    "L13": Lint("warning", "the evidence was reviewed within eighteen months", shape.review_age),
    "L14": Lint("warning", "an error with a message has a signature", shape.signature),
    "L15": Lint("warning", "the file is laid out as `envcheck matrix fmt` does it", shape.layout),
    "L16": Lint("warning", "the versions in examples were released", shape.released),
    "L17": Lint("error", "an entry of level `reproduced` carries its `reproducer`", shape.reproducer),
    "L18": Lint("error", "FSDP is asked for in the one way that sees all its spellings", shape.one_way),
}
"""By number; a number never changes its meaning. L01, L05, L03, L08, L09 and parts of L02 come from the loader, which refuses the rest
of the matrix with them."""
_OF_THE_LOADER = ("L01", "L03", "L05", "L08", "L09")


def run(bench: Workbench) -> List[Complaint]:
    """Everything to complain of in a folder, in the order of its files."""
    found: List[Complaint] = []
    for work in bench.works:
        found += [Complaint(problem.code, "error", problem) for problem in work.problems]
        if work.draft is not None and not work.draft.page.withdrawn:
            found += _of(work, bench)
    return found


def _of(work: Work, bench: Workbench) -> List[Complaint]:
    return [
        Complaint(code, lint.level, Problem(work.shown, line, message, code))
        for code, lint in LINTS.items()
        if code not in _OF_THE_LOADER
        for line, message in lint.check(work, bench)
    ]
