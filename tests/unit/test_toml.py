"""TOML: every text with the line it stands on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envcheck import toml
from envcheck.documents import Text
from envcheck.errors import InputError

SAMPLE = '''\
# a = "comment"
title = "one"            # line 2
"quoted.key" = 'two'     # line 3
list = [ "x", # not "this"
  'y]',
  """z
z""", "w",
]
inline = {"a" = "b", c = ["d"]}
number = 2.10
flag = true

[table.inner]
key = "escaped \\" quote # none"

[[array]]
name = "first"

[[array]]
name = "second"
[array.sub]
deep = [{x = "1"},
        {x = "2"}]
'''


def lines(value: Any) -> Any:
    if isinstance(value, Text):
        return str(value), value.line
    if isinstance(value, dict):
        return {str(key): lines(inner) for key, inner in value.items()}
    return [lines(inner) for inner in value] if isinstance(value, list) else value


def test_lines() -> None:
    assert lines(toml.parse(SAMPLE, "s")) == {
        "title": ("one", 2),
        "quoted.key": ("two", 3),
        "list": [("x", 4), ("y]", 5), ("z\nz", 6), ("w", 7)],
        "inline": {"a": ("b", 9), "c": [("d", 9)]},
        "number": ("2.10", 10),
        "flag": ("true", 11),
        "table": {"inner": {"key": ('escaped " quote # none', 14)}},
        "array": [{"name": ("first", 17)}, {"name": ("second", 20), "sub": {"deep": [{"x": ("1", 22)}, {"x": ("2", 23)}]}}],
    }


@pytest.mark.parametrize(("text", "where"), [("a = 1\nb = \n", "s:2"), ("a = [1,\n", "s"), ("a = 1\na = 2\n", "s:2"), ("a = " + "[" * 5000, "s")])
def test_refused(text: str, where: str) -> None:
    with pytest.raises(InputError) as caught:
        toml.parse(text, "s")
    assert caught.value.where.startswith(where)


@given(st.lists(st.text(alphabet="ab\"'\\#[]{}=\n,.", max_size=8), max_size=5))
def test_values_are_the_parsers_own_wherever_quotes_stand(texts: list[str]) -> None:
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for text in texts]
    written = "list = [\n" + "".join(f'  "{text}",\n' for text in quoted) + "]\nafter = 'x'\n"
    parsed = toml.parse(written, "s")
    assert parsed["list"] == texts
    assert [text.line for text in parsed["list"]] == list(range(2, 2 + len(texts)))
    assert parsed["after"].line == 3 + len(texts)
