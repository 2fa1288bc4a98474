"""`envcheck selftest`: the arithmetic of the device."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any, Dict, List, Mapping, Optional, Tuple

import click

from envcheck.cli import options, talk
from envcheck.model import Finding, Report, Snapshot, worst

Tested = Tuple[List[Dict[str, Any]], Tuple[Finding, ...]]
PASS_MEANS = "A pass means that these operations came out as exactly as they must; seconds cannot certify against rare silent corruption."


@click.command()
@options.python
@click.option(
    "--device",
    "devices",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="Devices to check, separated by commas: `cpu`, `cuda:0,cuda:1`, `mps`, `npu`; `auto` is every accelerator, or the CPU.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the test data.")
@click.option("--only", metavar="CHECK", multiple=True, help="Run only this check. May be repeated; `--list` names them.")
@click.option("--skip", metavar="CHECK", multiple=True, help="Leave this check out. May be repeated.")
@click.option("--list", "list_checks", is_flag=True, help="List the checks and what they are for.")
@options.output_format
@options.fail_on
def command(python: Optional[str], devices: str, list_checks: bool, output_format: str, fail_on: str, **chosen: Any) -> int:
    """Check the arithmetic of the device in a few seconds: matrix products, softmax, attention, LayerNorm, cross-entropy,
    AdamW and a tiny training run in fp32, bf16 and fp16, each against fp64 within a derived bound.

    It runs in children of the inspected interpreter, so a crash or hang is a row and not the end.
    """
    from envcheck import selftest

    if list_checks:
        talk.show("".join(f"{name:14} {check.group:6} {','.join(check.dtypes):15} {check.purpose}\n" for name, check in selftest.CHECKS.items()))
        return 0
    rows, findings = run_rows(python, tuple(name.strip() for name in devices.split(",")), **chosen)
    if output_format == "json":
        talk.show(json.dumps({"schema": 1, "selftest": list(rows), "findings": [asdict(finding) for finding in findings]}, separators=(",", ":")) + "\n")
    elif ran(rows):
        _show(rows, findings)
    return ran_status(rows, options.exit_code(worst(iter(findings)), fail_on))


def run_rows(python: Optional[str], devices: Tuple[str, ...], train: Optional[Mapping[str, object]] = None, **chosen: Any) -> Tested:
    """The rows of the self-test as plain values, and what they mean. Raises `InputError` for unknown names."""
    from envcheck import selftest
    from envcheck.probe import executable

    rows = selftest.run(executable(python) if python else sys.executable, devices, train=train, **chosen)
    return [asdict(row) for row in rows], selftest.findings(rows)


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


def _show(rows: List[Dict[str, Any]], findings: Tuple[Finding, ...]) -> None:
    from envcheck.render import text

    talk.show(text.render_selftest(Report(Snapshot(), findings, selftest=tuple(rows)), color=talk.wants_color(), width=talk.width()) + PASS_MEANS + "\n")
