from __future__ import annotations

import pytest

from envcheck.workshop.layout import formatted

DONE = "# why\nid: a\nkind: bad\nwhen:\n  # inner\n  torch: '<2'\n\nexamples:\n  hit: []\n"


@pytest.mark.parametrize(
    "text",
    [
        DONE,
        "examples:\n  hit: []\nwhen:\n  # inner\n  torch: '<2'\n\nkind: bad\n# why\nid: a\n",
        DONE.replace("\n", "\r\n"),
        DONE + "\n\n",
        DONE.replace("bad\n", "bad   \n"),
        DONE.rstrip("\n"),
    ],
)
def test_keys_take_their_order_and_comments_stay_with_them(text: str) -> None:
    assert formatted(text) == DONE


@pytest.mark.parametrize("text", ["id: a\nid: b\n", "unknown: x\nid: a\n", "- a\n- b\n", "\n"])
def test_what_is_no_entry_keeps_its_order(text: str) -> None:
    assert formatted(text) == text


def test_it_is_done_once() -> None:
    assert formatted(formatted(DONE)) == formatted(DONE)
