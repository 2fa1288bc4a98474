"""The reports of one run: what the command line and a project's settings ask for together, one for each file, snapshot or target."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Iterable, Iterator, List, Tuple

from envcheck import api
from envcheck.errors import InputError
from envcheck.inputs.choice import Choice
from envcheck.inputs.target import Target
from envcheck.model import Labelled, reaches
from envcheck.project.config import Placed, Project, find, read
from envcheck.project.targets import combinations

Warn = Callable[[str], None]


def laid(project: Project, sources: api.Sources) -> api.Sources:
    """`sources`, with what the project settles in every place where nothing was given."""
    elsewhere = sources.python is not None or sources.snapshot is not None or sources.files
    return replace(
        sources,
        files=sources.files if elsewhere else project.files,
        choice=sources.choice if sources.choice != Choice() else Choice(project.groups, project.all_groups, project.extras),
        config=sources.config or project.config,
        scripts=sources.scripts or project.scripts,
    )


def targets_of(project: Project, declared: Target) -> List[Tuple[str, Target]]:
    """Label and target of each combination. Raises `InputError`."""
    return combinations(project.targets, declared, project.settings)


def reports(sources: api.Sources, targets: List[Tuple[str, Target]], checker: api.Checker, warn: Warn) -> Iterator[Labelled]:
    """One report for each target, and for each line where the sources are lines of snapshots. Raises `InputError`."""
    warn = _once(warn)
    for label, target in targets:
        try:
            yield from _of_target(replace(sources, target=target), label, checker, warn)
        except InputError as error:
            raise _located(error, target) from None


def _of_target(one: api.Sources, label: str, checker: api.Checker, warn: Warn) -> Iterator[Labelled]:
    from envcheck.inputs import snapshot

    if one.snapshot is not None and snapshot.is_lines(one.snapshot):
        lay = api.overlay(one, checker, warn)
        for where, read_ in snapshot.read_lines(one.snapshot, warn):
            yield Labelled(_joined(where, label), checker.report(lay(read_)))
    else:
        yield Labelled(label, checker.report(api.snapshot_of(one, checker, warn)))


def _located(error: InputError, target: Target) -> InputError:
    """The error with the place in the settings where the value stands that an option of the command line could have had too."""
    if error.where == "--set":
        values: Iterable[str] = (one for one in target.settings if one.partition(".")[2].partition("=")[0] in error.message)
    else:
        value = getattr(target, error.where[2:].replace("-", "_"), "") if error.where.startswith("--") else ""
        values = value if isinstance(value, tuple) else (value,)
    placed = next((one for one in values if isinstance(one, Placed)), None)
    return error if placed is None else InputError(error.message, where=placed.where, hint=error.hint)


def each(
    sources: api.Sources, targets: List[Tuple[str, Target]], checker: api.Checker, warn: Warn, complain: Callable[[InputError], None]
) -> Iterator[Labelled]:
    """One report for each file and target, in order; of a file that cannot be understood `complain` is told, and the others go on.

    Hooks give every pyproject.toml, also those that hold nothing but the settings of tools: these are passed over.
    """
    warn = _once(warn)
    for path in sources.files:
        try:
            for label, report in reports(replace(sources, files=(path,)), targets, checker, warn):
                yield Labelled(_joined(path, label), report)
        except InputError as error:
            if error.message == _NOTHING:
                warn(f"{path}: {error.message}; passed over")
            else:
                complain(error)


_NOTHING = "names no requirement"
"""What readers say of a file that asks for no package."""


def _joined(first: str, second: str) -> str:
    return f"{first} ({second})" if second else first


def _once(warn: Warn) -> Warn:
    """Several targets read the same files, and would say the same of them."""
    said = set()

    def tell(message: str) -> None:
        if message not in said:
            said.add(message)
            warn(message)

    return tell


def of_this_environment(folder: str) -> Tuple[str, bool]:
    """The text of the reports on the running environment for each of the project's targets, and whether something reaches `fail-on`.

    The project's files are left aside: what is installed is what runs. Raises `InputError`, `MatrixError` and `UnableError`.
    """
    from datetime import date
    from pathlib import Path

    from envcheck.model import worst
    from envcheck.project.accepted import Accepted
    from envcheck.render import RENDERERS

    path = find(folder)
    project = replace(read(path), files=()) if path else Project()
    accepting = Accepted(project.waivers, date.today().isoformat(), project.baseline or None)
    checker = api.Checker([Path(one) for one in project.matrix])
    sources = laid(project, api.Sources())
    marked = list(accepting.mark(reports(sources, targets_of(project, sources.target), checker, lambda message: None)))
    return RENDERERS["text"](marked, color=False, width=100), any(reaches(worst(one.report.findings), project.fail_on or "error") for one in marked)
