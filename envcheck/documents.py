"""The only place that reads text files, YAML and JSON: bytes in, plain values with line numbers out.

Scalars stay strings (`Text`), because the usual YAML loader turns `3.10` into `3.1`, `no` into False and `2e-5` into a
string; two equal keys are an error, because it would keep the last one silently.
"""

from __future__ import annotations

import codecs
import json
import os
import stat
from pathlib import Path
from typing import Any, Dict, List, Optional, Union

from envcheck.errors import InputError

LIMIT_BYTES = 8 << 20
"""No requirements file, config or entry that people keep comes near 8 MiB; what does is the wrong file."""
_LIMIT_NODES = 200_000
_NULL_TAG = "tag:yaml.org,2002:null"
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


Document = Union[Text, None, List[Any], Dict[Text, Any]]


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
            raw = stream.read(limit + 1)
    except IsADirectoryError:
        raise InputError("is a folder, not a file", where=where, hint="name the file in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be read: {reason}", where=where, hint="check the path and its permissions") from None
    if len(raw) > limit:
        raise _too_large(where, limit)
    return _decode(raw, where)


def _too_large(where: str, limit: int) -> InputError:
    return InputError(f"is larger than {limit >> 20} MiB", where=where, hint="is this the file you meant?")


# The longer marks first: UTF-32 LE begins with UTF-16 LE's mark.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def _decode(raw: bytes, where: str) -> str:
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in raw[:_BINARY_SAMPLE]:
        raise InputError("is a binary file", where=where, hint="envcheck reads text: a requirements file, YAML or JSON")
    try:
        return raw.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"is not UTF-8 (byte 0x{raw[error.start]:02x})", where=f"{where}:{line}",
                         hint="save it as UTF-8, for example with `iconv -f GB18030 -t UTF-8`") from None


def parse_yaml(text: str, where: str, *, aliases: bool = True) -> Document:
    """The one document of a YAML text, scalars as `Text`, null as None, an empty text as None.

    `aliases=False` refuses anchors altogether (entries have no use for them). Raises `InputError` with the line for
    malformed YAML, repeated keys, keys that are no scalars, several documents, and aliases that expand without end.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(_printable(text, where))
    try:
        node = loader.get_single_node()
        return None if node is None else _Builder(where, aliases).build(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InputError(f"is not valid YAML: {error.problem or error.context}",
                         where=f"{where}:{mark.line + 1}" if mark else where, hint="check indentation, quotes and brackets there") from None
    except yaml.YAMLError as error:
        raise InputError(f"is not valid YAML: {str(error).splitlines()[0]}", where=where) from None
    except RecursionError:
        raise InputError("is nested too deeply", where=where, hint="is this the file you meant?") from None
    finally:
        loader.dispose()


def _printable(text: str, where: str) -> str:
    # The C loader reports a control character without its line.
    for number, line in enumerate(text.split("\n"), 1):
        if any(ord(char) < 32 and char != "\t" for char in line):
            raise InputError("holds a control character", where=f"{where}:{number}", hint="remove it; YAML allows only printable text")
    return text


class _Builder:
    """Turns composed YAML nodes into plain values, counting them so that an alias bomb ends early."""

    def __init__(self, where: str, aliases: bool) -> None:
        self.where = where
        self.aliases = aliases
        self.built = 0
        self.open: List[int] = []
        self.seen: Dict[int, Any] = {}

    def build(self, node: Any) -> Any:
        line = node.start_mark.line + 1
        self._count(node, line)
        if node.id == "scalar":
            quoted = node.style is not None
            return None if node.tag == _NULL_TAG and not quoted else Text(node.value, line, quoted)
        self.open.append(id(node))
        built = self._mapping(node) if node.id == "mapping" else [self.build(item) for item in node.value]
        self.open.pop()
        return built

    def _count(self, node: Any, line: int) -> None:
        self.built += 1
        if self.built > _LIMIT_NODES:
            raise self._error(line, "its aliases expand to too many values", "write the values out, or name a smaller file")
        if id(node) in self.open:
            raise self._error(line, "an alias contains itself", "write the values out")
        if not self.aliases and id(node) in self.seen:
            raise self._error(line, "anchors and aliases are not allowed here", "write the values out")
        self.seen[id(node)] = node

    def _mapping(self, node: Any) -> Dict[Text, Any]:
        built: Dict[Text, Any] = {}
        merged: Dict[Text, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.id != "scalar":
                raise self._error(line, "a key is not a plain word", "quote it, or check the indentation")
            key = Text(key_node.value, line, key_node.style is not None)
            if key == "<<" and not key.quoted:
                merged.update(self._merge(value_node, line))
                continue
            if key in built:
                raise self._error(line, f"`{key}` stands here twice", "keep one of them")
            built[key] = self.build(value_node)
        return {**merged, **built} if merged else built

    def _merge(self, node: Any, line: int) -> Dict[Text, Any]:
        value = self.build(node)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise self._error(line, "`<<` merges something that is no mapping", "write the values out")
        return {key: inner for part in reversed(parts) for key, inner in part.items()}

    def _error(self, line: int, message: str, hint: str) -> InputError:
        return InputError(message, where=f"{self.where}:{line}", hint=hint)


def parse_json(text: str, where: str) -> Document:
    """The value of a JSON text, shaped as `parse_yaml` shapes it: every scalar a `Text` with its line.

    Raises `InputError` with the line for malformed JSON and repeated keys.
    """
    try:
        json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", None)
        raise InputError(f"is not valid JSON: {getattr(error, 'msg', error)}", where=f"{where}:{line}" if line else where,
                         hint="check commas, quotes and brackets there; JSON has no comments") from None
    except RecursionError:
        raise InputError("is nested too deeply", where=where, hint="is this the file you meant?") from None
    # JSON is YAML but for tabs, which JSON allows only between tokens.
    return parse_yaml(text.replace("\t", " "), where)
