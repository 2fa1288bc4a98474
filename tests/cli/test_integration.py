"""What other tools start: the action's steps, pytest's plugin, shell completion, the hooks."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_cli import envcheck

import envcheck as package
from envcheck.documents import parse_yaml
from envcheck.inputs import kinds

ROOT = Path(package.__file__).parent.parent
ACTION: Any = yaml.safe_load((ROOT / "action.yml").read_text())
BAD = "torch==2.2.0\nnumpy==2.0.0\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / "bad.txt").write_text(BAD)
    (tmp_path / "good.txt").write_text("torch==2.2.0\nnumpy==1.26.4\n")
    program = tmp_path / "temp" / "envcheck" / "bin" / "envcheck"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m envcheck "$@"\n')
    program.chmod(0o755)
    return tmp_path


def step(name: str, folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """One `run:` step of the action, as the runner starts it; expressions are inputs alone."""
    (found,) = [one for one in ACTION["runs"]["steps"] if one["name"] == name]
    given = {key: str(row.get("default", "")) for key, row in ACTION["inputs"].items()} | {key.replace("_", "-"): value for key, value in inputs.items()}
    env = {key: re.sub(r"\$\{\{ *inputs\.([a-z-]+) *\}\}", lambda match: given[match[1]], str(value)) for key, value in found["env"].items()}
    places = {"RUNNER_TEMP": str(folder / "temp"), "GITHUB_STEP_SUMMARY": str(folder / "summary.md"), "GITHUB_OUTPUT": str(folder / "output")}
    script = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", found["run"]]
    return subprocess.run(script, capture_output=True, text=True, cwd=folder, env={**os.environ, **env, **places}, check=False)


def test_the_action_annotates_sums_up_and_writes_sarif(folder: Path) -> None:
    done = step("check", folder, files="bad.txt", gpu="A100x8", sarif="out.sarif", args="--platform linux")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("::error file=bad.txt,line=2,")
    assert (folder / "output").read_text() == "status=1\n"
    assert "### envcheck: bad" in (folder / "summary.md").read_text()
    assert json.loads((folder / "out.sarif").read_text())["runs"][0]["results"]
    (result,) = [one for one in ACTION["runs"]["steps"] if one["name"] == "result"]
    assert subprocess.run(["bash", "-c", result["run"]], env={**os.environ, "STATUS": "1"}, check=False).returncode == 1


def test_the_actions_inputs_are_never_run(folder: Path) -> None:
    done = step("check", folder, files="good.txt", gpu='A100"; touch pwned; "', format="text")
    assert done.returncode == 0
    assert (folder / "output").read_text() == "status=2\n"
    step("check", folder, files="good.txt $(touch pwned) `touch pwned` *", format="text")
    assert not (folder / "pwned").exists()
    assert not [one for one in ACTION["runs"]["steps"] if "${{" in one.get("run", "")]


def test_text_in_the_actions_log_is_no_command(folder: Path) -> None:
    lines = step("check", folder, files="bad.txt", format="text", summary="false").stdout.splitlines()
    token = re.fullmatch(r"::stop-commands::(envcheck-\d+)", lines[0])
    assert token
    assert lines[-1] == f"::{token[1]}::"
    assert not (folder / "summary.md").exists()


def test_the_action_as_a_runner_runs_it(folder: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "run_action.py"), "--into", str(folder), "--skip", "install"]
    done = subprocess.run(
        [*command, "files=bad.txt", "gpu=A100", "sarif=out.sarif", "upload-sarif=true"], cwd=folder, capture_output=True, text=True, check=False
    )
    shown = [line for line in done.stdout.splitlines() if line.startswith("-- ")]
    assert [line.split(":")[0] for line in shown] == ["-- pip's cache", "-- install", "-- check", "-- code scanning", "-- result"]
    assert shown[3].endswith("sarif_file=out.sarif, category=envcheck")
    assert (done.returncode, shown[4]) == (1, "-- result: exit status 1")
    good = subprocess.run([*command, "files=good.txt", "format=text"], cwd=folder, capture_output=True, text=True, check=False)
    assert (good.returncode, "-- code scanning: left out" in good.stdout) == (0, True)


def test_a_hook_passes_over_what_asks_for_nothing(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    done = envcheck("check", "--each", str(folder / "pyproject.toml"), str(folder / "good.txt"))
    assert done.returncode == 0
    assert "pyproject.toml: names no requirement; passed over" in done.stderr
    assert envcheck("check", str(folder / "pyproject.toml")).returncode == 2


def test_what_the_action_uses_is_pinned_to_commits() -> None:
    uses = [step["uses"] for step in ACTION["runs"]["steps"] if "uses" in step]
    assert uses
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one) for one in uses)


def test_importing_envcheck_loads_nothing_else() -> None:
    """Its cost is held by what is loaded: the package itself, no `typing`, no room and no dependency."""
    code = "import sys; before = set(sys.modules); import envcheck; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:0] = [{str(ROOT)!r}]\n{code}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['__future__', 'envcheck']"


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_one.py").write_text("def test_one():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "-p", "envcheck.pytest_plugin", "-p", "no:cacheprovider", *arguments]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, check=False)


def private(folder: Path) -> None:
    """An entry against what surely runs here, and settings that name it."""
    (folder / "entries").mkdir()
    (folder / "entries" / "no-pytest.yaml").write_text(
        textwrap.dedent("""\
        id: no-pytest
        kind: bad
        severity: error
        title: pytest is not wanted here
        culprit: [pytest]
        when: {pytest: installed}
        symptom: [crash]
        cause: It tests.
        fix:
          - change: {pytest: absent}
        evidence:
          level: maintainer
          reviewed: 2026-11-22
          links: ["https://github.com/pytest-dev/pytest/issues/1"]
        examples:
          hit: [{packages: {pytest: "8.0.0"}}]
          miss: [{packages: {torch: "2.3.0"}, complete: true}]
          unknown: [{packages: {torch: "2.3.0"}}]
        """)
    )
    (folder / "envcheck.toml").write_text('matrix = "entries"\nfiles = ["good.txt"]\n')


def test_pytest_stops_before_the_first_test(folder: Path) -> None:
    private(folder)
    asked = run_pytest(folder, "--envcheck")
    assert asked.returncode == 1
    assert "pytest is not wanted here  [no-pytest]" in asked.stdout
    assert "envcheck: this environment is known to break" in asked.stdout
    assert "passed" not in asked.stdout
    assert "1 passed" in run_pytest(folder).stdout
    with (folder / "envcheck.toml").open("a") as stream:
        stream.write('[[waivers]]\nid = "no-pytest"\nreason = "just here"\nexpires = 2999-01-01\n')
    assert "1 passed" in run_pytest(folder, "--envcheck").stdout
    (folder / "envcheck.toml").write_text("filez = 1\n")
    assert "envcheck.toml:1: unknown key `filez`" in run_pytest(folder, "--envcheck").stderr


def test_the_plugin_loads_nothing_where_it_is_not_asked_for(folder: Path) -> None:
    (folder / "conftest.py").write_text(
        "import sys\ndef pytest_sessionfinish():\n    print('\\nloaded', [one for one in sys.modules if one.startswith('envcheck.')])\n"
    )
    assert "loaded ['envcheck.pytest_plugin']" in run_pytest(folder, "-s").stdout


@pytest.mark.parametrize(("words", "at", "offered"), [("envcheck ", 1, "constraints"), ("envcheck check --out", 2, "--output"), ("envcheck check --format sa", 3, "sarif")])  # fmt: skip
def test_a_shell_completes(words: str, at: int, offered: str) -> None:
    done = envcheck(env={"COMP_WORDS": words, "COMP_CWORD": str(at), "_ENVCHECK_COMPLETE": "bash_complete"})
    assert f"plain,{offered}" in done.stdout.splitlines()
    for shell in ("bash", "zsh", "fish"):
        assert "_ENVCHECK_COMPLETE" in envcheck("completion", shell).stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="completion of bash in bash")
def test_bash_takes_its_completion(tmp_path: Path) -> None:
    (tmp_path / "script").write_text(envcheck("completion", "bash").stdout + "\ncomplete -p envcheck\n")
    done = subprocess.run(["bash", "--norc", str(tmp_path / "script")], capture_output=True, text=True, check=False)
    assert "_envcheck_completion" in done.stdout, done.stderr


def test_the_hooks_take_every_file_that_check_finds_in_a_project() -> None:
    hooks = parse_yaml((ROOT / ".pre-commit-hooks.yaml").read_text(), "hooks")
    assert isinstance(hooks, list)
    pattern = re.compile(hooks[0]["files"])
    wanted = set(kinds._PROJECT) - {"setup.py", "setup.cfg", "Pipfile"}
    assert {name for name in wanted if not pattern.search(f"sub/{name}")} == set()
    assert not pattern.search("src/train.py")


def test_the_gitlab_template_is_yaml_that_runs_what_exists() -> None:
    job = yaml.safe_load((ROOT / "docs" / "ci" / "gitlab.yml").read_text())["envcheck"]
    used = set(re.findall(r"--[a-z-]+", job["script"][-1]))
    assert used <= set(re.findall(r"--[a-z-]+", envcheck("check", "--help").stdout))
    written = dict(re.findall(r"--output (\w+)=(\S+)", job["script"][-1]))
    assert job["artifacts"]["reports"] == {"codequality": written["gitlab"], "junit": written["junit"]}


def test_the_python_interface_is_what_the_documentation_shows(folder: Path) -> None:
    text = (ROOT / "docs" / "ci.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (folder / "requirements.txt").write_text(BAD)
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    assert "numpy-2-torch-before-2.3" in done.stdout
