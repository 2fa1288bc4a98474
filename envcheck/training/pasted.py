"""A printed `TrainingArguments(…)`, as logs and reports show it, -> settings."""

from __future__ import annotations

import re
from typing import Any

from envcheck.documents import Text

_NAME = re.compile(r"\b(?:\w*TrainingArguments|SFTConfig|DPOConfig|GRPOConfig|KTOConfig|RewardConfig|ORPOConfig|PPOConfig)\(")
# bf16=True, / deepspeed=None, / optim=OptimizerNames.ADAMW_TORCH,
_FIELD = re.compile(r"(?:^|[\s,(])([a-z_]\w*)=('[^'\n]*'|\"[^\"\n]*\"|[^\s,()\[\]{}]+)")
_ENUMERATION = re.compile(r"<?\w+\.[A-Z0-9_]+:\s*'([^']*)'>?|[A-Z]\w+\.([A-Z0-9_]+)$")


def fits(text: str) -> bool:
    """Whether a text holds a printed TrainingArguments and no program that makes one."""
    found = _NAME.search(text)
    return found is not None and not re.search(r"^\s*(?:import|from|def|class) ", text, re.MULTILINE)


def settings(text: str) -> dict[str, Any]:
    """The arguments with their lines; `None` is a setting that is left out."""
    start = _NAME.search(text)
    begin = start.end() if start else 0
    first = text.count("\n", 0, begin) + 1
    found: dict[str, Any] = {}
    for number, line in enumerate(text[begin:].split("\n")):
        if line.startswith(")"):
            break
        for name, value in _FIELD.findall(line):
            found[Text(name, first + number)] = _value(value, first + number)
    return found


def _value(value: str, line: int) -> Text | None:
    plain = value.strip("'\"")
    enumeration = _ENUMERATION.match(plain)
    if enumeration:
        plain = enumeration[1] or enumeration[2].lower()
    return None if plain == "None" else Text(plain, line)
