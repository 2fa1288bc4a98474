"""`envcheck selftest`: the arithmetic of the device."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import asdict
from typing import Any, Callable, Collection, Dict, Iterator, List, Mapping, Optional, Tuple

import click

from envcheck.cli import options, talk
from envcheck.errors import InputError
from envcheck.model import Finding, Report, Snapshot, worst

Tested = Tuple[List[Dict[str, Any]], Tuple[Finding, ...]]
PASS_MEANS = "A pass means that these operations came out as exactly as they must; seconds cannot certify against rare silent corruption."
_MOST_SEED = 2**31


@click.command()
@options.python
@click.option(
    "--level", metavar="LEVEL", default="standard", show_default=True, help="How much to check: `quick`, `standard` (seconds) or `thorough` (minutes)."
)
@click.option(
    "--device",
    "devices",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="Devices to check, separated by commas: `cpu`, `cuda:0,cuda:1`, `mps`, `npu`; `auto` is every accelerator, or the CPU.",
)
@click.option("--seed", metavar="SEED", default="0", show_default=True, help="Seed of the test data: a whole number, or `random`.")
@click.option("--only", metavar="CHECK", multiple=True, help="Run only this check. May be repeated; `--list` names them.")
@click.option("--skip", metavar="CHECK", multiple=True, help="Leave this check out. May be repeated.")
@click.option("--config", metavar="FILE", multiple=True, help="A training config, whose precision and ZeRO stage are used. May be repeated.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="A training setting, such as `train.precision=bf16`.")
@click.option("--list", "list_checks", is_flag=True, help="List the levels and the checks: what each is for, what it costs, where it would have helped.")
@options.output_format
@options.fail_on
def command(python: Optional[str], devices: str, list_checks: bool, output_format: str, fail_on: str, **chosen: Any) -> int:
    """Check the arithmetic of the device in a few seconds: products, attention, norms, losses, optimizers, copies and a
    tiny training run in fp32, bf16 and fp16, each against fp64 within a derived bound.

    It runs in children of the inspected interpreter, so a crash or hang is a row and not the end.
    """
    from envcheck.render.selftest import catalogue

    if list_checks:
        from envcheck import selftest

        talk.show(catalogue(selftest.LEVELS, selftest.CHECKS, talk.width()))
        return 0
    train = _train(chosen.pop("config"), chosen.pop("settings"))
    seed = _seed(chosen.pop("seed"))
    rows, findings = run_rows(python, tuple(name.strip() for name in devices.split(",")), train, seed=seed, shown=output_format == "text", **chosen)
    if output_format == "json":
        document = {"schema": 1, "level": chosen["level"], "seed": seed, "selftest": list(rows), "findings": [asdict(finding) for finding in findings]}
        talk.show(json.dumps(document, separators=(",", ":")) + "\n")
    elif ran(rows):
        _show(rows, findings)
    return ran_status(rows, options.exit_code(worst(findings), fail_on))


def run_rows(
    python: Optional[str],
    devices: Tuple[str, ...],
    train: Optional[Mapping[str, object]] = None,
    *,
    known: Optional[Collection[str]] = None,
    shown: bool = True,
    **chosen: Any,
) -> Tested:
    """The rows of the self-test as plain values, and what they mean. Raises `InputError` for unknown names and no interpreter.

    `known` holds ids of entries that hold here or may; where it is None and something failed, the environment is looked at.
    """
    from envcheck import selftest
    from envcheck.probe import executable, silent

    with _progress(shown) as progress:
        rows = selftest.run(executable(python) if python else sys.executable, devices, train=train, progress=progress, **chosen)
    if rows and all(row.family == "python" for row in rows):
        raise silent(f"--python {python}" if python else sys.executable, rows[0].detail)
    findings = selftest.findings(rows, known or ())
    if findings and known is None and any(row.device for row in rows):
        findings = selftest.findings(rows, _known(python, train or {}))
    return [asdict(row) for row in rows], findings


def ran(rows: List[Dict[str, Any]]) -> bool:
    """Whether any check ran at all."""
    return any(row["status"] not in ("skip", "info") for row in rows)


def ran_status(rows: List[Dict[str, Any]], status: int) -> int:
    """`status`, or 3 with the reason on stderr where the self-test was asked for and no check ran: unknown is not good."""
    if ran(rows):
        return status
    reason = next((row["detail"] for row in rows if row["status"] == "skip" and row["detail"]), "no check was chosen")
    about_torch = any(row["check"] == "torch" for row in rows)
    hint = (
        "install torch there, or name another interpreter with `--python`" if about_torch else "`--device cpu` needs no accelerator; `--list` names the checks"
    )
    talk.write_error(f"the self-test could not run: {reason}", hint)
    return max(status, 3)


def _train(config: Tuple[str, ...], settings: Tuple[str, ...]) -> Dict[str, object]:
    """Training settings from configs and options, by name."""
    if not config and not settings:
        return {}
    from envcheck import api
    from envcheck.inputs.target import Target

    sources = api.Sources(config=config, target=Target(settings=settings))
    given = api.overlay(sources, api.Checker((), talk.say), talk.say)(Snapshot())
    return {key: fact.value for key, fact in given.train.items() if fact.is_known}


def _known(python: Optional[str], train: Mapping[str, object]) -> Tuple[str, ...]:
    """Ids of the entries that hold for the environment, or may."""
    from envcheck import api

    checker = api.Checker((), talk.say)
    snapshot = api.snapshot_of(api.Sources(python=python), checker, talk.say)
    report = checker.report(snapshot)
    return known_of(report)


def known_of(report: Report) -> Tuple[str, ...]:
    """Ids of the entries of a report that hold, or may."""
    return tuple(one.id for one in report.findings if one.kind != "good") + tuple(one.id for one in report.undecided)


def _seed(given: str) -> int:
    if given == "random":
        import secrets

        return secrets.randbelow(_MOST_SEED)
    if given.isdecimal() and given.isascii():
        return int(given)
    raise InputError(f"`{given}` is no seed", where="--seed", hint="a seed is a whole number from 0 on, or `random`")


@contextlib.contextmanager
def _progress(shown: bool) -> Iterator[Optional[Callable[[int, int, str], None]]]:
    """What is called as checks begin: a bar on stderr where that is a terminal, nothing anywhere else."""
    if not shown or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("self-test"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)


def _show(rows: List[Dict[str, Any]], findings: Tuple[Finding, ...]) -> None:
    from envcheck.render import text

    passed = any(row["status"] == "pass" for row in rows)
    shown = text.render_selftest(Report(Snapshot(), findings, selftest=tuple(rows)), color=talk.wants_color(), width=talk.width())
    talk.show(shown + (PASS_MEANS + "\n" if passed else ""))
