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
from envcheck.probe import distributions, interpreter, redact, torch_build


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
    lay(tmp_path, "xformers/cpp_lib.json", '{"version": {"cuda": 1201, "hip": null, "torch": "2.1.2+cu121", "python": "3.10.13"}, "env": {}}')
    lay(
        tmp_path,
        "deepspeed/git_version_info_installed.py",
        "installed_ops={'fused_adam': True, 'async_io': False}\ntorch_info={'version': '2.1', 'cuda_version': '12.1'}\n",
    )
    for name in ("libbitsandbytes_cuda118.so", "libbitsandbytes_cuda121.so", "libbitsandbytes_cpu.so"):
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
        "deepspeed.torch": "2.1",
        "deepspeed.cuda": "12.1",
        "deepspeed.ops": "fused_adam",
        "bitsandbytes.cuda": "11.8,12.1",
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


def test_redaction_takes_out_names_and_paths_and_leaves_words() -> None:
    from build import snap

    from envcheck import wire

    snapshot = wire.read(
        {
            "packages": {"torch": "2.1.2"},
            "env": {"LD_LIBRARY_PATH": "/home/ann/cuda/lib64:/opt/x/y/lib"},
            "anomalies": [{"kind": "k", "packages": ["channel"], "detail": "root of channel on gpu-node7"}],
            "origins": {"packages.torch": "/home/ann/venv/lib/python3.10/site-packages/torch-2.1.2.dist-info"},
            "unknown": {"driver": "node gpu-node7 said no"},
        },
        "/home/ann/s.json",
    )
    saved = json.dumps(wire.write(redact.redact(snapshot, frozenset(("ann", "gpu-node7"))), origins=True), ensure_ascii=False)
    assert "ann/" not in saved
    assert "gpu-node7" not in saved
    assert "root of channel" in saved
    assert "…/site-packages/torch-2.1.2.dist-info" in saved
    assert "…/cuda/lib64:…/y/lib" in saved
    assert snap(torch="2.1.2").packages["torch"].value == "2.1.2"
