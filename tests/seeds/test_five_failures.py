"""The five real failures that envcheck exists for: what versions and configuration can tell of each before the run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from build import snap

from envcheck import api
from envcheck.inputs.target import Target
from envcheck.matrix import files, load
from envcheck.model import Finding, Report, Snapshot
from envcheck.rules import RULES

CHECKER = api.Checker()
ROOT = Path(__file__).parents[2] / "matrices"

# The shape that MGM's and Monkey's own scripts have: ZeRO-2 with overlapped communication, precision left to the trainer.
ZERO2 = {
    "bf16": {"enabled": "auto"},
    "fp16": {"enabled": "auto", "loss_scale": 0, "initial_scale_power": 16},
    "train_batch_size": "auto",
    "train_micro_batch_size_per_gpu": "auto",
    "gradient_accumulation_steps": "auto",
    "zero_optimization": {"stage": 2, "overlap_comm": True, "contiguous_gradients": True, "reduce_bucket_size": "auto"},
}
UNDECLARED = Target()
BF16 = Target(settings=("train.precision=bf16",))


def loud(found: Report | tuple[Finding, ...]) -> list[Finding]:
    findings = found.findings if isinstance(found, Report) else found
    return [one for one in findings if one.kind != "good" and one.severity in ("error", "warning")]


def about(package: str, report: Report) -> list[Finding]:
    return [one for one in report.findings if package in one.culprit and one.kind != "good"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "zero2.json").write_text(json.dumps(ZERO2))
    return tmp_path


def check(folder: Path, requirements: str, *, config: bool = False, target: Target = UNDECLARED) -> Report:
    (folder / "requirements.txt").write_text(requirements)
    sources = api.Sources(files=(str(folder / "requirements.txt"),), config=(str(folder / "zero2.json"),) if config else (), target=target)
    return CHECKER.report(api.snapshot_of(sources, CHECKER))


class TestMiniGemini:
    @pytest.mark.parametrize("version", ["0.12.4", "0.12.6", "0.13.1", "0.14.0", "0.14.2"])
    def test_bf16_zero2_overlap_in_the_range_is_a_warning_and_the_first_remedy_is_the_switch(self, folder: Path, version: str) -> None:
        report = check(folder, f"torch==2.0.1\ndeepspeed=={version}\n", config=True, target=BF16)
        findings = [one for one in about("deepspeed", report) if one.severity == "warning"]
        assert findings
        assert any("overlap_comm=false" in one.page.fix[0] for one in findings)
        assert not [one for one in about("deepspeed", report) if one.severity == "error"]

    def test_the_projects_own_pins_are_left_alone(self, folder: Path) -> None:
        report = check(folder, "torch==2.0.1\ntransformers==4.36.2\ndeepspeed==0.11.1\n", config=True, target=BF16)
        assert not [one for one in loud(report) if "deepspeed" in one.culprit]

    @pytest.mark.parametrize("version", ["0.12.2", "0.12.3"])
    def test_the_releases_that_were_bisected_good_are_left_alone(self, folder: Path, version: str) -> None:
        report = check(folder, f"torch==2.0.1\ndeepspeed=={version}\n", config=True, target=BF16)
        assert not [one for one in loud(report) if "deepspeed" in one.culprit]

    @pytest.mark.parametrize("requirement", ["deepspeed>=0.12", "deepspeed==0.13.1", "deepspeed>=0.12.0"])
    def test_a_bare_version_without_the_settings_is_no_error(self, folder: Path, requirement: str) -> None:
        report = check(folder, f"{requirement}\n")
        assert report.verdict != "bad"
        assert not [one for one in about("deepspeed", report) if one.severity == "error"]


class TestMonkey:
    PINS = "torch==2.0.1\ntransformers==4.32.0\ndeepspeed\n"

    def test_an_unpinned_deepspeed_allows_known_defects(self, folder: Path) -> None:
        report = check(folder, self.PINS)
        [finding] = [one for one in report.findings if one.id == "unpinned-deepspeed"]
        assert (finding.certainty, finding.severity) == ("possible", "note")
        assert "allows versions with known defects" in finding.title
        assert "zero12-overlap" in finding.page.cause
        assert not [one for one in report.findings if one.severity == "error"]

    def test_with_the_config_it_is_a_possible_warning(self, folder: Path) -> None:
        report = check(folder, self.PINS, config=True, target=BF16)
        findings = [one for one in about("deepspeed", report) if one.severity == "warning"]
        assert findings
        assert {one.certainty for one in findings} == {"possible"}

    def test_the_a800_is_incidental(self, folder: Path) -> None:
        with_gpu = check(folder, self.PINS, config=True, target=Target(gpu=("A800x8",), settings=BF16.settings))
        without = check(folder, self.PINS, config=True, target=BF16)
        assert {one.id for one in loud(with_gpu)} == {one.id for one in loud(without)}


class TestMiniMind:
    def test_numpy_2_under_torch_before_2_3_is_an_error(self, folder: Path) -> None:
        report = check(folder, "torch==2.1.2\nnumpy==2.1.0\npandas==1.5.3\n")
        assert report.verdict == "bad"
        assert any(one.severity == "error" and {"numpy", "torch"} <= set(one.culprit) for one in report.findings)

    def test_declared_bf16_that_runs_in_fp16_is_found(self) -> None:
        report = CHECKER.report(snap(torch="2.1.2", train={"declared_precision": "bf16", "precision": "fp16"}))
        assert any("config" in one.culprit and "bf16" in one.title for one in loud(report))


class TestModelScope:
    def test_fp16_for_a_family_that_overflows_in_it_is_a_warning(self) -> None:
        report = CHECKER.report(snap(torch="2.1.2", transformers="4.36.0", train={"precision": "fp16", "model_type": "qwen"}))
        assert any(one.severity == "warning" and "config" in one.culprit for one in report.findings)

    def test_no_remedy_for_it_is_fp16(self) -> None:
        report = CHECKER.report(snap(train={"precision": "bf16", "model_type": "qwen"}))
        assert not [one for one in loud(report) if "config" in one.culprit]


class TestLlamaFactory:
    STACK = {"torch": "2.5.1+cu124", "transformers": "4.46.1", "deepspeed": "0.14.4", "llamafactory": "0.9.2"}

    def test_the_release_that_the_project_refuses_is_a_warning_that_says_so(self) -> None:
        report = CHECKER.report(snap(packages=self.STACK, train={"precision": "bf16", "zero_stage": 3, "gradient_accumulation_steps": 2, "method": "lora"}))
        findings = [one for one in loud(report) if "transformers" in one.culprit]
        assert findings
        said = " ".join(one.page.cause + " ".join(one.page.links) for one in findings).lower()
        assert "llama-factory" in said or "llamafactory" in said
        assert not [one for one in findings if any("fp16" in fix for fix in one.page.fix)]

    def test_without_accumulation_the_loss_is_right(self) -> None:
        packages = {name: version for name, version in self.STACK.items() if name != "llamafactory"}
        report = CHECKER.report(snap(packages=packages, train={"gradient_accumulation_steps": 1}))
        assert not [one for one in loud(report) if "accum" in one.id]


# What circulates and is false (each line: a pattern that no entry, rule, hint or fix may match).
FALSE_CLAIMS = [
    r"bf16 has (a )?(narrower|smaller) (range|exponent)",
    r"(switch|change|use|try)[^.]{0,30}\bfp16\b[^.]{0,40}(instead of bf16|to (cure|avoid|fix|reduce))",
    r"fp16 is more stable",
    r"start with fp16",
    r"raise the clipping",
    r"subtracts? the max",
    r"0\.9\.2 is stable",
    r"zero-2 partitions parameters",
    r"skip(ping)? (the )?nan batches",
    r"rtx 50[^.]{0,30}needs torch 2\.[89]",
    r"sm_90 is ampere",
    r"(cuda )?toolkit must (equal|match) torch",
    r"loss (of )?0(\.0+)? means an easy batch",
    r"pre-ampere[^.]{0,40}cudnn fused attention",
]


def texts() -> list[tuple[str, str]]:
    drafts = load.drafts(files.below(ROOT / "entries"), relative_to=ROOT.parent)
    rows = [(d.entry.id, " ".join((d.entry.title, d.page.cause, *d.page.fix, d.page.disputed))) for d in drafts]
    return rows + [(rule.id, " ".join((rule.title, rule.page.cause, *rule.page.fix))) for rule in RULES.values()]


@pytest.mark.parametrize("claim", FALSE_CLAIMS)
def test_no_false_claim_is_ever_printed(claim: str) -> None:
    assert [name for name, text in texts() if re.search(claim, text, re.IGNORECASE)] == []


def test_no_fix_sets_fp16() -> None:
    drafts = load.drafts(files.below(ROOT / "entries"), relative_to=ROOT.parent)
    assert [d.entry.id for d in drafts if any("precision=fp16" in fix for fix in d.page.fix)] == []


def test_an_empty_snapshot_accuses_nobody() -> None:
    found: Any = CHECKER.report(Snapshot())
    assert (found.findings, found.undecided, found.verdict) == ((), (), "untested")
