"""Lock files in TOML: the quick way reads what the parser reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envcheck import toml
from envcheck.documents import Text
from envcheck.errors import InputError
from envcheck.inputs import locktoml

RAW = Path(__file__).parents[2] / "raw" / "inputs"
LOCKS = sorted(str(path.relative_to(RAW)) for pattern in ("*/*.lock", "pylock*.toml") for path in RAW.glob(pattern) if path.name != "Pipfile.lock")


def plain(value: Any) -> Any:
    """Without the archives, and booleans as the parser gives them."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in ("files", "wheels", "sdist")}
    return value == "true" if isinstance(value, Text) and not value.quoted and value in ("true", "false") else value


@pytest.mark.parametrize("path", LOCKS)
def test_both_ways_agree(path: str) -> None:
    text = (RAW / path).read_text(encoding="utf-8")
    whole = toml.parse(text, path)
    name = "packages" if "packages" in whole else "package"
    found = locktoml.read(text, path)
    assert [plain(row) for row in found.packages] == [plain(row) for row in whole[name]]
    assert [text.split("\n")[line - 1] for line in found.lines] == [f"[[{name}]]"] * len(whole[name])
    assert set(found.top) >= set(whole) - {name}


@pytest.mark.parametrize("path", LOCKS)
def test_no_lock_that_a_tool_wrote_needs_the_slow_way(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (RAW / path).read_text(encoding="utf-8")
    slow = toml.parse
    parsed: list[int] = []
    monkeypatch.setattr(toml, "parse", lambda text, where: (parsed.append(len(text)), slow(text, where))[1])
    locktoml.read(text, path)
    # pip nests its wheels in tables of their own.
    assert (max(parsed) == len(text)) is (path == "pylock.pip.toml")


@pytest.mark.parametrize(
    "written",
    [
        '[[package]]\nname = "x"\nversion = "1.0"\ndescription = """\n[[package]]\n"""\n',
        "[[package]]\nname = 'x'   # a comment\nversion='1.0'\n",
        '[[package]]\nname = "x"\nversion = "1.0"\nsummary = "with \\U0001F600"\n',
        '[[package]]\r\nname = "x"\r\nversion = "1.0"\r\n'.replace("\r", ""),
    ],
)
def test_what_no_tool_writes_is_read_too(written: str) -> None:
    (row,) = locktoml.read(written, "l").packages
    assert (row["name"], row["version"]) == ("x", "1.0")


@pytest.mark.parametrize("written", ["", "package = 1\n", '[[package]]\nname = "x\n', "[[package]]\nname\n"])
def test_refused(written: str) -> None:
    with pytest.raises(InputError):
        locktoml.read(written, "l")
