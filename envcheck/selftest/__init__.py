"""Numeric checks on the device, run in children: this side never imports torch.

`run` returns rows, `findings` says what a user is told about them; what the checks are stands in `CHECKS`, and what they
do in `inside/`, which runs under the inspected interpreter.
"""

from __future__ import annotations

from envcheck.selftest.findings import findings
from envcheck.selftest.host import run
from envcheck.selftest.inside.registry import CHECKS, LEVELS, Check
from envcheck.selftest.rows import STATUSES, Row, summary

__all__ = ["CHECKS", "LEVELS", "STATUSES", "Check", "Row", "findings", "run", "summary"]
