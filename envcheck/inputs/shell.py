"""The words of a shell line, as far as they can be known without running it: commands, variables, conditions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import NamedTuple, Optional

from envcheck.inputs.shell_flow import KEYWORDS, Flow
from envcheck.inputs.shell_words import expand

END_OF_LINE = ";;"
"""What a line end becomes, which no word of a RUN line is."""
_SEPARATORS = frozenset(("&&", "||", ";", "|", "&", "(", ")", END_OF_LINE, "|&"))
_WRAPPERS = frozenset(("sudo", "time", "exec", "command", "nice", "{", "}", "set", "env", "nohup"))
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_BACKQUOTED = re.compile(r"`[^`]*`")
_BLANK = re.compile(r"\s")
_REDIRECTION = re.compile(r"[<>&|]*[<>][<>&|]*")


class Command(NamedTuple):
    """One simple command."""

    words: tuple[str, ...]
    """With variables filled in as far as they are known; an unknown one stays `${NAME}`."""
    raw: tuple[str, ...]
    """The same words as they stand in the file."""
    is_certain: bool
    """False behind `||` and between `if` and `fi`, where nobody knows whether it runs."""
    redirected: tuple[str, ...] = ()
    """Words that an unquoted `>` made the name of a file: `transformers>=4.49` asks for any transformers."""


def commands(text: str, variables: MutableMapping[str, str]) -> Iterator[Command]:
    """The simple commands of a script in order; assignments are added to `variables`. What certainly does not run is left out.

    Raises ValueError for quotes without end.
    """
    flow = Flow()
    for words, separator in _groups(_tokens(text)):
        while words and (words[0] in _WRAPPERS or words[0] in KEYWORDS or _ASSIGNMENT.fullmatch(words[0])):
            word = words.pop(0)
            flow.keyword(word)
            _assign(word, variables, flow.runs())
        runs = flow.runs()
        if words and words[0] == "export":
            for word in words[1:]:
                _assign(word, variables, runs)
        elif words and runs is not False:
            yield _command(words, variables, runs is True)
        flow.ran(words, variables, separator)


def _assign(word: str, variables: MutableMapping[str, str], runs: Optional[bool]) -> None:
    """Take `NAME=value`; where nobody knows whether it runs, the variable is unknown from then on."""
    found = _ASSIGNMENT.fullmatch(word)
    if found and runs:
        variables[found[1]] = expand(found[2], variables)
    elif found and runs is None:
        variables.pop(found[1], None)


def _tokens(text: str) -> list[str]:
    lexer = shlex.shlex(_without_substitutions(text.replace("\\\n", " ")).replace("\n", f" {END_OF_LINE} "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def _without_substitutions(text: str) -> str:
    """What another command prints, `$(…)` with what is nested in it and backquotes, as the unknown variable `${COMMAND}`."""
    parts: list[str] = []
    at = 0
    while True:
        start = text.find("$(", at)
        if start < 0 or text.startswith("$((", start):
            return _BACKQUOTED.sub("${COMMAND}", "".join(parts) + text[at:])
        depth, end = 1, start + 2
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        if depth:
            return "".join(parts) + text[at:]
        parts.append(text[at:start] + "${COMMAND}")
        at = end


def _groups(tokens: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    words: list[str] = []
    comment = False
    for token in tokens:
        if token == END_OF_LINE:
            comment = False
        if token in _SEPARATORS and not comment:
            yield words, token
            words = []
        elif comment or token.startswith("#"):
            comment = True
        else:
            words.append(token)
    yield words, ""


def _command(words: Sequence[str], variables: Mapping[str, str], is_certain: bool) -> Command:
    raw: list[str] = []
    filled: list[str] = []
    redirected: list[str] = []
    rest = iter(words)
    for word in rest:
        if _REDIRECTION.fullmatch(word):
            target = next(rest, "")
            # `torch>=2.1` and `2>&1`: the number or the name before it is no word of the command, unless it is a package.
            if raw and target.startswith("="):
                redirected.append(f"{raw[-1]}{word}{target}")
            elif raw and raw[-1].isdigit():
                raw.pop()
                filled.pop()
            continue
        # A word with blanks in it was quoted, and stays one word whatever its variables hold.
        for one in [expand(word, variables)] if "$" not in word or _BLANK.search(word) else expand(word, variables).split():
            raw.append(word)
            filled.append(one)
    return Command(tuple(filled), tuple(raw), is_certain, tuple(redirected))
