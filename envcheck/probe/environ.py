"""The environment variables that change numerics, communication or what is imported."""

from __future__ import annotations

from typing import Dict, Mapping

from envcheck.model import Fact
from envcheck.variables import matters


def facts(environment: Mapping[str, str]) -> Dict[str, Fact]:
    """The variables that are set, by name. Names that speak of secrets are left out whatever their prefix."""
    return {name: Fact(value, "the environment") for name, value in sorted(environment.items()) if matters(name)}
