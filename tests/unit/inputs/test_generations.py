"""Constructs that lock files and scripts of real projects hold, and that one sample of each tool does not show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest

from envcheck.errors import InputError
from envcheck.inputs import kinds
from envcheck.inputs.choice import Choice
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.marking import Markers
from envcheck.inputs.poetry_constraints import specifier
from envcheck.inputs.shell import commands
from envcheck.inputs.shell_words import expand

RAW = Path(__file__).parents[2] / "raw" / "inputs"


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Name -> version of what the first of the given files says; the others lie beside it."""

    def one(files: dict[str, str], python: str = "3.11", **choice: Any) -> dict[str, Any]:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        monkeypatch.chdir(tmp_path)
        markers = Markers({"python": python, "os": "linux", "arch": "x86_64"}, lambda _: None)
        snapshot = kinds.read([next(iter(files))], Gathered(markers, lambda _: None, Choice(**choice)))
        return {name: fact.value for name, fact in snapshot.packages.items()}

    return one


POETRY_1 = """
[[package]]
name = "cachecontrol"
version = "0.12.11"
category = "main"
optional = false
python-versions = ">=3.6"

[package.dependencies]
lockfile = {version = ">=0.9", optional = true, markers = "extra == \\"filecache\\""}
redis = {version = ">=2", optional = true, markers = "extra == \\"redis\\""}

[package.extras]
filecache = ["lockfile (>=0.9)"]
redis = ["redis (>=2)"]

[[package]]
name = "lockfile"
version = "0.12.2"
category = "main"
optional = false
python-versions = "*"

[[package]]
name = "redis"
version = "4.0.0"
category = "main"
optional = false
python-versions = "*"

[metadata]
lock-version = "1.1"
python-versions = "^3.7"
"""


class TestPoetry:
    def test_an_extra_of_a_dependency(self, read: Callable[..., dict[str, Any]]) -> None:
        project = '[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\npython = "^3.7"\ncachecontrol = {version = "^0.12", extras = ["filecache"]}\n'
        assert read({"poetry.lock": POETRY_1, "pyproject.toml": project}) == {"cachecontrol": "0.12.11", "lockfile": "0.12.2"}

    def test_a_version_that_only_one_of_two_edges_chooses(self, read: Callable[..., dict[str, Any]]) -> None:
        rows = "".join(
            f'[[package]]\nname = "{name}"\nversion = "{version}"\ncategory = "main"\noptional = false\npython-versions = ">=3.6"\n{needs}\n'
            for name, version, needs in (
                ("numpy", "1.19.5", ""),
                ("numpy", "1.21.1", ""),
                ("scipy", "1.6.1", '\n[package.dependencies]\nnumpy = ">=1.16.5"\n'),
            )
        )
        project = (
            '[tool.poetry]\nname = "x"\n[tool.poetry.dependencies]\nscipy = "^1.6"\n'
            'numpy = [{ version = "^1.19", python = "^3.6,<3.7" }, { version = "^1.20", python = "^3.7" }]\n'
        )
        lock = f'{rows}\n[metadata]\nlock-version = "1.1"\npython-versions = "*"\n'
        assert read({"poetry.lock": lock, "pyproject.toml": project}) == {"numpy": "1.21.1", "scipy": "1.6.1"}

    @pytest.mark.parametrize(
        ("constraint", "expected"),
        [(">= 0.12, < 1.0", ">=0.12,<1.0"), ("> 2, < 3", ">2,<3"), ("^ 1.2", ">=1.2,<2"), ("== 2.1.0", "==2.1.0"), (">=1.4,<2.0 , != 1.5", ">=1.4,<2.0,!=1.5")],
    )
    def test_blanks_in_a_constraint(self, constraint: str, expected: str) -> None:
        assert specifier(constraint) == expected


