"""A shell word with its variables filled in, as far as they are known."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from typing import Optional

_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+?]|%%?|##?|//?)([^{}]*))?\})")
_LONGEST = 10_000
_LONGEST_CHANGED = 200
"""Characters of a value that a pattern is tried on at every place; versions and names are shorter."""


def expand(text: str, variables: Mapping[str, Optional[str]]) -> str:
    """`$NAME`, `${NAME}` and what the shell makes of its value (`${NAME:-default}`, `${NAME:+other}`, `${NAME%%.*}`, `${NAME//./}`) filled
    in; an unknown variable becomes `${NAME}`.

    https://www.gnu.org/software/bash/manual/html_node/Shell-Parameter-Expansion.html
    """

    def one(found: re.Match[str]) -> str:
        name, operator, word = found[1] or found[2], found[3] or "", found[4] or ""
        value = variables.get(name)
        if operator.endswith("-"):
            return value if value or (value is not None and operator == "-") else word
        if operator.endswith("+"):
            return word if value else ""
        return f"${{{name}}}" if value is None or (operator and len(value) > _LONGEST_CHANGED) else _changed(value, operator, word)

    return _VARIABLE.sub(one, text)[:_LONGEST]


def _changed(value: str, operator: str, word: str) -> str:
    """A value with what fits a pattern taken off its end (`%`) or beginning (`#`), the longest where the sign is doubled, or replaced (`/`)."""
    if operator[:1] == "/":
        old, _, new = word.partition("/")
        pattern = fnmatch.translate(old.strip("\"'"))[:-2]
        return re.sub(pattern, lambda _: new.strip("\"'"), value, count=0 if operator == "//" else 1) if old else value
    cuts = range(len(value) + 1)
    if operator[:1] == "%":
        fitting = [cut for cut in cuts if fnmatch.fnmatchcase(value[cut:], word)]
        return value[: (min if operator == "%%" else max)(fitting)] if fitting else value
    if operator[:1] == "#":
        fitting = [cut for cut in cuts if fnmatch.fnmatchcase(value[:cut], word)]
        return value[(max if operator == "##" else min)(fitting) :] if fitting else value
    return value
