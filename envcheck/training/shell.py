"""A shell script, or one command, -> the simple commands in it with their words expanded as far as the text alone tells.

Nothing is run. A variable counts as what the script last gave it; what only a running shell knows (`$1`, `$(nproc)`, a variable
of the caller) stays in the word as it was written, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from envcheck.documents import Text
from envcheck.training.expand import Scope, arithmetic, parameter
from envcheck.training.values import unresolved

LIMIT_WORDS = 50_000


class Command(NamedTuple):
    """One simple command."""

    words: list[Text]
    env: dict[str, Text]
    """What stands before it or was exported: `CUDA_VISIBLE_DEVICES=0 python …`."""
    line: int


class Script(NamedTuple):
    """What a script holds."""

    commands: list[Command]
    cut: list[int]
    """Lines at which a comment ends a command that its writer meant to go on."""


_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?=)")
# Words that open or close a block; what follows on the line is a command of its own.
_KEYWORDS = frozenset(("then", "do", "else", "elif", "if", "while", "until", "!", "{", "}", "(", ")", "fi", "done", "esac", "time", "function"))
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)([A-Za-z_]\w*)\1")
_REDIRECT = re.compile(r"(?:\d|&)?>{1,2}&?(?:\d\b|-)?|\d?<(?!<)")
_DECLARE = ("export", "declare", "local", "readonly", "typeset", "set")


def parse(text: str) -> Script:
    """The commands of a shell text in their order; both branches of an `if` count, and a loop's body once."""
    return _Parser(text).script()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.scope: Scope = {}
        self.exported: dict[str, Text] = {}
        self.found = Script([], [])
        self.count = 0

    def script(self) -> Script:
        while self.at < len(self.text) and self.count < LIMIT_WORDS:
            start = self.line
            words, continued = self._statement()
            if words:
                self._run(words, start)
            if continued:
                self.found.cut.append(self.line)
        return self.found

    def _statement(self) -> tuple[list[Text], bool]:
        """The words up to the end of one simple command, and whether a comment cut it after a continued line."""
        words: list[Text] = []
        joined = False
        heredocs: list[str] = []
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t":
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                joined = True
                self._advance(2)
            elif char == "#":
                comment = self._rest_of_line()
                if joined and words and comment.rstrip().endswith("\\"):
                    self._advance(1)
                    return words, True
            elif char == "\n":
                self._advance(1)
                self._skip_heredocs(heredocs)
                break
            elif char in ";&|" and not self._redirect():
                self.at += 1
                if words:
                    break
            elif char in "()" and not words:
                self.at += 1
            elif (heredoc := _HEREDOC.match(self.text, self.at)) is not None:
                heredocs.append(heredoc[2])
                self.at = heredoc.end()
            elif not self._redirect():
                words += self._word(words)
        return words, False

    def _advance(self, count: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def _rest_of_line(self) -> str:
        end = self.text.find("\n", self.at)
        comment = self.text[self.at : end if end >= 0 else len(self.text)]
        self.at += len(comment)
        return comment

    def _skip_heredocs(self, ends: list[str]) -> None:
        for end in ends:
            while self.at < len(self.text):
                line = self._rest_of_line()
                self._advance(1)
                if line.strip() == end:
                    break

    def _redirect(self) -> bool:
        found = _REDIRECT.match(self.text, self.at)
        if found is None:
            return False
        self.at = found.end()
        if not re.search(r"[&]?(?:\d|-)$", found[0]) or found[0].endswith(">"):
            while self.text[self.at : self.at + 1] in (" ", "\t") and self.text[self.at : self.at + 1]:
                self.at += 1
            if self.at < len(self.text) and self.text[self.at] not in "\n;|&":
                self._word([Text("")])
        return True

    def _word(self, before: list[Text]) -> list[Text]:
        """One word, or what an unquoted variable in it splits into; an assignment's list in brackets as one text."""
        self.count += 1
        line = self.line
        builder = _Word(line)
        begin = self.at
        while self.at < len(self.text):
            char = self.text[self.at]
            if char in " \t\n;&|" or char in "()" and not self._opens_array(begin):
                break
            if char == "(":
                builder.add(" ".join(self._array()), True)
            elif char == "'":
                builder.add(self._until("'"), True)
            elif char == '"':
                self._double(builder)
            elif char == "\\":
                builder.add(self.text[self.at + 1 : self.at + 2].replace("\n", ""), True)
                self._advance(2)
            elif char in "$`":
                self._expansion(builder, quoted=bool(_ASSIGNMENT.match(self.text, begin)) and not before)
            else:
                builder.add(char, False)
                self.at += 1
        if self.at == begin:
            self.at += 1
        return builder.words()

    def _opens_array(self, begin: int) -> bool:
        found = _ASSIGNMENT.match(self.text, begin)
        return found is not None and found.end() == self.at and self.text[self.at] == "("

    def _array(self) -> list[Text]:
        self.at += 1
        words: list[Text] = []
        while self.at < len(self.text) and self.text[self.at] != ")" and self.count < LIMIT_WORDS:
            char = self.text[self.at]
            if char in " \t\n;&|" or self.text.startswith("\\\n", self.at):
                self._advance(2 if char == "\\" else 1)
            elif char == "#":
                self._rest_of_line()
            elif char == "(":
                self.at += 1
            else:
                words += self._word(words)
        self.at += 1
        return words

    def _until(self, end: str) -> str:
        close = self.text.find(end, self.at + 1)
        close = close if close >= 0 else len(self.text)
        inner = self.text[self.at + 1 : close]
        self._advance(close + 1 - self.at)
        return inner

    def _double(self, builder: _Word) -> None:
        self.at += 1
        builder.add("", True)
        while self.at < len(self.text) and self.text[self.at] != '"':
            char = self.text[self.at]
            if char == "\\":
                escaped = self.text[self.at + 1 : self.at + 2]
                builder.add("" if escaped == "\n" else escaped if escaped in '"\\$`' else "\\" + escaped, True)
                self._advance(2)
            elif char in "$`":
                self._expansion(builder, quoted=True)
            else:
                builder.add(char, True)
                self._advance(1)
        self.at += 1

    def _expansion(self, builder: _Word, *, quoted: bool) -> None:
        start = self.at
        if self.text[start] == "`":
            self._until("`")
            return builder.fail(self.text[start : self.at], "the output of a command")
        following = self.text[start + 1 : start + 2]
        if following in ("(", "{"):
            inner = self._balanced(following)
            shown = self.text[start : self.at]
            if following == "{":
                return builder.put(parameter(inner, self.scope), shown, quoted and not inner.endswith(("[@]", "[*]")))
            return builder.put(arithmetic(inner[1:-1], self.scope) if inner.startswith("(") else "the output of a command", shown, True)
        name = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]").match(self.text, start + 1)
        if name is None:
            builder.add("$", True)
            self.at += 1
            return None
        self.at = name.end()
        return builder.put(parameter(name[0], self.scope), "$" + name[0], quoted)

    def _balanced(self, opening: str) -> str:
        closing = ")" if opening == "(" else "}"
        begin, depth = self.at + 2, 1
        end = begin
        while end < len(self.text) and depth:
            depth += (self.text[end] == opening) - (self.text[end] == closing)
            end += 1
        self._advance(end - self.at)
        return self.text[begin : end - 1 if not depth else end]

    def _run(self, words: list[Text], line: int) -> None:
        while words and words[0] in _KEYWORDS:
            words = words[1:]
        if words and words[0] == "for":
            # Its variable has several values.
            for name in words[1:2]:
                self.scope[str(name)] = unresolved(f"${name}", line, f"`{name}` takes several values in a loop")
            return
        exporting = bool(words) and words[0] in _DECLARE
        own: dict[str, Text] = {}
        rest = list(words[1:] if exporting else words)
        while rest and (exporting or _ASSIGNMENT.match(rest[0])):
            self._assign(rest.pop(0), own, exporting)
        if exporting:
            self.exported.update(own)
        elif rest:
            self.found.commands.append(Command(rest, {**self.exported, **own}, line))
        else:
            self.scope.update(own)
            self.exported.update({name: value for name, value in own.items() if name in self.exported})

    def _assign(self, word: Text, own: dict[str, Text], exporting: bool) -> None:
        found = _ASSIGNMENT.match(word)
        if found is None:
            if exporting and str(word) in self.scope:
                own[str(word)] = self.scope[str(word)]
            return
        value = word[found.end() :]
        reason = getattr(word, "reason", "")
        before = self.scope.get(found[1])
        if found[2] == "+=" and before is not None:
            value = f"{before} {value}" if value[:1] != " " else before + value
            reason = reason or getattr(before, "reason", "")
        own[found[1]] = unresolved(value, word.line, reason) if reason else Text(value, word.line)
        if exporting:
            self.scope[found[1]] = own[found[1]]


