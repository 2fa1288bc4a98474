"""The command line from end to end, in processes of its own: exit status, stdout, stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BAD = {"packages": {"torch": "2.2.0+cu121", "numpy": "2.0.0"}}
CLEAN = {"packages": {"torch": "2.2.0+cu121", "numpy": "1.26.4"}}


def envcheck(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "envcheck", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {})},
        check=False,
        timeout=120,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bad.json").write_text(json.dumps(BAD))
    (tmp_path / "clean.json").write_text(json.dumps(CLEAN))
    return tmp_path


def is_clear_error(done: subprocess.CompletedProcess[str], status: int = 2) -> list[str]:
    """One `error:` line, perhaps `hint:` lines, nothing on stdout, no traceback."""
    lines = done.stderr.splitlines()
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert [line.split(":")[0] for line in lines] in (["error"], ["error", "hint"]), done.stderr
    return lines


@pytest.mark.parametrize(("arguments", "status"), [((), 1), (("--fail-on", "error"), 1), (("--fail-on", "warning"), 1), (("--fail-on", "never"), 0)])
def test_the_exit_status_says_what_reached_the_bound(folder: Path, arguments: tuple[str, ...], status: int) -> None:
    done = envcheck("--snapshot", "bad.json", *arguments, cwd=folder)
    assert done.returncode == status
    assert "numpy-2-torch-before-2.3" in done.stdout
    assert done.stderr == ""
    assert envcheck("check", "--snapshot", "clean.json", cwd=folder).returncode == 0


def test_json_goes_to_stdout_alone(folder: Path) -> None:
    done = envcheck("--snapshot", "bad.json", "--format", "json", cwd=folder)
    row = json.loads(done.stdout)
    assert row["verdict"] == "bad"
    assert row["snapshot"]["packages"] == BAD["packages"]
    assert row["findings"][0]["facts"][0]["origin"] == "bad.json"


def test_one_report_a_line_in_the_same_order(folder: Path) -> None:
    (folder / "many.jsonl").write_text("\n".join(json.dumps(one) for one in (BAD, CLEAN, {"packages": {}}, BAD)) + "\n")
    done = envcheck("check", "--snapshot", "many.jsonl", "--format", "json", cwd=folder)
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["bad", "untested", "untested", "bad"]
    assert done.returncode == 1


def test_a_broken_line_says_nothing_of_the_others(folder: Path) -> None:
    (folder / "many.jsonl").write_text(json.dumps(BAD) + "\n{\n")
    assert "many.jsonl:2" in is_clear_error(envcheck("--snapshot", "many.jsonl", cwd=folder))[0]


def test_the_declared_target_is_laid_over_the_snapshot(folder: Path) -> None:
    done = envcheck(
        "--snapshot",
        "clean.json",
        "--gpu",
        "A800x8",
        "--driver",
        "535.104.05",
        "--cuda",
        "12.1",
        "--python-version",
        "3.10",
        "--set",
        "train.precision=bf16",
        "--format",
        "json",
        cwd=folder,
    )
    snapshot = json.loads(done.stdout)["snapshot"]
    assert snapshot["gpus"] == [{"name": "NVIDIA A800", "capability": "8.0", "count": 8}]
    assert (snapshot["driver"], snapshot["torch_cuda"], snapshot["python"]) == ("535.104.05", "12.1", "3.10")
    assert snapshot["train"] == {"precision": "bf16"}


def test_requirements_are_judged_with_the_line_they_stand_on(folder: Path) -> None:
    (folder / "requirements.txt").write_text("torch==2.2.0\n\nnumpy==2.0.0\n")
    done = envcheck("-r", "requirements.txt", "--format", "json", cwd=folder)
    origins = {fact["key"]: fact["origin"] for fact in json.loads(done.stdout)["findings"][0]["facts"]}
    assert origins == {"numpy": "requirements.txt:3", "torch": "requirements.txt:1"}
    assert done.returncode == 1


def test_the_live_environment_is_checked_without_arguments() -> None:
    done = envcheck("--format", "json")
    row = json.loads(done.stdout)
    assert row["snapshot"]["complete"]
    assert "pytest" in row["snapshot"]["packages"]


def bad_files(folder: Path) -> None:
    (folder / "empty.txt").write_text("")
    (folder / "binary.txt").write_bytes(b"\x7fELF\0\0")
    (folder / "latin.txt").write_bytes(b"torch # caf\xe9\n")
    (folder / "cycle.txt").write_text("-r cycle.txt\n")
    (folder / "missing.txt").write_text("torch\n-r nowhere.txt\n")
    (folder / "wrong.txt").write_text("torch==2.1.2\ntorch===>2\n")
    with open(folder / "big.txt", "wb") as stream:
        stream.truncate(100 << 20)
    (folder / "broken.json").write_text('{"packages": {"torch": "2.1.2",}}')
    (folder / "unknown.json").write_text('{"pakages": {}}')
    (folder / "empty.json").write_text("")
    (folder / "list.json").write_text("[1]")
    (folder / "ds.json").write_text('{"zero_optimization": {"stage": 2}, "bf16": {"enabled": tru}}')
    (folder / "bomb.yaml").write_text(
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(8))
    )
    (folder / "twice.yaml").write_text("bf16: true\nlearning_rate: 1e-5\nbf16: false\n")
    (folder / "hollow").mkdir()
    (folder / "notes.yaml").write_text("hello: world\n")


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("-r", "nowhere.txt"), "nowhere.txt"),
        (("-r", "."), ".: is a folder"),
        (("-r", "empty.txt"), "empty.txt"),
        (("-r", "binary.txt"), "binary.txt"),
        (("-r", "latin.txt"), "latin.txt:1"),
        (("-r", "cycle.txt"), "cycle.txt:1"),
        (("-r", "missing.txt"), "missing.txt:2"),
        (("-r", "wrong.txt"), "wrong.txt:2"),
        (("-r", "big.txt"), "big.txt"),
        (("--snapshot", "broken.json"), "broken.json:1"),
        (("--snapshot", "unknown.json"), "unknown.json"),
        (("--snapshot", "empty.json"), "empty.json"),
        (("--snapshot", "list.json"), "list.json"),
        (("--snapshot", "clean.json", "--config", "ds.json"), "ds.json:1"),
        (("--snapshot", "clean.json", "--config", "bomb.yaml"), "bomb.yaml:"),
        (("--snapshot", "clean.json", "--config", "twice.yaml"), "twice.yaml:3"),
        (("--snapshot", "clean.json", "--config", "notes.yaml"), "notes.yaml"),
        (("--snapshot", "clean.json", "--matrix", "hollow"), "hollow: holds no entry"),
        (("--snapshot", "clean.json", "--matrix", "nowhere"), "nowhere: is no folder"),
        (("--snapshot", "clean.json", "--gpu", "A8000"), "--gpu"),
        (("--snapshot", "clean.json", "--set", "train.precison=bf16"), "--set"),
        (("--snapshot", "clean.json", "-r", "empty.txt"), "name different environments"),
        (("--snapshot", "clean.json", "--selftest"), "`--selftest` checks this machine"),
        (("--python", "nowhere"), "--python nowhere"),
        (("--fail-on", "sometimes"), "--fail-on"),
        (("--nonsense",), "--nonsense"),
        (("chek",), "did you mean `check`?"),
        (("explain", "no-such-entry"), "no-such-entry"),
        (("explain",), "ID"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_error_with_its_place_and_a_way_out(folder: Path, arguments: tuple[str, ...], place: str) -> None:
    bad_files(folder)
    lines = is_clear_error(envcheck(*arguments, cwd=folder))
    assert place in lines[0]
    assert len(lines) == 2, "no hint"


def test_a_broken_matrix_tells_all_its_errors(folder: Path) -> None:
    entries = folder / "entries"
    entries.mkdir()
    (entries / "one.yaml").write_text("id: one\nkind: bad\n")
    (entries / "two.yaml").write_text("id: [\n")
    done = envcheck("--snapshot", "clean.json", "--matrix", "entries", cwd=folder)
    lines = done.stderr.splitlines()
    assert done.returncode == 2
    assert done.stdout == ""
    assert any("one.yaml:1: `severity` is missing" in line for line in lines)
    assert any("two.yaml:2" in line for line in lines)
    assert lines[-1].startswith("hint:")


def test_what_files_contain_is_shown_escaped(folder: Path) -> None:
    (folder / "evil.json").write_text(json.dumps({"packages": {"torch": "2.1\x1b[2J\u202e", "e\x1b]0;x\x07": "1"}, "pakages\x1b[31m": 1}))
    done = envcheck("--snapshot", "evil.json", cwd=folder)
    assert "\x1b" not in done.stdout + done.stderr
    assert "\\x1b" in done.stderr
    (folder / "evil.json").write_text(json.dumps({"packages": {"torch": "2.1\x1b[2J\u202e"}}))
    done = envcheck("--snapshot", "evil.json", cwd=folder, env={"FORCE_COLOR": "1"})
    assert "\x1b[2J" not in done.stdout
    assert "\\x1b[2J\\u202e" in done.stdout


def test_colour_is_for_those_who_want_it(folder: Path) -> None:
    assert "\x1b" not in envcheck("--snapshot", "bad.json", cwd=folder).stdout
    assert "\x1b[" in envcheck("--snapshot", "bad.json", cwd=folder, env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b" not in envcheck("--snapshot", "bad.json", cwd=folder, env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout


def test_a_terminal_that_knows_only_ascii_still_gets_the_report(folder: Path) -> None:
    done = envcheck("--snapshot", "bad.json", cwd=folder, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1


def test_a_closed_pipe_is_no_failure(folder: Path) -> None:
    (folder / "many.jsonl").write_text((json.dumps(BAD) + "\n") * 400)
    command = f"{sys.executable} -m envcheck --snapshot many.jsonl --format json | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=folder, check=False)
    assert json.loads(done.stdout)["verdict"] == "bad"
    assert done.stderr == ""


def test_a_probe_can_be_saved_sent_and_checked(folder: Path) -> None:
    done = envcheck("probe", "--redact", "-o", "snapshot.json", cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "note: saved to snapshot.json\n")
    saved = (folder / "snapshot.json").read_text()
    assert str(Path(sys.prefix).parent) not in saved
    assert envcheck("--snapshot", "snapshot.json", "--format", "json", cwd=folder).returncode in (0, 1)


def test_a_snapshot_that_cannot_be_written_leaves_nothing(folder: Path) -> None:
    is_clear_error(envcheck("probe", "-o", "missing/snapshot.json", cwd=folder))
    (folder / "target").mkdir()
    is_clear_error(envcheck("probe", "-o", "target", cwd=folder))
    assert sorted(path.name for path in folder.iterdir()) == ["bad.json", "clean.json", "target"]


def test_probe_shows_each_fact_with_its_origin() -> None:
    shown = envcheck("probe").stdout
    lines = {line.split()[0]: line for line in shown.splitlines() if line.split()}
    assert ".".join(map(str, sys.version_info[:3])) in lines["python"]
    assert lines["packages"].split()[2] == "in"  # and the folder, whatever it is called
    assert lines["pytest"].split()[1] == pytest.__version__
    assert "unknown, because" in lines["gpu"] or " x " in lines["gpu"] or "mps" in lines["gpu"]


def test_explain_and_matrix_show_what_an_entry_says() -> None:
    page = envcheck("explain", "numpy-2-torch-before-2.3").stdout
    assert "https://github.com/pytorch/pytorch/issues/" in page
    row = json.loads(envcheck("matrix", "show", "numpy-2-torch-before-2.3").stdout)
    assert row["when"]["torch"] == "<2.3"
    assert row["evidence"]["links"]
    assert "mixed-builds" in envcheck("explain", "mixed-builds").stdout
    assert "open requirement" in envcheck("explain", "unpinned-torch").stdout
    assert "`envcheck matrix list numpy` lists" in envcheck("explain", "numpy").stderr
    listed = envcheck("matrix", "list", "numpy").stdout.splitlines()
    assert any(line.startswith("numpy-2-torch-before-2.3 ") for line in listed)
    assert len(envcheck("matrix", "list", "--kind", "good").stdout.splitlines()) >= 10
    assert "## `when`" in envcheck("matrix", "guide").stdout


def test_private_entries_take_part(folder: Path) -> None:
    entries = folder / "entries"
    entries.mkdir()
    text = (Path(__file__).parents[2] / "matrices" / "entries" / "numpy" / "numpy-2-torch-before-2.3.yaml").read_text()
    (entries / "ours.yaml").write_text(text.replace("numpy-2-torch-before-2.3", "ours"))
    done = envcheck("--snapshot", "bad.json", "--matrix", "entries", "--format", "json", cwd=folder)
    assert {"ours", "numpy-2-torch-before-2.3"} <= {finding["id"] for finding in json.loads(done.stdout)["findings"]}


def test_an_error_of_our_own_is_status_3_and_no_traceback(folder: Path) -> None:
    code = "import envcheck.cli, envcheck.api as api\ndef broken(*a): raise RuntimeError('boom')\napi.Checker.report = broken\nenvcheck.cli.main(['--snapshot', 'bad.json'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=False)
    assert "RuntimeError: boom" in is_clear_error(done, 3)[0]


@pytest.mark.parametrize(
    ("torch", "status", "said"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", 1, "SIGSEGV"),
        ("raise ImportError('libcudart.so.12: cannot open shared object file')\n", 1, "libcudart"),
        (None, 3, "torch"),
    ],
    ids=["crashes", "does not import", "is a stub"],
)
def test_a_torch_that_cannot_be_used_is_a_row_and_a_status(folder: Path, torch: str | None, status: int, said: str) -> None:
    import venv

    # In an environment of its own: a stub folder gives way to a real torch further down the path.
    venv.create(folder / "bare", with_pip=False)
    (folder / "path" / "torch").mkdir(parents=True)
    if torch is not None:
        (folder / "path" / "torch" / "__init__.py").write_text(torch)
    done = envcheck("selftest", "--python", str(folder / "bare"), "--format", "json", cwd=folder, env={"PYTHONPATH": str(folder / "path")})
    rows = json.loads(done.stdout)["selftest"]
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert any(said in row["detail"] for row in rows)


def test_the_selftest_of_an_environment_without_torch_is_one_error_and_status_3(folder: Path) -> None:
    import venv

    venv.create(folder / "bare", with_pip=False)
    lines = is_clear_error(envcheck("selftest", "--python", str(folder / "bare")), 3)
    assert "torch is not installed" in lines[0]
    done = envcheck("--selftest", "--python", str(folder / "bare"))
    assert done.returncode == 3
    assert "untested" in done.stdout


def test_the_selftest_of_no_interpreter_is_the_error_that_check_gives(folder: Path) -> None:
    (folder / "python").write_text("#!/bin/sh\nexit 5\n")
    (folder / "python").chmod(0o755)
    said = [is_clear_error(envcheck(command, "--python", "./python", cwd=folder)) for command in ("selftest", "check")]
    assert said[0] == said[1]
    assert "is no Python interpreter that answers" in said[0][0]


def test_the_checks_of_the_selftest_are_listed() -> None:
    listed = envcheck("selftest", "--list").stdout.splitlines()
    assert any(line.startswith("gemm_exact") for line in listed)
    is_clear_error(envcheck("selftest", "--only", "gem_exact"))
    assert any("a single wrong element of a large product" in line for line in listed)
    assert [line.split()[1] for line in listed if line.startswith("level")] == ["quick", "standard", "thorough"]
    assert "cuda:0" in is_clear_error(envcheck("selftest", "--device", "gpu"))[1]
    assert "standard" in is_clear_error(envcheck("selftest", "--level", "long"))[1]
    for seed in ("x", "-1", "99999999999"):
        is_clear_error(envcheck("selftest", "--seed", seed))
    is_clear_error(envcheck("selftest", "--set", "train.precison"))


def test_many_reports_as_text_say_which_is_which(folder: Path) -> None:
    (folder / "many.jsonl").write_text(json.dumps(BAD) + "\n\n" + json.dumps(CLEAN) + "\n")
    lines = envcheck("--snapshot", "many.jsonl", cwd=folder).stdout.splitlines()
    assert "many.jsonl:1" in lines
    assert "many.jsonl:3" in lines


def test_a_group_without_a_command_shows_its_help() -> None:
    done = envcheck("matrix")
    assert done.returncode == 0
    assert "guide" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="the device that is always full is a Linux one")
def test_an_output_that_cannot_be_written_is_status_3(folder: Path) -> None:
    for redirect in ("> /dev/full", ">&-"):
        command = f"{sys.executable} -m envcheck --snapshot bad.json {redirect}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=folder, check=False)
        assert "standard output" in is_clear_error(done, 3)[0]


def test_a_package_nobody_knows_is_answered_with_the_nearest() -> None:
    assert "did you mean `deepspeed`?" in envcheck("matrix", "list", "deepspeeed").stderr


def test_an_environment_without_torch_is_told_how_to_name_another(folder: Path) -> None:
    (folder / "bare.json").write_text(json.dumps({"packages": {"click": "8.1.7"}, "complete": True}))
    assert "`--python PATH`" in envcheck("--snapshot", "bare.json", cwd=folder).stdout


def test_the_python_api_works_in_any_order() -> None:
    code = (
        "import envcheck\nr = envcheck.check()\nassert r.verdict\ns = envcheck.probe()\nassert s.complete\nfrom envcheck import probe\nassert probe().complete"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_rules_only_leaves_the_entries_out(folder: Path) -> None:
    """The driver rule still speaks; the entry about numpy 2 does not."""
    (folder / "both.json").write_text(json.dumps({**BAD, "driver": "470.57.02"}))
    found = [row["id"] for row in json.loads(envcheck("--snapshot", "both.json", "--format", "json", cwd=folder).stdout)["findings"]]
    alone = [row["id"] for row in json.loads(envcheck("--snapshot", "both.json", "--rules-only", "--format", "json", cwd=folder).stdout)["findings"]]
    assert {"numpy-2-torch-before-2.3", "driver-older-than-cuda"} <= set(found)
    assert alone == ["driver-older-than-cuda"]


class TestRun:
    def test_it_becomes_the_command(self, folder: Path) -> None:
        (folder / "t.py").write_text("import os, sys; print('started', sys.argv[1:], os.environ['A']); sys.exit(7)\n")
        done = envcheck("run", "--fail-on", "never", "--", "A=1", sys.executable, "t.py", "--bf16", "True", cwd=folder)
        assert (done.returncode, done.stdout) == (7, "started ['--bf16', 'True'] 1\n")
        assert done.stderr

    def test_an_error_keeps_it_from_starting(self, folder: Path) -> None:
        (folder / "t.py").write_text("open('started', 'w')\n")
        settings = ("--set", "train.deepspeed_bf16=true", "--set", "train.deepspeed_fp16=true")
        done = envcheck("run", *settings, "--", sys.executable, "t.py", cwd=folder)
        assert (done.returncode, done.stdout) == (1, "")
        assert "was not started" in done.stderr
        assert not (folder / "started").exists()

    @pytest.mark.parametrize("words", [(), ("--",), ("--", "no-such-program", "t.py"), ("--", "A=1")])
    def test_nothing_to_start(self, folder: Path, words: tuple[str, ...]) -> None:
        is_clear_error(envcheck("run", *words, cwd=folder))


def test_a_command_after_two_dashes_is_read_and_not_started(folder: Path) -> None:
    (folder / "t.py").write_text("open('started', 'w')\n")
    done = envcheck("--snapshot", "clean.json", "--format", "json", "--", "python", "t.py", "--learning_rate", "1e-4", cwd=folder)
    assert json.loads(done.stdout)["snapshot"]["train"] == {"learning_rate": 0.0001}
    assert not (folder / "started").exists()


def test_explain_shows_how_an_entry_was_reproduced() -> None:
    page = envcheck("explain", "tensorboard-2.20-setuptools-82").stdout
    assert "import tensorboard.default" in page
    assert "setuptools==81.0.0" in page
