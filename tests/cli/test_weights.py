"""`envcheck weights` from end to end: exit status, stdout, stderr, and what is not loaded."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

PAGE = (Path(__file__).parents[2] / "docs" / "weights.md").read_text(encoding="utf-8")


def envcheck(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "envcheck", "weights", *arguments], capture_output=True, text=True, cwd=cwd, check=False, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`base` with three poisoned layers, `sound` without, `cut` a sound one whose other file is cut off."""
    root = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    state = {f"model.layers.{number}.mlp.down_proj.weight": torch.randn(32, 64).bfloat16() for number in range(24)}
    for name in ("base", "sound", "cut"):
        (root / name).mkdir()
    save_file(state, root / "sound" / "model.safetensors")
    save_file(state, root / "cut" / "model.safetensors")
    torch.save(state, root / "cut" / "pytorch_model.bin")
    os.truncate(root / "cut" / "pytorch_model.bin", 5000)
    for number in (21, 22, 23):
        state[f"model.layers.{number}.mlp.down_proj.weight"][3, 5:9] = float("nan")
        state[f"model.layers.{number}.mlp.down_proj.weight"][4, 0] = float("-inf")
    save_file(state, root / "base" / "model.safetensors")
    return root


def test_the_pages_example_is_what_is_printed(folder: Path) -> None:
    done = envcheck("base", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "")
    shown = re.search(r"\$ envcheck weights base\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    # The values are those of torch's generator, which may change with its releases; all else may not.
    numbers = re.compile(r"-?\d+\.\d+")
    assert numbers.sub("#", done.stdout) == numbers.sub("#", shown[1])


@pytest.mark.parametrize(("paths", "status"), [(["sound"], 0), (["base", "sound"], 1), (["cut"], 2), (["base", "cut"], 2), (["nowhere"], 2)])
def test_exit_status(folder: Path, paths: list[str], status: int) -> None:
    assert envcheck(*paths, cwd=folder).returncode == status
    assert envcheck(*paths, "--fail-on", "never", cwd=folder).returncode == (2 if status == 2 else 0)


def test_what_cannot_be_read_is_an_error_line_and_the_rest_is_counted(folder: Path) -> None:
    done = envcheck("cut", "--format", "json", cwd=folder)
    held = json.loads(done.stdout)
    assert (held["verdict"], held["tensors"], len(held["problems"])) == ("incomplete", 24, 1)
    assert done.stderr.startswith("error: cut/pytorch_model.bin: is damaged or truncated")


def test_json_has_every_tensor(folder: Path) -> None:
    held = json.loads(envcheck("base", "--format", "json", cwd=folder).stdout)
    assert held["findings"][0]["kind"] == "nan"
    assert len(held["findings"][0]["tensors"]) == 3
    assert held["dtypes"] == {"bfloat16": 24}


def test_torch_and_the_matrix_are_not_loaded(folder: Path) -> None:
    code = "import sys\nfrom envcheck.cli import main\ntry: main(['weights', 'sound'])\nexcept SystemExit: pass\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    assert "envcheck.weights.scan" in done.stdout
    assert not {"torch", "safetensors", "yaml", "rich", "envcheck.matrix"} & set(done.stdout.split())
