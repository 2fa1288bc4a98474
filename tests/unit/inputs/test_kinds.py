"""Files of every kind that tools write, as they really write them: what is read, from which line, for which target."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest

from envcheck.errors import InputError
from envcheck.inputs import kinds
from envcheck.inputs.choice import Choice
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.marking import Markers
from envcheck.model import Snapshot

RAW = Path(__file__).parents[2] / "raw" / "inputs"
TARGET = {"python": "3.11.7", "os": "linux", "arch": "x86_64"}


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> Callable[..., Snapshot]:
    """Reads files of `tests/raw/inputs` for Python 3.11 on Linux, with another target or choice by keyword."""

    def one(*paths: str, target: dict[str, str] | None = None, kind: str | None = None, **choice: Any) -> Snapshot:
        monkeypatch.chdir(RAW)
        return kinds.read(paths, Gathered(Markers(TARGET if target is None else target, said.append), said.append, Choice(**choice)), kind)

    return one


def versions(snapshot: Snapshot) -> dict[str, Any]:
    return {name: fact.value for name, fact in snapshot.packages.items()}


RESOLVED = {"safetensors": "0.4.3", "tqdm": "4.70.1", "numpy": "1.26.4"}


@pytest.mark.parametrize(
    ("path", "kind", "expected"),
    [
        ("uv/uv.lock", "uv-lock", {**RESOLVED, "iniconfig": "2.0.0", "pathspec": "0.12.1"}),
        ("uv_0.4/uv.lock", "uv-lock", {**RESOLVED, "iniconfig": "2.0.0"}),
        ("poetry_2/poetry.lock", "poetry-lock", RESOLVED),
        ("poetry_2_project/poetry.lock", "poetry-lock", RESOLVED),
        ("poetry_1.8/poetry.lock", "poetry-lock", RESOLVED),
        ("poetry_1.3/poetry.lock", "poetry-lock", RESOLVED),
        ("pdm_2.12/pdm.lock", "pdm-lock", {"safetensors": "0.4.3", "tqdm": "4.70.1"}),
        ("pipenv/Pipfile.lock", "pipfile-lock", {**RESOLVED, "numpy": "2.4.6"}),
        ("pylock.toml", "pylock", {**RESOLVED, "tabulate": "0.9.0"}),
        ("pylock.export.toml", "pylock", {**RESOLVED, "tabulate": "0.9.0", "iniconfig": "2.0.0", "pathspec": "0.12.1"}),
        ("pylock.pip.toml", "pylock", RESOLVED),
        ("uv/pyproject.toml", "pyproject", {**RESOLVED, "tqdm": ">=4.66,<5"}),
        ("poetry_2/pyproject.toml", "pyproject", {**RESOLVED, "tqdm": ">=4.66,<5"}),
        ("pipenv/Pipfile", "pipfile", {"safetensors": "0.4.3", "tqdm": ">=4.66", "numpy": ">=0"}),
        ("uv-export.txt", "requirements", {**RESOLVED, "einops": "0.7.0", "iniconfig": "2.0.0", "pathspec": "0.12.1"}),
        ("uv-compile.txt", "requirements", {**RESOLVED, "tabulate": "0.9.0"}),
    ],
)
def test_what_a_resolver_or_a_person_wrote(read: Callable[..., Snapshot], path: str, kind: str, expected: dict[str, str]) -> None:
    assert kinds.kind_of((RAW / path).read_text(encoding="utf-8"), path) == kind
    assert versions(read(path)) == expected


@pytest.mark.parametrize("path", ["pip-list.txt", "pip-list.json", "pip-inspect.json", "uv-list.txt", "uv-list.json", "uv-freeze.txt"])
def test_what_an_installer_lists(read: Callable[..., Snapshot], path: str) -> None:
    snapshot = read(path)
    assert snapshot.packages["build"].value == "1.6.1"
    assert snapshot.packages["packaging"].value == "==26.3"
    assert snapshot.complete is (path != "uv-freeze.txt")


@pytest.mark.parametrize(
    "path",
    [
        *("uv/uv.lock", "uv_torch/uv.lock", "poetry_1.8/poetry.lock", "poetry_2/poetry.lock", "pdm_2.12/pdm.lock", "pipenv/Pipfile.lock", "pylock.export.toml"),
        *(
            "uv/pyproject.toml",
            "poetry_2/pyproject.toml",
            "pip-list.txt",
            "pip-inspect.json",
            "conda/environment.yml",
            "conda/list.json",
            "setup.cfg",
            "setup.py",
        ),
    ],
)
def test_every_fact_stands_on_the_line_it_names(read: Callable[..., Snapshot], path: str) -> None:
    assert read(path).packages
    for name, fact in read(path, all_groups=True).packages.items():
        for place in fact.origin.split(", "):
            file, _, line = place.rpartition(":")
            # A lock names a package on the line below the heading of its table.
            text = "\n".join((RAW / file).read_text(encoding="utf-8").split("\n")[int(line) - 1 : int(line) + 1]).lower()
            assert name in text or str(fact.value) in text, (name, place)


class TestTargets:
    def test_a_fork_by_python(self, read: Callable[..., Snapshot]) -> None:
        for path in ("uv/uv.lock", "poetry_2/poetry.lock", "poetry_1.8/poetry.lock", "pylock.export.toml"):
            assert read(path, target={**TARGET, "python": "3.13"}).packages["numpy"].value == "2.1.3"

    def test_a_marker_by_python(self, read: Callable[..., Snapshot]) -> None:
        for path in ("uv/uv.lock", "poetry_2/poetry.lock", "poetry_1.3/poetry.lock", "pylock.export.toml", "pdm_2.12/pdm.lock"):
            assert read(path, target={**TARGET, "python": "3.10"}).packages["exceptiongroup"].value == "1.2.1"

    def test_a_platform(self, read: Callable[..., Snapshot]) -> None:
        assert read("uv/uv.lock", target={**TARGET, "os": "windows"}).packages["colorama"].value == "0.4.6"
        there = versions(read("uv_torch/uv.lock", target={"python": "3.11", "os": "macos"}))
        assert "torch" in there
        assert "nvidia-nccl-cu12" not in there

    def test_extras_that_exclude_each_other(self, read: Callable[..., Snapshot]) -> None:
        assert read("uv/uv.lock", extras=("old",)).packages["einops"].value == "0.7.0"
        assert read("uv/uv.lock", extras=("new",)).packages["einops"].value == "0.8.0"

    def test_both_of_them_are_unknown_and_not_one_of_them(self, read: Callable[..., Snapshot]) -> None:
        fact = read("uv/uv.lock", extras=("old", "new")).packages["einops"]
        assert fact.value is None
        assert "`0.8.0` (uv/uv.lock:87), `0.7.0` (uv/uv.lock:74), and nothing tells which is meant" in fact.reason

    def test_an_extra(self, read: Callable[..., Snapshot]) -> None:
        for path in ("poetry_2/poetry.lock", "poetry_1.8/poetry.lock", "pdm_2.12/pdm.lock", "pdm_2.6/pdm.lock"):
            assert read(path, extras=("new",)).packages["einops"].value == "0.8.0"
        assert read("setup.cfg", extras=("flash",)).packages["flash-attn"].value == "2.5.8"
        assert read("setup.py", extras=("deepspeed",)).packages["deepspeed"].value == "0.12.6"

    def test_groups(self, read: Callable[..., Snapshot]) -> None:
        for path in ("poetry_2/poetry.lock", "poetry_1.8/poetry.lock", "pdm_2.12/pdm.lock", "pipenv/Pipfile.lock", "uv/pyproject.toml"):
            assert "iniconfig" not in versions(read(path))
            assert read(path, groups=("dev",)).packages["iniconfig"].value == "2.0.0"
        assert read("uv/pyproject.toml", groups=("dev",)).packages["pathspec"].value == "0.12.1"

    def test_extras_left_out_are_said_and_make_the_list_incomplete(self, read: Callable[..., Snapshot], said: list[str]) -> None:
        assert read("uv/uv.lock").complete is False
        assert said[0] == "uv/uv.lock: not checked: extras `log`, `new`, `old`; `--extra NAME`, `--group NAME` and `--all-groups` add them"

    def test_a_lock_without_choices_is_complete(self, read: Callable[..., Snapshot], said: list[str]) -> None:
        assert read("uv_torch/uv.lock").complete
        assert said == ["uv_torch/uv.lock:236: markers were evaluated for Python 3.11 on linux; `--python-version` and `--platform` change that"]

    def test_python_as_the_file_wants_it_unless_it_was_declared(self, read: Callable[..., Snapshot]) -> None:
        assert read("pipenv/Pipfile.lock", target={}).fact("python").value == "3.11"
        wanted = read("uv_torch/uv.lock", target={"os": "linux", "arch": "x86_64"})
        assert wanted.packages["filelock"].value == "4.2.11", "requires-python ends before 3.12"


def test_a_pyproject_and_its_lock_are_one_environment(read: Callable[..., Snapshot]) -> None:
    fact = read("uv/pyproject.toml", "uv/uv.lock").packages["tqdm"]
    assert fact == ("4.70.1", "uv/pyproject.toml:7, uv/uv.lock:172", "")


class TestSetupPy:
    @pytest.mark.parametrize(
        "written",
        [
            'setup(install_requires=["torch==2.1.2"])',
            'x = "torch==2.1.2\\nnumpy"\nsetup(install_requires=x)',
            'a, b = ["numpy"], ["torch==2.1.2"]\nneeds = ["torch==2.1.2"]\nsetuptools.setup(install_requires=list(needs))',
            'def get():\n    with open("reqs.txt") as f:\n        return f.read().split()\nsetup(install_requires=get())',
            'setup(install_requires=parse("reqs.txt"))',
            'needs, links = parse("reqs.txt")\nsetup(install_requires=needs)',
            '_deps = ["numpy", "torch==2.1.2"]\ndeps = {b: a for a, b in x}\nsetup(install_requires=[deps["torch"]])',
            'groups = {"a": ["torch==2.1.2"]}\nsetup(install_requires=groups["a"] + [])',
        ],
    )
    def test_what_stands_in_it(self, read: Callable[..., Snapshot], tmp_path: Path, written: str) -> None:
        (tmp_path / "reqs.txt").write_text("torch==2.1.2\n")
        (tmp_path / "setup.py").write_text(f"{written}\n")
        assert read(str(tmp_path / "setup.py")).packages["torch"].value == "2.1.2"

    @pytest.mark.parametrize(
        "written",
        [
            '_deps = ["torch==2.1.2"]\nsetup(install_requires=["numpy"])',
            "setup(install_requires=ask())",
            'x = ["torch"]\nx += ["y"]\nsetup(install_requires=x)',
        ],
    )
    def test_what_does_not_is_not_guessed(self, read: Callable[..., Snapshot], tmp_path: Path, written: str) -> None:
        (tmp_path / "setup.py").write_text(f"{written}\n")
        assert "torch" not in read(str(tmp_path / "setup.py")).packages

    def test_nothing_is_run(self, read: Callable[..., Snapshot], tmp_path: Path) -> None:
        (tmp_path / "setup.py").write_text(f'open({str(tmp_path / "ran")!r}, "w")\nsetup(install_requires=["torch"])\n')
        read(str(tmp_path / "setup.py"))
        assert not (tmp_path / "ran").exists()

    def test_a_pyproject_leaves_it_to_setup_py(self, read: Callable[..., Snapshot], tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text('[build-system]\nrequires = ["setuptools"]\n')
        with pytest.raises(InputError, match="names no requirement"):
            read(str(tmp_path / "pyproject.toml"))
        (tmp_path / "setup.cfg").write_text("[metadata]\nname = x\n")
        (tmp_path / "setup.py").write_text('setup(install_requires=["torch==2.1.2"])\n')
        fact = read(str(tmp_path / "pyproject.toml")).packages["torch"]
        assert (fact.value, fact.origin) == ("2.1.2", f"{tmp_path / 'setup.py'}:1")


class TestConda:
    def test_condas_cuda_is_not_that_of_pips_torch(self, read: Callable[..., Snapshot], tmp_path: Path) -> None:
        (tmp_path / "e.yml").write_text("dependencies:\n  - cudatoolkit=11.8\n  - pip:\n    - torch==2.7.1\n")
        assert not read(str(tmp_path / "e.yml")).fact("torch_cuda").is_known

    def test_an_environment_file(self, read: Callable[..., Snapshot]) -> None:
        snapshot = read("conda/environment.yml", target={})
        assert versions(snapshot) == {
            "torch": "2.1.2",
            "torchvision": "==0.16.*",
            "numpy": ">=1.24,<2",
            "transformers": "4.36.2",
            "accelerate": ">=0.25",
            "scipy": None,
            "pip": ">=0",
            "peft": "0.7.1",
            "deepspeed": "0.12.6",
            "flash-attn": "2.4.2",
        }
        assert {key: fact.value for key, fact in snapshot.facts.items()} == {"python": "3.10", "torch_cuda": "12.1", "cuda_toolkit": "12.1.105"}

    @pytest.mark.parametrize(
        ("path", "torch", "cuda", "others", "complete"),
        [
            ("conda/list.txt", "1.12.1", "11.3", {"deepspeed": "0.7.7", "transformers": "4.26.0"}, True),
            ("conda/list.json", "2.2.0", "absent", {"peft": "0.8.2"}, True),
            ("conda/export.txt", "2.2.0", "12.1", {"peft": "0.8.2", "numpy": "1.26.4"}, True),
            # The build of torch says 11.7, whatever cuda-version is there for other packages; pip's packages are not listed.
            ("conda/explicit.txt", "1.13.1", "11.7", {"huggingface-hub": "0.20.3"}, False),
        ],
    )
    def test_what_conda_lists(self, read: Callable[..., Snapshot], path: str, torch: str, cuda: str, others: dict[str, str], complete: bool) -> None:
        snapshot = read(path)
        assert (snapshot.packages["torch"].value, snapshot.fact("torch_cuda").value, snapshot.complete) == (torch, cuda, complete)
        assert others.items() <= versions(snapshot).items()

    @pytest.mark.parametrize(
        ("wish", "value"),
        [
            ("pytorch", ">=0"),
            ("pytorch=2.1", "==2.1.*"),
            ("pytorch=2.1.2", "2.1.2"),
            ("pytorch==2.1.2", "2.1.2"),
            ("pytorch 2.1.*", "==2.1.*"),
            ("pytorch=2.1.2=py3.10_cuda11.8_cudnn8.7.0_0", "2.1.2"),
            ("pytorch=2.1.*=*cuda*", "==2.1.*"),
            ("pytorch>=2.0,<2.2", ">=2.0,<2.2"),
            ("conda-forge::pytorch-gpu=2.1.0", "2.1.0"),
            ("pytorch[version='>=2.1,<2.3',build='*cuda118*']", ">=2.1,<2.3"),
        ],
    )
    def test_one_wish(self, read: Callable[..., Snapshot], tmp_path: Path, wish: str, value: str) -> None:
        (tmp_path / "e.yml").write_text(f"dependencies:\n  - {wish}\n")
        assert read(str(tmp_path / "e.yml")).packages["torch"].value == value


@pytest.mark.parametrize(
    ("marked", "cuda"),
    [
        ("torch==2.1.2\n--index-url https://index.example/whl/cu118\n", "11.8"),
        ("--extra-index-url https://index.example/whl/cu121\ntorch==2.1.2\n", "12.1"),
        ("--extra-index-url https://index.example/whl/cu121\ntorch>=2.1\n", None),
        ("--index-url https://index.example/whl/cpu\ntorch>=2.1\n", "absent"),
        ("-i https://index.example/simple\ntorch==2.1.2\n", None),
        ("-i https://index.example/whl/cu121\nnumpy\n", None),
        ("-i https://index.example/whl/cu121\ntorch==2.1.2+cu118\n", None),
    ],
)
def test_the_index_says_which_build_of_torch(read: Callable[..., Snapshot], tmp_path: Path, marked: str, cuda: str | None) -> None:
    (tmp_path / "requirements.txt").write_text(marked)
    assert read(str(tmp_path / "requirements.txt")).fact("torch_cuda").value == cuda


def test_a_freeze_by_its_looks(read: Callable[..., Snapshot], tmp_path: Path) -> None:
    lines = sorted(
        [f"package-{number}==1.0.{number}" for number in range(20)] + ["MarkupSafe==3.0.2", "mpmath==1.3.0", "torch==2.1.2"],
        key=lambda line: line.split("==")[0].lower(),
    )
    path = tmp_path / "anything.txt"
    path.write_text("\n".join(lines))
    snapshot = read(str(path))
    assert snapshot.complete
    assert snapshot.package("apex").value == "absent"
    assert snapshot.package("setuptools").reason == "`pip freeze` leaves it out"
    path.write_text("\n".join(["torch==2.1.2", *lines[:-1]]))
    assert not read(str(path)).complete, "no freeze is out of order"


class TestRefused:
    def test_an_unknown_kind_names_those_it_knows(self, read: Callable[..., Snapshot], tmp_path: Path) -> None:
        (tmp_path / "notes.md").write_text("# Notes\n\nWe train on A100 with { torch }.\n")
        with pytest.raises(InputError, match="uv.lock, poetry.lock, pdm.lock") as caught:
            read(str(tmp_path / "notes.md"))
        assert "`--as KIND`" in caught.value.hint
        assert "`--config`" in caught.value.hint

    @pytest.mark.parametrize("kind", list(kinds.KINDS))
    def test_a_text_of_another_kind_is_an_error_and_no_crash(self, read: Callable[..., Snapshot], tmp_path: Path, kind: str) -> None:
        (tmp_path / "x").write_text("]]] {{{ \x0b <<< '\"\n")
        with pytest.raises(InputError) as caught:
            read(str(tmp_path / "x"), kind=kind)
        assert str(tmp_path / "x") in caught.value.where

    def test_an_include_outside_the_project(self, read: Callable[..., Snapshot], tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("s3cret value\n")
        project = tmp_path / "project"
        (project / ".git").mkdir(parents=True)
        (project / "requirements.txt").write_text("torch\n-r ../secret.txt\n")
        (project / "link.txt").symlink_to(tmp_path / "secret.txt")
        (project / "linked.txt").write_text("torch\n-r link.txt\n")
        for name in ("requirements.txt", "linked.txt"):
            with pytest.raises(InputError, match="lies outside the project folder") as caught:
                read(str(project / name))
            assert "s3cret" not in str(caught.value)

    def test_links_that_lead_in_a_circle(self, read: Callable[..., Snapshot], tmp_path: Path) -> None:
        os.symlink(tmp_path / "a.txt", tmp_path / "b.txt")
        os.symlink(tmp_path / "b.txt", tmp_path / "a.txt")
        with pytest.raises(InputError, match="cannot be read"):
            read(str(tmp_path / "a.txt"))

    def test_a_group_that_includes_itself(self, read: Callable[..., Snapshot], tmp_path: Path) -> None:
        (tmp_path / "pyproject.toml").write_text('[dependency-groups]\na = [{include-group = "b"}]\nb = [{include-group = "a"}]\n')
        with pytest.raises(InputError, match="includes itself"):
            read(str(tmp_path / "pyproject.toml"), groups=("a",))
