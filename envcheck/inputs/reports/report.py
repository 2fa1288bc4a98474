"""A pasted report -> a Snapshot: every part is read by those who know its lines, and what the parts say is weighed."""

from __future__ import annotations

import re

from envcheck.errors import InputError
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.reports import banner, keyed, lists, marks, parts, prose, settings, smi, system
from envcheck.inputs.reports.said import PROSE, TOOL, TYPED, Said
from envcheck.model import Snapshot


def read(text: str, path: str, gathered: Gathered) -> None:
    """Take what a report says. Raises `InputError` where nothing in it is understood."""
    said = understood(text, path)
    if said.is_empty():
        raise InputError("says nothing of an environment that envcheck understands", where=path, hint="paste what `envcheck probe` or collect_env prints")
    gathered.lay(snapshot(said))
    for sentence in said.ignored[:_MOST]:
        gathered.warn(sentence)


_MOST = 8
"""Contradictions said in full."""


def snapshot(said: Said) -> Snapshot:
    """What a report comes to; afterwards `said.ignored` tells what was not counted."""
    from envcheck.training import combine

    return said.snapshot(combine)


def understood(text: str, path: str) -> Said:
    """Everything that a report says."""
    said = Said(path)
    for part in parts.split(text):
        _part(part, said)
    return said


_LOG = re.compile(r"^[ \t]*(?:Traceback \(most recent call last\)|  File \"|\[rank\d+\]:)", re.MULTILINE)
_CODE = re.compile(r"^(?:import \w|from \w[\w.]* import |def \w+\(|class \w+|[ \t]*self\.\w+)", re.MULTILINE)


def _part(part: parts.Part, said: Said) -> None:
    text = part.text
    tools = marks.found(text)
    for name in tools:
        said.parts.append((marks.MARKS[name][1], part.lines[0][0]))
    said.begin(TOOL if tools else TYPED)
    log = bool(_LOG.search(text))
    if log:
        said.parts.append(("a traceback", part.lines[0][0]))
    smi.read(part.lines, said)
    system.read(part.lines, said)
    banner.read(part.lines, said)
    if tools or not (log or (part.fenced and _CODE.search(text))):
        keyed.read(part.lines, said)
        # What a fence lists is what pip printed.
        said.weight = TOOL if part.fenced else said.weight
        lists.read(part.lines, said, part.fenced)
    if not tools or not part.fenced or any(name in tools for name in ("accelerate-env", "transformers-env", "trl-env")):
        settings.take(part, said)
    if not part.fenced and not tools and not log:
        said.begin(PROSE)
        prose.read(part.lines, said)
