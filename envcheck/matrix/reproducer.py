"""The `reproducer:` of an entry: decoded YAML -> Reproducer, with what is wrong said to a callback."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Mapping, Optional, Tuple

from envcheck.model import Reproducer

KEYS = ("python", "bad", "good", "import", "run", "fails", "env", "timeout")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PYTHON = re.compile(r"3\.\d+")
Say = Callable[[Any, str], None]
"""Takes the place and the complaint about it."""


def read(value: Any, say: Say) -> Optional[Reproducer]:
    """What `reproducer:` says; None where it is no mapping, and something usable wherever else `say` was called."""
    if not isinstance(value, dict):
        say(value, "`reproducer` is a mapping with bad, good, `import` or `run`, and fails")
        return None
    for key in value:
        if key not in KEYS:
            say(key, f"unknown key `reproducer.{key}`; known: {', '.join(KEYS)}")
    return Reproducer(
        bad=_requirements(value, "bad", say),
        good=_requirements(value, "good", say),
        run=_script(value, say),
        fails=_pattern(value, say),
        python=_fitting(value, "python", _PYTHON, "is a minor version, as 3.11", say),
        env=_variables(value, say),
        timeout=int(_fitting(value, "timeout", re.compile(r"[1-9]\d{0,3}"), "is a number of seconds", say) or Reproducer.timeout),
    )


def _requirements(value: Mapping[str, Any], key: str, say: Say) -> Tuple[str, ...]:
    from packaging.requirements import InvalidRequirement, Requirement

    found = value.get(key)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        say(value, f"`reproducer.{key}` is a list of requirements")
        return ()
    for one in found:
        try:
            Requirement(one)
        except InvalidRequirement as error:
            say(one, f"`{one}` is no requirement: {str(error).splitlines()[0]}")
    return tuple(str(one) for one in found)


def _script(value: Mapping[str, Any], say: Say) -> str:
    if ("import" in value) == ("run" in value):
        say(value, "`reproducer` has either `import:`, a module, or `run:`, a script")
    if "import" in value:
        return "import " + _fitting(value, "import", _MODULE, "is a module's name", say)
    script = str(value.get("run") or "")
    try:
        compile(script, "run", "exec")
    except SyntaxError as error:
        say(value, f"`reproducer.run` is no Python: {error.msg} in its line {error.lineno}")
    return script.rstrip()


def _pattern(value: Mapping[str, Any], say: Say) -> str:
    found = str(value.get("fails") or "")
    try:
        re.compile(found)
    except re.error as error:
        say(value, f"`reproducer.fails` is no regular expression: {error}")
    if not found:
        say(value, "`reproducer.fails` is missing: what the bad side prints as it fails")
    return found


def _fitting(value: Mapping[str, Any], key: str, pattern: re.Pattern[str], is_what: str, say: Say) -> str:
    found = str(value.get(key) or "")
    if key in value and not pattern.fullmatch(found):
        say(value, f"`reproducer.{key}` {is_what}")
        return ""
    return found


def _variables(value: Mapping[str, Any], say: Say) -> Mapping[str, str]:
    found = value.get("env", {})
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        say(value, "`reproducer.env` is a mapping of variables to texts")
        return {}
    variables: Dict[str, str] = {str(name): str(one) for name, one in found.items()}
    return variables
