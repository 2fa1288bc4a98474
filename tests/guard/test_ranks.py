"""All ranks stop at the same step, also those that saw nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from envcheck.guard import scene

SCRIPT = Path(__file__).with_name("two_ranks.py")


def trained(folder: Path, what: str) -> list[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT), str(folder), what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return [(folder / f"rank-{rank}.txt").read_text() for rank in range(2)]


def test_both_ranks_stop_though_one_is_sick(tmp_path: Path) -> None:
    assert trained(tmp_path, "sick") == ["stopped 3 finite True norm False"] * 2
    first, second = scene.read(str(tmp_path))
    assert (first["rank"], second["rank"], second["world"]) == (0, 1, 2)
    assert first["gradients"]["count"] == 0
    assert [one["name"] for one in second["gradients"]["first"]] == ["3.weight"]


def test_two_healthy_ranks_run_to_the_end(tmp_path: Path) -> None:
    assert trained(tmp_path, "healthy") == ["stopped 0 finite True norm True"] * 2
