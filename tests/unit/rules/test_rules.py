from __future__ import annotations

import pytest
from build import snap

from envcheck.rules import RULES, Tables, judge

TABLES = Tables(frozenset(("torch", "transformers")))


@pytest.mark.parametrize(
    ("packages", "culprit"),
    [
        ({"torch": "2.1.2+cu121", "torchvision": "0.16.2+cpu"}, ("torch", "torchvision")),
        ({"torch": "2.9.1+cu130", "torchvision": "0.24.1+cu128"}, ("torch", "torchvision")),
        ({"torch": "2.5.0+rocm6.2", "torchvision": "0.20.0+cu121"}, ("torch", "torchvision")),
    ],
)
def test_companions_of_another_build_are_found(packages: dict[str, str], culprit: tuple[str, ...]) -> None:
    [finding] = judge(snap(packages=packages), TABLES).findings
    assert (finding.id, finding.culprit, finding.severity) == ("mixed-builds", culprit, "warning")


@pytest.mark.parametrize(
    "packages",
    [
        {"torch": "2.1.2+cu121", "torchvision": "0.16.2+cu121"},
        {"torch": "2.6.0+cu126", "torchvision": "0.21.0+cu124"},
        {"torch": "2.1.2+cu121", "torchvision": "0.16.2"},
        {"torch": "2.5.1+gita8d6afb", "torchvision": "0.20.1+git3ac97aa"},
        {"torchvision": "0.16.2+cpu"},
        {"torch": "2.10.0+cu130", "torchaudio": "2.10.0+cu128"},
    ],
)
def test_what_works_together_or_says_nothing_is_left_alone(packages: dict[str, str]) -> None:
    assert judge(snap(packages=packages), TABLES).findings == ()


@pytest.mark.parametrize(
    ("kind", "package", "severity"),
    [
        ("duplicate-metadata", "torch", "warning"),
        ("duplicate-metadata", "tqdm", "note"),
        ("user-site-shadow", "transformers", "warning"),
        ("shadowed", "torch", "note"),
        ("shared-file", "torch", "note"),
        ("stale-metadata", "torch", "warning"),
        ("broken-metadata", "tqdm", "note"),
    ],
)
def test_anomalies_are_loud_only_about_the_training_stack(kind: str, package: str, severity: str) -> None:
    anomaly = {"kind": kind, "packages": [package], "detail": "seen", "origin": "somewhere"}
    [finding] = judge(snap(anomalies=[anomaly]), TABLES).findings
    assert (finding.id, finding.severity, finding.kind) == (kind, severity, "caution")


def test_every_rule_has_a_page_with_a_way_out() -> None:
    for rule in RULES.values():
        assert rule.page.cause
        assert rule.page.fix
