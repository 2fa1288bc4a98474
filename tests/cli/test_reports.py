"""`triage`, `explain` on logs and `diff`, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BUG = Path(__file__).parents[1] / "raw" / "inputs" / "reports" / "bug.md"


def envcheck(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "envcheck", *arguments], input=given, capture_output=True, text=True, check=False)


def test_triage_says_what_it_read_and_the_verdict() -> None:
    done = envcheck("triage", str(BUG))
    assert done.returncode == 1
    assert "[numpy-2-torch-before-2.3]" in done.stdout
    assert "`transformers 4.44.0` is not counted" in done.stdout
    assert "line 43" in done.stdout


def test_triage_names_a_gpu_whose_number_nobody_said() -> None:
    shown = envcheck("triage", "-", given="- torch 2.2.0\n- GPU: A100\n").stdout
    assert "  A100  " in shown
    assert "? x" not in shown


def test_triage_in_json_from_standard_input() -> None:
    done = envcheck("triage", "-", "--format", "json", given=BUG.read_text(encoding="utf-8"))
    row = json.loads(done.stdout)
    assert row["report"]["verdict"] == "bad"
    assert row["report"]["snapshot"]["packages"]["deepspeed"] == "0.14.3"
    assert row["log"]["named"][0]["id"] == "numpy-2-torch-before-2.3"
    assert {"what": "`transformers env`", "line": 5} in row["read"]


def test_triage_redacts() -> None:
    text = 'PyTorch version: 2.1.0\nTraceback (most recent call last):\n  File "/home/zoltan7/run.py", line 3\nRuntimeError: Numpy is not available /home/zoltan7/x\n'
    assert "zoltan7" not in envcheck("triage", "-", "--redact", "--format", "json", given=text).stdout
    assert "zoltan7" in envcheck("triage", "-", "--format", "json", given=text).stdout


def test_no_credential_of_a_report_is_repeated() -> None:
    text = (
        "- torch 2.2.0\n- numpy 2.0.0\n- peft 0.7.0\n\nI also tried transformers 4.40 from https://me:s3cret@index.example/simple\n"
        "```\npip install torch==2.3.0 --extra-index-url https://me:s3cret@index.example/simple\nexport HF_TOKEN=hf_s3cret\n"
        "RuntimeError: Numpy is not available https://me:s3cret@index.example/x?token=s3cret\n```\n"
    )
    for options in ((), ("--format", "json"), ("--redact",)):
        done = envcheck("triage", "-", *options, given=text)
        assert "numpy" in done.stdout
        assert "s3cret" not in done.stdout + done.stderr
    assert "s3cret" not in envcheck("explain", "-", given=text).stdout


def test_what_triage_does_not_count_is_redacted_too() -> None:
    text = "- torch 2.2.0\n- numpy 2.0.0\n\nI also tried transformers 4.40 in /home/zoltan7/env\n"
    assert "zoltan7" not in envcheck("triage", "-", "--redact", given=text).stdout


def test_triage_refuses_what_says_nothing(tmp_path: Path) -> None:
    done = envcheck("triage", "-", given="hello\n")
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard input")
    assert envcheck("triage", str(tmp_path / "none.md")).returncode == 2


def test_explain_takes_a_log_a_line_and_standard_input(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("step 1\nRuntimeError: Numpy is not available\n", encoding="utf-16")
    assert json.loads(envcheck("explain", str(log), "--format", "json").stdout)["named"][0]["line"] == 2
    assert "numpy-2-torch-before-2.3" in envcheck("explain", "RuntimeError: Numpy is not available").stdout
    row = json.loads(envcheck("explain", "-", "--format", "json", given="RuntimeError: Numpy is not available\n").stdout)
    assert "numpy-2-torch-before-2.3" in [one["id"] for one in row["named"]]
    assert "nothing that envcheck knows" in envcheck("explain", "all is well").stdout


def test_explain_ranks_with_the_environment(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"packages": {"torch": "2.2.0", "numpy": "2.0.0"}}')
    done = envcheck("explain", "RuntimeError: Numpy is not available", "--snapshot", str(tmp_path / "s.json"), "--format", "json")
    assert json.loads(done.stdout)["named"][0]["standing"] == "fits"


def test_diff(tmp_path: Path) -> None:
    for name, numpy in (("a", "1.26.4"), ("b", "2.0.0")):
        (tmp_path / f"{name}.json").write_text(json.dumps({"packages": {"torch": "2.2.0", "numpy": numpy}}))
    (tmp_path / "r.txt").write_text("torch==2.2.0\nnumpy==2.0.0\n")
    shown = envcheck("diff", str(tmp_path / "a.json"), str(tmp_path / "b.json")).stdout
    assert "1.26.4  |  2.0.0  [numpy-2-torch-before-2.3]" in shown
    row = json.loads(envcheck("diff", str(tmp_path / "a.json"), str(tmp_path / "r.txt"), "--format", "json").stdout)
    assert row["differs"][0]["values"] == ["1.26.4", "2.0.0"]
    assert "no known fact differs" in envcheck("diff", str(tmp_path / "b.json"), str(tmp_path / "r.txt")).stdout
    assert envcheck("diff", str(tmp_path / "a.json")).returncode == 2


def test_diff_of_nodes(tmp_path: Path) -> None:
    rows = [{"packages": {"torch": "2.2.0"}, "driver": driver} for driver in ("535.104.05", "535.104.05", "525.60.13")]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert "525.60.13  |  535.104.05 on 2 of 3" in envcheck("diff", str(tmp_path / "c.jsonl")).stdout
