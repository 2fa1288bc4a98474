"""A new entry is one that the loader takes and the lints pass, whatever the answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcheck.matrix.store import tables
from envcheck.workshop import lint, new
from envcheck.workshop.work import Workbench


def answers(**given: object) -> new.Answers:
    base = {
        "package": "deepspeed",
        "since": "0.14.3",
        "fixed": "0.14.4",
        "beside": {},
        "symptom": "zero-grad",
        "title": 'Zeroes "every" gradient: really',
        "cause": "A wait is missing.",
        "link": "https://github.com/deepspeedai/DeepSpeed/issues/5692",
        "level": "maintainer",
    }
    return new.Answers(**{**base, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"since": ""},
        {"fixed": ""},
        {"beside": {"train.zero_stage": "2", "train.overlap_comm": "true"}},
        {"beside": {"torch": "<2.3", "os": "windows"}},
        {"beside": {"gpu": ">=7.0,<7.5", "python": ">=3.12"}},
        {"package": "our-own-package", "since": "1.0", "fixed": "1.2"},
        {"package": "our-own-package", "since": "", "fixed": "", "beside": {"numpy": ">=2"}},
        {"level": "reporter"},
    ],
    ids=str,
)
def test_what_it_writes_passes_the_lints(tmp_path: Path, given: dict[str, object]) -> None:
    bench = Workbench(tmp_path, tables())
    one = answers(**given)
    (tmp_path / f"{one.id}.yaml").write_text(new.text(one, bench), encoding="utf-8")
    found = [str(complaint) for complaint in lint.run(Workbench(tmp_path, tables())) if complaint.level == "error"]
    assert found == []


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("torch<2.3", ("torch", "<2.3")),
        ("torch >= 2.1, <2.3", ("torch", ">= 2.1, <2.3")),
        ("train.zero_stage=2", ("train.zero_stage", "2")),
        ("torch==2.1", ("torch", "==2.1")),
        ("os=windows", ("os", "windows")),
    ],
)
def test_conditions_as_people_write_them(text: str, condition: tuple[str, str]) -> None:
    assert new.conditions([text]) == (condition,)


@pytest.mark.parametrize("text", ["torch", "=2", "torch=", "<2"])
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(ValueError, match="is no condition"):
        new.conditions([text])
