"""Which variables are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcheck import training
from envcheck.variables import matters


@pytest.mark.parametrize(
    ("name", "kept"), [("NCCL_P2P_DISABLE", True), ("PYTHONPATH", True), ("VLLM_API_KEY", False), ("HF_TOKEN", False), ("DATA_DIR", False)]
)
def test_what_matters_and_is_no_secret(name: str, kept: bool) -> None:
    assert matters(name) is kept


def test_a_scripts_secrets_stay_in_it(tmp_path: Path) -> None:
    (tmp_path / "t.sh").write_text("#!/bin/sh\nexport WANDB_API_KEY=abc NCCL_DEBUG=INFO\nHF_TOKEN=def python t.py --bf16 --output_dir o\n")
    assert set(training.picture([str(tmp_path / "t.sh")]).env) == {"NCCL_DEBUG"}
