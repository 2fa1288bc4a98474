"""The probe on real interpreters, and on files laid out as real packages lay them."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from envcheck import probe
from envcheck.errors import InputError
from envcheck.probe import distributions, interpreter, torch_build


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real virtual environment without pip, with a package that must never be imported."""
    folder = tmp_path_factory.mktemp("env") / "venv"
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    site = Path(
        subprocess.run(
            [python_of(folder), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True, check=True
        ).stdout.strip()
    )
    (site / "torch").mkdir()
    (site / "torch" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (site / "torch" / "version.py").write_text(
        "from typing import Optional\n__version__ = '2.1.2+cu121'\ndebug = False\ncuda: Optional[str] = '12.1'\ngit_version = 'abc'\nhip: Optional[str] = None\n"
    )
    (site / "torch-2.1.2+cu121.dist-info").mkdir()
    (site / "torch-2.1.2+cu121.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 2.1.2+cu121\n")
    (site / "noise.pth").write_text("import sys; print('x' * 100_000); print('{\"python\": \"1.0\"}', file=sys.stderr)\n")
    return folder


def python_of(folder: Path) -> str:
    return str(folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))


@pytest.mark.parametrize("by", ["folder", "interpreter"])
def test_another_environment_is_read_without_importing_anything(environment: Path, by: str) -> None:
    found = probe.probe(str(environment) if by == "folder" else python_of(environment))
    assert found.complete
    assert {name: fact.value for name, fact in found.packages.items()} == {"torch": "2.1.2+cu121"}
    assert found.fact("torch_cuda").value == "12.1"
    assert found.fact("python").value == ".".join(map(str, sys.version_info[:3]))
    assert found.packages["torch"].origin.endswith("torch-2.1.2+cu121.dist-info")


def test_nothing_is_written_into_the_other_environment(environment: Path) -> None:
    before = sorted(str(path) for path in environment.rglob("*"))
    probe.probe(str(environment))
    assert sorted(str(path) for path in environment.rglob("*")) == before


def test_every_fact_of_the_running_environment_has_an_origin() -> None:
    found = probe.probe()
    for key, fact in [*found.facts.items(), *found.packages.items(), *found.builds.items(), *found.env.items()]:
        assert fact.origin or fact.reason, key


def script(tmp_path: Path, body: str) -> str:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return str(path)


@pytest.mark.skipif(os.name == "nt", reason="shell scripts stand in for interpreters")
@pytest.mark.parametrize("body", ["exit 0", "exit 3", "echo Python 3.11.7", "yes | head -c 5000000", "kill -SEGV $$"])
def test_what_is_no_interpreter_is_one_clear_error(tmp_path: Path, body: str) -> None:
    with pytest.raises(InputError) as caught:
        probe.probe(script(tmp_path, body))
    assert "no Python interpreter that answers" in caught.value.message
    assert caught.value.where.startswith("--python ")
    assert caught.value.hint


@pytest.mark.skipif(os.name == "nt", reason="shell scripts stand in for interpreters")
def test_an_interpreter_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "INTERPRETER_SECONDS", 0.5)
    with pytest.raises(InputError, match="no answer within"):
        probe.probe(script(tmp_path, "sleep 60"))


def test_a_folder_or_path_without_an_interpreter(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError) as caught:
            probe.probe(str(path))
        assert caught.value.hint


def test_the_description_needs_only_old_python() -> None:
    compile(Path(interpreter.__file__).read_text(), "interpreter.py", "exec", dont_inherit=True)
    described = interpreter.describe()
    assert described["executable"] == sys.executable
    json.dumps(described)


