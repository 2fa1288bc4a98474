from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.errors import MatrixError
from envcheck.facts import images, stacks
from envcheck.matrix import published

ROW = {
    "id": "somebody-pytorch-2.1.2",
    "by": "Somebody 2023",
    "python": "3.11",
    "torch_cuda": "12.1",
    "packages": "torch==2.1.2 accelerate==0.33.0",
    "source": "https://github.com/somebody/built",
}


def test_a_row_becomes_a_good_entry() -> None:
    [draft] = published.drafts({"stacks": [stacks.check_row(ROW)]}, frozenset())
    assert (draft.entry.kind, draft.entry.culprit) == ("good", ("torch", "accelerate"))
    assert draft.entry.when == {"torch": "==2.1.2", "accelerate": "==0.33.0", "python": "==3.11.*", "torch_cuda": "==12.1.*"}
    assert draft.entry.title == "Somebody 2023: PyTorch 2.1.2, accelerate 0.33.0 (CUDA 12.1)"


@pytest.mark.parametrize(("card", "word"), [("rocm", "ROCm"), ("cann", "CANN")])
def test_a_stack_for_other_cards_names_what_it_is_built_for(card: str, word: str) -> None:
    row = {key: value for key, value in ROW.items() if key != "torch_cuda"}
    [draft] = published.drafts({"stacks": [stacks.check_row({**row, card: "6.4"})]}, frozenset())
    assert draft.entry.when[card] == "==6.4.*"
    assert draft.entry.title.endswith(f"({word} 6.4)")
    for broken in (row, {**ROW, card: "6.4"}, {**row, card: "absent"}):
        with pytest.raises(ValueError, match=r"."):
            stacks.check_row(broken)


def test_an_id_is_taken_once() -> None:
    with pytest.raises(MatrixError, match="already taken"):
        list(published.drafts({"stacks": [stacks.check_row(ROW)]}, frozenset((ROW["id"],))))


IMAGE = {
    "image": r"nvcr\.io/nvidia/pytorch",
    "tag": r"24\.05-py3(?:-igpu)?",
    "packages": {"torch": "2.4.0a0+07cecf4168.nv24.05"},
    "torch_cuda": "12.4",
    "source": "https://images.example/notes",
}


def test_an_image_of_nvidias_becomes_a_good_entry() -> None:
    [draft] = published.drafts({"images": [images.check(IMAGE)]}, frozenset())
    assert draft.entry.id == "ngc-pytorch-24.05"
    assert draft.entry.when == {"torch": "==2.4.0a0+07cecf4168.nv24.05", "torch_cuda": "==12.4.*"}
    assert draft.page.links == ("https://images.example/notes",)


@pytest.mark.parametrize("other", [{"image": "somebody/pytorch"}, {"tag": ".*"}, {"packages": {"torch": "{torch}"}, "tag": "(?P<torch>.*)"}, {"packages": {}}])
def test_an_image_that_names_no_build_of_torch_is_none(other: dict[str, Any]) -> None:
    assert list(published.drafts({"images": [images.check({**IMAGE, **other})]}, frozenset())) == []


@pytest.mark.parametrize(
    "broken", [{"id": "Bad Id"}, {"packages": "torch"}, {"packages": "Torch==2.1"}, {"source": "a book"}, {"torch_cuda": "new"}, {"more": "x"}]
)
def test_a_malformed_row_is_refused(broken: dict[str, str]) -> None:
    with pytest.raises((ValueError, KeyError)):
        stacks.check_row({**ROW, **broken})


@pytest.mark.parametrize(
    ("given", "verdict", "near"),
    [
        ({"torch": "2.9.1", "python": "3.12.3", "torch_cuda": "12.6"}, "known-good", None),
        ({"torch": "2.9.1", "python": "3.12.3"}, "untested", ("torch_cuda", None)),
        ({"torch": "2.9.1", "python": "3.12.3", "torch_cuda": "12.6", "peft": "0.11.1"}, "untested", ("peft", "0.11.1")),
        ({"torch": "2.4.0a0+07cecf4168.nv24.5", "python": "3.10.12", "torch_cuda": "12.4"}, "known-good", None),
        ({"torch": "2.4.0a0+07cecf4168.nv24.5", "python": "3.10.12", "torch_cuda": "12.4", "deepspeed": "0.15.2"}, "untested", ("deepspeed", "0.15.2")),
        (
            {"torch": "2.7.1+cpu", "torch_npu": "2.7.1", "torchvision": "0.22.1", "llamafactory": "0.9.4", "python": "3.11.9", "cann": "8.3.RC2"},
            "known-good",
            None,
        ),
        (
            {
                "torch": "2.8.0+rocm6.4",
                "transformers": "4.55.2",
                "accelerate": "1.10.0",
                "peft": "0.17.0",
                "trl": "0.21.0",
                "datasets": "4.0.0",
                "python": "3.12.3",
                "rocm": "6.4.3",
            },
            "known-good",
            None,
        ),
    ],
)
def test_what_a_table_lists_is_known_good_and_its_neighbours_are_told_apart(given: Any, verdict: str, near: Any) -> None:
    report = Checker().report(snap(**given))
    assert report.verdict == verdict
    if near is not None:
        assert report.nearest is not None
        assert near in [(one.key, one.yours) for one in report.nearest.differs]
