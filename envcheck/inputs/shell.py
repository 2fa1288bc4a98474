"""The words of a shell line, as far as they can be known without running it: commands, variables, conditions."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import NamedTuple, Optional

END_OF_LINE = ";;"
"""What a line end becomes, which no word of a RUN line is."""
_SEPARATORS = frozenset(("&&", "||", ";", "|", "&", "(", ")", END_OF_LINE, "|&"))
_OPENING = frozenset(("if", "case", "for", "while", "until"))
_CLOSING = frozenset(("fi", "esac", "done"))
_WRAPPERS = frozenset(("then", "else", "elif", "do", "sudo", "time", "exec", "command", "nice", "{", "}", "!", "set", "env", "nohup"))
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)
_SUBSTITUTION = re.compile(r"\$\([^()]*\)|`[^`]*`")
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
    """The simple commands of a script in order; assignments are added to `variables`. Raises ValueError for quotes without end."""
    depth, before = 0, ""
    for words, separator in _groups(_tokens(text)):
        while words and (words[0] in _WRAPPERS or words[0] in _OPENING or words[0] in _CLOSING or _ASSIGNMENT.fullmatch(words[0])):
            word = words.pop(0)
            found = _ASSIGNMENT.fullmatch(word)
            if found:
                variables[found[1]] = expand(found[2], variables)
            depth = max(0, depth + (word in _OPENING) - (word in _CLOSING))
        if words and words[0] == "export":
            for word in words[1:]:
                found = _ASSIGNMENT.fullmatch(word)
                if found:
                    variables[found[1]] = expand(found[2], variables)
        elif words:
            yield _command(words, variables, depth == 0 and before != "||")
        before = separator


def _tokens(text: str) -> list[str]:
    text = _SUBSTITUTION.sub("${COMMAND}", text.replace("\\\n", " "))
    lexer = shlex.shlex(text.replace("\n", f" {END_OF_LINE} "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


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
        for one in [word] if "$" not in word else expand(word, variables).split() or []:
            raw.append(word)
            filled.append(one)
    return Command(tuple(filled), tuple(raw), is_certain, tuple(redirected))


_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:(:?[-+?])([^{}]*))?\})")
_LONGEST = 10_000


def expand(text: str, variables: Mapping[str, Optional[str]]) -> str:
    """`$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}` filled in; an unknown variable becomes `${NAME}`."""

    def one(found: re.Match[str]) -> str:
        name, operator, word = found[1] or found[2], found[3] or "", found[4] or ""
        value = variables.get(name)
        if operator.endswith("-"):
            return value if value or (value is not None and operator == "-") else word
        if operator.endswith("+"):
            return word if value else ""
        return f"${{{name}}}" if value is None else value

    return _VARIABLE.sub(one, text)[:_LONGEST]
