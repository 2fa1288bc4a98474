"""Training settings in a report: configs and commands in fences, printed arguments, and the config that `accelerate env` shows."""

from __future__ import annotations

import ast
import re
from typing import Optional

from envcheck.errors import InputError
from envcheck.inputs.reports.parts import Part
from envcheck.inputs.reports.said import Said

_COMMAND = re.compile(
    r"^[ \t$>%]*(?:[A-Z_][A-Z0-9_]*=\S*\s+)*(?:torchrun|accelerate\s+launch|deepspeed\s+(?:-\S|\\|\S+\.py\b)|"
    r"llamafactory-cli\s+train|swift\s+(?:sft|pt|rlhf)|axolotl\s+train|trl\s+\w+\s+--|"
    r"tune\s+run|python[\d.]*\s+(?:-\S+\s+\S+\s+)*\S+\.py\s)",
    re.MULTILINE,
)
_PRINTED = re.compile(r"\b\w*(?:TrainingArguments|SFTConfig|DPOConfig|GRPOConfig)\(")
_LANGUAGES = frozenset(("", "yaml", "yml", "json", "json5", "jsonc", "toml", "bash", "sh", "shell", "console", "zsh", "text", "txt", "plaintext"))
_ACCELERATE = re.compile(r"\s*-?\s*`?Accelerate`? (?:default )?config:\s*(.*)", re.IGNORECASE)
Located = tuple[int, str]
"""A text, and the line of the report that it begins on."""
_PAIR = re.compile(r"\s+(?:- )?([a-z_]+:\s.*)")


def take(part: Part, said: Said) -> None:
    """Take the settings that a part holds; what cannot be read as settings is passed over."""
    from envcheck import training

    found = _accelerate(part) or _text(part)
    if found is None:
        return
    first, text = found
    try:
        picture = training.from_text(text, said.path, first)
    except InputError:
        return
    # What a file nobody pasted would say is not worth a question beside what was pasted.
    known = {key: fact for key, fact in picture.train.items() if fact.is_known}
    if known:
        said.train.append(known)
        said.parts.append(("training settings", part.lines[0][0]))
    for name, fact in picture.env.items():
        line = fact.origin.rpartition(":")[2]
        if fact.is_known:
            said.env(name, str(fact.value), int(line) if line.isdigit() else first)


def _text(part: Part) -> Optional[Located]:
    """The part as a file of its own."""
    text = part.text
    if "Traceback (most recent call last)" in text:
        return None
    if part.fenced and _PRINTED.search(text) and re.search(r"^(?:import|from|def|class) ", text, re.MULTILINE):
        return _arguments(text, part.lines[0][0])
    if not part.fenced and _COMMAND.search(text):
        return _command(part)
    looks = part.fenced and part.language in _LANGUAGES and not re.search(r"^(?:import|from|def|class) ", text, re.MULTILINE)
    if looks and _COMMAND.search(text):
        return part.lines[0][0], re.sub(r"^[$>%!]\s?", "", text, flags=re.MULTILINE)
    if _PRINTED.search(text) or (looks and (text.lstrip().startswith("{") or re.search(r"^[\w.]+\s*[:=]\s*\S", text, re.MULTILINE))):
        return part.lines[0][0], text
    return None


def _command(part: Part) -> Located:
    """The first command between sentences: its line, the variables set above it, and the lines that continue it."""
    rows, taken = dict(part.lines), {}
    # The match may begin with variables on lines above, so that no line need match by itself: its last line has the program.
    found = _COMMAND.search(part.text)
    start = part.lines[found[0].rstrip().count("\n") + part.text.count("\n", 0, found.start()) if found else 0][0]
    before = start
    while rows.get(before - 1, "").rstrip().endswith("\\"):
        before -= 1
    for number in range(before, max(rows) + 1):
        taken[number] = rows.get(number, "").lstrip("$>% ")
        if number >= start and not taken[number].rstrip().endswith("\\"):
            break
    return before, "\n".join(taken.values())


def _arguments(code: str, first: int) -> Optional[Located]:
    """The constants that Python code gives to its training arguments, as printed ones, each on its line; None where it is no Python or makes several."""
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _PRINTED.match(f"{ast.unparse(node.func).rpartition('.')[2]}(")]
    if len(calls) != 1:
        return None
    rows = {calls[0].lineno: "TrainingArguments("}
    for keyword in calls[0].keywords:
        if keyword.arg and isinstance(keyword.value, ast.Constant):
            line = keyword.value.lineno
            rows[line] = f"{rows.get(line, '')} {keyword.arg}={keyword.value.value!r},"
    return first, "\n".join(rows.get(line, "") for line in range(1, max(rows) + 1)) + "\n)"


def _accelerate(part: Part) -> Optional[Located]:
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
                return min(found), "\n".join(found.get(row, "") for row in range(min(found), max(found) + 1))
    return None
