"""What other tools read: each format by the rules of its consumer, and nothing from outside that one of them would act on."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from build import snap

import envcheck.api  # noqa: F401 - which gives a Report its form for notebooks
from envcheck.model import Finding, Labelled, Page, Report, UsedFact, Waiver
from envcheck.render import RENDERERS
from envcheck.render.places import fingerprint, place

HOSTILE = "::error::x\n::set-env name=a::b %0A ##[command] <script>alert(1)</script> | `a` [b](javascript:c) ]]> \x00\x1b[31m\ufffe @everyone \"'&=cmd,:"
PAGE = Page((), (), "The cause.", ("use torch>=2.3", "wait"), ("https://index.example/1",), "maintainer")
PLAIN = Finding("numpy-2", "bad", "error", "certain", "NumPy 2 is too new", ("numpy",), (UsedFact("torch", "2.2.0", "requirements.txt:7"), UsedFact("numpy", "2.0.0", "./requirements.txt:3")), PAGE)  # fmt: skip
LOUD = Finding(HOSTILE, "bad", "error", "certain", HOSTILE, (HOSTILE,), (UsedFact(HOSTILE, HOSTILE, f"{HOSTILE}.txt:3"),), Page((), (), HOSTILE, (HOSTILE,), (HOSTILE,)))  # fmt: skip
NOWHERE = Finding("driver", "bad", "warning", "possible", "The driver is old", (), (UsedFact("driver", "450", "--driver"),), PAGE, ("gpu",))
WAIVED = replace(PLAIN, id="waived", waiver=Waiver("we know", "pyproject.toml:4", "2027-03-31"))
GOOD = Finding("stack", "good", "note", "certain", "A published stack", ("torch",))
REPORTS = [
    Labelled("", Report(snap(torch="2.2.0"), (PLAIN, NOWHERE, WAIVED, GOOD))),
    Labelled(f"gpu {HOSTILE}", Report(snap(torch="2.2.0"), (LOUD,))),
    Labelled("clean", Report(snap(torch="2.2.0"))),
]


def shown(name: str, reports: list[Labelled] = REPORTS) -> str:
    text = RENDERERS[name](reports)
    assert text.endswith("\n")
    text.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text)
    return text


def test_sarif_points_to_the_pin_and_suppresses_what_is_waived() -> None:
    log = json.loads(shown("sarif"))
    assert log["version"] == "2.1.0"
    first, loud, clean = log["runs"]
    assert [result["ruleId"] for result in first["results"]] == ["numpy-2", "driver", "waived"]
    assert first["results"][0]["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "requirements.txt"}, "region": {"startLine": 3}}
    assert first["results"][1]["locations"] == []
    assert [result.get("suppressions", [{}])[0].get("justification") for result in first["results"]] == [None, None, "we know, until 2027-03-31 (pyproject.toml:4)"]  # fmt: skip
    assert clean["results"] == []
    assert len({run["automationDetails"]["id"] for run in log["runs"]}) == 3
    for run in log["runs"]:
        rules = run["tool"]["driver"]["rules"]
        assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert loud["results"][0]["locations"] == []


def test_junit_fails_on_errors_alone() -> None:
    suites = ET.fromstring(shown("junit"))
    first, loud, clean = suites
    assert [[child.tag for child in case] for case in first.iter("testcase")] == [["failure"], ["skipped"], ["skipped"]]
    assert (first.get("tests"), first.get("failures"), first.get("skipped")) == ("3", "1", "2")
    assert (suites.get("tests"), suites.get("failures")) == ("5", "2")
    assert first[0].attrib.items() >= {"file": "requirements.txt", "line": "3", "name": "numpy-2"}.items()
    assert "<script>" in str(loud[0].get("name"))  # escaped in the file, whole after reading
    assert [list(case) for case in clean.iter("testcase")] == [[]]


@pytest.mark.parametrize(("fail_on", "failures"), [("warning", "2"), ("error", "1"), ("never", "0")])
def test_junit_fails_where_the_run_does(fail_on: str, failures: str) -> None:
    first = ET.fromstring(RENDERERS["junit"](REPORTS, fail_on=fail_on))[0]
    assert first.get("failures") == failures


def test_github_takes_one_command_a_finding_and_none_from_outside() -> None:
    lines = shown("github").splitlines()
    commands = [line for line in lines if line.lstrip().startswith("::")]
    assert [re.match(r"::(\w+) ", line)[1] for line in commands] == ["error", "warning", "error"]  # type: ignore[index]
    assert commands[0].startswith("::error file=requirements.txt,line=3,title=NumPy 2 is too new::Found: torch 2.2.0, numpy 2.0.0. The cause. To fix it: use torch>=2.3 | wait. [numpy-2]")  # fmt: skip
    assert "waived" not in "".join(commands)
    for line in commands:
        properties, _, data = line[2:].partition("::")
        assert all(pair.count("=") >= 1 and "\n" not in pair for pair in properties.partition(" ")[2].split(","))
        assert not re.search("%(?!25|3A|2C)", properties)
        assert not re.search("%(?!25)", data)
    assert not any("##[" in line for line in lines if line not in commands)


def test_gitlab_has_what_its_widget_asks_for() -> None:
    rows = json.loads(shown("gitlab"))
    assert [row["severity"] for row in rows] == ["critical", "minor", "critical"]
    assert rows[0]["location"] == {"path": "requirements.txt", "lines": {"begin": 3}}
    assert all(set(row) == {"description", "check_name", "fingerprint", "severity", "location"} for row in rows)
    assert len({row["fingerprint"] for row in rows}) == 3
    assert all(set(row["severity"].split()) <= {"info", "minor", "major", "critical", "blocker"} for row in rows)


def test_markdown_holds_no_markup_from_outside() -> None:
    text = shown("markdown")
    assert "### envcheck: bad" in text
    assert "| error | NumPy 2 is too new <code>numpy-2</code> | <code>requirements.txt&#58;3</code> |" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in tables} == {5}
    assert set(re.findall(r"<(?!!--)/?([a-z]+)", text)) == {"details", "summary", "code", "https"}
    assert not re.search(r"(?<!\\)`|\](?!\\)?\(|@(?!<!--)", "\n".join(line for line in text.splitlines() if not line.startswith("<details>")))


def test_csv_holds_no_formula() -> None:
    rows = list(csv.DictReader(io.StringIO(shown("csv"))))
    assert [(row["id"], row["file"], row["line"]) for row in rows[:2]] == [("numpy-2", "requirements.txt", "3"), ("driver", "", "")]
    assert rows[-1]["verdict"] == "untested"
    for start in ("=", "+", "-", "@", "\t=", "\r="):
        report = Report(snap(), (replace(PLAIN, title=f"{start}HYPERLINK(1)"),))
        title = next(csv.DictReader(io.StringIO(shown("csv", [Labelled("", report)]))))["title"]
        assert title[0] not in "=+-@\t\r"


def test_html_runs_nothing() -> None:
    text = REPORTS[1].report._repr_html_()
    assert text is not None
    assert "<script" not in text
    assert set(re.findall(r"</?([a-z]+)", text)) <= {"div", "p", "b", "details", "summary", "code", "ul", "li", "a"}
    assert "javascript:" not in re.findall(r'href="([^"]*)"', text)


@pytest.mark.parametrize("report", REPORTS, ids=["plain", "hostile", "clean"])
def test_json_fits_its_published_schema(report: Labelled) -> None:
    schema: Any = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(shown("json", [report])), schema)


@pytest.mark.parametrize(
    ("origin", "found"),
    [
        ("requirements.txt:3", ("requirements.txt", 3)),
        ("a.txt:1, b.txt:2", ("a.txt", 1)),
        (r"sub\a.txt:12", ("sub/a.txt", 12)),
        (r"C:\a.txt:12", ("C:/a.txt", 12)),
        ("--gpu", None),
        ("/usr/lib/python3/site-packages/torch-2.2.0.dist-info", None),
        ("a.txt:0", None),
    ],
)
def test_an_origin_is_a_line_or_none(origin: str, found: tuple[str, int] | None) -> None:
    assert place(replace(PLAIN, facts=(UsedFact("torch", "2.2.0", origin),))) == found


def test_a_path_in_sarif_is_a_uri() -> None:
    odd = replace(PLAIN, facts=(UsedFact("numpy", "2", "my dir/ü#?.txt:3"),))
    log = json.loads(shown("sarif", [Labelled("", Report(snap(), (odd,)))]))
    uri = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", uri)
    assert unquote(uri) == "my dir/ü#?.txt"


def test_a_fingerprint_outlives_moved_lines_and_tells_findings_apart() -> None:
    moved = replace(PLAIN, facts=(UsedFact("torch", "2.2.0", "requirements.txt:70"), UsedFact("numpy", "2.0.0", "requirements.txt:30")))
    assert fingerprint("", moved) == fingerprint("", PLAIN)
    assert len({fingerprint("", PLAIN), fingerprint("a", PLAIN), fingerprint("", NOWHERE), fingerprint("", replace(PLAIN, culprit=("torch",)))}) == 4


def test_the_text_tells_what_is_waived_and_leaves_the_baseline_out() -> None:
    known = replace(PLAIN, id="known", title="Known since long", waiver=Waiver("known since the baseline", "base.json"))
    text = shown("text", [Labelled("", Report(snap(torch="2.2.0"), (WAIVED, known)))])
    assert "error, waived" in text
    assert "we know, until 2027-03-31 (pyproject.toml:4)" in text
    assert "1 finding is known since the baseline (base.json)" in text
    assert "Known since long" not in text
    assert "bad  known to break (all of it is waived)" in text
