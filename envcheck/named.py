"""What a traceback or log names: entries and rules by their signatures, ranked with the environment where one is given, and missing names."""

from __future__ import annotations

import re
from typing import IO, Dict, List, Optional, Tuple

from envcheck import signatures
from envcheck.conditions import evaluate
from envcheck.facts import missing
from envcheck.match import used_facts
from envcheck.matrix.index import Index, Located
from envcheck.matrix.store import Matrix
from envcheck.model import Report, Truth, UsedFact
from envcheck.signatures import FITS, OPEN, RULED_OUT, Log, MissingName, Named, Seen, Signature
from envcheck.wire import canonical_name

MISSING = "missing-name"
_CANNOT = Signature(MISSING, r"cannot import name '(?P<name>\w+)' from '(?P<module>[\w.]+)'")
_HAS_NOT = Signature("missing-attribute", r"AttributeError: module '(?P<module>[\w.]+)' has no attribute '(?P<name>\w+)'")


def read(stream: IO[str], matrix: Matrix, report: Optional[Report] = None) -> Log:
    """Everything that a log names, the likeliest first; `report` is what was said of the environment it is from."""
    from envcheck.rules import RULES

    wanted = [Signature(id, pattern) for id, patterns in matrix.signatures() for pattern in patterns]
    wanted += [Signature(id, pattern) for id, rule in RULES.items() if id != MISSING for pattern in rule.page.signature]
    hits = {hit.id: hit for hit in signatures.seen(stream, [*wanted, _CANNOT, _HAS_NOT])}
    errors = [(hits.pop(one.id, None), one) for one in (_CANNOT, _HAS_NOT)]
    everything = matrix.all()
    named = [_entry(hit, *everything[hit.id], report) if hit.id in everything else _rule(hit, report) for hit in hits.values()]
    return Log(tuple(sorted(named, key=_rank)), tuple(one for hit, asked in errors if hit is not None for one in _missing(hit, asked, matrix)))


def _entry(hit: Seen, located: Located, index: Index, report: Optional[Report]) -> Named:
    entry, page = located.entry, index.page(located.page)
    standing = OPEN
    facts: Tuple[UsedFact, ...] = ()
    if report is not None:
        outcome = evaluate(entry.when, report.snapshot)
        standing = {Truth.YES: FITS, Truth.UNKNOWN: OPEN, Truth.NO: RULED_OUT}[outcome.truth]
        facts = used_facts(outcome)
    return Named(entry.id, entry.title, entry.kind, entry.severity, page, hit, standing, facts)


def _rule(hit: Seen, report: Optional[Report]) -> Named:
    from envcheck.rules import RULES

    rule = RULES[hit.id]
    found = next((finding for finding in report.findings if finding.id == hit.id), None) if report else None
    if found is not None:
        return Named(hit.id, found.title, found.kind, found.severity, found.page, hit, FITS, found.facts)
    return Named(hit.id, rule.title, "bad", "error", rule.page, hit, OPEN)


_ORDER = (FITS, OPEN, RULED_OUT)


def _rank(one: Named) -> Tuple[int, int, int, str]:
    """What fits the environment first, then what fixes most letters, then what came last: the error ends a traceback."""
    return (_ORDER.index(one.standing), -one.seen.weight, -one.seen.last, one.id)


def _missing(hit: Seen, asked: Signature, matrix: Matrix) -> Tuple[MissingName, ...]:
    found = re.search(asked.pattern, hit.matched)
    if found is None:
        return ()
    name, module = found["name"], found["module"]
    by: Dict[Tuple[str, Tuple[str, ...], str, str], List[str]] = {}
    for package in matrix.table_keys("missing_names"):
        for row in missing.rows(matrix.table("missing_names", package)):
            if _is_about(row, name, module):
                by.setdefault((row.of, tuple(row.lacks), row.first, row.last), []).append(f"{package}{row.versions} ({row.file})")
    if not by and asked is _HAS_NOT:
        return ()  # mostly a mistake in somebody's own script
    if not by:
        return (MissingName(hit.last, hit.text, name, module, "", (), "", "", ()),)
    return tuple(MissingName(hit.last, hit.text, name, module, *key, tuple(importers)) for key, importers in by.items())


def _is_about(row: missing.Missing, name: str, module: str) -> bool:
    if row.is_attribute:
        return f"{row.name}.".startswith(f"{module}.{name}.")
    return row.name.rpartition(".")[2] == name and canonical_name(row.name.partition(".")[0]) == canonical_name(module.partition(".")[0])
