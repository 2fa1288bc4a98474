"""Typed reading of one mapping of a training config: each setting as a Fact with its line, or unknown with the reason.

Three kinds of facts are told apart when files are combined, by conventions that stand only here: a *default* (its origin
ends so), an unknown that another file may settle (`auto`), and an unknown that is *firm* (its reason begins so).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from envcheck.documents import Document, Text, line_of, parse_json, parse_yaml, read_text
from envcheck.errors import InputError
from envcheck.model import Fact, Scalar, unknown

AUTO = "`auto` is decided by the trainer"
_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")
# What HF's and argparse's usual converters take besides (transformers/hf_argparser.py, `string_to_bool`).
_ARGUMENT_SWITCH = {**dict.fromkeys((*_TRUE, "1", "t", "y"), "true"), **dict.fromkeys((*_FALSE, "0", "f", "n"), "false")}
# 500_000, 2e-5 (a text to the usual YAML loader, a number to whoever wrote it), .5, 1.
_NUMBER = re.compile(r"[-+]?(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][-+]?\d+)?")
# {{ lr }}, ${LR}, $LR, <your-model>: something that another program or person fills in.
_PLACEHOLDER = re.compile(r"\{\{.*\}\}|\$\{.*\}|\$[A-Za-z_]\w*|<[^<>]*>")
_LARGEST = 10**15
_CONTRADICTION = "the files disagree: "
_UNCLIPPED = "no `gradient_clipping` is set, "
_TEXT_SWITCH = "a text stands where a boolean belongs: "
_TEXT_NUMBER = "a text stands where a number belongs: "
_FIRM = (_CONTRADICTION, _UNCLIPPED, _TEXT_SWITCH, _TEXT_NUMBER)


class Unresolved(Text):
    """A word of a command that only a running shell knows, as it was written, and why."""

    reason: str = ""


def unresolved(shown: str, line: int, reason: str) -> Unresolved:
    """The word `shown` of which only the reason is known why it has no value."""
    word = Unresolved(shown, line)
    word.reason = reason
    return word


def decoded(path: str, text: str | None = None) -> Document:
    """What a config file (or its `text`) holds, JSON or YAML by its first character. Raises `InputError`."""
    text = read_text(path) if text is None else text
    # YAML reads JSON too, but says less of what is wrong with it.
    return parse_json(text, path) if text.lstrip().startswith(("{", "[")) else parse_yaml(text, path)


def is_default(fact: Fact) -> bool:
    """Whether nobody wrote this value: it is what the program takes when a setting is left out."""
    return fact.origin.endswith(" default")


def is_firm(fact: Fact) -> bool:
    """Whether no other file can make this unknown fact known."""
    return not fact.is_known and fact.reason.startswith(_FIRM)


def contradiction(facts: list[Fact]) -> Fact:
    """The unknown fact of a setting that files give different values."""
    said = " and ".join(f"`{fact.value}` ({fact.origin})" for fact in facts)
    return unknown(_CONTRADICTION + said, ", ".join(fact.origin for fact in facts))


def unclipped(origin: str) -> Fact:
    """What is known of clipping where DeepSpeed is not told: its default was 0 (off) up to 0.19.0 and is 1.0 in 0.19.6."""
    return unknown(_UNCLIPPED + "and DeepSpeed's default differs between its versions", origin)


def text_switch(shown: str, origin: str) -> Fact:
    """What is known of a switch that holds a non-empty text: some versions take any text as true, later ones read it."""
    return unknown(_TEXT_SWITCH + f"`{shown}`", origin)


def text_number(shown: str, origin: str) -> Fact:
    """The unknown fact of a number that was written as a text, by a reader of a program that does not convert it."""
    return unknown(_TEXT_NUMBER + f"`{shown}`", origin)


class Section:
    """One mapping of a config file, its settings read by type; a setting that is left out or null is None."""

    def __init__(self, settings: Mapping[Any, Any], path: str, owner: str, *, lenient: bool = False) -> None:
        self.settings = settings
        self.path = path
        self.owner = owner
        """Whose defaults hold here, for their origins (`DeepSpeed's`)."""
        self.lenient = lenient
        """Whether these are arguments of a command: all are texts, `1` is a boolean, and what a script makes of a value
        that looks wrong is not known, so that it is unknown and no error.
        """

    def owned(self, owner: str) -> Section:
        """The same settings under another program's defaults."""
        return Section(self.settings, self.path, owner, lenient=self.lenient)

    def raw(self, key: str) -> Any:
        """The value as `documents` built it; None where it is left out or null."""
        return self.settings.get(key)

    def inner(self, key: str) -> Section:
        """The mapping under a key, empty where there is none. Raises `InputError` for anything else."""
        value = self.raw(key)
        if value is None or self.lenient and not isinstance(value, dict):
            return Section({}, self.path, self.owner, lenient=self.lenient)
        if not isinstance(value, dict):
            raise self.wrong(key, "a mapping", "indent its settings below it, or write them in braces")
        return Section(value, self.path, self.owner, lenient=self.lenient)

    def origin(self, key: str) -> str:
        """The line of a setting's value, or of its key."""
        line = line_of(self.raw(key)) or next((line_of(name) for name in self.settings if name == key), None)
        return f"{self.path}:{line}" if line else self.path

    def default(self, value: Scalar) -> Fact:
        """What holds where the setting is left out."""
        return Fact(value, f"{self.path}: {self.owner} default")

    def word(self, key: str) -> Fact | None:
        """A text as it stands, an empty one as None. Raises `InputError` for a list or mapping."""
        text = self._text(key, "one text")
        return (self._open(key, text) or Fact(str(text), self.origin(key))) if text else None

    def switch(self, key: str) -> Fact | None:
        """`true` or `false` in YAML 1.1's spellings, or unknown for `auto`. Raises `InputError`, also for a quoted `"false"`."""
        text = self._text(key, "true or false")
        if text is None:
            return None
        value = boolean(text) or (_ARGUMENT_SWITCH.get(text.lower()) if self.lenient else None)
        if value is not None:
            return Fact(value, self.origin(key))
        hint = "write it without quotes; any quoted text counts as true" if text.lower() in _TRUE + _FALSE else "write `true` or `false`"
        return self._open(key, text) or self._raise(key, "true or false", hint)

    def number(self, key: str) -> Fact | None:
        """A finite number, whole ones as int. Raises `InputError`."""
        text = self._text(key, "a number")
        if text is None:
            return None
        value = float(text.replace("_", "")) if _NUMBER.fullmatch(text) else math.nan
        if math.isfinite(value):
            return Fact(int(value) if value.is_integer() and abs(value) < _LARGEST else value, self.origin(key))
        return self._open(key, text) or self._raise(key, "a finite number", "write for example `4` or `2e-5`")

    def whole(self, key: str) -> Fact | None:
        """A whole number. Raises `InputError`."""
        fact = self.number(key)
        if fact is not None and fact.is_known and not isinstance(fact.value, int):
            return self._raise(key, "a whole number", "write for example `4`")
        return fact

    def wrong(self, key: str, wanted: str, hint: str) -> InputError:
        """The error of a setting whose value is of the wrong type."""
        value = self.raw(key)
        found = "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else f"`{_shown(value)}`"
        return InputError(f"`{key}` is {found}, not {wanted}", where=self.origin(key), hint=hint)

    def _text(self, key: str, wanted: str) -> Text | None:
        value = self.raw(key)
        if value is None or isinstance(value, Text):
            return value
        if self.lenient:
            return None
        raise self.wrong(key, wanted, f"give `{key}` one value")

    def _open(self, key: str, text: Text) -> Fact | None:
        """Unknown, because something else decides; None for a value that stands."""
        if text == "auto":
            return unknown(AUTO, self.origin(key))
        if isinstance(text, Unresolved):
            return unknown(text.reason, self.origin(key))
        return unknown(f"`{_shown(text)}` is filled in elsewhere", self.origin(key)) if _PLACEHOLDER.search(text) else None

    def _raise(self, key: str, wanted: str, hint: str) -> Fact:
        if self.lenient:
            return unknown(f"`{_shown(self.raw(key))}` is not {wanted}", self.origin(key))
        raise self.wrong(key, wanted, hint)


def boolean(text: Any) -> str | None:
    """`true` or `false` for an unquoted boolean of JSON or YAML 1.1 (`yes`, `Off`), else None."""
    if not isinstance(text, Text) or text.quoted:
        return None
    return "true" if text.lower() in _TRUE else "false" if text.lower() in _FALSE else None


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
