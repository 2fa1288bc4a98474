"""Signatures in logs: found over windows of lines, in constant memory, and not missed by the search for words before."""

from __future__ import annotations

import io
import re

import pytest

from envcheck.matrix.store import open_matrix
from envcheck.rules import RULES
from envcheck.signatures import OVERLAP, Seen, Signature, fragments_of, seen

NUMPY = Signature("numpy", r"compiled using NumPy 1\.x cannot be run in\s+NumPy 2")


def find(text: str, *patterns: str) -> list[Seen]:
    return seen(io.StringIO(text), [Signature(f"s{number}", pattern) for number, pattern in enumerate(patterns)])


def test_the_line_is_told() -> None:
    (hit,) = find("one\ntwo\nRuntimeError: boom in kernel\n", "boom in kernel")
    assert (hit.line, hit.last, hit.times, hit.text) == (3, 3, 1, "RuntimeError: boom in kernel")


@pytest.mark.parametrize("before", [0, 1, 1999, 2000, 2001, 3999, 5000])
def test_a_match_over_two_lines_is_found_wherever_a_piece_ends(before: int) -> None:
    text = "step\n" * before + "A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.0.0 as it may crash.\n" + "step\n" * 10
    (hit,) = seen(io.StringIO(text), [NUMPY])
    assert (hit.line, hit.times) == (before + 1, 1)


def test_what_is_seen_many_times_is_counted_once_each() -> None:
    text = "".join(f"step {number}\nValueError: odd value\n" for number in range(6000))
    (hit,) = find(text, "ValueError: odd value")
    assert (hit.line, hit.last, hit.times) == (2, 12000, 6000)


def test_prefixes_of_ranks_colours_and_progress_bars() -> None:
    text = "10%|#  |\r20%|## |\r[rank3]: \x1b[31mcannot be run in\x1b[0m\n[rank3]: NumPy 2\n"
    (hit,) = find(text, r"cannot be run in\s+NumPy 2")
    assert hit.last == 1


def test_lines_without_end_are_cut() -> None:
    text = "x" * 3_000_000 + " boom in kernel\nboom in kernel\n"
    (hit,) = find(text, "boom in kernel")
    assert (hit.last, hit.times) == (2, 1)
    assert len(hit.text) < 5000


def test_a_window_has_an_end() -> None:
    lines = "alpha words\n" + "\n".join("x" for _ in range(OVERLAP * 2)) + "\nomega words\n"
    assert find("a\n" * 1980 + lines, r"alpha words(?s:.*)omega words") == []


@pytest.mark.parametrize(
    ("pattern", "fragments"),
    [
        ("No module named 'pkg_resources'", {"no module named 'pkg_resources'"}),
        ("cannot import name '(one|two)' from 'hub'", {"cannot import name '", "' from 'hub'"}),
        (r"loss.*nan", {"loss", "nan"}),
        (r"(?:optional words)?needed", {"needed"}),
        (r"ab+c", {"a", "b", "c"}),
    ],
)
def test_what_a_match_must_hold(pattern: str, fragments: set[str]) -> None:
    assert set(fragments_of(pattern)) == fragments


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"liger_kernel\S*\.py", "liger_kernelx/a.py"),
        (r"(?i)Flash Attention only supports", "FLASH ATTENTION ONLY SUPPORTS"),
        (r"CUDA error: no kernel image", "XCUDA error: no kernel images"),
        (r"sizes? of tensor", "the size of tensors"),
    ],
)
def test_the_search_for_words_misses_nothing(pattern: str, text: str) -> None:
    assert re.search(pattern, text)
    assert len(find(text, pattern)) == 1


def test_every_signature_of_the_matrix_can_be_searched() -> None:
    listed = [Signature(id, pattern) for id, patterns in open_matrix().signatures() for pattern in patterns]
    listed += [Signature(id, pattern) for id, rule in RULES.items() for pattern in rule.page.signature]
    assert len(listed) > 100
    assert seen(io.StringIO("nothing to see\n{'loss': 1.2}\n"), listed) == []
    # One without a fixed text is searched in every piece; a log of 50 MB goes by in seconds as long as they are few.
    assert len([one for one in listed if max(map(len, fragments_of(one.pattern)), default=0) < 4]) < 5
