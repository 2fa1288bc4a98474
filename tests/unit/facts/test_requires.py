from __future__ import annotations

from typing import Any

import pytest

from envcheck.facts import releases, requires
from envcheck.facts.requires import Declared

ROW = {
    "package": "transformers",
    "source": "the wheels' metadata",
    "read": "4.34.0 4.35.1 4.42.0 4.43.0",
    "requires": 'numpy 4.34.0 >=1.17\nnumpy 4.42.0 <2.0,>=1.17\nnumpy 4.43.0 -\ntokenizers 4.34.0 <0.15,>=0.14\ntokenizers 4.35.1 <0.19,>=0.14 ; python_version < "3.12"',
}


@pytest.mark.parametrize(
    ("version", "declared"),
    [
        ("4.34.0", {Declared("numpy", ">=1.17"), Declared("tokenizers", "<0.15,>=0.14")}),
        ("4.42.0", {Declared("numpy", "<2.0,>=1.17"), Declared("tokenizers", "<0.19,>=0.14", 'python_version < "3.12"')}),
        ("4.43.0", {Declared("tokenizers", "<0.19,>=0.14", 'python_version < "3.12"')}),
    ],
)
def test_a_line_holds_until_the_next_one(version: str, declared: set[Declared]) -> None:
    package, block = requires.check_row(ROW)
    assert package == "transformers"
    assert set(requires.declared(block, version) or ()) == declared


@pytest.mark.parametrize("version", ["4.35.0", "4.44.0", "4.33.0"])
def test_a_release_that_was_not_read_is_unknown_even_between_two_that_were(version: str) -> None:
    assert requires.declared(requires.check_row(ROW)[1], version) is None


def test_a_pre_release_may_declare_what_the_releases_around_it_do() -> None:
    block = requires.check_row(ROW)[1]
    assert [{one.specifier for one in way if one.name == "numpy"} for way in requires.ways(block, "4.42.0.dev0")] == [{">=1.17"}, {"<2.0,>=1.17"}]
    assert len(requires.ways(block, "4.42.0")) == 1
    assert requires.ways(block, "4.44.0.dev0") == requires.ways(block, "4.41.0") == requires.ways(block, "unreadable") == []


def test_what_is_coded_is_read_back() -> None:
    block = requires.check_row(ROW)[1]
    expanded = {version: requires.declared(block, version) or () for version in block[0]}
    read, lines = requires.coded(expanded)
    assert requires.check_row({**ROW, "read": read, "requires": lines})[1] == block


@pytest.mark.parametrize(
    "broken",
    [
        {"requires": "numpy 9.9.9 >=1.17"},
        {"requires": "numpy 4.34.0"},
        {"requires": "numpy 4.42.0 >=1.17\nnumpy 4.34.0 >=1.16"},
        {"requires": "numpy 4.34.0 is new"},
        {"read": "4.42.0 4.34.0"},
        {"source": ""},
        {"note": "x"},
    ],
)
def test_a_malformed_row_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        requires.check_row({**ROW, **broken})


LINE = "4.46.0 | 2024-10-24 | >=3.8.0 | py3 | any | sdist | yanked: does not work with 3.8 | at all"


def test_a_release_has_its_columns() -> None:
    package, block = releases.check_row(
        {"package": "transformers", "source": "the index", "releases": f"{LINE}\n4.46.1 | 2024-10-29\n4.46.2 | | | | | | yanked:"}
    )
    assert package == "transformers"
    assert releases.release(block, "4.46.0") == releases.Release("2024-10-24", ">=3.8.0", ("py3",), ("any",), True, "does not work with 3.8 | at all")
    assert releases.release(block, "4.46.1") == releases.Release("2024-10-29")
    assert releases.release(block, "4.46.2") == releases.Release(yanked="")
    assert releases.release(block, "4.46.3") is None


@pytest.mark.parametrize(
    "line", ["4.46.0 | yesterday", "4.46.0 | 2024-10-24 | python 3", "new | 2024-10-24", "1.0 | 2024-10-24 | | | | zip", "1.0 | | | | | | gone", "1.0\n1.0"]
)
def test_a_malformed_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        releases.check_row({"package": "transformers", "source": "the index", "releases": line})
