"""What the conditions and the remedies of an entry may say, and how a remedy reads."""

from __future__ import annotations

import re
from typing import Callable, Dict, Mapping

from envcheck import conditions, settings, versions, wire
from envcheck.numbers import number_range

_PACKAGE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


def check_argument(key: str, argument: str) -> None:
    """Raise ValueError, saying what is wrong, where a condition key has no meaning or does not take this argument."""
    if key.startswith("train."):
        if key[6:] not in settings.TRAIN_KEYS:
            near = wire.nearest(key[6:], settings.TRAIN_KEYS)
            raise ValueError("unknown training setting" + (f"; did you mean `train.{near}`?" if near else ""))
        _check_number(argument)
    elif key.startswith("env."):
        return
    elif key == "gpu_count" or (key == "gpu" and argument[:1] in "<>=!~"):
        _check_number(argument) if key == "gpu_count" else versions.specifier(argument)
    elif key in conditions.VERSION_CONDITIONS or key not in conditions.CONDITIONS:
        if key not in conditions.CONDITIONS and not _PACKAGE.fullmatch(key):
            raise ValueError("is neither a condition key nor a canonical package name (lower case, with `-`)")
        near = wire.nearest(key, conditions.CONDITIONS, 0.8) if key not in conditions.CONDITIONS else None
        if near is not None:
            raise ValueError(f"is taken for a package; did you mean `{near}`?")
        if argument not in ("installed", "absent"):
            versions.specifier(argument)


def _check_number(argument: str) -> None:
    if argument[:1] in "<>" and not all(number_range(part) for part in argument.split(",")):
        raise ValueError(f"`{argument}` is no comparison with a number")


def _change(values: Mapping[str, str]) -> str:
    parts = []
    for name, value in values.items():
        if value == "absent":
            parts.append(f"uninstall {name}")
        elif value == "installed":
            parts.append(f"install {name}")
        else:
            parts.append(f"{name}{value}" if name not in conditions.CONDITIONS else f"{name} {value}")
    return "use " + ", ".join(parts) if not parts[0].startswith(("uninstall", "install")) else ", ".join(parts)


def _set(values: Mapping[str, str]) -> str:
    return "set " + ", ".join(f"{name.partition('.')[2]}={value}" for name, value in values.items())


REMEDIES: Dict[str, Callable[[Mapping[str, str]], str]] = {"change": _change, "set": _set, "do": lambda values: ""}
"""How a fix reads on one line."""
