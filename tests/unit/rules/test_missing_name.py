"""The rule over names in published wheels, by rows of its own and by the table that is shipped."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.facts import missing
from envcheck.model import Fact, Finding, Snapshot
from envcheck.rules import missing_name
from envcheck.rules.rule import Tables

SHIPPED = Checker().tables()
GONE = {"versions": ">=0.14.0,<=0.17.1", "file": "peft/peft_model.py", "name": "transformers.HybridCache", "of": "transformers", "lacks": [">=5.0.0"], "last": "4.57.6", "stops": ["peft"]}  # fmt: skip
NEW = {"versions": ">=0.8.0", "file": "peft/x.py", "name": "transformers.pytorch_utils.Conv1D", "of": "transformers", "lacks": ["<=4.30.2"], "first": "4.31.0", "stops": ["peft"]}  # fmt: skip
PART = {"versions": ">=1.0.0", "file": "trl/trainer/grpo_trainer.py", "name": "transformers.X", "of": "transformers", "lacks": ["<=4.30.2"], "first": "4.31.0", "stops": ["trl.trainer.grpo_trainer"]}  # fmt: skip
WITH = {**NEW, "name": "transformers.Y", "with": {"torch": ">=2.5"}, "lacks": [">=4.40,<=4.41"]}


def tables(package: str, *rows: Dict[str, Any]) -> Tables:
    _, block = missing.check_row({"package": package, "newest": "1.5.0", "source": "wheels", "missing": list(rows)})
    return Tables(read=lambda name, asked=None: block if (name, asked) == ("missing_names", package) else None)


def found(package: str, rows: List[Dict[str, Any]], **versions: str) -> List[Finding]:
    facts = {name: Fact(version, "listed") for name, version in versions.items()}
    return list(missing_name.find(Snapshot(packages=facts, complete=True), tables(package, *rows)))


@pytest.mark.parametrize(
    ("peft", "transformers", "expected"),
    [
        ("0.17.0", "5.5.0", True),
        ("==0.17.0", "==5.5.0", True),
        ("0.17.0", "4.57.6", False),
        ("0.18.0", "5.5.0", False),
        ("0.17.2.dev0", "5.5.0", False),  # nobody looked into what was built between two releases
        ("0.17.0", ">=4.50", False),
        (">=0.14", "5.5.0", False),
        ("0.17.0", "absent", False),
        ("0.17.0", None, False),
    ],
)
def test_only_a_certain_pair_is_told(peft: str, transformers: Optional[str], expected: bool) -> None:
    packages = {"peft": peft, **({"transformers": transformers} if transformers else {})}
    assert bool(found("peft", [GONE], **packages)) is expected


def test_it_names_the_file_the_name_and_the_release_that_has_it() -> None:
    (gone,) = found("peft", [GONE, NEW], peft="0.17.0", transformers="5.5.0")
    assert gone.severity == "error"
    assert gone.culprit == ("peft", "transformers")
    assert gone.title == "peft 0.17.0 imports `transformers.HybridCache`, which transformers 5.5.0 does not have"
    assert gone.page.cause == "`peft/peft_model.py` imports `HybridCache` from `transformers` at its top level, so that `import peft` ends in an ImportError."
    assert gone.page.fix == ("use transformers<=4.57.6, the last release that has it", "use peft>0.17.1, which imports it no longer")
    (new,) = found("peft", [GONE, NEW], peft="0.17.0", transformers="4.30.2")
    assert new.page.fix == ("use transformers>=4.31.0, the first release that has it",)


def test_a_part_of_a_package_is_a_warning_that_names_it() -> None:
    (part,) = found("trl", [PART], trl="1.0.0", transformers="4.30.0")
    assert part.severity == "warning"
    assert "`trl.GRPOTrainer` ends in an ImportError" in part.page.cause


def test_an_attribute_ends_in_another_error() -> None:
    row = {**NEW, "file": "peft/x.py", "name": "torch.amp.custom_fwd", "of": "torch", "lacks": ["<=2.3.1"], "first": "2.4.0", "how": "attribute"}
    (one,) = found("peft", [row], peft="0.17.0", torch="2.3.1+cu121")
    assert one.page.cause == "`peft/x.py` looks up `torch.amp.custom_fwd` at its top level, so that `import peft` ends in an AttributeError."
    assert one.page.fix == ("use torch>=2.4.0, the first release that has it",)
    assert not found("peft", [row], peft="0.17.0", torch="2.4.0a0+git1234")


def test_what_else_the_import_stands_behind_must_be_there() -> None:
    there = {"peft": "0.17.0", "transformers": "4.40.1"}
    assert not found("peft", [WITH], **there, torch="2.4.1")
    assert found("peft", [WITH], **there, torch="2.5.1+cu124")


@pytest.mark.parametrize("change", [{"lacks": ["5.0"]}, {"versions": "new"}, {"first": "soon"}, {"files": "x"}, {"how": "import"}])
def test_a_malformed_row_is_refused(change: Dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        missing.check_row({"package": "peft", "newest": "1.0", "source": "wheels", "missing": [{**GONE, **change}]})


@pytest.mark.parametrize(
    ("packages", "names"),
    [({"deepspeed": "0.8.1", "torch": "2.0.0"}, "torch._six"), ({"datasets": "2.14.6", "pyarrow": "21.0.0"}, "PyExtensionType"), ({"trl": "1.5.0", "torch": "2.5.1"}, "FSDPModule"),
     ({"accelerate": "1.10.0", "torch": "2.1.2"}, "device_mesh"), ({"diffusers": "0.35.1", "torch": "2.3.1+cu121"}, "torch.library.custom_op"),
     ({"deepspeed": "0.18.8", "torch": "2.3.1"}, "torch.amp.custom_fwd"), ({"torchtune": "0.6.1", "torchao": "0.18.0"}, "torchao.dtypes.nf4tensor")],
)  # fmt: skip
def test_the_shipped_tables_know(packages: dict[str, str], names: str) -> None:
    [finding] = missing_name.find(snap(**packages), SHIPPED)
    assert names in finding.title


@pytest.mark.parametrize(
    ("packages", "names", "severity"),
    [
        ({"torchrl": "0.5.0", "tensordict": "0.6.0"}, "interaction_mode", "error"),
        ({"torchrl": "0.1.1", "tensordict": "0.2.0"}, "_seq_of_nested_key_check", "error"),
        ({"tensordict": "0.5.0", "torch": "2.6.0"}, "ForkingPickler", "error"),
        ({"unsloth": "2025.4.7", "transformers": "5.0.0"}, "HybridCache", "error"),
        ({"ms-swift": "3.8.3", "transformers": "5.0.0"}, "EvaluationStrategy", "error"),
        ({"ms-swift": "3.4.0", "trl": "0.16.1"}, "nanmin", "warning"),
        ({"verl": "0.7.0", "transformers": "5.0.0"}, "AutoModelForVision2Seq", "error"),
    ],
)
def test_names_that_frameworks_import(packages: dict[str, str], names: str, severity: str) -> None:
    [finding] = missing_name.find(snap(**packages), SHIPPED)
    assert names in finding.title
    assert finding.severity == severity


@pytest.mark.parametrize(
    "packages",
    [
        {"torchrl": "0.6.0", "tensordict": "0.6.0"},
        {"torchrl": "0.5.0", "tensordict": "0.5.0"},
        {"tensordict": "0.5.0", "torch": "2.5.1"},
        {"unsloth": "2026.2.1", "transformers": "5.0.0"},
        {"ms-swift": "3.9.0", "transformers": "4.57.6"},
        {"verl": "0.7.1", "transformers": "5.0.0"},
        {"deepspeed": "0.8.2", "torch": "2.0.0"},
        {"datasets": "2.14.7", "pyarrow": "21.0.0"},
        {"trl": "1.5.0", "torch": "2.6.0"},
        {"trl": "1.14.0", "torch": "2.5.1"},
        {"diffusers": "0.36.0", "torch": "2.3.1"},
        {"deepspeed": "0.18.9", "torch": "2.4.0"},
        {"torchtune": "0.6.1", "torchao": "0.14.1"},
        {"transformers": "4.57.6", "torch": "2.2.0"},
    ],
)
def test_they_are_there(packages: dict[str, str]) -> None:
    assert not missing_name.find(snap(**packages), SHIPPED)
