"""The only place that reads text files, YAML and JSON (TOML is `toml.py`): bytes in, plain values with line numbers out.

Scalars stay strings (`Text`), because the usual YAML loader turns `3.10` into `3.1`, `no` into False and `2e-5` into a
string; two equal keys are an error, because it would keep the last one silently.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import stat
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from envcheck.errors import InputError

PYTHON = re.compile(r"3\.[0-9]{1,3}(?:\.[0-9]{1,3})?")
"""A version of Python 3 as people and files write it."""
LIMIT_BYTES = 8 << 20
"""No requirements file, config or entry that people keep comes near 8 MiB; what does is the wrong file."""
_LIMIT_VALUES = 200_000
_LIMIT_DEPTH = 64
_BINARY_SAMPLE = 4096


class Text(str):
    """A scalar as it stands in the file, with its line and whether it was quoted."""

    line: int
    quoted: bool

    def __new__(cls, value: str, line: int = 0, quoted: bool = False) -> Text:
        text = super().__new__(cls, value)
        text.line = line
        text.quoted = quoted
        return text


Document = Union[Text, None, List[Any], Dict[str, Any]]


def line_of(value: Any) -> Optional[int]:
    """The line a value begins on, where that is known: of a Text itself, of a mapping's first key, of a list's first item."""
    if isinstance(value, Text):
        return value.line or None
    for inner in value if isinstance(value, (dict, list)) else ():
        return line_of(inner)
    return None


def read_text(path: Union[str, Path], *, limit: int = LIMIT_BYTES) -> str:
    """The text of a file: UTF-8, or UTF-16/32 with a byte order mark, line ends as `\\n`.

    Raises `InputError` for what cannot be read, is a folder, is larger than `limit` bytes, is binary or is in another encoding.
    """
    where = str(path)
    try:
        with open(path, "rb") as stream:
            status = os.fstat(stream.fileno())
            if stat.S_ISREG(status.st_mode) and status.st_size > limit:
                raise _too_large(where, limit)
            # A buffer of the whole limit costs milliseconds to fill with zeros; /proc says 0 of files that hold something.
            raw = stream.read((status.st_size or limit) + 1 if stat.S_ISREG(status.st_mode) else limit + 1)
    except IsADirectoryError:
        raise InputError("is a folder, not a file", where=where, hint="name the file in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "`/dev/stdin` reads what is piped in" if path == "-" else "check the path and its permissions"
        raise InputError(f"cannot be read: {reason}", where=where, hint=hint) from None
    if len(raw) > limit:
        raise _too_large(where, limit)
    return _decode(raw, where)


def _too_large(where: str, limit: int) -> InputError:
    return InputError(f"is larger than {limit >> 20} MiB", where=where, hint="is this the file you meant?")


# The longer marks first: UTF-32 LE begins with UTF-16 LE's mark.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _decode(raw: bytes, where: str) -> str:
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in raw[:_BINARY_SAMPLE]:
        raise InputError("is a binary file", where=where, hint="envcheck reads text: a requirements file, YAML or JSON")
    try:
        return raw.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"is not UTF-8 (byte 0x{raw[error.start]:02x})", where=f"{where}:{line}", hint="save it as UTF-8, for example with `iconv -f GB18030 -t UTF-8`"
        ) from None


def parse_yaml(text: str, where: str, *, aliases: bool = True) -> Document:
    """The one document of a YAML text, scalars as `Text`, null as None, an empty text as None.

    `aliases=False` refuses anchors altogether (entries have no use for them). Raises `InputError` with the line for
    malformed YAML, repeated keys, keys that are no scalars, several documents, and aliases that expand without end.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(_printable(text, where))
    try:
        return _Builder(loader, where, aliases).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(
            f"is not valid YAML: {error.problem or error.context}", where=where + line, hint="check indentation, quotes and brackets there"
        ) from None
    except yaml.YAMLError as error:
        raise InputError(f"is not valid YAML: {str(error).splitlines()[0]}", where=where) from None
    finally:
        loader.dispose()


def _printable(text: str, where: str) -> str:
    # The C loader reports a control character without its line.
    for number, line in enumerate(text.split("\n"), 1):
        if any(ord(char) < 32 and char != "\t" for char in line):
            raise InputError("holds a control character", where=f"{where}:{number}", hint="remove it; YAML allows only printable text")
    return text


_NULLS = frozenset(("", "~", "null", "Null", "NULL"))


class _Anchored(NamedTuple):
    value: Any
    size: int
    """Values in it, so that what its aliases expand to can be counted."""


