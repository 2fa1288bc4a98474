from __future__ import annotations

import pytest
from build import snap

from envcheck.model import Fact, Finding, Report, Snapshot, merge, unknown


def test_the_upper_layer_wins_where_it_knows_something() -> None:
    under = snap(torch="2.1.2", driver="535.104.05", train={"precision": "bf16", "zero_stage": 2}, complete=True)
    over = Snapshot(facts={"driver": unknown("NVML failed")}, train={"precision": Fact("fp16", "--set"), "zero_stage": unknown("auto")})
    both = merge(under, over)
    assert both.fact("driver").value == "535.104.05"
    assert (both.train["precision"].value, both.train["zero_stage"].value) == ("fp16", 2)
    assert both.complete


def test_a_declared_gpu_replaces_the_machines_own() -> None:
    assert merge(snap(gpus=[{"name": "T4"}]), snap(gpus=[])).gpus == ()
    assert merge(snap(gpus=[]), snap(torch="2.0.0")).gpus == ()


def finding(kind: str, severity: str, certainty: str = "certain") -> Finding:
    return Finding("x", kind, severity, certainty, "t", ("torch",))


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([], "untested"),
        ([finding("bad", "error"), finding("good", "note")], "bad"),
        ([finding("bad", "warning"), finding("good", "note")], "caution"),
        ([finding("caution", "note"), finding("good", "note")], "known-good"),
        ([finding("caution", "note")], "untested"),
    ],
)
def test_the_verdict_follows_the_worst_finding_and_unknown_is_never_good(findings: list[Finding], verdict: str) -> None:
    assert Report(Snapshot(), tuple(findings)).verdict == verdict
