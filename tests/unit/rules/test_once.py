"""A rule and an entry that found the same."""

from __future__ import annotations

import pytest

from envcheck.api import Checker
from envcheck.model import Finding, Page, UsedFact
from envcheck.rules.once import said_once
from envcheck.wire import read


def finding(
    id: str, severity: str = "error", culprit: str = "peft transformers", symptom: str = "import-error", certainty: str = "certain", fact: str = "transformers"
) -> Finding:
    return Finding(id, "bad", severity, certainty, id, tuple(culprit.split()), (UsedFact(fact, "1", "here"),), Page(symptom=(symptom,)))


def ids(entry: Finding, rule: Finding) -> list[str]:
    return [one.id for one in said_once([entry], [rule])]


def test_the_rule_is_silent() -> None:
    assert ids(finding("entry"), finding("rule", culprit="transformers peft")) == ["entry"]
    assert ids(finding("entry"), finding("rule", "warning")) == ["entry"]
    assert ids(finding("entry", symptom="crash"), finding("rule", symptom="crash")) == ["entry"]


@pytest.mark.parametrize(
    ("entry", "rule"),
    [
        (finding("entry", "note"), finding("rule")),
        (finding("entry", culprit="peft"), finding("rule", culprit="peft")),
        (finding("entry", culprit="peft torch"), finding("rule")),
        (finding("entry", symptom="crash", fact="peft"), finding("rule", symptom="crash")),
        (finding("entry", certainty="possible"), finding("rule")),
    ],
)
def test_both_speak(entry: Finding, rule: Finding) -> None:
    assert ids(entry, rule) == ["entry", "rule"]


def test_in_a_report_of_a_known_pair() -> None:
    snapshot = read({"packages": {"peft": "0.18.0", "transformers": "4.51.3"}}, "here")
    assert [one.id for one in Checker().report(snapshot).findings if one.severity == "error"] == ["peft-0.18.0-modeling-layers"]
    assert [one.id for one in Checker(rules_only=True).report(snapshot).findings if one.severity == "error"] == ["missing-name"]
