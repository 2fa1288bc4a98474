"""`envcheck check`: the main job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Iterable, List, Optional, Tuple

import click

from envcheck import api
from envcheck.cli import options, output, talk
from envcheck.errors import EnvcheckError
from envcheck.inputs.choice import Choice
from envcheck.model import SEVERITIES, Finding, Labelled, Report
from envcheck.project import Project, accepted, run
from envcheck.project import find as find_settings
from envcheck.project import read as read_settings


@click.command(cls=options.Launching)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@options.python
@click.option("--snapshot", metavar="FILE", help="Check a saved snapshot (`.json`), or many, one a line (`.jsonl`).")
@options.files
@click.option("--config", metavar="FILE", multiple=True, help="A training config, launch script or `training_args.bin`. May be repeated.")
@click.option("--script", "scripts", metavar="FILE", multiple=True, help="A training script whose source is looked at, never run. May be repeated.")
@options.target
@options.matrix
@output.output_format
@output.outputs
@options.project
@click.option("--rules-only", is_flag=True, help="Only what follows from the fact tables: leave the bad and caution entries out.")
@click.option("--selftest", "with_selftest", is_flag=True, help="Also check the device's arithmetic (needs torch in the inspected environment).")
@click.option("--deep", is_flag=True, help="Also read what the installed packages import of each other, and really import what training imports.")
@click.option("--no-imports", is_flag=True, help="With `--deep`: only read files, import nothing.")
@click.option(
    "--import-limit", type=click.FloatRange(0, min_open=True), default=90, metavar="SECONDS", help="With `--deep`: how long each import may take (90)."
)
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Say whether an environment is known good, known bad or untested, why, and what to change.

    What stands after `--` is the command that will start the training: its options and the files it names are read, nothing is started.

    FILE is anything that describes an environment: requirements, pyproject.toml, a lock file, environment.yml, what pip or
    conda list, a Dockerfile, a saved snapshot. Several are one environment together, unless `--each` is given. Without one
    the files of the project's settings are checked (`[tool.envcheck]` in pyproject.toml, or envcheck.toml), else the live environment, or,
    where that holds no training stack, what the project in this folder asks for.

    The exit status is 0 where nothing reaches `--fail-on`, 1 where something does, 2 for wrong usage or unreadable
    input, 3 where envcheck could not do its work.
    """
    project = _project(given)
    sources = run.laid(project, _sources(given))
    targets = run.targets_of(project, options.target_of(given))
    _refuse_elsewhere(ctx, sources, given, len(targets))
    checker = api.Checker([Path(folder) for folder in (*project.matrix, *given["private"])], talk.say, rules_only=given["rules_only"])
    if not _is_about_this_machine(given):
        sources = api.project_where_idle(sources, talk.say)
    accepting = accepted.Accepted(project.waivers, _today(), None if given["write_baseline"] else given["baseline"] or project.baseline or None)
    broken: List[EnvcheckError] = []

    def complain(error: EnvcheckError) -> None:
        broken.append(error)
        talk.complain(error)

    if (given["each"] or (project.each and not given["files"])) and sources.files:
        reports: Iterable[Labelled] = run.each(sources, targets, checker, talk.say, complain)
    else:
        reports = run.reports(sources, targets, checker, talk.say)
    ran: List[int] = [0]
    if given["deep"]:
        reports = (Labelled(label, _with_deep(report, sources, checker, None if given["no_imports"] else given["import_limit"])) for label, report in reports)
    if given["with_selftest"]:
        reports = _tested(reports, sources, ran)
    met: List[Optional[str]] = []
    reports = output.tallied(accepting.mark(reports), met)
    if given["write_baseline"]:
        reports = list(reports)
        output.write(given["write_baseline"], accepted.baseline_of(reports))
    fail_on = given["fail_on"] or project.fail_on or "error"
    output.give(reports, given["output_format"], given["outputs"], fail_on)
    for remark in accepting.remarks():
        talk.say(remark)
    if broken:
        return 2
    if given["write_baseline"]:
        return ran[0]
    found = next((severity for severity in SEVERITIES if severity in met), None)
    return max(options.exit_code(found, fail_on), ran[0])


def _project(given: Any) -> Project:
    path = given["project"] or (None if given["no_config"] else find_settings())
    project = read_settings(path) if path else Project()
    return replace(project, files=()) if _is_about_this_machine(given) else project


def _today() -> str:
    from datetime import date

    return date.today().isoformat()


def _is_about_this_machine(given: Any) -> bool:
    """Whether what runs here is asked for, so that the files which the project keeps are no subject."""
    return bool(given["with_selftest"] or given["deep"])


def _refuse_elsewhere(ctx: click.Context, sources: api.Sources, given: Any, targets: int) -> None:
    elsewhere = "--snapshot" if sources.snapshot is not None else sources.files[0] if sources.files else None
    for option in ("--selftest",) * given["with_selftest"] + ("--deep",) * given["deep"]:
        if elsewhere is not None:
            raise click.UsageError(f"`{option}` checks this machine, `{elsewhere}` is about another one", ctx)
        if targets > 1:
            raise click.UsageError(f"`{option}` checks this machine, the project's settings list several targets; `--no-config` leaves them out", ctx)


def _sources(given: Any) -> api.Sources:
    files: Tuple[str, ...] = given["files"] + given["requirements"]
    if len(files) == 1 and files[0].lower().endswith((".jsonl", ".ndjson")) and not given["snapshot"]:
        given, files = {**given, "snapshot": files[0]}, ()
    places = [name for name, value in (("--python", given["python"]), ("--snapshot", given["snapshot"]), ("FILE", files)) if value]
    if len(places) > 1:
        raise click.UsageError(f"{' and '.join(f'`{name}`' for name in places)} name different environments; give one of them", click.get_current_context())
    words = options.launch(click.get_current_context())
    inspected = given["python"] if places else options.interpreter(words)
    choice = Choice(given["groups"], given["all_groups"], given["extras"])
    return api.Sources(inspected, given["snapshot"], files, given["kind"], choice, given["config"], options.target_of(given), words, given["scripts"])


def _tested(reports: Iterable[Labelled], sources: api.Sources, ran: List[int]) -> Iterable[Labelled]:
    for label, report in reports:
        report, ran[0] = with_selftest(report, sources)
        yield Labelled(label, report)


def with_selftest(report: Report, sources: api.Sources) -> Tuple[Report, int]:
    """The report with what the self-test found, and the exit status of the self-test alone."""
    from envcheck.cli.selftest import known_of, ran_status, run_rows

    train = {key: fact.value for key, fact in report.snapshot.train.items() if fact.is_known}
    rows, findings = run_rows(sources.python, ("auto",), train, known=known_of(report))
    return replace(report, findings=_merged(findings, report), selftest=tuple(rows)), ran_status([dict(row) for row in rows], 0)


def _with_deep(report: Report, sources: api.Sources, checker: api.Checker, limit: Optional[float]) -> Report:
    from envcheck import deep

    said = {(one.id, one.culprit) for one in report.findings}
    found = deep.findings(sources.python, report.snapshot, checker.matrix, checker.tables(), limit)
    return replace(report, findings=_merged(tuple(one for one in found if (one.id, one.culprit) not in said), report))


def _merged(found: Tuple[Finding, ...], report: Report) -> Tuple[Finding, ...]:
    return tuple(sorted(found + report.findings, key=lambda one: (one.kind == "good", SEVERITIES.index(one.severity))))
