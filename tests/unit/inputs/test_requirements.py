"""pip's requirements files: what is read, from which line, and what is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from envcheck import versions
from envcheck.errors import InputError
from envcheck.inputs import kinds
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.marking import Markers
from envcheck.model import Fact, Snapshot

RAW = Path(__file__).parents[2] / "raw" / "requirements"
TARGET = {"python": "3.10.12", "os": "linux", "arch": "x86_64"}


def read_files(paths: list[str], warn: Callable[[str], None]) -> Snapshot:
    return kinds.read(paths, Gathered(Markers(TARGET, warn), warn), "requirements")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> Callable[..., Snapshot]:
    """Reads `r.txt` with the given text, beside other files given by name (`base="numpy"` is `base.txt`)."""

    def one(text: str | bytes, **others: str) -> Snapshot:
        monkeypatch.chdir(tmp_path)
        Path("r.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        for name, content in others.items():
            Path(f"{name}.txt").write_text(content, encoding="utf-8")
        return read_files(["r.txt"], said.append)

    return one


def test_a_real_file(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    monkeypatch.chdir(RAW)
    snapshot = read_files(["train.txt"], said.append)
    assert {name: (fact.value, fact.origin) for name, fact in snapshot.packages.items()} == {
        "accelerate": ("==0.25", "base.txt:1, pins.txt:2"),
        "numpy": (">=1.24,<2", "base.txt:2, pins.txt:1"),
        "flash-attn": ("2.5.8+cu122torch2.1cxx11abifalse", "base.txt:3, train.txt:13"),
        "torch": ("2.1.2+cu121", "train.txt:6"),
        "torchvision": ("0.16.2", "train.txt:7"),
        "diffusers": (">=0.25,!=0.26", "train.txt:9"),
        "deepspeed": (">=0.12,<0.14", "train.txt:10"),
        "triton": ("==2.1.*", "train.txt:12"),
        "xformers": ("0.0.23.post1+cu121", "train.txt:14"),
        "apex": ("==0.1", "train.txt:15"),
        "transformers": (None, "train.txt:16"),
        "bitsandbytes": (None, "train.txt:17"),
        "peft": (">=0", "train.txt:18"),
    }
    assert snapshot.complete is False
    assert snapshot.packages["bitsandbytes"].reason == "`https://index.example/archive/bnb.zip#0.45.5` names no version"
    assert said == ["train.txt:10: markers were evaluated for Python 3.10 on linux; `--python-version` and `--platform` change that"]


def test_no_password_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RAW)
    reason = read_files(["train.txt"], str).packages["transformers"].reason
    assert "secret" not in reason
    assert "//***@index.example" in reason


def test_hashes_over_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RAW)
    packages = read_files(["hashed.txt"], str).packages
    assert packages == {
        "accelerate": Fact("0.25.0", "hashed.txt:4"),
        "peft": Fact("0.7.1", "hashed.txt:11"),
        "safetensors": Fact("0.4.1", "hashed.txt:14"),
    }


@pytest.mark.parametrize(
    ("line", "value"),
    [
        pytest.param("x==2.1.2", "2.1.2", id="exact"),
        pytest.param("x===2.1.2", "2.1.2", id="arbitrary-equality"),
        pytest.param("x==2.1", "==2.1", id="two-numbers"),
        pytest.param("x==2.1+cu121", "2.1+cu121", id="local-tag"),
        pytest.param("x==2.8.0.*", "==2.8.0.*", id="wildcard"),
        pytest.param("x (>=1.0)", ">=1.0", id="brackets"),
        pytest.param("x<3,!=2.5,>=2", ">=2,<3,!=2.5", id="order"),
        pytest.param("x~=2.1", "~=2.1", id="compatible"),
        pytest.param("x==2.4.0a0", "2.4.0a0", id="pre-release"),
        pytest.param("x==2.4rc1", "2.4rc1", id="short-pre-release"),
        pytest.param("x==2.4.0rc1", "2.4.0rc1", id="long-pre-release"),
        pytest.param("x==2.4.post1", "2.4.post1", id="short-post-release"),
        pytest.param("./w/x-1.2.3-py3-none-any.whl;python_version>'3'", "1.2.3", id="path-with-glued-marker"),
        pytest.param("x==2.1.2+cu121\nx!=2.1.2+cu118", "2.1.2+cu121", id="another-build-excluded"),
        pytest.param("x[extra]", ">=0", id="extra-only"),
        pytest.param('x==1.2.3;python_version<"3.11"', "1.2.3", id="glued-marker"),
        pytest.param("X==1.2.3 --config-settings a=b --hash=sha256:00", "1.2.3", id="line-options"),
        pytest.param("x @ file:///w/x-1.2.3-py3-none-any.whl", "1.2.3", id="wheel-file-url"),
        pytest.param("x-1.2.3-1-py3-none-any.whl", "1.2.3", id="wheel-with-build-number"),
        pytest.param("C:\\w\\x-1.2.3-py3-none-any.whl", "1.2.3", id="windows-path"),
        pytest.param("https://${TOKEN}@index.example/x-1.2.3-py3-none-any.whl?raw=1", "1.2.3", id="variable-in-url"),
        pytest.param("-e git+https://index.example/x.git#egg=x", None, id="editable"),
        pytest.param("--editable=git+ssh://git@index.example/x.git@v1#subdirectory=py&egg=x[all]", None, id="egg-after-subdirectory"),
        pytest.param("x @ https://index.example/y-1.0.0-py3-none-any.whl", None, id="another-wheel"),
        pytest.param("x @ https://index.example/x-today-py3-none-any.whl", None, id="wheel-without-version"),
        pytest.param("x==${X_VERSION}", None, id="variable"),
    ],
)
def test_one_line(read: Callable[..., Snapshot], line: str, value: str | None) -> None:
    fact = read(line).packages["x"]
    assert fact.value == value
    assert fact.origin.startswith("r.txt:1")
    assert bool(fact.reason) is (value is None)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"x==1.2.3 \\ \r\n  --hash=sha256:00\r\ny\r\n", id="blank-after-backslash"),
        pytest.param("x==1.2.3\r\ny".encode("utf-16"), id="powershell-freeze"),
        pytest.param(b"\xef\xbb\xbfx==1.2.3\n\ny", id="byte-order-mark"),
        pytest.param(b"x==1.2\\\n.3\ny \\", id="backslash-at-the-end"),
        pytest.param(b"x==1.2.3 \\\n# a comment ends what was continued\ny\n", id="comment-in-continuation"),
    ],
)
def test_bytes(read: Callable[..., Snapshot], data: bytes) -> None:
    packages = read(data).packages
    assert {name: fact.value for name, fact in packages.items()} == {"x": "1.2.3", "y": ">=0"}


def test_nested_files_are_relative_to_the_including_one(tmp_path: Path, read: Callable[..., Snapshot]) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("-rb.txt\n--constraint c.txt\n")
    (tmp_path / "sub" / "b.txt").write_text("x\n")
    (tmp_path / "sub" / "c.txt").write_text("x<2\nz==1.0.0\n")
    assert read("--requirement=sub/a.txt").packages == {"x": Fact("<2", "sub/b.txt:1, sub/c.txt:1")}


def test_a_file_included_twice_counts_once(read: Callable[..., Snapshot]) -> None:
    assert read("-r a.txt\n-r b.txt\n-r b.txt", a="-r b.txt\n", b="x>1").packages == {"x": Fact(">1", "b.txt:1")}


def test_markers_that_do_not_hold(read: Callable[..., Snapshot], said: list[str]) -> None:
    packages = read('x==1.0.0 ; python_version < "3.8"\nx==2.0.0 ; python_version >= "3.8"\ny ; extra == "dev"').packages
    assert packages == {"x": Fact("2.0.0", "r.txt:2")}
    assert len(said) == 1


def test_the_same_package_twice(read: Callable[..., Snapshot]) -> None:
    packages = read("x>=1\nX<2\ny==1.2.3\ny==1.2.3+cpu\nz>1\nz==1.5.0").packages
    assert packages == {
        "x": Fact(">=1,<2", "r.txt:1, r.txt:2"),
        "y": Fact("1.2.3+cpu", "r.txt:3, r.txt:4"),
        "z": Fact("1.5.0", "r.txt:5, r.txt:6"),
    }


def test_what_cannot_be_told_is_said(read: Callable[..., Snapshot], said: list[str]) -> None:
    assert read("git+https://index.example/x.git\n--index-url https://index.example torch==2.1.2\n-e .\n.[dev]\n../lib").packages == {}
    assert said == [
        "r.txt:1: `git+https://index.example/x.git` does not say which package it is; write `NAME @ URL`",
        "r.txt:2: pip passes over `torch==2.1.2`, which stands after an option; give it a line of its own",
    ]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        pytest.param("", "r.txt", "names no requirement", id="empty"),
        pytest.param("# x\n--pre\n-c base.txt", "r.txt", "names no requirement", id="options-only"),
        pytest.param("x\nnumpy=1.26.4", "r.txt:2", "`numpy=1.26.4` is no requirement", id="conda"),
        pytest.param("pip install torch", "r.txt:1", "`pip install torch` is no requirement", id="command"),
        pytest.param("x==1.0\x1b[31m", "r.txt:1", None, id="control-character"),
        pytest.param("\x07x", "r.txt:1", "`\x07x` is no requirement", id="control-character-in-name"),
        pytest.param("x==", "r.txt:1", None, id="no-version"),
        pytest.param("x>2,<1", "r.txt:1", "`x>2,<1`: `>2,<1` admits no version at all", id="nothing-admitted"),
        pytest.param("x==1.0.0\ny\nx==2.0.0", "r.txt:3", "no version satisfies `x==1.0.0` (r.txt:1) and `x==2.0.0` (r.txt:3)", id="contradiction"),
        pytest.param("x==1.0+a\nx==1.0+b", "r.txt:2", "no version satisfies `x==1.0+a` (r.txt:1) and `x==1.0+b` (r.txt:2)", id="two-local-tags"),
        pytest.param("numpy==1.0.0\n-c base.txt", "base.txt:1", "no version satisfies `numpy==1.0.0` (r.txt:1) and `numpy>=2` (base.txt:1)", id="constraint"),
        pytest.param("x ; python_version = 3", "r.txt:1", None, id="marker"),
        pytest.param("x ; nonsense == '3'", "r.txt:1", None, id="marker-name"),
        pytest.param("x==2.1.2 ; 'x' in extras", "r.txt:1", None, id="marker-of-lock-files"),
        pytest.param(f"x ; {'(' * 5000}os_name == 'x'{')' * 5000}", "r.txt:1", None, id="marker-brackets"),
        pytest.param(f"x{'(' * 5000}>1{')' * 5000}", "r.txt:1", None, id="brackets"),
        pytest.param(f"x=={'9' * 5000}", "r.txt:1", None, id="digits"),
        pytest.param("x==1.0.0+a\nx!=1.0.0+a", "r.txt:2", "no version satisfies `x==1.0.0+a` (r.txt:1) and `x!=1.0.0+a` (r.txt:2)", id="build-excluded"),
        pytest.param("x\n-r gone.txt", "r.txt:2", "includes `gone.txt`, which is not there", id="missing-include"),
        pytest.param("-r", "r.txt:1", "includes ``, which is not there", id="include-of-nothing"),
        pytest.param("-r https://index.example/r.txt", "r.txt:1", None, id="remote-include"),
        pytest.param("-r r.txt", "r.txt:1", "includes `r.txt`, which leads back to this line", id="own-include"),
        pytest.param("-r loop.txt", "loop.txt:2", "includes `r.txt`, which leads back to this line", id="cycle"),
        pytest.param("-r 'r.txt", "r.txt:1", None, id="open-quote"),
        pytest.param("-e", "r.txt:1", "`` is no requirement", id="editable-nothing"),
    ],
)
def test_refused(read: Callable[..., Snapshot], text: str, where: str, message: str | None) -> None:
    with pytest.raises(InputError) as caught:
        read(text, base="numpy>=2", loop="\n-r r.txt")
    assert caught.value.where == where
    assert message is None or caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x7fELF\0\0\0", id="binary"),
        pytest.param("x # 注释".encode("gb18030"), id="not-utf-8"),
        pytest.param(b"x\n" * (5 << 20), id="too-large"),
    ],
)
def test_not_text(read: Callable[..., Snapshot], data: bytes) -> None:
    with pytest.raises(InputError):
        read(data)


def test_a_missing_file() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_files(["no/such/file.txt"], str)


def test_a_long_chain_of_files(read: Callable[..., Snapshot]) -> None:
    chain = {f"c{number}": f"-r c{number + 1}.txt" for number in range(60)}
    with pytest.raises(InputError, match="included through"):
        read("-r c0.txt", c60="x", **chain)


def test_long_lines_and_many_lines_come_to_an_end(read: Callable[..., Snapshot]) -> None:
    """A pattern that backtracks would take minutes here, and be seen."""
    lines = "".join(f'p{number}==1.{number}.0 ; python_version >= "3.8" \\\n    --hash=sha256:{"0" * 64}\n' for number in range(2000))
    assert len(read(lines).packages) == 2000
    for text in ("x" * 1_000_000 + "==", "-" * 1_000_000, "x " + " " * 1_000_000 + "y", "\\\n" * 100_000 + "=="):
        with pytest.raises(InputError):
            read(text)


def test_thousands_of_exclusions_are_one_requirement(read: Callable[..., Snapshot]) -> None:
    assert str(read("".join(f"x!=1.0.{number}\n" for number in range(3000))).packages["x"].value).count("!=") == 3000


releases = st.lists(st.integers(0, 9999), min_size=3, max_size=5).map(lambda numbers: ".".join(map(str, numbers)))
tags = st.sampled_from(["", "+cu121", "+cpu", "rc1", ".post2", "+rocm6.0"])


@pytest.mark.property
@given(name=st.sampled_from(["torch", "Flash_Attn", "a.b-c"]), version=st.builds(str.__add__, releases, tags), blank=st.sampled_from(["", " ", "\t"]))
def test_a_pin_is_read_back(name: str, version: str, blank: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/r.txt"
        Path(path).write_text(f"{name}{blank}=={blank}{version}{blank}\n")
        (fact,) = read_files([path], str).packages.values()
    assert fact == Fact(str(Version(version)), f"{path}:1")
    assert versions.within(versions.reported(str(fact.value)), versions.specifier(f"=={version}")) is True
