"""What is wrong with tokenised training data: rows are read in turn, counted, and forgotten."""

from __future__ import annotations

from envcheck.tokens.count import Bounds, Tally, count
from envcheck.tokens.judge import Fault, judge
from envcheck.tokens.rows import rows

__all__ = ["Bounds", "Fault", "Tally", "count", "judge", "rows"]