UV = """version = 1
requires-python = ">=3.10"

[[package]]
name = "x"
version = "0.1"
source = { virtual = "." }

[package.dev-dependencies]
cuda12 = [{ name = "einops", version = "0.7.0", source = { registry = "r" } }]
dev = [{ name = "ruff" }]

[[package]]
name = "einops"
version = "0.7.0"
source = { registry = "r" }

[[package]]
name = "ruff"
version = "0.4.1"
source = { registry = "r" }
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", {"ruff": "0.4.1"}),
        ('default-groups = ["cuda12"]', {"einops": "0.7.0"}),
        ('default-groups = "all"', {"einops": "0.7.0", "ruff": "0.4.1"}),
        ("default-groups = []", {}),
    ],
)
def test_the_groups_that_uv_sync_takes(read: Callable[..., dict[str, Any]], settings: str, expected: dict[str, str]) -> None:
    assert read({"uv.lock": UV, "pyproject.toml": f"[tool.uv]\n{settings}\n"}) == expected


def test_pipenv_marks_what_only_a_group_needs(read: Callable[..., dict[str, Any]]) -> None:
    row = {"markers": "('dev' in dependency_groups) and (python_version >= '3.9')", "version": "==9.1.0"}
    lock = json.dumps({"_meta": {"hash": {}, "sources": []}, "default": {"tqdm": {"version": "==4.66.1"}}, "develop": {"pytest": row}})
    assert read({"Pipfile.lock": lock}) == {"tqdm": "4.66.1"}
    assert read({"Pipfile.lock": lock}, groups=("dev",)) == {"tqdm": "4.66.1", "pytest": "9.1.0"}


def test_requirements_that_pdm_exported(read: Callable[..., dict[str, Any]]) -> None:
    text = "# This file is @generated by PDM.\n# Please do not edit it manually.\n\ntorch==2.1.2\n"
    assert kinds.kind_of(text, "requirements.txt") == "requirements"
    assert read({"requirements.txt": text}) == {"torch": "2.1.2"}


class TestConda:
    def test_a_lock_of_conda_lock(self, read: Callable[..., dict[str, Any]]) -> None:
        text = (RAW / "conda" / "conda-lock.yml").read_text()
        assert kinds.kind_of(text, "conda-lock.yml") == "conda-lock"
        assert read({"lock.yml": text}) == {"torch": "2.1.2", "einops": "0.7.0"}
        assert read({"lock.yml": text}, groups=("train",)) == {"torch": "2.1.2", "einops": "0.7.0", "peft": "0.7.1"}

    def test_its_facts_and_platforms(self) -> None:
        text = (RAW / "conda" / "conda-lock.yml").read_text()
        for system, arch, cuda in (("linux", "x86_64", "12.0"), ("macos", "arm64", "absent")):
            gathered = Gathered(Markers({"os": system, "arch": arch}, lambda _: None), lambda _: None)
            kinds.reader("conda-lock")(text, "lock.yml", gathered)
            assert gathered.snapshot().fact("torch_cuda").value == cuda
        with pytest.raises(InputError, match="locks nothing for win-64, only for linux-64, osx-arm64"):
            kinds.reader("conda-lock")(text, "lock.yml", Gathered(Markers({"os": "windows"}, lambda _: None), lambda _: None))

    def test_the_comments_that_conda_lock_reads(self, read: Callable[..., dict[str, Any]]) -> None:
        text = (
            "# platform: linux-64\n@EXPLICIT\nhttps://index.example/linux-64/pytorch-2.1.2-cpu_py310_0.conda#1f\n"
            "# pip einops @ https://index.example/einops-0.7.0-py3-none-any.whl --hash=sha256:0e\n"
        )
        assert read({"conda-linux-64.lock": text}) == {"torch": "2.1.2", "einops": "0.7.0"}

    def test_pip_comes_after_conda(self, read: Callable[..., dict[str, Any]]) -> None:
        text = "dependencies:\n  - pytorch=2.1.2\n  - numpy=1.26\n  - pip:\n    - torch==2.2.0\n    - numpy\n"
        assert read({"environment.yml": text}) == {"torch": "2.2.0", "numpy": "==1.26.*"}


class TestScripts:
    @pytest.mark.parametrize(
        ("script", "known", "expected"),
        [
            ('if [ "$A" = "true" ]; then b; elif [[ $A == no ]]; then c; else d; fi; e', "true", ["b", "e"]),
            ('if [ "$A" = "true" ]; then b; elif [[ $A == no ]]; then c; else d; fi; e', "no", ["c", "e"]),
            ('if [ "$A" = "true" ]; then b; elif [[ $A == no ]]; then c; else d; fi; e', "x", ["d", "e"]),
            ('if [ "$A" = "true" ]; then b; else d; fi; e', None, ["b?", "d?", "e"]),
            ('if [ -z "$A" ]; then b; fi', "", ["b"]),
            ('if [ ! -n "$A" ]; then b; fi', "x", []),
            ('[ "$A" != 1 ] && b; c', "1", ["c"]),
            ('[ "$A" = 1 ] || b; c', "2", ["b", "c"]),
            ("test -f x && b; c", None, ["b?", "c"]),
            ("for i in 1 2; do if [ $A = 1 ]; then b; fi; done; c", "1", ["b?", "c"]),
            ("if d e; then b; fi", None, ["d?", "b?"]),
        ],
    )
    def test_which_commands_run(self, script: str, known: str | None, expected: list[str]) -> None:
        ran = [(one.words[0], one.is_certain) for one in commands(script, {} if known is None else {"A": known})]
        assert [name + "?" * (not certain) for name, certain in ran if name not in ("[", "[[", "test", "i")] == expected

    def test_a_variable_that_may_have_been_set(self) -> None:
        script = 'E=a; if [ "$A" = 1 ]; then E="$E,b"; fi; x $E'
        assert [one.words for one in commands(script, {"A": "1"})][-1] == ("x", "a,b")
        assert [one.words for one in commands(script, {"A": "2"})][-1] == ("x", "a")
        assert [one.words for one in commands(script, {})][-1] == ("x", "${E}")

    def test_quoted_words_stay_whole_and_what_a_command_prints_is_unknown(self) -> None:
        assert next(commands('pip "x @ git+https://index.example/x@$C"', {"C": "1f"})).words == ("pip", "x @ git+https://index.example/x@1f")
        assert [one.words for one in commands("V=$(python -c \"print(''.join(map(str, (1,))))\") ; x a$V", {})] == [("x", "a${COMMAND}")]

    @pytest.mark.parametrize(
        ("word", "expected"),
        [("${V%%.*}", "12"), ("${V%.*}", "12.1"), ("${V//./}", "1211"), ("${V/./}", "121.1"), ("${V#*.}", "1.1"), ("${V##*.}", "1"), ("${W%%.*}", "${W}")],
    )
    def test_what_the_shell_makes_of_a_value(self, word: str, expected: str) -> None:
        assert expand(word, {"V": "12.1.1"}) == expected


class TestRequirements:
    def test_a_variable_in_the_local_tag_of_a_wheel(self, read: Callable[..., dict[str, Any]]) -> None:
        text = 'FROM x\nRUN A=$(python -c "print(1)") && pip install https://index.example/flash_attn-2.8.0.post2+cu12abi${A}-cp310-cp310-linux_x86_64.whl\n'
        assert read({"Dockerfile": text}) == {"flash-attn": "2.8.0.post2"}

    def test_a_template_is_filled_in_elsewhere(self, read: Callable[..., dict[str, Any]]) -> None:
        text = 'FROM x\nARG MORE="{{ MORE }}"\nRUN pip install torch==2.1.2 $MORE\n'
        assert read({"Dockerfile": text}) == {"torch": "2.1.2"}

    def test_a_file_url(self, read: Callable[..., dict[str, Any]]) -> None:
        assert read({"requirements.txt": "file:.#egg=mine\ntorch==2.1.2\n"}) == {"mine": None, "torch": "2.1.2"}

    @pytest.mark.parametrize(("line", "hint"), [("torch>=1.9.*", "write `>=1.9`"), ("transformers=>4.48", "the operators are"), ("x>==1", "the operators are")])
    def test_the_hint_names_what_is_wrong(self, read: Callable[..., dict[str, Any]], line: str, hint: str) -> None:
        with pytest.raises(InputError) as caught:
            read({"requirements.txt": line})
        assert hint in str(caught.value.hint)