class _Builder:
    """Builds plain values from YAML's events.

    NOTE: PyYAML's own composer, the C one, ends the process with a segmentation fault on some thousand nested brackets, and
    expands alias bombs; the event stream below it does neither.
    """

    def __init__(self, loader: Any, where: str, aliases: bool) -> None:
        self.loader = loader
        self.where = where
        self.aliases = aliases
        self.built = 0
        self.depth = 0
        self.anchored: Dict[str, Optional[_Anchored]] = {}

    def document(self) -> Document:
        import yaml

        self.loader.get_event()
        if self.loader.check_event(yaml.StreamEndEvent):
            return None
        self.loader.get_event()
        built: Document = self.value(self.loader.get_event())
        self.loader.get_event()
        if not self.loader.check_event(yaml.StreamEndEvent):
            raise self._error(self.loader.peek_event(), "is not valid YAML here: a second document begins", "keep one document in the file")
        return built

    def value(self, event: Any) -> Any:
        import yaml

        self._count(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self.built
        if event.anchor is not None:
            if not self.aliases:
                raise self._error(event, "anchors and aliases are not allowed here", "write the values out")
            self.anchored[event.anchor] = None
        built = self._scalar(event) if isinstance(event, yaml.ScalarEvent) else self._collection(event, isinstance(event, yaml.MappingStartEvent))
        if event.anchor is not None:
            self.anchored[event.anchor] = _Anchored(built, self.built - before + 1)
        return built

    def _count(self, event: Any, values: int) -> None:
        self.built += values
        if self.built > _LIMIT_VALUES:
            raise self._error(event, "it holds, or its aliases expand to, too many values", "is this the file you meant?")

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self.anchored:
            raise self._error(event, f"is not valid YAML: the alias `*{event.anchor}` names no anchor", "write the value out")
        anchored = self.anchored[event.anchor]
        if anchored is None:
            raise self._error(event, "an alias contains itself", "write the values out")
        self._count(event, anchored.size)
        return anchored.value

    def _scalar(self, event: Any) -> Optional[Text]:
        quoted = event.style is not None and event.style != ""
        return None if not quoted and event.value in _NULLS else Text(event.value, event.start_mark.line + 1, quoted)

    def _collection(self, event: Any, mapping: bool) -> Any:
        self.depth += 1
        if self.depth > _LIMIT_DEPTH:
            raise self._error(event, "is nested too deeply", "is this the file you meant?")
        built = self._mapping() if mapping else self._sequence()
        self.depth -= 1
        return built

    def _sequence(self) -> List[Any]:
        import yaml

        built = []
        while not self.loader.check_event(yaml.SequenceEndEvent):
            built.append(self.value(self.loader.get_event()))
        self.loader.get_event()
        return built

    def _mapping(self) -> Dict[str, Any]:
        import yaml

        built: Dict[str, Any] = {}
        merged: Dict[str, Any] = {}
        while not self.loader.check_event(yaml.MappingEndEvent):
            event = self.loader.get_event()
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error(event, "a key is not a plain word", "quote it, or check the indentation")
            key = Text(event.value, line, bool(event.style))
            value = self.value(self.loader.get_event())
            if key == "<<" and not key.quoted:
                merged = {**self._merged(event, value), **merged}
            elif key in built:
                raise self._error(event, f"`{key}` stands here twice", "keep one of them")
            else:
                built[key] = value
        self.loader.get_event()
        return {**merged, **built} if merged else built

    def _merged(self, event: Any, value: Any) -> Dict[str, Any]:
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise self._error(event, "`<<` merges something that is no mapping", "write the values out")
        return {key: inner for part in reversed(parts) for key, inner in part.items()}

    def _error(self, event: Any, message: str, hint: str) -> InputError:
        return InputError(message, where=f"{self.where}:{event.start_mark.line + 1}", hint=hint)


class _Repeated(Exception):
    pass


def plain_json(text: str, where: str, *, first: int = 1) -> Any:
    """The value of a JSON text as the standard library gives it, numbers with a point as they are written: for files of many
    thousand values, whose lines nobody needs. `first` is the line of the file that the text begins on.

    Raises `InputError` with the line for malformed JSON and repeated keys.
    """
    try:
        # As they are written: a float would make `2.10` the version 2.1.
        return json.loads(text, object_pairs_hook=_unique, parse_float=str, parse_constant=str)
    except _Repeated as error:
        raise InputError(f"`{error}` stands twice in one object", where=where if first == 1 else f"{where}:{first}", hint="keep one of them") from None
    except ValueError as error:
        line = first + getattr(error, "lineno", 1) - 1
        raise InputError(
            f"is not valid JSON: {getattr(error, 'msg', error)}", where=f"{where}:{line}", hint="check commas, quotes and brackets there"
        ) from None
    except RecursionError:
        raise InputError("is nested too deeply", where=f"{where}:{first}", hint="is this the file you meant?") from None


def _unique(pairs: Sequence[Tuple[str, Any]]) -> Dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        keys = [key for key, _ in pairs]
        raise _Repeated(next(key for key in keys if keys.count(key) > 1))
    return built


def parse_json(text: str, where: str) -> Document:
    """The value of a JSON text, shaped as `parse_yaml` shapes it: every scalar a `Text` with its line.

    Raises `InputError` with the line for malformed JSON and repeated keys.
    """
    try:
        json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise InputError(
            f"is not valid JSON: {getattr(error, 'msg', error)}",
            where=f"{where}:{line}" if line else where,
            hint="check commas, quotes and brackets there; JSON has no comments",
        ) from None
    except RecursionError:
        raise InputError("is nested too deeply", where=where, hint="is this the file you meant?") from None
    # JSON is YAML but for tabs, which JSON allows only between tokens.
    return parse_yaml(text.replace("\t", " "), where)
