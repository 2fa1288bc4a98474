"""A log, as a stream of any length -> the signatures of entries and rules that it shows, each with its lines.

A signature is a regular expression over a window of lines: `.` stays within a line, `\\s+` may cross to the next ones, up to `OVERLAP` of them.
What precedes each line of a distributed run (`[rank0]: `) and colours are taken off before. Memory is constant: the text goes by in
pieces, and of each signature only the first and the last place are kept. A piece is searched only for signatures all of whose words it holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import IO, Any, Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from envcheck.credentials import hidden
from envcheck.model import Page, UsedFact

OVERLAP = 12
"""Lines that a signature may span."""
_PIECE = 2000
"""Lines searched at once."""
_LONGEST = 4000
"""Characters of a line that are looked at; progress bars and printed tensors have more."""
_PREFIX = re.compile(r"^(?:\[rank\d+\]:\s?|\[\d+\]:\s?|\d+: (?=\s|\w+Error)|\(\w+ pid=\d+[^)]*\)\s?)")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_WORD = re.compile(r"[a-z0-9_]{4,}")


class Signature(NamedTuple):
    """What a log shows of an entry or rule."""

    id: str
    pattern: str


class Seen(NamedTuple):
    """Where a signature was seen."""

    id: str
    line: int
    """The first line, from 1."""
    last: int
    """The last time it was seen."""
    times: int
    text: str
    """The last match's first line, as it stands in the log but for credentials."""
    matched: str
    """All that the signature matched the last time, a few lines at most."""
    weight: int
    """Letters that the signature fixes: the more, the less it can be something else."""


FITS, OPEN, RULED_OUT = "fits", "open", "ruled-out"
"""Whether the environment is one that the entry is about: it is; that is not known, or no environment was given; it is not."""


@dataclass(frozen=True)
class Named:
    """One entry or rule that a log names."""

    id: str
    title: str
    kind: str
    severity: str
    page: Page
    seen: Seen
    standing: str
    """`FITS`, `OPEN` or `RULED_OUT`."""
    facts: Tuple[UsedFact, ...] = ()
    """The facts of the environment that speak for it or against it."""


class MissingName(NamedTuple):
    """A name that an error line says is missing, and what the table of names knows of it."""

    line: int
    text: str
    name: str
    module: str
    of: str
    """The distribution that should have it; empty where the table does not know the name."""
    lacks: Tuple[str, ...]
    first: str
    last: str
    importers: Tuple[str, ...]
    """Releases that import it, as `peft>=0.12.0,<=0.13.2 (peft/tuners/x.py)`."""


class Log(NamedTuple):
    """What a log names."""

    named: Tuple[Named, ...]
    missing: Tuple[MissingName, ...]


class _Compiled(NamedTuple):
    id: str
    expression: Any
    words: FrozenSet[str]
    literal: str


def seen(stream: IO[str], signatures: Iterable[Signature]) -> List[Seen]:
    """The signatures that a log shows, in the order of their ids; of several of one entry the one that fixes most."""
    compiled = [_compile(one) for one in signatures]
    found: Dict[Tuple[str, str], Seen] = {}
    for text, numbers, new in _pieces(stream):
        lowered = text.lower()
        words = frozenset(_WORD.findall(lowered))
        for one in compiled:
            if one.words <= words and one.literal in lowered:
                _search(one, text, numbers, new, found)
    best: Dict[str, Seen] = {}
    for hit in found.values():
        if hit.id not in best or hit.weight > best[hit.id].weight:
            best[hit.id] = hit
    return [best[id]._replace(text=hidden(best[id].text)) for id in sorted(best)]


def _search(one: _Compiled, text: str, numbers: Sequence[int], new: int, found: Dict[Tuple[str, str], Seen]) -> None:
    """Take the matches that reach into what is new of a piece."""
    key = (one.id, one.expression.pattern)
    at = line = 0
    for match in one.expression.finditer(text):
        if match.end() <= new or not match[0].strip():
            continue
        line += text.count("\n", at, match.start())
        at = match.start()
        begin, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
        before = found.get(key)
        number = numbers[min(line, len(numbers) - 1)]
        whole = text[begin : end if end >= 0 else len(text)]
        found[key] = Seen(one.id, before.line if before else number, number, (before.times if before else 0) + 1, whole, match[0][:_LONGEST], len(one.literal))


def _pieces(stream: IO[str]) -> Iterator[Tuple[str, List[int], int]]:
    """(text, line number of each of its lines, where its new part begins); each begins with the last lines of the one before."""
    kept: List[Tuple[int, str]] = []
    fresh: List[Tuple[int, str]] = []
    for row in _lines(stream):
        fresh.append(row)
        if len(fresh) >= _PIECE:
            yield _piece(kept, fresh)
            kept, fresh = fresh[-OVERLAP:], []
    if fresh:
        yield _piece(kept, fresh)


def _piece(kept: Sequence[Tuple[int, str]], fresh: Sequence[Tuple[int, str]]) -> Tuple[str, List[int], int]:
    rows = [*kept, *fresh]
    return "\n".join(line for _, line in rows), [number for number, _ in rows], sum(len(line) + 1 for _, line in kept)


def _lines(stream: IO[str]) -> Iterator[Tuple[int, str]]:
    """Lines with their numbers, cut; what a progress bar overwrites are several with one number."""
    number = 1
    while True:
        raw = stream.readline(1 << 16)
        if not raw:
            return
        for part in raw.rstrip("\n").split("\r"):
            if part:
                cut = part[:_LONGEST]
                cut = _ANSI.sub("", cut) if "\x1b" in cut else cut
                yield number, _PREFIX.sub("", cut) if cut[:1] in "[(0123456789" else cut
        number += raw.endswith("\n")


def _compile(signature: Signature) -> _Compiled:
    fragments = fragments_of(signature.pattern)
    words = {word for fragment in fragments for word in _inner_words(fragment)}
    return _Compiled(signature.id, re.compile(signature.pattern, re.MULTILINE), frozenset(words), max(fragments, key=len, default=""))


def _inner_words(fragment: str) -> List[str]:
    """Words with something that is no word on both sides, so that a text that holds the fragment holds them as words."""
    return [found[0] for found in _WORD.finditer(fragment) if found.start() > 0 and found.end() < len(fragment)]


def fragments_of(pattern: str) -> List[str]:
    """The texts, in lower case, that whatever a pattern matches must hold."""
    return [fragment for fragment in _Fragments(pattern).found if fragment]


class _Fragments:
    """Walks a parsed pattern; what is optional or one of several ends a fragment."""

    def __init__(self, pattern: str) -> None:
        self.found: List[str] = [""]
        self._walk(_parser().parse(pattern))
        self.found = [fragment.lower() for fragment in self.found]

    def _walk(self, parsed: Any) -> None:
        for operator, argument in parsed:
            name = str(operator)
            if name == "LITERAL":
                self.found[-1] += chr(argument)
            elif name == "SUBPATTERN":
                self._walk(argument[-1])
            elif name in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] > 0:
                self.found.append("")
                self._walk(argument[2])
                self.found.append("")
            else:
                self.found.append("")


def _parser() -> Any:
    """The parser of `re`, which lies elsewhere since Python 3.11."""
    import importlib
    import sys

    return importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
