"""Whether a combination of packages, Python, CUDA, driver, GPU and training settings is known good, known bad or untested."""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
"""Type checkers take it for the one of `typing`, which itself would be nearly all that importing envcheck costs."""
if TYPE_CHECKING:
    from envcheck.api import Checker, Explanation, Sources, check, explain
    from envcheck.inputs.target import Target
    from envcheck.model import Report, Snapshot
    from envcheck.probe import probe

_HOMES = {
    "check": "envcheck.api",
    "Checker": "envcheck.api",
    "Sources": "envcheck.api",
    "Explanation": "envcheck.api",
    "explain": "envcheck.api",
    "Target": "envcheck.inputs.target",
    "Report": "envcheck.model",
    "Snapshot": "envcheck.model",
    "probe": "envcheck.probe",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: importing envcheck itself costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module `envcheck` has no attribute `{name}`")
    import importlib

    module = importlib.import_module(_HOMES[name])
    # `envcheck.probe` is the room itself, which can be called: importing a room puts it there whatever we export.
    value = module if name == "probe" else getattr(module, name)
    globals()[name] = value
    return value


__all__ = ["Checker", "Explanation", "Report", "Snapshot", "Sources", "Target", "__version__", "check", "explain", "probe"]
