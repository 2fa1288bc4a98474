"""What runs in the child, under the inspected interpreter: Python 3.8 syntax, torch 1.13 or newer, nothing of envcheck.

`CHECKS` can be read without torch; the modules that it names import torch.
"""

from __future__ import annotations

from .registry import CHECKS, Check

__all__ = ["CHECKS", "Check"]
