"""Environment markers (`python_version < "3.12"`) judged for a snapshot, which may know little of its target."""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, Tuple

from envcheck.model import Snapshot

_SYSTEMS = {"linux": ("Linux", "linux", "posix"), "windows": ("Windows", "win32", "nt"), "macos": ("Darwin", "darwin", "posix")}


def holds(marker: str, snapshot: Snapshot) -> bool:
    """Whether a marker certainly holds; False where the snapshot does not know what it asks for."""
    if not marker:
        return True
    return _holds(marker, tuple(str(snapshot.fact(key).value or "") for key in ("python", "os", "arch")))


@lru_cache(maxsize=4096)
def _holds(marker: str, target: Tuple[str, ...]) -> bool:
    from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

    known = _environment(*target)
    if any(name in marker and name not in known for name in _NAMES):
        return False
    try:
        return bool(Marker(marker).evaluate({**known, "extra": ""}))
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return False


# https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers
_NAMES = (
    "python_version",
    "python_full_version",
    "os_name",
    "sys_platform",
    "platform_system",
    "platform_machine",
    "platform_release",
    "platform_version",
    "platform_python_implementation",
    "implementation_name",
    "implementation_version",
)


def _environment(python: str, system: str, machine: str) -> Dict[str, str]:
    known: Dict[str, str] = {"platform_python_implementation": "CPython", "implementation_name": "cpython"}
    release = python.split(".")
    if len(release) > 1 and all(part.isdigit() for part in release):
        known["python_version"] = ".".join(release[:2])
    if len(release) > 2 and all(part.isdigit() for part in release):
        known["python_full_version"] = known["implementation_version"] = python
    if system in _SYSTEMS:
        known["platform_system"], known["sys_platform"], known["os_name"] = _SYSTEMS[system]
    if machine:
        known["platform_machine"] = machine
    return known
