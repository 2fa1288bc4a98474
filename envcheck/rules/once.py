"""One thing is said once: a rule is silent where an entry, which knows more, says the same as loudly, or an earlier rule does."""

from __future__ import annotations

from typing import FrozenSet, List, Sequence, Tuple

from envcheck.model import SEVERITIES, Finding

_WIDE = frozenset(("crash", "other", "slow"))
"""Symptoms that two different defects of one pair of packages may well share."""


def said_once(entries: Sequence[Finding], computed: Sequence[Finding]) -> Tuple[Finding, ...]:
    """All findings but those of a rule that another finding says as loudly.

    The same is meant where both are certain, about the same two packages or more, and rest on the same facts or share a symptom as narrow as an
    error at import.
    """
    left: List[Finding] = list(entries)
    for finding in computed:
        as_loud = [other for other in left if SEVERITIES.index(other.severity) <= SEVERITIES.index(finding.severity)]
        if not any(_is_same(finding, other) for other in as_loud):
            left.append(finding)
    return tuple(left)


def _is_same(one: Finding, other: Finding) -> bool:
    culprits = frozenset(one.culprit)
    if len(culprits) < 2 or culprits != frozenset(other.culprit) or {one.certainty, other.certainty} != {"certain"}:
        return False
    shared = frozenset(one.page.symptom) & frozenset(other.page.symptom)
    return "good" not in (one.kind, other.kind) and not _differ(one, other) and bool(shared - _WIDE or shared and _keys(one) == _keys(other))


def _differ(one: Finding, other: Finding) -> bool:
    """Whether they see another part of one fact, as two rules do that speak of different arguments in a script."""
    seen = {fact.key: fact.value for fact in one.facts}
    return any(seen.get(fact.key, fact.value) != fact.value for fact in other.facts)


def _keys(finding: Finding) -> FrozenSet[str]:
    return frozenset(fact.key for fact in finding.facts)
