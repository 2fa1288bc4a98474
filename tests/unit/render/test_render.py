"""One table of reports through every renderer; the golden files are reviewed like code (`pytest --update-golden`)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from build import snap

from envcheck.model import Difference, Finding, Labelled, Nearest, Page, Report, Undecided, UsedFact
from envcheck.render import RENDERERS
from envcheck.render.escape import visible
from envcheck.render.text import way_to_tell


def shown_as(output_format: str, report: Report, **given: Any) -> str:
    return RENDERERS[output_format]([Labelled("", report)], **given)


GOLDEN = Path(__file__).parent / "golden"
PAGE = Page(
    ("zero-grad",),
    ("grad_norm",),
    "The reduction reads a buffer that was freed.",
    ("use deepspeed>=0.14.4", "set overlap_comm=false"),
    ("https://github.com/deepspeedai/DeepSpeed/issues/5692",),
    "maintainer",
)


def finding(
    number: int = 0, severity: str = "error", certainty: str = "certain", title: str = "DeepSpeed 0.14.3 zeroes every gradient", page: Page = PAGE
) -> Finding:
    facts = (UsedFact("deepspeed", "0.14.3", "site-packages/deepspeed-0.14.3.dist-info"),)
    return Finding(f"entry-{number}", "bad", severity, certainty, title, ("deepspeed",), facts, page)


def undecided(number: int, needs: tuple[str, ...] = ("train.zero_stage", "train.overlap_comm"), severity: str = "warning") -> Undecided:
    return Undecided(f"open-{number}", "bad", severity, ("deepspeed",), f"ZeRO defect {number}", needs)


OPEN = Finding(
    "unpinned-deepspeed",
    "caution",
    "note",
    "possible",
    "deepspeed>=0.12 allows versions with known defects (7 entries)",
    ("deepspeed",),
    (UsedFact("deepspeed", ">=0.12", "requirements.txt:3"),),
)
FULL = snap(python="3.10.12", torch="2.1.2+cu121", deepspeed="0.14.3", gpus=[{"name": "NVIDIA A800-SXM4-80GB", "capability": "8.0", "count": 8}], complete=True)
BARE = snap(gpus=None)
NEAREST = Nearest(
    "stack", "EasyBuild 2023a", (Difference("torch", "2.1.2", "2.6.0"), Difference("deepspeed", "0.14.3", None), Difference("python", None, "3.12"))
)

REPORTS = {
    "empty": Report(BARE),
    "untested": Report(FULL, nearest=NEAREST),
    "known-good": Report(FULL, (Finding("stack", "good", "note", "certain", "EasyBuild 2023a", ("torch",)),)),
    "one-error": Report(FULL, (finding(),)),
    "caution": Report(
        FULL, (finding(severity="warning"),), (undecided(1), undecided(2), undecided(3, ("gpu",)), undecided(4, ("driver",)), undecided(5, ("numpy",)))
    ),
    "possible": Report(snap(deepspeed=">=0.12"), (*(finding(n, "warning", "possible") for n in range(6)), finding(7, "note", "possible"), OPEN)),
    "unstated": Report(
        FULL,
        (replace(finding(severity="warning", certainty="possible"), page=replace(PAGE, unstated="Most configs set it."), needs=("train.overlap_comm",)),),
    ),
    "notes": Report(FULL, (finding(severity="note"),)),
    "hostile": Report(
        snap(packages={"torch": "2.1\x1b[31m\u202e"}),
        (finding(title="a\nb\x07 <b>&amp;</b> [bold]x[/bold] :smile:", page=Page(cause="c\x1b]0;pwned\x07", fix=("d\r",))),),
    ),
    "unicode": Report(snap(python="3.10"), (finding(title="损失为零 — Überlauf 🙂"),)),
    "many": Report(FULL, tuple(finding(n) for n in range(200))),
}


@pytest.mark.parametrize("output_format", ["text", "json"])
@pytest.mark.parametrize("name", list(REPORTS))
def test_golden(name: str, output_format: str, request: pytest.FixtureRequest) -> None:
    shown = shown_as(output_format, REPORTS[name], color=False, width=100)
    path = GOLDEN / f"{name}.{output_format}"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(REPORTS))
def test_json_is_one_line_of_the_promised_shape(name: str) -> None:
    line = shown_as("json", REPORTS[name])
    assert line.count("\n") == 1
    assert line.isascii()
    row = json.loads(line)
    assert list(row)[:4] == ["schema", "verdict", "findings", "undecided"]
    assert row["snapshot"]["packages"] is not None
    for one in row["findings"]:
        assert list(one) == ["id", "kind", "severity", "certainty", "title", "culprit", "needs", "facts", "symptom", "cause", "fix", "links"]


@pytest.mark.parametrize("name", list(REPORTS))
@pytest.mark.parametrize("color", [False, True])
def test_nothing_from_outside_reaches_the_terminal_unescaped(name: str, color: bool) -> None:
    shown = shown_as("text", REPORTS[name], color=color, width=100)
    controls = {char for char in shown if ord(char) < 32 or 127 <= ord(char) < 160 or char == "\u202e"}
    assert controls <= ({"\n", "\x1b"} if color else {"\n"})
    assert "\x1b]" not in shown


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_fit(width: int) -> None:
    for report in REPORTS.values():
        assert all(len(line) <= width for line in shown_as("text", report, width=width).splitlines() if line.isascii())


def test_color_changes_nothing_but_color() -> None:
    import re

    plain, colored = (shown_as("text", REPORTS["caution"], color=color, width=100) for color in (False, True))
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored).split() == plain.split()


@pytest.mark.parametrize(
    ("text", "shown"), [("a\x1b[2Jb", "a\\x1b[2Jb"), ("\u202egnp.exe", "\\u202egnp.exe"), ("é—🙂", "é—🙂"), ("\ud800", "\\ud800"), ("a\tb", "a\\x09b")]
)
def test_unsafe_characters_become_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("key", "way"), [("train.zero_stage", "--config"), ("gpu", "--gpu"), ("gpu_count", "x8"), ("driver", "--driver"), ("python", "--python-version")]
)
def test_a_missing_fact_names_the_option_that_tells_it(key: str, way: str) -> None:
    assert way in str(way_to_tell(key))


@pytest.mark.parametrize("key", ["numpy", "env.NCCL_DEBUG"])
def test_what_nobody_spoke_of_is_no_question(key: str) -> None:
    assert way_to_tell(key) is None
    shown = shown_as("text", Report(FULL, (), (undecided(1, (key,)),)))
    assert "not decided" not in shown


def test_a_question_that_takes_two_options_is_not_asked() -> None:
    assert "not decided" not in shown_as("text", Report(FULL, (), (undecided(1, ("python", "train.torch_compile")),)))
    assert "not decided" in shown_as("text", Report(FULL, (), (undecided(1, ("train.zero_stage", "train.torch_compile")),)))


def test_a_question_about_one_family_of_models_comes_last() -> None:
    family = [undecided(number, ("train.model_type",)) for number in (1, 2)]
    shown = shown_as("text", Report(FULL, (), (*family, undecided(3, ("train.zero_stage",)))))
    assert shown.index("depends on train.zero_stage") < shown.index("depends on train.model_type")


def test_a_probe_shows_facts_with_origins_and_packages_by_folder() -> None:
    from envcheck import wire
    from envcheck.render import snapshot as shown_snapshot

    snapshot = wire.read(
        {
            "python": "3.10.12",
            "driver": None,
            "packages": {"torch": "2.1.2", "numpy": "1.26.4", "apex": "0.1"},
            "gpus": [{"name": "NVIDIA A800", "capability": "8.0", "count": 8, "memory_mib": 81920}],
            "env": {"NCCL_DEBUG": "INFO\x1b[0m"},
            "unknown": {"driver": "NVML failed"},
            "origins": {
                "packages.torch": "/s/torch.dist-info",
                "packages.numpy": "/s/numpy.dist-info",
                "packages.apex": "/u/apex.egg-info",
                "python": "/v/bin/python",
            },
        },
        "test",
    )
    lines = [" ".join(line.split()) for line in shown_snapshot.render(snapshot, width=100).splitlines()]
    assert lines == [
        "python 3.10.12 /v/bin/python",
        "driver unknown, because NVML failed",
        "gpu 8 x NVIDIA A800, 8.0, 81920 MiB test",
        "env.NCCL_DEBUG INFO\\x1b[0m test",
        "packages 1 in /u",
        "apex 0.1",
        "packages 2 in /s",
        "numpy 1.26.4",
        "torch 2.1.2",
    ]