class _Word:
    """A word while it is read: its pieces, and where an unquoted variable may split it."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.parts: list[tuple[str, str]] = [("", "")]
        self.there = False

    def add(self, text: str, quoted: bool) -> None:
        done, reason = self.parts[-1]
        self.parts[-1] = (done + text, reason)
        self.there = self.there or quoted or bool(text)

    def fail(self, shown: str, reason: str) -> None:
        done, _ = self.parts[-1]
        self.parts[-1] = (done + shown, f"`{shown}` is {reason}")
        self.there = True

    def put(self, value: Text | str, shown: str, quoted: bool) -> None:
        """An expansion's value as Text, or the reason why there is none."""
        if not isinstance(value, Text):
            return self.fail(shown, value)
        reason = getattr(value, "reason", "")
        pieces = [str(value)] if quoted or reason else value.split()
        for number, piece in enumerate(pieces):
            if number:
                self.parts.append(("", ""))
            done, before = self.parts[-1]
            self.parts[-1] = (done + piece, reason or before)
        self.there = self.there or quoted or bool(pieces)
        return None

    def words(self) -> list[Text]:
        if not self.there:
            return []
        return [unresolved(text, self.line, reason) if reason else Text(text, self.line) for text, reason in self.parts]


def commands(text: str) -> Iterator[Command]:
    """The commands of one text, those inside `eval "…"` and `bash -c "…"` included."""
    for command in parse(text).commands:
        yield from _opened(command, 0)


def _opened(command: Command, depth: int) -> Iterator[Command]:
    words = command.words
    inner = _inner(words) if depth < 3 else None
    if inner is None:
        yield command
        return
    for one in parse(inner).commands:
        lined = [unresolved(word, command.line, word.reason) if hasattr(word, "reason") else Text(word, command.line) for word in one.words]
        yield from _opened(Command(lined, {**command.env, **one.env}, command.line), depth + 1)


def _inner(words: list[Text]) -> str | None:
    if words and words[0] == "eval":
        return " ".join(words[1:])
    for number, word in enumerate(words[:-2]):
        if word.rpartition("/")[2] in ("bash", "sh") and words[number + 1] in ("-c", "-lc"):
            return str(words[number + 2])
    return None
