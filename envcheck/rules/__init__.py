"""What follows from facts without an entry: (Snapshot, tables) -> findings, one file a rule."""

from __future__ import annotations

from typing import Dict, Tuple

from envcheck.model import Finding, Snapshot
from envcheck.rules import metadata, mixed_builds
from envcheck.rules.rule import Rule, Tables

RULES: Dict[str, Rule] = {rule.id: rule for rule in (mixed_builds.RULE, *metadata.RULES)}
"""By id, which `envcheck explain` takes as it takes an entry's."""


def findings(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """What all rules find, in the order of `RULES`."""
    return tuple(finding for rule in RULES.values() for finding in rule.find(snapshot, tables))


__all__ = ["RULES", "Rule", "Tables", "findings"]
