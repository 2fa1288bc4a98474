"""What the installers that a script runs leave behind: pip, uv and conda, one command after another, each on what was there."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from envcheck import versions
from envcheck.documents import read_text
from envcheck.errors import InputError
from envcheck.inputs import conda_environment, installers, requirements
from envcheck.inputs.choice import Choice
from envcheck.inputs.claims import shown
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.shell import Command, commands
from envcheck.model import Fact, unknown
from envcheck.wire import canonical_name


@dataclass
class Stage:
    """An environment on its way."""

    packages: dict[str, Fact] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    """What ENV set."""
    arguments: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    """Where each variable was set."""
    copied: list[tuple[str, str]] = field(default_factory=list)
    """What was copied from the project, and where to."""

    def copy(self) -> Stage:
        """A stage that begins from this one; arguments end with their stage."""
        return Stage(dict(self.packages), dict(self.facts), dict(self.variables), {}, dict(self.places), list(self.copied))

    def known(self) -> dict[str, str]:
        """The variables that a command sees."""
        return {**self.arguments, **self.variables}


class Context(NamedTuple):
    """Where a script stands."""

    path: str
    line: int
    lines: Sequence[tuple[int, str]]

    def origin(self, word: str) -> str:
        """File and line of a word as it is written."""
        return f"{self.path}:{next((number for number, text in self.lines if word in text), self.line)}"


def run(script: str, stage: Stage, context: Context, gathered: Gathered, depth: int = 0) -> None:
    """Let the installers of a script change the stage. Raises ValueError for quotes without end, `InputError` for what they refuse."""
    variables = stage.known()
    moved = False
    for command in commands(script, variables):
        words = installers.plain(command.words)
        if words[:1] and os.path.basename(words[0]) in ("sh", "bash") and len(words) > 2 and re.fullmatch(r"-\w*c", words[1]) and depth < _DEPTH:
            run(words[2], stage, context, gathered, depth + 1)
            continue
        moved = moved or words[:1] in (["cd"], ["pushd"]) or words[:2] == ["git", "clone"]
        found = installers.installer(words)
        if found is not None:
            installer, rest = found
            _Install(command, stage, context, gathered, moved).run(installer, rest)


_DEPTH = 3
# `.`, `./src[train]`, `/app`, but no wheel: a folder with a project in it.
_LOCAL = re.compile(r"(?:(\.{0,2}/[^\[\]]*?(?<!\.whl)(?<!\.gz)(?<!\.zip))|(\.))(?:\[([^\]]*)\])?")
_OWN_TORCH = ("vllm", "xformers", "torchvision", "torchaudio", "sglang")
"""Packages whose releases each ask for one torch, so that installing one may replace the torch that is there."""


class _Install:
    """One command of an installer."""

    def __init__(self, command: Command, stage: Stage, context: Context, gathered: Gathered, moved: bool) -> None:
        self.moved = moved
        self.command = command
        self.stage = stage
        self.context = context
        self.gathered = gathered
        self.asked = Gathered(gathered.markers, gathered.warn, gathered.choice, gathered.table)
        self.upgrades = False
        self.without_dependencies = False

    def run(self, installer: str, words: Sequence[str]) -> None:
        if installer == "unpip":
            for word in words:
                self.stage.packages.pop(canonical_name(word), None)
            return
        for word in self.command.redirected:
            self.gathered.warn(
                f"{self.context.origin(word)}: the shell takes `{shown(word)}` for a redirection into a file, so no version is asked for; quote it"
            )
        if installer == "pip":
            self._pip(words)
        elif installer in installers.LOCKS.values():
            self._lock(installer, words)
        else:
            self._conda(installer, words)
        self._settle()

    def _pip(self, words: Sequence[str]) -> None:
        rest = iter(words)
        for word in rest:
            option, value = requirements.split_option(word)
            if option in installers.VALUED and not value:
                value = next(rest, "")
            origin = self.origin(value or word)
            if option in requirements.INCLUDES:
                self._file(f"-c {value}" if requirements.INCLUDES[option] else f"-r {value}", value, origin)
            elif option in requirements.INDEXES or option in ("--default-index", "--index"):
                self.asked.index(value, origin, only=requirements.INDEXES.get(option, option == "--default-index"))
            elif option == "--torch-backend":
                self.asked.index(f"/whl/{value or next(rest, '')}", origin, only=True)
            elif option in ("-U", "--upgrade", "--force-reinstall"):
                self.upgrades = True
            elif option == "--no-deps":
                self.without_dependencies = True
            elif option in ("-e", "--editable"):
                self._requirement(value, origin)
            elif not option:
                self._requirement(word, origin)

    def origin(self, word: str) -> str:
        """File and line of a word, found by how it is written before variables are filled in."""
        written = next((raw for raw, filled in zip(self.command.raw, self.command.words) if filled == word), word)
        return self.context.origin(written.strip())

    def _requirement(self, word: str, origin: str) -> None:
        if word.startswith("${") or "{{" in word or "}}" in word:
            return  # What a command or a template will print; it may be any package.
        local = _LOCAL.fullmatch(word)
        if local:
            self._project(local[1] or local[2], re.findall(r"[\w.-]+", local[3] or ""))
            return
        try:
            self.asked.requirement(word, origin, editable=True)
        except InputError as error:
            # The shell may make anything of such a word; it is said, and the rest of the file counts.
            self.gathered.warn(f"{error}; passed over")

    def _project(self, folder: str, extras: Sequence[str]) -> None:
        """The project in a folder that was copied from here, with its extras, by the first of its files that names requirements.

        A folder that a script changed into may hold anything, such as a fresh clone of another project.
        """
        source = next(
            (source for source, place in self.stage.copied if folder.rstrip("/") in (place.rstrip("/"), ".") and source.rstrip("/") in ("", ".")), None
        )
        relative = folder if not folder.startswith("/") and folder != "." else source
        if relative is None or self.moved:
            return
        folder = relative
        self.asked.choice = Choice(extras=tuple(extras))
        for name in ("pyproject.toml", "setup.cfg", "setup.py"):
            found = self._beside(os.path.join(folder, name), whole=True)
            if found is not None and self._is_read(found):
                return

    def _lock(self, name: str, words: Sequence[str]) -> None:
        """A lock file of the project, with the extras and groups that the command names."""
        named = list(zip(words, (*words[1:], "")))
        extras = [value for word, value in named if word in ("--extra", "-E", "--extras")] + [
            word.partition("=")[2] for word in words if word.startswith("--extra=")
        ]
        groups = [value for word, value in named if word in ("--group", "-G", "--with")]
        self.asked.choice = Choice(tuple(groups), "--all-groups" in words, tuple(" ".join(extras).split()))
        found = self._beside(name)
        if found is None or not self._is_read(found):
            self.gathered.warn(f"{self.context.origin(self.command.raw[0])}: there is no `{name}` in the project, so what it installs is unknown")

    def _is_read(self, path: str) -> bool:
        from envcheck.inputs import kinds

        text = read_text(path)
        kind = kinds.kind_of(text, path)
        try:
            if kind is not None:
                kinds.reader(kind)(text, path, self.asked)
        except InputError as error:
            if self.asked.is_empty():
                return False
            raise error
        return not self.asked.is_empty()

    def _file(self, line: str, target: str, origin: str) -> None:
        found = self._beside(target)
        if found is None:
            self.gathered.warn(f"{origin}: `{shown(target)}` is not in the project, so what it asks for is unknown")
            return
        folder, name = os.path.split(found)
        requirements.one(f"{line[:2]} {name}", self.context.path, origin, self.asked, folder)

    def _beside(self, target: str, whole: bool = False) -> Optional[str]:
        """The file of the project that a path in the container was copied from, looked for from the Dockerfile's folder upwards;
        with `whole` all of the path counts, else its end is enough.
        """
        target = next((source for source, place in self.stage.copied if _same(place, source, target)), target)
        parts = [part for part in target.split("/") if part not in ("", ".")]
        if not parts or ".." in parts or "${" in target:
            return None
        folder, root = os.path.dirname(self.context.path), requirements.project_of(self.context.path)
        for _ in range(_UPWARDS):
            for start in range(1 if whole else len(parts)):
                path = os.path.join(folder, *parts[start:])
                if os.path.isfile(path) and requirements.is_below(path, root):
                    return os.path.normpath(path)
            folder = os.path.join(folder, "..")
            if not requirements.is_below(folder, root):
                return None
        return None

    def _conda(self, installer: str, words: Sequence[str]) -> None:
        rest = iter(words)
        for word in rest:
            option, value = requirements.split_option(word)
            if option in ("-f", "--file"):
                value = value or next(rest, "")
                found = self._beside(value)
                if found is None:
                    self.gathered.warn(f"{self.origin(value)}: `{shown(value)}` is not in the project, so what it asks for is unknown")
                elif installer == "conda-env" or found.endswith((".yml", ".yaml")):
                    conda_environment.read(read_text(found), found, self.asked)
            elif option in ("-c", "--channel") or option in installers.VALUED:
                value = value or next(rest, "")
            elif not option and installer == "conda":
                conda_environment.take(word, self.origin(word), self.asked)

    def _settle(self) -> None:
        """Lay what was asked for over what was there."""
        found = self.asked.snapshot()
        torch = self.stage.packages.get("torch")
        for name, fact in found.packages.items():
            if not self.command.is_certain:
                fact = unknown("it is installed only under a condition", fact.origin)
            self.stage.packages[name] = _over(self.stage.packages.get(name), fact, self.upgrades)
        brings = [name for name in _OWN_TORCH if name in found.packages]
        if brings and "torch" not in found.packages and torch is not None and not self.without_dependencies:
            reason = f"`{brings[0]}` asks for a torch of its own, which may replace the one that was there"
            self.stage.packages["torch"] = unknown(reason, found.packages[brings[0]].origin)
        if self.stage.packages.get("torch") != torch:
            # The base image's libraries are not those that another torch loads.
            for key in ("torch_cuda", "cudnn", "nccl", "rocm"):
                self.stage.facts.pop(key, None)
        if self.command.is_certain:
            self.stage.facts.update(found.facts)


_UPWARDS = 4


def _same(place: str, source: str, target: str) -> bool:
    place = place.rstrip("/")
    return target.rstrip("/") in (place, f"{place}/{os.path.basename(source)}") and "." in os.path.basename(source)


def _over(there: Optional[Fact], asked: Fact, upgrades: bool) -> Fact:
    """What an installer leaves of a package: the version that is there where it satisfies what is asked, else what is asked."""
    if there is None or not there.is_known or not asked.is_known or upgrades:
        return asked
    try:
        fits = versions.within(versions.reported(str(there.value)), versions.reported(str(asked.value)))
    except versions.VersionError:
        return asked
    return there if fits else asked
