"""Which commands of a script run, as far as its `if`, `&&` and `||` can be decided."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Optional

from envcheck.inputs.shell_words import expand

_OPENING = frozenset(("if", "case", "for", "while", "until"))
_CLOSING = frozenset(("fi", "esac", "done"))
KEYWORDS = _OPENING | _CLOSING | {"then", "else", "elif", "do"}


class Flow:
    """Which commands run: None where nobody knows."""

    def __init__(self) -> None:
        self.branches: list[Optional[bool]] = []
        """Of each open `if`, `for` and the like, whether its present branch runs."""
        self.earlier: list[Optional[bool]] = []
        """Of each, whether an earlier branch ran."""
        self.status: Optional[bool] = True
        """How the command before ended."""
        self.before = ""
        """What stands between that command and the present one."""
        self.asking = False
        """Whether a branch hangs on the present command."""
        self.was_test = False

    def keyword(self, word: str) -> None:
        """Take a word that opens, divides or closes a construct; any other says nothing."""
        if word in _OPENING:
            self.branches.append(None)
            self.earlier.append(False)
            self.asking, self.before = word == "if", ""
        elif word in _CLOSING and self.branches:
            self.branches.pop()
            self.earlier.pop()
            self.asking, self.status, self.before = False, True, ""
        elif word in ("then", "elif", "else") and self.branches:
            earlier = self.earlier[-1]
            if word == "then":
                self.branches[-1] = _both(self.status, _negated(earlier))
                self.earlier[-1] = True if earlier or self.status else None if earlier is None or self.status is None else False
            else:
                self.branches[-1] = _negated(earlier) if word == "else" else None
            self.asking, self.status, self.before = word == "elif", True, ""

    def runs(self) -> Optional[bool]:
        """Whether the command that comes now runs."""
        here: Optional[bool] = True
        for branch in self.branches:
            here = _both(here, branch)
        if self.before == "&&":
            return _both(here, self.status)
        # An installer behind `||` runs where the one before it failed, and whether that did nobody knows.
        return _both(here, _negated(self.status) if self.was_test else None) if self.before == "||" else here

    def ran(self, words: Sequence[str], variables: Mapping[str, Optional[str]], separator: str) -> None:
        """Take how a command ended: a test as it is decided, anything else well, unless a branch hangs on it."""
        if words:
            self.was_test = words[0] in ("[", "[[", "test")
            ended = tested(words, variables) if self.was_test else None if self.asking else True
            self.status = _both(self.status, ended) if self.before == "&&" else ended
        self.before = separator


def _both(one: Optional[bool], other: Optional[bool]) -> Optional[bool]:
    return False if one is False or other is False else None if one is None or other is None else True


def _negated(truth: Optional[bool]) -> Optional[bool]:
    return None if truth is None else not truth


_COMPARED = {"=": True, "==": True, "!=": False}


def tested(words: Sequence[str], variables: Mapping[str, Optional[str]]) -> Optional[bool]:
    """What `[ "$NAME" = value ]`, `[ -z "$NAME" ]` and their like come to; None for what is no such test or hangs on what is unknown."""
    if len(words) < 2 or (words[0], words[-1]) not in (("[", "]"), ("[[", "]]")) and words[0] != "test":
        return None
    inner = [expand(word, variables) for word in words[1 : None if words[0] == "test" else -1]]
    turned = inner[:1] == ["!"]
    inner = inner[turned:]
    if any("${" in word for word in inner):
        return None
    if len(inner) == 2 and inner[0] in ("-z", "-n"):
        found = (inner[1] == "") is (inner[0] == "-z")
    elif len(inner) == 3 and inner[1] in _COMPARED and not re.search(r"[*?\[]", inner[2]):
        found = (inner[0] == inner[2]) is _COMPARED[inner[1]]
    else:
        return None
    return found is not turned
