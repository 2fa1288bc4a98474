"""What a log names, with and without the environment it is from."""

from __future__ import annotations

import io

from build import snap

from envcheck import named
from envcheck.api import Checker
from envcheck.signatures import FITS, OPEN, RULED_OUT, Log

CHECKER = Checker()
NUMPY = "RuntimeError: Numpy is not available\n"
HYBRID = "ImportError: cannot import name 'HybridCache' from 'transformers' (/opt/v/transformers/__init__.py)\n"


def read(text: str, **packages: str) -> Log:
    report = CHECKER.report(snap(**packages)) if packages else None
    return named.read(io.StringIO(text), CHECKER.matrix, report)


def test_an_entry_is_named_by_its_line() -> None:
    found = {one.id: one for one in read("fine\n" + NUMPY).named}["numpy-2-torch-before-2.3"]
    assert (found.seen.last, found.standing) == (2, OPEN)
    assert found.page.fix


def test_what_fits_the_environment_comes_first_and_what_does_not_last() -> None:
    assert read(NUMPY, torch="2.2.0", numpy="2.0.0").named[0].id == "numpy-2-torch-before-2.3"
    fitting = {one.id: one.standing for one in read(NUMPY, torch="2.2.0", numpy="2.0.0", os="linux").named}
    assert fitting["numpy-2-torch-before-2.3"] == FITS
    assert {one.id: one.standing for one in read(NUMPY, torch="2.5.0", numpy="2.0.0").named}["numpy-2-torch-before-2.3"] == RULED_OUT


def test_a_rule_that_found_it_is_told_with_its_facts() -> None:
    text = "A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.0.0\n"
    (rule,) = [one for one in read(text, numpy="2.0.0", h5py="3.7.0").named if one.id == "built-against-numpy-1"]
    assert rule.standing == FITS
    assert "h5py" in rule.title


def test_a_missing_name_is_looked_up() -> None:
    (found,) = [one for one in read(HYBRID).missing if one.of == "transformers"]
    assert found.name == "HybridCache"
    assert found.last.startswith("4.57")
    assert any(importer.startswith("peft>=") for importer in found.importers)


def test_a_missing_name_that_no_table_knows_is_said() -> None:
    (found,) = read("ImportError: cannot import name 'Frob' from 'ourpackage.core'\n").missing
    assert (found.name, found.module, found.of) == ("Frob", "ourpackage.core", "")


def test_an_attribute_that_the_table_knows_is_looked_up_and_no_other() -> None:
    (found,) = [one for one in read("AttributeError: module 'torch.amp' has no attribute 'custom_fwd'\n").missing if one.first == "2.4.0"]
    assert any(importer.startswith("deepspeed>=0.18.7") for importer in found.importers)
    assert read("AttributeError: module 'torch' has no attribute 'tensro'\n").missing == ()


def test_a_healthy_log_names_nothing() -> None:
    assert read("{'loss': 1.25, 'grad_norm': 0.8, 'learning_rate': 2e-05, 'epoch': 0.1}\n100%|####| 10/10\nTraining completed\n") == Log((), ())
