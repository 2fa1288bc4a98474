"""`envcheck check`: the main job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, List, Tuple

import click

from envcheck import api
from envcheck.cli import options, talk
from envcheck.errors import InputError
from envcheck.inputs.choice import Choice
from envcheck.model import SEVERITIES, Finding, Report, worst


@click.command(cls=options.Launching)
@click.argument("files", metavar="[FILE]...", nargs=-1)
@options.python
@click.option("--snapshot", metavar="FILE", help="Check a saved snapshot (`.json`), or many, one a line (`.jsonl`).")
@options.files
@click.option("--config", metavar="FILE", multiple=True, help="A training config, launch script or `training_args.bin`. May be repeated.")
@click.option("--script", "scripts", metavar="FILE", multiple=True, help="A training script whose source is looked at, never run. May be repeated.")
@options.target
@options.matrix
@options.output_format
@options.fail_on
@click.option("--rules-only", is_flag=True, help="Only what follows from the fact tables: leave the bad and caution entries out.")
@click.option("--selftest", "with_selftest", is_flag=True, help="Also check the device's arithmetic (needs torch in the inspected environment).")
@click.option("--deep", is_flag=True, help="Also read what the installed packages import of each other, and really import what training imports.")
@click.option("--no-imports", is_flag=True, help="With `--deep`: only read files, import nothing.")
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Say whether an environment is known good, known bad or untested, why, and what to change.

    What stands after `--` is the command that will start the training: its options and the files it names are read, nothing is started.

    FILE is anything that describes an environment: requirements, pyproject.toml, a lock file, environment.yml, what pip or
    conda list, a Dockerfile, a saved snapshot. Several are one environment together, unless `--each` is given. Without one
    the live environment is checked, or, where it holds no training stack, what the project in this folder asks for.

    The exit status is 0 where nothing reaches `--fail-on`, 1 where something does, 2 for wrong usage or unreadable
    input, 3 where envcheck could not do its work.
    """
    sources = _sources(given)
    elsewhere = "--snapshot" if sources.snapshot is not None else sources.files[0] if sources.files else None
    for option in ("--selftest",) * given["with_selftest"] + ("--deep",) * given["deep"] if elsewhere is not None else ():
        raise click.UsageError(f"`{option}` checks this machine, `{elsewhere}` is about another one", ctx)
    checker = api.Checker([Path(folder) for folder in given["private"]], talk.say, rules_only=given["rules_only"])
    if given["each"] and sources.files:
        return _each(sources, checker, given)
    from envcheck.inputs import snapshot

    if sources.snapshot is not None and snapshot.is_lines(sources.snapshot):
        return _many(sources, checker, given)
    if not given["with_selftest"] and not given["deep"]:
        sources = api.project_where_idle(sources, talk.say)
    report = checker.report(api.snapshot_of(sources, checker, talk.say))
    if given["deep"]:
        report = _with_deep(report, sources, checker, not given["no_imports"])
    ran = 0
    if given["with_selftest"]:
        report, ran = with_selftest(report, sources)
    talk.show(_rendered(report, given["output_format"]))
    return max(options.exit_code(worst(iter(report.findings)), given["fail_on"]), ran)


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


def _rendered(report: Report, output_format: str) -> str:
    from envcheck.render import RENDERERS

    return RENDERERS[output_format](report, color=talk.wants_color(), width=talk.width())


def _many(sources: api.Sources, checker: api.Checker, given: Any) -> int:
    """One report for each line of a `.jsonl` file, in its order; nothing is printed before every line was understood."""
    from envcheck.inputs import snapshot

    overlay = api.overlay(sources, checker, talk.say)
    shown: List[str] = []
    severities = set()
    for where, one in snapshot.read_lines(str(sources.snapshot), talk.say):
        report = checker.report(overlay(one))
        heading = f"{where}\n" if given["output_format"] == "text" else ""
        shown.append(heading + _rendered(report, given["output_format"]) + ("\n" if heading else ""))
        severities.add(worst(iter(report.findings)))
    for text in shown:
        talk.show(text)
    return options.exit_code(next((severity for severity in SEVERITIES if severity in severities), None), given["fail_on"])


def _each(sources: api.Sources, checker: api.Checker, given: Any) -> int:
    """One report for each file, in order; a file that cannot be understood is said, and makes the exit status 2 in the end."""
    severities, broken = set(), False
    for path in sources.files:
        try:
            report = checker.report(api.snapshot_of(replace(sources, files=(path,)), checker, talk.say))
        except InputError as error:
            talk.complain(error)
            broken = True
            continue
        heading = f"{path}\n" if given["output_format"] == "text" else ""
        talk.show(heading + _rendered(report, given["output_format"]) + ("\n" if heading else ""))
        severities.add(worst(iter(report.findings)))
    status = options.exit_code(next((severity for severity in SEVERITIES if severity in severities), None), given["fail_on"])
    return 2 if broken else status


def with_selftest(report: Report, sources: api.Sources) -> Tuple[Report, int]:
    """The report with what the self-test found, and the exit status of the self-test alone."""
    from envcheck.cli.selftest import known_of, ran_status, run_rows

    train = {key: fact.value for key, fact in report.snapshot.train.items() if fact.is_known}
    rows, findings = run_rows(sources.python, ("auto",), train, known=known_of(report))
    return replace(report, findings=_merged(findings, report), selftest=tuple(rows)), ran_status([dict(row) for row in rows], 0)


def _with_deep(report: Report, sources: api.Sources, checker: api.Checker, with_imports: bool) -> Report:
    from envcheck import deep

    said = {(one.id, one.culprit) for one in report.findings}
    found = deep.findings(sources.python, report.snapshot, checker.matrix, checker.tables(), with_imports)
    return replace(report, findings=_merged(tuple(one for one in found if (one.id, one.culprit) not in said), report))


def _merged(found: Tuple[Finding, ...], report: Report) -> Tuple[Finding, ...]:
    return tuple(sorted(found + report.findings, key=lambda one: (one.kind == "good", SEVERITIES.index(one.severity))))
