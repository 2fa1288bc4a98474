"""What an installer would take for an open requirement, by rows of its own and by the tables that are shipped."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.facts import releases, requires
from envcheck.model import Fact, Snapshot
from envcheck.rules.likely import chosen
from envcheck.rules.rule import Tables

NEWER = """
0.9.0 | 2024-01-01 | >=3.8
0.10.0 | 2024-02-01 | >=3.8
0.10.1 | 2024-03-01 | >=3.9
0.11.0 | 2024-04-01 | >=3.10
0.12.0 | 2024-05-01 | >=3.10 | py3 | any | sdist | yanked: broken
"""
DECLARED = {"package": "peft", "source": "s", "read": "0.9.0 0.10.0 0.10.1 0.11.0", "requires": "accelerate 0.9.0 >=0.21\naccelerate 0.11.0 >=0.30"}
ASKED = {"package": "trl", "source": "s", "read": "0.8.0", "requires": "peft 0.8.0 <0.10.1"}


def tables() -> Tables:
    rows: Dict[Any, Any] = {("releases", "peft"): releases.check_row({"package": "peft", "source": "s", "releases": NEWER.strip()})[1]}
    for row in (DECLARED, ASKED):
        name, block = requires.check_row(row)
        rows["requires", name] = block
    return Tables(read=lambda name, package=None: rows.get((name, package)), speaks_of=lambda name: [one for kind, one in rows if kind == name])


@pytest.mark.parametrize(
    ("asked", "beside", "python", "expected"),
    [
        (">=0.5", {}, None, "0.11.0"),
        (">=0.5", {}, "3.9", "0.10.1"),
        (">=0.5,<0.10", {}, None, "0.9.0"),
        (">=0.5", {"accelerate": "0.25.0"}, None, "0.10.1"),  # 0.11.0 would raise a pin
        (">=0.5", {"trl": "0.8.0"}, None, "0.10.0"),  # a pin would not have it
        (">=1.0", {}, None, ">=1.0"),
        ("==0.9.0", {}, None, "==0.9.0"),
    ],
)
def test_the_newest_release_that_fits_the_requirement_the_python_and_the_pins(asked: str, beside: Dict[str, str], python: str, expected: str) -> None:
    packages = {name: Fact(version) for name, version in {"peft": asked, **beside}.items()}
    snapshot = Snapshot(packages=packages, facts={"python": Fact(python)} if python else {})
    assert chosen(snapshot, tables()).packages["peft"].value == expected


def test_of_a_package_without_a_table_it_is_later_than_all_that_is_named() -> None:
    settled = chosen(Snapshot(packages={"timm": Fact(">=0"), "einops": Fact("<2")}), tables())
    assert (settled.packages["timm"].value, settled.packages["einops"].value) == ("99999", "<2")


def severities(**packages: str) -> Dict[str, str]:
    return {one.id: one.severity for one in Checker().report(snap(**packages)).findings if one.certainty == "possible"}


def test_what_an_installer_would_not_take_is_a_note() -> None:
    """Beside transformers 4.45 the Trainer fails with accelerate 0.30 to 0.33; whoever installs today gets a newer one."""
    assert severities(transformers="4.45.2", accelerate=">=0.21")["accelerate-before-0.34-optimizer-train"] == "note"
    assert severities(transformers="4.45.2", accelerate=">=0.21,<0.34")["accelerate-before-0.34-optimizer-train"] == "warning"
    assert severities(torch="2.0.1", numpy=">=1.20")["numpy-2-torch-before-2.3"] == "warning"


def test_a_setting_that_was_stated_keeps_the_warning() -> None:
    """Who shows a ZeRO config has a run, and perhaps an older DeepSpeed than the newest."""
    zero = {"zero_stage": "2", "overlap_comm": "true", "precision": "bf16"}
    snapshot = snap(packages={"torch": "2.4.0", "deepspeed": ">=0"}, train=zero)
    [finding] = [one for one in Checker().report(snapshot).findings if one.id == "deepspeed-0.12.4-zero12-overlap"]
    assert (finding.severity, finding.certainty) == ("warning", "possible")
