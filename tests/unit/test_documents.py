from __future__ import annotations

from pathlib import Path

import pytest

from envcheck import documents
from envcheck.errors import InputError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_is_read_in_the_encodings_tools_write(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "r.txt"
    path.write_bytes("torch==2.1.2\r\nnumpy # 注释\r\n".encode(encoding))
    assert documents.read_text(path) == "torch==2.1.2\nnumpy # 注释\n"


@pytest.mark.parametrize(
    ("content", "where", "message"),
    [
        (b"torch\nnumpy \xd7\xa2\xca\xcd\n", ":2", "is not UTF-8"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "", "is a binary file"),
        (b"x" * (documents.LIMIT_BYTES + 1), "", "is larger than 8 MiB"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(tmp_path: Path, content: bytes, where: str, message: str) -> None:
    path = tmp_path / "r.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        documents.read_text(path)
    assert caught.value.where == f"{path}{where}"
    assert message in caught.value.message
    assert caught.value.hint


def test_a_sparse_file_of_100_mb_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    with open(path, "wb") as stream:
        stream.truncate(100 << 20)
    with pytest.raises(InputError, match="larger than"):
        documents.read_text(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(InputError) as caught:
            documents.read_text(path)
        assert caught.value.hint


def test_scalars_stay_as_they_were_written() -> None:
    found = documents.parse_yaml("python: 3.10\nbf16: no\nlr: 2e-5\nn: 500_000\nempty:\ntext: 'null'\n", "f")
    assert found == {"python": "3.10", "bf16": "no", "lr": "2e-5", "n": "500_000", "empty": None, "text": "null"}


def test_lines_are_kept() -> None:
    found = documents.parse_yaml("a: 1\nb:\n  - x\n  - 'y'\n", "f")
    assert isinstance(found, dict)
    assert found["b"][1].line == 4
    assert found["b"][1].quoted
    assert documents.line_of(found["b"]) == 3


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "stands here twice"),
        ("a:\n\t- b\n", 2, "not valid YAML"),
        ("a: [1, 2\n", 2, "not valid YAML"),
        ("? [a, b]\n: c\n", 1, "not a plain word"),
        ("a: &x [*x]\n", 1, "contains itself"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a: \x1b[31m\n", 1, "control character"),
        ("a: 1\nb: *nowhere\n", 2, "names no anchor"),
    ],
)
def test_malformed_yaml_names_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(InputError) as caught:
        documents.parse_yaml(text, "f.yaml")
    assert caught.value.where == f"f.yaml:{line}"
    assert message in caught.value.message


def test_an_alias_bomb_ends_early() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(InputError, match="too many values"):
        documents.parse_yaml("\n".join(rows), "bomb.yaml")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InputError, match="nested too deeply"):
        documents.parse_yaml("[" * 50_000, "deep.yaml")
    with pytest.raises(InputError, match=r"nested too deeply|not valid JSON"):
        documents.parse_json("[" * 200_000, "deep.json")


def test_merges_are_followed_and_anchors_can_be_forbidden() -> None:
    text = "base: &b {lr: 1e-4, bf16: true}\nrun:\n  <<: *b\n  lr: 2e-4\n"
    found = documents.parse_yaml(text, "f")
    assert isinstance(found, dict)
    assert found["run"] == {"lr": "2e-4", "bf16": "true"}
    with pytest.raises(InputError, match="not allowed here"):
        documents.parse_yaml("a: &x 1\nb: *x\n", "f", aliases=False)


def test_json_keeps_lines_and_texts() -> None:
    found = documents.parse_json('{\n\t"bf16": {"enabled": "true"},\n\t"lr": 2e-5, "on": true, "off": null}', "ds.json")
    assert found == {"bf16": {"enabled": "true"}, "lr": "2e-5", "on": "true", "off": None}
    assert isinstance(found, dict)
    assert found["bf16"]["enabled"].quoted
    assert found["lr"].line == 3


@pytest.mark.parametrize(("text", "line"), [('{\n"a": 1,\n}', 3), ('{"a": 1} x', 1), ("{'a': 1}", 1), ('{\n"a": 1,\n"a": 2}', 3)])
def test_malformed_json_names_its_line(text: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        documents.parse_json(text, "f.json")
    assert caught.value.where in (f"f.json:{line}", f"f.json:{line - 1}")  # Python 3.13 points at a trailing comma itself
