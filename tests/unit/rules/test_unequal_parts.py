"""The parts of one release in different versions."""

from __future__ import annotations

from typing import Any

import pytest
from build import snap

from envcheck.api import Checker
from envcheck.rules import unequal_parts

TABLES = Checker().tables()


def told(**given: Any) -> list[str]:
    return [one.title for one in unequal_parts.find(snap(**given), TABLES)]


def packages(**of: str) -> dict[str, Any]:
    return {"packages": {name.replace("_", "-"): version for name, version in of.items()}}


@pytest.mark.parametrize(
    ("given", "title"),
    [
        (packages(flashinfer_python="0.6.14", flashinfer_cubin="0.6.13"), "flashinfer-python 0.6.14 refuses flashinfer-cubin 0.6.13"),
        (packages(flashinfer_python="0.5.3", flashinfer_jit_cache="0.6.1+cu129"), "flashinfer-python 0.5.3 refuses flashinfer-jit-cache 0.6.1"),
        (
            packages(flashinfer_python="0.6.14", flashinfer_cubin="0.6.13", flashinfer_jit_cache="0.6.13+cu130"),
            "flashinfer-python 0.6.14 refuses flashinfer-cubin 0.6.13 and flashinfer-jit-cache 0.6.13",
        ),
        (packages(transformer_engine="2.11.0", transformer_engine_cu12="2.10.0"), "transformer-engine 2.11.0 refuses transformer-engine-cu12 2.10.0"),
        (packages(transformer_engine="2.4.0", transformer_engine_torch="2.3.0"), "transformer-engine 2.4.0 refuses transformer-engine-torch 2.3.0"),
    ],
)
def test_parts_of_another_release_are_refused(given: Any, title: str) -> None:
    assert told(**given) == [title]


@pytest.mark.parametrize(
    "given",
    [
        packages(flashinfer_python="0.6.14", flashinfer_cubin="0.6.14", flashinfer_jit_cache="0.6.14+cu130"),
        packages(flashinfer_python="0.6.14"),
        packages(flashinfer_python="0.6.14", flashinfer_cubin="absent"),
        packages(flashinfer_python="0.6.14", flashinfer_cubin=">=0.6"),
        packages(flashinfer_python=">=0.6", flashinfer_cubin="0.6.13"),
        packages(flashinfer_python="0.2.5", flashinfer_cubin="0.6.13"),
        packages(transformer_engine="2.3.0", transformer_engine_cu12="2.2.0"),
        packages(transformer_engine="2.18", transformer_engine_cu12="2.18.0"),
        {**packages(flashinfer_python="0.6.14", flashinfer_cubin="0.6.13"), "env": {"FLASHINFER_DISABLE_VERSION_CHECK": "1"}},
    ],
)
def test_parts_that_agree_or_that_nobody_compares(given: Any) -> None:
    assert told(**given) == []
