"""`refresh_wheels.py` against a folder of wheels, through pip as it is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Mapping

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
TABLES = {
    "torch_libraries": '  - {torch: "2.0.0", cuda: "11.7", requires: "nvidia-cudnn-cu11 ==8.5.0.96;triton ==2.0.0", source: "wheel metadata"}\n',
    "extension_torch": (
        '  - {package: vllm, release: ">=0.1,<=0.2.0", torch: "==2.0.*", source: "wheel metadata"}\n'
        '  - {package: torchvision, release: "==0.15.*", torch: "==2.0.*", source: "wheel metadata"}\n'
    ),
    "bitsandbytes_cuda": '  - {release: ">=0.48.0,<=0.49.2", cuda: "11.8;13.0", choice: exact, source: "its wheels"}\n',
    "triton_ptxas": '  - {triton: "3.5.1", cuda: "12.8", capabilities: "9.0;10.0", source: "ptxas"}\n',
    "extension_kernels": '  - {package: xformers, release: ">=0.0.31,<=0.0.35", capabilities: "7.5;8.0+PTX", source: "cpp_lib.json"}\n',
    "compile_pythons": '  - {torch: ">=2.10,<2.14", python: "<3.15", source: "eval_frame.py"}\n',
}
HEAD = "# A comment that stays.\nrows:\n"
PTXAS = """#!/bin/sh
[ "$1" = --version ] && echo "Cuda compilation tools, release 13.0, V13.0.88" || echo "Allowed values: {}"
"""
CHECK = "def check_if_dynamo_supported():\n    if sys.version_info >= (3, {}):\n        raise RuntimeError('no')\n"


def wheel(folder: Path, name: str, version: str, requires: tuple[str, ...] = (), files: Mapping[str, str] = {}) -> None:
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
    built = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in {f"{info}/METADATA": "\n".join(lines) + "\n", f"{info}/WHEEL": built, f"{info}/RECORD": "", **files}.items():
            archive.writestr(path, text)


@pytest.fixture
def index(tmp_path: Path) -> Path:
    (tmp_path / "facts").mkdir()
    for name, rows in TABLES.items():
        (tmp_path / "facts" / f"{name}.yaml").write_text(HEAD + rows)
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


def refresh(index: Path, table: str) -> tuple[int, str, str]:
    """Exit status, what was printed, and the rows that were added."""
    facts = index.parent / "facts"
    command = [sys.executable, str(SCRIPTS / "refresh_wheels.py"), table, "--folder", str(facts), "--", "--no-index", "--find-links", str(index)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = (facts / f"{table}.yaml").read_text()
    assert text.startswith(HEAD)
    known = TABLES[table].splitlines()
    return done.returncode, done.stdout + done.stderr, "\n".join(line for line in text[len(HEAD) :].splitlines() if line not in known)


TORCH = (
    "filelock",
    'nvidia-cuda-runtime-cu12==12.1.105; platform_system == "Linux"',
    'nvidia-cudnn-cu12==8.9.2.26; platform_system == "Linux"',
    "triton==2.1.0",
)
ADDED: Any = [
    (
        "torch_libraries",
        ("torch", "2.1.0", TORCH),
        '{torch: "2.1.0", cuda: "12.1", requires: "nvidia-cuda-runtime-cu12 ==12.1.105;nvidia-cudnn-cu12 ==8.9.2.26;triton ==2.1.0", source: "wheel metadata of torch 2.1.0"}',
    ),
    ("extension_torch", ("vllm", "0.3.0", ("torch==2.1.2",)), '{package: vllm, release: "==0.3.0", torch: "==2.1.*", source: "wheel metadata of vllm 0.3.0"}'),
    ("bitsandbytes_cuda", ("bitsandbytes", "0.49.3", (), {f"bitsandbytes/libbitsandbytes_cuda{cuda}.so": "" for cuda in ("118", "130")}),
     '{release: "==0.49.3", cuda: "11.8;13.0", choice: exact, source: "files of the wheel of 0.49.3"}'),
    ("triton_ptxas", ("triton", "3.6.0", (), {"triton/bin/ptxas": PTXAS.format("sm_90,sm_100"), "triton/bin/ptxas-blackwell": PTXAS.format("sm_75,sm_100,sm_121")}),
     '{triton: "3.6.0", cuda: "13.0", capabilities: "9.0;10.0;12.1", source: "ptxas of the wheel of triton 3.6.0"}'),
    ("extension_kernels", ("xformers", "0.0.36", (), {"xformers/cpp_lib.json": '{"env": {"TORCH_CUDA_ARCH_LIST": "8.0+PTX 8.0 9.0a"}}'}),
     '{package: xformers, release: "==0.0.36", capabilities: "8.0+PTX;9.0", source: "xformers/cpp_lib.json of the wheel of 0.0.36"}'),
    ("compile_pythons", ("torch", "2.14.0", (), {"torch/_dynamo/eval_frame.py": CHECK.format(16)}),
     '{torch: "==2.14.0", python: "<3.16", source: "torch/_dynamo/eval_frame.py in the wheel of torch 2.14.0"}'),
]  # fmt: skip


@pytest.mark.parametrize(("table", "built", "row"), ADDED)
def test_a_new_release_is_one_row_more(index: Path, table: str, built: Any, row: str) -> None:
    wheel(index, *built)
    status, said, added = refresh(index, table)
    assert f"  - {row}" == added, said
    # torchvision has no wheel here, which is told.
    assert status == (1 if table == "extension_torch" else 0), said


UNKNOWN: Any = [
    ("torch_libraries", ("torch", "2.1.0", ("nvidia-cuda-runtime-cu12==12.1.105", "nvidia-cudnn-cu12>=8")), "is no pin"),
    ("torch_libraries", ("torch", "2.1.0", ("nvidia-cudnn-cu12==8.9.2.26",)), "cannot be told"),
    ("extension_torch", ("vllm", "0.3.0", ("torch>=2.1,<3",)), "pins no one torch"),
    ("extension_torch", ("vllm", "0.3.0", ()), "pins no one torch"),
    ("bitsandbytes_cuda", ("bitsandbytes", "0.49.3", (), {"bitsandbytes/libbitsandbytes_cuda140.so": ""}), "a person must look"),
    ("bitsandbytes_cuda", ("bitsandbytes", "0.49.3"), "no CUDA"),
    ("triton_ptxas", ("triton", "3.6.0", (), {"triton/bin/ptxas": "#!/bin/sh\necho hello\n"}), "does not say"),
    ("triton_ptxas", ("triton", "3.6.0", (), {"triton/bin/ptxas": "#!/bin/sh\nexit 3\n"}), "exit status 3"),
    ("triton_ptxas", ("triton", "3.6.0"), "no ptxas"),
    ("extension_kernels", ("xformers", "0.0.36", (), {"xformers/cpp_lib.json": '{"env": {"TORCH_CUDA_ARCH_LIST": "Hopper"}}'}), "no list of architectures"),
    ("extension_kernels", ("xformers", "0.0.36", (), {"xformers/cpp_lib.json": "[]"}), "cpp_lib.json"),
    ("extension_kernels", ("xformers", "0.0.36"), "cpp_lib.json"),
    ("compile_pythons", ("torch", "2.14.0", (), {"torch/_dynamo/eval_frame.py": "def check_if_dynamo_supported():\n    return\n"}), "another check"),
    ("compile_pythons", ("torch", "2.14.0", (), {"torch/_dynamo/eval_frame.py": "def :\n"}), "another check"),
    ("compile_pythons", ("torch", "2.14.0"), "eval_frame.py"),
]


@pytest.mark.parametrize(("table", "built", "reason"), UNKNOWN)
def test_what_a_reader_does_not_know_changes_nothing_and_is_told(index: Path, table: str, built: Any, reason: str) -> None:
    wheel(index, *built)
    status, said, added = refresh(index, table)
    assert (status, added) == (1, "")
    assert "nothing changed" in said
    assert reason in said


def test_a_release_of_the_table_is_not_read_again(index: Path) -> None:
    wheel(index, "bitsandbytes", "0.49.2")
    assert refresh(index, "bitsandbytes_cuda")[0::2] == (0, "")


def test_rows_that_would_not_load_are_not_written(index: Path) -> None:
    wheel(index, "torch", "2.1.0", (*TORCH, 'nvidia-cublas-cu12==1.0.post1; platform_system == "Linux"'))
    before = (index.parent / "facts" / "torch_libraries.yaml").read_text()
    sys.path.insert(0, str(SCRIPTS))
    try:
        import rows
        from installer import Refused

        with pytest.raises(Refused, match="would not load"):
            rows.add(index.parent / "facts" / "torch_libraries.yaml", [{"torch": "new", "cuda": "?", "requires": "?", "source": "x"}])
    finally:
        sys.path.remove(str(SCRIPTS))
    assert (index.parent / "facts" / "torch_libraries.yaml").read_text() == before
