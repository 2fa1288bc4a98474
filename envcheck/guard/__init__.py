"""The guard: inside a training job, stops at the first sick step before a weight is touched, and keeps the scene.

`Guard` is for loops written by hand, `GuardCallback` for the HF Trainer, `LightningGuard` for Lightning. The only room that
imports torch in the process it runs in, because that process is the training job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from envcheck.guard.guard import Guard, SickStep
    from envcheck.guard.lightning import LightningGuard
    from envcheck.guard.signs import Limits
    from envcheck.guard.trainer import GuardCallback

_HOMES = {
    "Guard": "envcheck.guard.guard",
    "SickStep": "envcheck.guard.guard",
    "Limits": "envcheck.guard.signs",
    "GuardCallback": "envcheck.guard.trainer",
    "LightningGuard": "envcheck.guard.lightning",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: reading a scene needs neither torch nor a trainer."""
    if name not in _HOMES:
        raise AttributeError(f"module `envcheck.guard` has no attribute `{name}`")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


__all__ = ["Guard", "GuardCallback", "LightningGuard", "Limits", "SickStep"]
