"""What one condition said, and the three answers as names."""

from __future__ import annotations

from typing import NamedTuple, Optional

from envcheck.model import Fact, Truth

YES, NO, UNKNOWN = Truth.YES, Truth.NO, Truth.UNKNOWN


class Reading(NamedTuple):
    """What one condition said of one snapshot."""

    truth: Truth
    fact: Optional[Fact]
    """The fact it looked at; None where there is none."""


def as_truth(answer: Optional[bool]) -> Truth:
    return UNKNOWN if answer is None else YES if answer else NO
