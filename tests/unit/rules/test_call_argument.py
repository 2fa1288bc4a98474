"""The rule over calls in published wheels, by rows of its own."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest

from envcheck.api import Checker
from envcheck.facts import calls
from envcheck.model import Fact, Finding, Snapshot, Undecided
from envcheck.rules import call_argument
from envcheck.rules.rule import Tables

CHECKER = Checker()
LOG = {"versions": ">=0.9.2,<=0.11.4", "file": "trl/trainer/dpo_trainer.py", "where": "DPOTrainer.log", "how": "override", "name": "transformers.Trainer.log", "of": "transformers", "refuses": [">=4.47.0"], "last": "4.46.3", "says": "takes 1 positional arguments but 2 were given", "stops": "the first log of `DPOTrainer`", "severity": "warning"}  # fmt: skip
NEW = {"versions": ">=0.15.0", "file": "trl/x.py", "where": "prepare", "how": "call", "name": "accelerate.Accelerator.unwrap_model", "of": "accelerate", "refuses": ["<=1.2.1"], "first": "1.3.0", "says": "got an unexpected keyword argument 'keep_torch_compile'", "stops": "every save", "severity": "error"}  # fmt: skip
LATE = {**NEW, "how": "import", "name": "accelerate.utils.x", "says": "cannot import name", "with": {"torch": ">=2.5"}}


def told(rows: List[Dict[str, Any]], trainer: Optional[str], **versions: str) -> List[Any]:
    _, block = calls.check_row({"package": "trl", "newest": "1.5.0", "source": "wheels", "calls": rows})
    tables = Tables(read=lambda name, asked=None: block if (name, asked) == ("call_arguments", "trl") else None)
    facts = {name: Fact(version, "listed") for name, version in versions.items()}
    train = {"trainer": Fact(trainer, "train.yaml")} if trainer else {}
    return list(call_argument.find(Snapshot(packages=facts, train=train, complete=True), tables))


def found(rows: List[Dict[str, Any]], **versions: str) -> List[Finding]:
    return told(rows, "dpo", **versions)


def test_who_does_not_say_which_trainer_runs_is_asked() -> None:
    (asked,) = told([LOG], None, trl="0.11.4", transformers="4.47.0")
    assert isinstance(asked, Undecided)
    assert (asked.needs, asked.culprit) == (("train.trainer",), ("trl", "transformers"))
    assert not told([LOG], "sft", trl="0.11.4", transformers="4.47.0")
    (every,) = told([{**LOG, "severity": "error"}], None, trl="0.11.4", transformers="4.47.0")
    assert isinstance(every, Finding)


@pytest.mark.parametrize(
    ("trl", "transformers", "expected"),
    [
        ("0.11.4", "4.47.0", True),
        ("0.11.4", "4.46.3", False),
        ("0.12.0", "4.47.0", False),
        ("0.11.4", ">=4.40", False),
        ("0.11.4", "4.47.0.dev0", False),
        ("0.11.4", "absent", False),
        ("0.11.4", None, False),
    ],
)
def test_only_a_certain_pair_is_told(trl: str, transformers: Optional[str], expected: bool) -> None:
    assert bool(found([LOG], trl=trl, **({"transformers": transformers} if transformers else {}))) is expected


def test_an_override_says_who_calls_whom_and_when() -> None:
    (one,) = found([LOG], trl="0.11.4", transformers="4.47.0")
    assert one.title == "transformers 4.47.0 calls `DPOTrainer.log` of trl 0.11.4 with arguments that it does not take"
    assert one.severity == "warning"
    assert one.culprit == ("trl", "transformers")
    assert one.page.cause == "The first log of `DPOTrainer` ends in `TypeError: takes 1 positional arguments but 2 were given` (`trl/trainer/dpo_trainer.py`)."
    assert one.page.fix == ("use transformers<=4.46.3", "use trl>0.11.4")


def test_a_call_says_what_is_called_and_where_it_is_taken() -> None:
    (one,) = found([NEW], trl="0.15.0", accelerate="1.2.0")
    assert one.title == "`prepare` of trl 0.15.0 calls `accelerate.Accelerator.unwrap_model` as accelerate 1.2.0 does not take it"
    assert (one.severity, one.page.fix) == ("error", ("use accelerate>=1.3.0",))


def test_what_else_a_call_needs_must_be_there_for_certain() -> None:
    assert [one.title for one in found([LATE], trl="0.15.0", accelerate="1.2.0", torch="2.6.0")] == [
        "`prepare` of trl 0.15.0 imports `accelerate.utils.x`, which accelerate 1.2.0 does not have"
    ]
    assert not found([LATE], trl="0.15.0", accelerate="1.2.0", torch="2.4.0")
    assert not found([LATE], trl="0.15.0", accelerate="1.2.0")


FORMER = {"versions": "<=2.0.5", "file": "pycocotools/cocoeval.py", "where": "COCOeval.accumulate", "how": "attribute", "name": "numpy.float", "of": "numpy", "refuses": [">=1.24"], "last": "1.23.5", "says": "module 'numpy' has no attribute 'float'", "stops": "the first evaluation", "severity": "warning"}  # fmt: skip


def test_a_name_that_is_looked_up_in_a_function_ends_in_an_attribute_error() -> None:
    (one,) = found([FORMER], trl="2.0.4", numpy="1.26.4")
    assert one.title == "`COCOeval.accumulate` of trl 2.0.4 looks up `numpy.float`, which numpy 1.26.4 does not have"
    assert one.page.cause == "The first evaluation ends in `AttributeError: module 'numpy' has no attribute 'float'` (`pycocotools/cocoeval.py`)."
    assert not found([FORMER], trl="2.0.4", numpy="1.23.5")


@pytest.mark.parametrize(
    ("package", "version", "numpy", "expected"),
    [
        ("pycocotools", "2.0.5", "1.24.0", True),
        ("pycocotools", "2.0.6", "1.24.0", False),
        ("pycocotools", "2.0.5", "1.23.5", False),
        ("imgaug", "0.4.0", "1.26.4", False),  # A note: most have it through another package.
        ("librosa", "0.8.1", "1.26.4", True),
        ("librosa", "0.9.2", "1.26.4", False),
        ("fairseq", "0.10.2", "1.24.4", True),
        ("pytorch-forecasting", "0.9.0", "2.0.2", True),
        ("pytorch-forecasting", "1.0.0", "1.24.4", False),
        ("yolov5", "6.1.0", "1.24.4", True),
        ("yolov5", "7.0.14", "2.3.5", False),
        ("yolov5", "7.0.14", "2.4.0", True),
    ],
)
def test_the_table_of_former_names_against_both_sides_of_its_bounds(package: str, version: str, numpy: str, expected: bool) -> None:
    snapshot = Snapshot(packages={package: Fact(version), "numpy": Fact(numpy)})
    told_of = [one for one in CHECKER.report(snapshot).findings if one.id == call_argument.ID and one.severity == "warning"]
    assert bool(told_of) is expected


def test_where_no_release_of_the_package_is_better_only_numpy_is_to_change() -> None:
    snapshot = Snapshot(packages={"yolov5": Fact("7.0.14"), "numpy": Fact("2.4.0")})
    assert [one.page.fix for one in CHECKER.report(snapshot).findings if one.id == call_argument.ID] == [("use numpy<=2.3.5",)]
    assert not [one for one in CHECKER.report(Snapshot(packages={"yolov5": Fact("8.0"), "numpy": Fact("2.4.0")})).findings if one.id == call_argument.ID]


@pytest.mark.parametrize("change", [{"how": "guess"}, {"severity": "loud"}, {"refuses": ["4.47"]}, {"color": "red"}, {"first": "x"}])
def test_a_malformed_row_is_refused(change: Dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"how|severity|specifier|unknown key|version|4\.47|x"):
        calls.check_row({"package": "trl", "newest": "1.5.0", "source": "wheels", "calls": [{**LOG, **change}]})
