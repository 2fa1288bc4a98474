"""Rows in words, and the promises of the code that runs in the child."""

from __future__ import annotations

import ast
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from envcheck.render.selftest import lines
from envcheck.selftest import CHECKS, Row, findings, host, summary
from envcheck.selftest.findings import _WHAT

FOLDER = host.WORKER.parent
IN_CHILD = [host.WORKER, *sorted((FOLDER / "inside").glob("*.py"))]


@pytest.mark.parametrize(
    ("row", "severity", "culprit"),
    [
        (Row("softmax.dx", "cuda:0", "bf16", "fail", 3.0, detail="deterministic: off"), "error", "torch"),
        (Row("softmax.dx", "cuda:0", "bf16", "fail", 3.0, detail="intermittent: off"), "error", "gpu"),
        (Row("softmax.dx", "cpu", "bf16", "fail", 3.0, detail="intermittent: off"), "error", "torch"),
        (Row("sdpa", "cuda:0", "fp16", "crash", detail="SIGSEGV"), "error", "torch"),
        (Row("train", "cpu", "fp16", "timeout", detail="no answer within 60 s"), "warning", "torch"),
        (Row("gemm_exact", "cuda:1", "fp16", "memory", detail="out of memory"), "warning", "torch"),
        (Row("gemm_exact", "cuda:1", "fp16", "warn", 2.0, detail="gone when run again 2 times"), "warning", "gpu"),
        (Row("torch", "", "", "crash", detail="torch does not import"), "error", "torch"),
    ],
    ids=lambda value: f"{value.status} {value.check}" if isinstance(value, Row) else value,
)
def test_a_row_that_is_not_good_is_a_finding(row: Row, severity: str, culprit: str) -> None:
    (finding,) = findings([row])
    assert finding.id == f"selftest-{row.family.replace('_', '-')}"
    assert (finding.severity, finding.culprit, finding.certainty) == (severity, (culprit,), "certain")
    assert finding.page.cause
    assert finding.page.fix


@pytest.mark.parametrize("status", ["pass", "info", "skip"])
def test_other_rows_are_no_finding(status: str) -> None:
    assert findings([Row("softmax", "cpu", "fp32", status)]) == ()


def test_parts_of_one_check_are_one_finding_about_the_worst() -> None:
    rows = [Row("sdpa.causal.dq", "cpu", "fp32", "fail", 2.0), Row("sdpa.mask.dv", "cpu", "bf16", "fail", None)]
    (finding,) = findings(rows)
    assert [fact.value for fact in finding.facts] == ["sdpa.mask.dv", "cpu", "fp32, bf16"]


def test_summary_counts_by_device_and_precision() -> None:
    rows = [
        Row("softmax", "cpu", "fp32", "pass", 0.25),
        Row("softmax.dx", "cpu", "fp32", "skip"),
        Row("settings", "cpu", "", "info"),
    ]
    assert summary(rows) == ("cpu fp32: 1 pass, 1 skip, largest error 0.25 of its bound",)


def test_every_check_has_words() -> None:
    assert set(CHECKS) <= set(_WHAT)


@pytest.mark.parametrize("path", IN_CHILD, ids=lambda path: path.name)
def test_code_for_the_child_is_python_3_8_and_alone(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in imported if name.partition(".")[0] == "envcheck"]


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_names_a_function(name: str) -> None:
    module, function = CHECKS[name].code.split(":")
    tree = ast.parse((FOLDER / "inside" / f"{module}.py").read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_manual_lists_every_check() -> None:
    manual = (FOLDER.parents[1] / "docs" / "selftest.md").read_text(encoding="utf-8")
    for name, check in CHECKS.items():
        precisions = ", ".join(filter(None, check.dtypes)) or "-"
        assert f"| `{name}` | `{check.group}` | {precisions} | {check.bound} | {check.purpose} |" in manual


def test_a_failure_names_the_known_entries_it_fits() -> None:
    row = Row("sdpa.lowlse.dq", "cuda:0", "bf16", "fail", None, detail="deterministic: off")
    known = ("numpy-2-torch-before-2.3", "torch-2.11-cudnn-sdpa-nan-dq")
    (finding,) = findings([row], known)
    assert finding.page.fix[0] == "see `envcheck explain torch-2.11-cudnn-sdpa-nan-dq`"
    assert "numpy-2" not in finding.page.cause
    (alone,) = findings([row], ("numpy-2-torch-before-2.3",))
    assert "explain" not in alone.page.fix[0]


def test_what_entries_a_check_fits_exists_in_the_matrix() -> None:
    ids = [path.stem for path in (FOLDER.parents[1] / "matrices" / "entries").rglob("*.yaml")]
    for name, check in CHECKS.items():
        assert not check.fits or any(re.search(check.fits, one) for one in ids), name


def test_a_check_that_only_warns_does_not_say_it_was_run_again() -> None:
    (finding,) = findings([Row("extension_locks", "cpu", "", "warn", None, detail="a build left x behind")])
    assert (finding.severity, finding.title) == ("warning", "The build folder of torch extensions needs a look on `cpu`")
    assert "run again" not in finding.page.cause


def test_a_device_has_one_verdict() -> None:
    rows = [
        asdict(row) for row in (Row("softmax", "cpu", "fp32", "pass", 0.5), Row("sdpa", "cuda:0", "fp32", "fail", 2.0), Row("deepspeed", "cpu", "", "skip"))
    ]
    shown = lines(rows)
    assert "self-test  cpu: pass" in shown
    assert "self-test  cuda:0: fail" in shown
    assert not [line for line in shown if line.startswith("self-test  cpu, no precision")]


def test_nothing_that_ran_is_unknown_and_not_good() -> None:
    assert "self-test  npu:7: unknown: nothing ran" in lines([asdict(Row("device", "npu:7", "", "skip", detail="torch sees none"))])


def test_settings_are_shown_where_they_are_asked_for() -> None:
    rows = [asdict(Row("settings", "cpu", "", "info", detail="yours: x"))]
    assert "  info     settings (cpu): yours: x" in lines(rows, settings=True)
    assert not any("yours" in line for line in lines(rows))


def test_what_is_not_installed_is_one_line() -> None:
    rows = [asdict(Row(name, "cpu", "", "skip", detail=f"{name} is not installed")) for name in ("accelerate", "deepspeed")]
    assert lines(rows)[-1] == "  skip     cpu: accelerate (accelerate is not installed), deepspeed (deepspeed is not installed)"
    assert len([line for line in lines(rows) if "skip" in line]) == 1
