"""Environment markers, judged for the target: `; python_version < "3.12"`, and what lock files add to them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Callable, Optional

from envcheck.errors import InputError
from envcheck.inputs.claims import shown

# `extra == 'cpu'`, and `'cpu' in extras` of lock files (https://packaging.python.org/specifications/pylock-toml/).
_EXTRA = re.compile(r"\bextra\s*(==|!=)\s*(['\"])([^'\"]*)\2|(['\"])([^'\"]*)\4\s*(==|!=)\s*extra\b")
_MEMBER = re.compile(r"(['\"])([^'\"]*)\1\s+(not\s+in|in)\s+(extras|dependency_groups)\b")
_YES, _NO = "python_version >= '0'", "python_version < '0'"
_NEWEST = (3, 14)
"""The newest Python release there is, for a file that admits many and not the running one."""
_OLDEST = 8


class Markers:
    """The target's environment, and the verdict on each marker."""

    def __init__(self, target: Mapping[str, str], warn: Callable[[str], None]) -> None:
        """`target` has what was declared of `python`, `os` and `arch`; the rest is that of the running interpreter."""
        from packaging.markers import default_environment

        self.environment = {"extra": "", **{key: str(value) for key, value in default_environment().items()}, **_variables(target)}
        self.warn = warn
        self.declared = "python" in target
        """Whether the Python version was declared, so that no file may suggest another."""
        self._marked = ""
        self._verdicts: dict[str, bool] = {}

    def hold(self, marker: str, origin: str, extras: Optional[Collection[str]] = None, groups: Collection[str] = ()) -> bool:
        """Whether a marker holds for the target; `extras` and `groups` are those taken from a lock file, None where it is none.

        Raises `InputError` for what is no marker.
        """
        self._marked = self._marked or origin
        if extras is not None and ("extra" in marker or "dependency_groups" in marker):
            taken = extras
            marker = _EXTRA.sub(lambda found: _judged(found[3] or found[5] or "", found[1] or found[6], taken), marker)
            marker = _MEMBER.sub(lambda found: _judged(found[2], "==" if found[3] == "in" else "!=", taken if found[4] == "extras" else groups), marker)
        if marker not in self._verdicts:
            self._verdicts[marker] = self._evaluated(marker, origin)
        return self._verdicts[marker]

    def _evaluated(self, marker: str, origin: str) -> bool:
        from packaging.markers import Marker

        try:
            return bool(Marker(marker).evaluate(self.environment))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            # Not only packaging's own errors: `extras` is a set that only lock files have, and brackets nest without end.
            raise InputError(f"`{shown(marker)}` is no marker{_because(error)}", where=origin, hint='write for example `; python_version < "3.12"`') from None

    def suggest_python(self, version: str) -> None:
        """Judge markers for this Python version, unless another one was declared."""
        if not self.declared:
            self.environment.update(_python(version))
            self._verdicts.clear()

    def fit_python(self, specifier: str) -> None:
        """Judge markers for a Python that the file's `requires-python` admits: the running one, else the newest."""
        if not self.declared and not self.admits(specifier):
            for minor in range(_NEWEST[1], _OLDEST - 1, -1):
                if self.admits(specifier, f"3.{minor}.99"):
                    self.suggest_python(f"3.{minor}")
                    return

    def admits(self, specifier: Optional[str], version: str = "") -> bool:
        """Whether the target's Python lies in a `requires-python`; what cannot be read admits every one."""
        if not specifier:
            return True
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        version = version or self.environment["python_full_version"]
        try:
            return SpecifierSet(specifier).contains(version, prereleases=True)
        except (InvalidSpecifier, ValueError):
            return True

    def say(self) -> None:
        """One sentence about the target that markers were judged for, where there were any."""
        if self._marked:
            target = f"Python {self.environment['python_version']} on {self.environment['sys_platform']}"
            self.warn(f"{self._marked}: markers were evaluated for {target}; `--python-version` and `--platform` change that")


# Operating system -> os_name, sys_platform, platform_system (https://packaging.python.org/specifications/dependency-specifiers/).
_SYSTEMS = {"linux": ("posix", "linux", "Linux"), "macos": ("posix", "darwin", "Darwin"), "windows": ("nt", "win32", "Windows")}


def _variables(target: Mapping[str, str]) -> dict[str, str]:
    found = _python(target["python"]) if "python" in target else {}
    if target.get("os") in _SYSTEMS:
        found.update(zip(("os_name", "sys_platform", "platform_system"), _SYSTEMS[target["os"]]))
        # The usual machine of that system; the running one's says nothing of another system.
        found["platform_machine"] = {"linux": "x86_64", "macos": "arm64", "windows": "AMD64"}[target["os"]]
        found["platform_release"] = found["platform_version"] = ""
    if "arch" in target:
        found["platform_machine"] = "AMD64" if target.get("os") == "windows" and target["arch"] == "x86_64" else target["arch"]
    return found


def _python(version: str) -> dict[str, str]:
    """The variables that follow from a Python version (`3.10`, `3.10.12`)."""
    release = version.split(".")
    full = ".".join((*release, "0", "0")[:3])
    return {"python_version": ".".join(release[:2]), "python_full_version": full, "implementation_version": full}


def _judged(name: str, operator: str, taken: Collection[str]) -> str:
    return _YES if (name in taken) is (operator == "==") else _NO


def _because(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return ": it is nested too deeply"
    said = next(iter(str(error).splitlines()), "")
    return f": {said} has no value here" if isinstance(error, LookupError) else f": {shown(said)}" if said else ""
