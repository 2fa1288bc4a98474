"""What follows from facts without an entry: (Snapshot, tables) -> findings and questions, one file a rule."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from envcheck.match import Matches
from envcheck.model import Finding, Page, Snapshot, Undecided
from envcheck.rules import (
    argument,
    batch,
    bf16,
    builds,
    call_argument,
    capability,
    cuda_compat,
    deepspeed_precision,
    driver_floor,
    fabric_manager,
    family_precision,
    fsdp_alone,
    gone_module,
    installable,
    likely,
    metadata,
    missing_name,
    mixed_builds,
    model_family,
    numpy_abi,
    once,
    override,
    own_minimum,
    refused_metadata,
    requirements,
    script_import,
    settings,
    source,
    unpinned,
    unusual,
    vendor,
    wheel_arch,
    yanked,
)
from envcheck.rules.rule import Rule, Tables

_ALL = (
    wheel_arch.RULE,
    driver_floor.RULE,
    cuda_compat.RULE,
    fabric_manager.RULE,
    vendor.RULE,
    mixed_builds.RULE,
    *builds.RULES,
    missing_name.RULE,
    *requirements.RULES,
    *installable.RULES,
    numpy_abi.RULE,
    own_minimum.RULE,
    argument.RULE,
    override.RULE,
    script_import.RULE,
    call_argument.RULE,
    model_family.RULE,
    gone_module.RULE,
    refused_metadata.RULE,
    bf16.RULE,
    *capability.RULES,
    family_precision.RULE,
    yanked.RULE,
    settings.RULE,
    fsdp_alone.RULE,
    *deepspeed_precision.RULES,
    batch.RULE,
    unusual.RULE,
    *source.RULES,
    *metadata.RULES,
)
RULES: Dict[str, Rule] = {rule.id: rule for rule in _ALL}
"""By id, which `envcheck explain` takes as it takes an entry's."""


def judge(snapshot: Snapshot, tables: Tables) -> Matches:
    """What all rules find and what they cannot decide, in the order of `RULES`."""
    told = [one for rule in RULES.values() for one in rule.find(snapshot, tables)]
    questions = tuple(one for one in told if isinstance(one, Undecided))
    return Matches(tuple(one for one in told if isinstance(one, Finding)), questions)


def page(id: str) -> Optional[Tuple[str, Page]]:
    """Title and page of a rule by the id its findings carry; None where no rule has it."""
    if id.startswith(unpinned.PREFIX):
        return unpinned.TITLE, unpinned.PAGE
    rule = RULES.get(id)
    return (rule.title, rule.page) if rule else None


__all__ = ["RULES", "Rule", "Tables", "judge", "likely", "once", "page", "unpinned"]