def lay(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_build_fingerprints_are_read_from_plain_files(tmp_path: Path) -> None:
    lay(tmp_path, "torch/version.py", "__version__ = '2.1.0+cu118'\ncuda = '11.8'\ngit_version = 'f00'\nhip = None\n")
    lay(tmp_path, "torch/share/cmake/Torch/TorchConfig.cmake", 'set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=0")\n')
    lay(
        tmp_path,
        "xformers/cpp_lib.json",
        '{"version": {"cuda": 1201, "hip": null, "torch": "2.1.2+cu121", "python": "3.10.13"}, "env": {"TORCH_CUDA_ARCH_LIST": "7.5 8.0+PTX 9.0a"}}',
    )
    lay(
        tmp_path,
        "deepspeed/git_version_info_installed.py",
        "installed_ops={'fused_adam': True, 'async_io': False}\ntorch_info={'version': '2.1', 'cuda_version': '12.1'}\n",
    )
    for name in ("libbitsandbytes_cuda118.so", "libbitsandbytes_cuda121.so", "libbitsandbytes_cpu.so", "libbitsandbytes_rocm714.so"):
        lay(tmp_path, f"bitsandbytes/{name}", "")
    found = tuple(distributions.Distribution(name, "1.0", "x", str(tmp_path)) for name in ("torch", "xformers", "deepspeed", "bitsandbytes"))
    facts = {key: fact.value for key, fact in torch_build.build_facts(found).items()}
    assert facts == {
        "torch.version": "2.1.0+cu118",
        "torch.cuda": "11.8",
        "torch.hip": "absent",
        "torch.git": "f00",
        "torch.cxx11_abi": "false",
        "xformers.torch": "2.1.2+cu121",
        "xformers.python": "3.10.13",
        "xformers.cuda": "12.1",
        "xformers.capabilities": "7.5;8.0+PTX;9.0",
        "deepspeed.torch": "2.1",
        "deepspeed.cuda": "12.1",
        "deepspeed.ops": "fused_adam",
        "bitsandbytes.cuda": "11.8,12.1",
        "bitsandbytes.rocm": "7.14",
    }


@pytest.mark.parametrize(("text", "known"), [("cuda = \n", False), ("__version__ = '2.1.0'\ncuda = None\n", True)])
def test_a_damaged_version_file_is_unknown(tmp_path: Path, text: str, known: bool) -> None:
    lay(tmp_path, "torch/version.py", text)
    facts = torch_build.build_facts((distributions.Distribution("torch", "2.1.0", "x", str(tmp_path)),))
    assert facts["torch.cuda"].is_known is known


def test_files_of_another_version_than_the_metadata_are_an_anomaly(tmp_path: Path) -> None:
    lay(tmp_path, "torch/version.py", "__version__ = '2.3.0+cu121'\ncuda = '12.1'\n")
    listed = (distributions.Distribution("torch", "2.1.2", "x", str(tmp_path)),)
    [odd] = torch_build.anomalies(listed, torch_build.build_facts(listed))
    assert (odd.kind, odd.packages) == ("stale-metadata", ("torch",))


def test_only_the_first_distribution_of_a_name_is_read(tmp_path: Path) -> None:
    lay(tmp_path, "a/torch/version.py", "__version__ = '2.1.0'\ncuda = None\n")
    lay(tmp_path, "b/torch/version.py", "__version__ = '2.3.0'\ncuda = '12.1'\ngit_version = 'f00'\n")
    found = tuple(distributions.Distribution("torch", "1", "x", str(tmp_path / folder)) for folder in "ab")
    assert {key: fact.value for key, fact in torch_build.build_facts(found).items()} == {"torch.version": "2.1.0", "torch.cuda": "absent"}


@pytest.mark.parametrize(("listed", "real"), [("2.1", "2.1.0"), ("2.1.0a0", "2.1.0a0+git123"), ("2.1.0+cu118", "2.1.0+cu121"), ("unknown", "2.1.0")])
def test_another_spelling_of_a_version_is_no_anomaly(tmp_path: Path, listed: str, real: str) -> None:
    lay(tmp_path, "torch/version.py", f"__version__ = '{real}'\n")
    found = (distributions.Distribution("torch", listed, "x", str(tmp_path)),)
    assert torch_build.anomalies(found, torch_build.build_facts(found)) == ()


@pytest.mark.parametrize("text", ['{"version": "x"}', '{"version": []}', "[" * 200_000, "null"])
def test_a_damaged_xformers_file_says_nothing(tmp_path: Path, text: str) -> None:
    lay(tmp_path, "xformers/cpp_lib.json", text)
    assert torch_build.build_facts((distributions.Distribution("xformers", "1", "x", str(tmp_path)),)) == {}


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
def test_a_version_file_that_breaks_the_parser_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def refuse(text: str) -> None:
        raise error

    lay(tmp_path, "torch/version.py", "cuda = '12.1'\n")
    monkeypatch.setattr(torch_build.ast, "parse", refuse)
    facts = torch_build.build_facts((distributions.Distribution("torch", "2.1.0", "x", str(tmp_path)),))
    assert not facts["torch.cuda"].is_known


def test_a_pre_release_of_python_shows_as_one() -> None:
    assert interpreter.release((3, 14, 0, "candidate", 1)) == "3.14.0rc1"
    assert interpreter.release((3, 14, 0, "alpha", 7)) == "3.14.0a7"
    assert interpreter.release((3, 11, 7, "final", 0)) == "3.11.7"


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let a working directory be deleted")
def test_a_working_directory_that_is_gone_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setattr(sys, "path", ["relative", *sys.path])
    gone.rmdir()
    assert "pytest" in probe.probe().packages


@pytest.mark.skipif(os.name == "nt", reason="a POSIX layout")
def test_a_folder_with_only_python3_in_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    assert probe.executable(str(tmp_path)) == str(tmp_path / "bin" / "python3")


def test_a_folder_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        probe.executable(str(tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="every file may be run on Windows")
def test_a_file_that_is_no_program_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    for name in ("broken.json", str(tmp_path / "broken.json")):
        with pytest.raises(InputError, match="exists, but is no program"):
            probe.executable(name)


def test_a_compiled_package_says_where_it_came_from(tmp_path: Path) -> None:
    from envcheck.probe import wheels

    folder = "flash_attn-2.5.8.dist-info"
    lay(tmp_path, f"{folder}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp310-cp310-linux_x86_64\n")
    lay(
        tmp_path,
        f"{folder}/direct_url.json",
        '{"url": "https://me:secret@index.example/flash_attn-2.5.8+cu122torch2.3cxx11abiFALSE.whl?x=1", "archive_info": {}}',
    )
    lay(tmp_path, "apex-0.1.dist-info/direct_url.json", '{"url": "https://git.example/NVIDIA/apex", "vcs_info": {"vcs": "git", "commit_id": "abc"}}')
    lay(tmp_path, "vllm-0.9.dist-info/direct_url.json", "[]")
    names = (("flash-attn", folder), ("apex", "apex-0.1.dist-info"), ("vllm", "vllm-0.9.dist-info"))
    found = [distributions.Distribution(name, "1.0", str(tmp_path / path), str(tmp_path)) for name, path in names]
    assert {key: fact.value for key, fact in wheels.facts(found).items()} == {
        "flash-attn.wheel": "cp310-cp310-linux_x86_64",
        "flash-attn.url": "https://index.example/flash_attn-2.5.8+cu122torch2.3cxx11abiFALSE.whl",
        "apex.url": "https://git.example/NVIDIA/apex@abc",
    }
