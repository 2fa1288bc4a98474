"""Training settings in a report: configs and commands in fences, printed arguments, and the config that `accelerate env` shows."""

from __future__ import annotations

import re
from typing import Optional

from envcheck.errors import InputError
from envcheck.inputs.reports.parts import Part
from envcheck.inputs.reports.said import Said

_COMMAND = re.compile(
    r"^[\s$>%]*(?:[A-Z_][A-Z0-9_]*=\S*\s+)*(?:torchrun|accelerate\s+launch|deepspeed\s|llamafactory-cli\s+train|swift\s+(?:sft|pt|rlhf)|axolotl\s+train|trl\s+\w+\s+--|"
    r"tune\s+run|python[\d.]*\s+(?:-\S+\s+\S+\s+)*\S+\.py\s)",
    re.MULTILINE,
)
_PRINTED = re.compile(r"\b\w*(?:TrainingArguments|SFTConfig|DPOConfig|GRPOConfig)\(")
_LANGUAGES = frozenset(("", "yaml", "yml", "json", "json5", "jsonc", "toml", "bash", "sh", "shell", "console", "zsh", "text", "txt", "plaintext"))
_ACCELERATE = re.compile(r"\s*-?\s*`?Accelerate`? (?:default )?config:\s*(.*)", re.IGNORECASE)
_PAIR = re.compile(r"\s+(?:- )?([a-z_]+:\s.*)")


def take(part: Part, said: Said) -> None:
    """Take the settings that a part holds; what cannot be read as settings is passed over."""
    from envcheck import training

    text = _accelerate(part) or _text(part)
    if text is None:
        return
    try:
        picture = training.from_text(text, said.path)
    except InputError:
        return
    # What a file nobody pasted would say is not worth a question beside what was pasted.
    known = {key: fact for key, fact in picture.train.items() if fact.is_known}
    if known:
        said.train.append(known)
        said.parts.append(("training settings", part.lines[0][0]))
    for name, fact in picture.env.items():
        if fact.is_known:
            said.env(name, str(fact.value), int(fact.origin.rpartition(":")[2]) if fact.origin.rpartition(":")[2].isdigit() else part.lines[0][0])


def _text(part: Part) -> Optional[str]:
    """The part as a file of its own, with its lines where they stand in the report."""
    text = part.text
    if "Traceback (most recent call last)" in text:
        return None
    looks = part.fenced and part.language in _LANGUAGES and not re.search(r"^(?:import|from|def|class) ", text, re.MULTILINE)
    begins = "\n" * (part.lines[0][0] - 1) if part.lines else ""
    if looks and _COMMAND.search(text):
        return begins + re.sub(r"^[$>%!]\s?", "", text, flags=re.MULTILINE)
    if _PRINTED.search(text) or (looks and (text.lstrip().startswith("{") or re.search(r"^[\w.]+\s*[:=]\s*\S", text, re.MULTILINE))):
        return begins + text
    return None


def _accelerate(part: Part) -> Optional[str]:
    """The config that `accelerate env` and `transformers env` print, as YAML."""
    for at, (number, line) in enumerate(part.lines):
        if _ACCELERATE.fullmatch(line):
            rows = [*([(number, "   " + rest)] if (rest := line.partition("onfig:")[2].strip()) else []), *part.lines[at + 1 :]]
            found = {}
            for row, text in rows:
                pair = _PAIR.fullmatch(text)
                if pair is None:
                    break
                found[row] = pair[1]
            if len(found) > 2:
                last = max(found)
                return "\n".join(found.get(row, "") for row in range(1, last + 1))
    return None
