"""Dockerfile and Containerfile: what the last stage holds, by its base image and the installers it runs. No Docker is asked.

https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from envcheck.errors import InputError
from envcheck.inputs import images
from envcheck.inputs.claims import shown
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.installs import Context, Stage, run
from envcheck.inputs.shell_words import expand
from envcheck.model import Fact, Snapshot
from envcheck.probe import environ


def read(text: str, path: str, gathered: Gathered) -> None:
    """Take what the last stage holds. Raises `InputError` for what has no stage, and where installs contradict themselves."""
    reading = _Reading(path, gathered)
    for instruction in _instructions(text):
        handler = _HANDLERS.get(instruction.keyword)
        if handler:
            handler(reading, instruction)
    if not reading.stages:
        raise InputError("has no `FROM`", where=path, hint="is this the file you meant?")
    stage = reading.stages[-1]
    facts = {"os": Fact("linux", path), **stage.facts}
    env = {name: fact._replace(origin=stage.places.get(name, path)) for name, fact in environ.facts(stage.variables).items()}
    gathered.lay(Snapshot(facts=facts, packages=stage.packages, env=env))


class _Instruction(NamedTuple):
    keyword: str
    text: str
    """Without the keyword, continued lines joined, comments taken out."""
    line: int
    lines: list[tuple[int, str]]
    """Its lines as they stand in the file."""


_KEYWORD = re.compile(r"\s*([A-Za-z]+)(?:\s+(.*))?", re.DOTALL)
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")


def _instructions(text: str) -> Iterator[_Instruction]:
    escape = "`" if re.match(r"\s*#\s*escape\s*=\s*`", text) else "\\"
    rows = iter(enumerate(text.split("\n"), 1))
    for number, line in rows:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        lines = [(number, line)]
        while lines[-1][1].rstrip().endswith(escape) or (len(lines) > 1 and _is_comment(lines[-1][1])):
            following = next(rows, None)
            if following is None:
                break
            lines.append(following)
        joined = "\n".join(one.rstrip()[:-1] + "\\" if one.rstrip().endswith(escape) else one for _, one in lines if not _is_comment(one))
        heredocs = [found[2] for found in _HEREDOC.finditer(joined)] if re.match(r"\s*(?:RUN|COPY)\b", joined, re.IGNORECASE) else []
        bodies = [_body(rows, word, lines) for word in heredocs]
        found = _KEYWORD.fullmatch(joined)
        if found:
            rest = found[2] or ""
            if bodies and found[1].upper() == "RUN":
                rest = _with_bodies(rest, bodies)
            yield _Instruction(found[1].upper(), rest, number, lines)


def _is_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith("#")


def _body(rows: Iterator[tuple[int, str]], word: str, lines: list[tuple[int, str]]) -> str:
    body = []
    for number, line in rows:
        lines.append((number, line))
        if line.strip() == word:
            break
        body.append(line)
    return "\n".join(body)


def _with_bodies(rest: str, bodies: list[str]) -> str:
    """The script that a heredoc gives to the shell; what it gives to another program is not one."""
    command = _FLAGS.sub("", _HEREDOC.sub("", rest)).strip()
    if command in ("", "bash", "sh", "bash -e", "sh -e", "bash -ex", "sh -ex", "/bin/bash", "/bin/sh"):
        return "\n".join(bodies)
    return _HEREDOC.sub("", rest)


_FLAGS = re.compile(r"^(?:\s*--[a-z]+(?:=\S+)?)+")


@dataclass
class _Reading:
    path: str
    gathered: Gathered
    globals: dict[str, str] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    named: dict[str, Stage] = field(default_factory=dict)

    def base(self, instruction: _Instruction) -> None:
        words = [word for word in instruction.text.replace("\\\n", " ").split() if not word.startswith("--")]
        if not words:
            return
        origin = f"{self.path}:{instruction.line}"
        reference = expand(words[0].strip("\"'"), self.globals)
        parent = self.named.get(reference.lower())
        stage = parent.copy() if parent else Stage()
        if parent is None:
            self._image(stage, reference, origin)
        self.stages.append(stage)
        self.named[str(len(self.stages) - 1)] = stage
        if len(words) > 2 and words[1].lower() == "as":
            self.named[words[2].lower()] = stage

    def _image(self, stage: Stage, reference: str, origin: str) -> None:
        if "${" in reference:
            self.gathered.warn(f"{origin}: the base image `{shown(reference)}` is known only to who builds it; what it holds is unknown")
            return
        found = images.contents(reference, self.gathered.table("images"), origin)
        if found is not None:
            stage.facts.update(found.facts)
            stage.packages.update(found.packages)
            python = stage.facts.get("python")
            if python is not None:
                self.gathered.markers.suggest_python(str(python.value))

    def argument(self, instruction: _Instruction) -> None:
        for name, value in _pairs(instruction.text):
            target = self.stages[-1].arguments if self.stages else self.globals
            known = {**self.globals, **self.stages[-1].known()} if self.stages else self.globals
            if value is not None and "{{" in value:
                target.pop(name, None)  # A template, which something else fills in before Docker sees the file.
            elif value is not None:
                target[name] = expand(value, known)
            elif name in self.globals:
                target[name] = self.globals[name]

    def variable(self, instruction: _Instruction) -> None:
        if not self.stages:
            return
        stage = self.stages[-1]
        text = instruction.text
        old = re.match(r"(\w+)\s+([^=].*)", text, re.DOTALL)
        pairs = [(old[1], old[2].strip())] if old and not re.match(r"\w+=", text) else _pairs(text)
        for name, value in pairs:
            stage.variables[name] = expand(value or "", stage.known())
            stage.places[name] = f"{self.path}:{_line(instruction, name)}"

    def copied(self, instruction: _Instruction) -> None:
        if not self.stages:
            return
        words = instruction.text.replace("\\\n", " ").split()
        source = next((word[7:].lower() for word in words if word.startswith("--from=")), None)
        places = [word for word in words if not word.startswith("--")]
        if source in self.named and any(_ENVIRONMENT.search(place) for place in places):
            other = self.named[source]
            self.stages[-1].packages.update(other.packages)
            self.stages[-1].facts.update({key: fact for key, fact in other.facts.items() if key in ("torch_cuda", "python", "rocm")})
        elif source is None and len(places) > 1:
            self.stages[-1].copied += [(place, places[-1]) for place in places[:-1]]

    def run(self, instruction: _Instruction) -> None:
        if not self.stages:
            return
        text = _FLAGS.sub("", instruction.text)
        if text.lstrip().startswith("["):
            # The exec form is a JSON list of words.
            text = re.sub(r"^\s*\[|\]\s*$|\"\s*,\s*\"", lambda found: '" "' if "," in found[0] else "", text)
        try:
            run(text, self.stages[-1], Context(self.path, instruction.line, instruction.lines), self.gathered)
        except ValueError as error:
            self.gathered.warn(f"{self.path}:{instruction.line}: its words cannot be told apart ({error}); passed over")


_ENVIRONMENT = re.compile(r"(?:site|dist)-packages|venv|/opt/(?:conda|env|python)|/usr/local|/root/\.local|conda")
_PAIR = re.compile(r"([A-Za-z_]\w*)(?:=(\"(?:[^\"\\]|\\.)*\"|'[^']*'|(?:[^\s\\]|\\.)*))?", re.DOTALL)


def _pairs(text: str) -> list[tuple[str, str | None]]:
    pairs = []
    for name, value in ((found[1], found[2]) for found in _PAIR.finditer(text.replace("\\\n", " "))):
        pairs.append((name, value.strip("\"'") if value is not None else None))
    return pairs


def _line(instruction: _Instruction, word: str) -> int:
    return next((number for number, line in instruction.lines if word in line), instruction.line)


_HANDLERS = {
    "FROM": _Reading.base,
    "ARG": _Reading.argument,
    "ENV": _Reading.variable,
    "COPY": _Reading.copied,
    "ADD": _Reading.copied,
    "RUN": _Reading.run,
}
