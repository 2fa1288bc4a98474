"""A GGUF file -> its tensors (versions 2 and 3, little-endian)."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Dict, List, Tuple

from envcheck.errors import InputError
from envcheck.weights.dtypes import DTYPES
from envcheck.weights.tensors import Contents, Problem, Tensor

MAGIC = b"GGUF"
_AGAIN = "download it again"
# GGML's numbers of types.
_TYPES: Dict[int, str] = {
    0: "float32",
    1: "float16",
    2: "q4_0",
    3: "q4_1",
    6: "q5_0",
    7: "q5_1",
    8: "q8_0",
    10: "q2_k",
    11: "q3_k",
    12: "q4_k",
    13: "q5_k",
    14: "q6_k",
    15: "q8_k",
    24: "int8",
    25: "int16",
    26: "int32",
    27: "int64",
    28: "float64",
    30: "bfloat16",
}
# Sizes of the plain values of the metadata by their number; 8 is a string, 9 an array.
_PLAIN = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_MOST = 1_000_000
"""Tensors, or keys of metadata."""


class _Header:
    """Reads forward through a header; everything is checked against what is left of the file."""

    def __init__(self, stream: BinaryIO, path: str, size: int) -> None:
        self.stream, self.path, self.size = stream, path, size

    def number(self, code: str) -> int:
        return int(struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0])

    def take(self, length: int) -> bytes:
        if length > self.size - self.stream.tell():
            raise InputError(f"is truncated: its header wants {length:,} bytes more than there are", where=self.path, hint=_AGAIN)
        return self.stream.read(length)

    def text(self) -> str:
        return self.take(self.number("Q")).decode("utf-8", "replace")

    def skip(self, kind: int, depth: int = 0) -> None:
        if kind == 8:
            self.take(self.number("Q"))
        elif kind == 9 and depth < 4:
            self._skip_array(depth)
        elif kind in _PLAIN:
            self.take(_PLAIN[kind])
        else:
            raise InputError(f"has metadata of type {kind}, which GGUF does not know", where=self.path, hint=_AGAIN)

    def _skip_array(self, depth: int) -> None:
        kind, length = self.number("I"), self.number("Q")
        if kind in _PLAIN:
            self.take(_PLAIN[kind] * length)
            return
        for _ in range(length):  # each takes at least 8 bytes, so a length that lies ends with the file
            self.skip(kind, depth + 1)


def read(path: str) -> Contents:
    """The tensors of a file; of types that are not known, a problem each. Raises `InputError` for a header that cannot be followed, `OSError`."""
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        header = _Header(stream, path, size)
        header.take(4)
        version = header.number("I")
        if version not in (2, 3):
            raise InputError(f"is GGUF version {version}, which is not read", where=path, hint="versions 2 and 3, little-endian, are read")
        tensors, keys = header.number("Q"), header.number("Q")
        if max(tensors, keys) > _MOST:
            raise InputError(f"says that it has {tensors:,} tensors and {keys:,} keys", where=path, hint=_AGAIN)
        alignment = _alignment(header, keys)
        rows = [_row(header) for _ in range(tensors)]
        base = -(-stream.tell() // alignment) * alignment
    return _contents(path, rows, base, size)


def _alignment(header: _Header, keys: int) -> int:
    alignment = 32
    for _ in range(keys):
        name, kind = header.text(), header.number("I")
        if name == "general.alignment" and kind == 4:
            alignment = header.number("I") or 32
        else:
            header.skip(kind)
    return alignment


_Row = Tuple[str, Tuple[int, ...], int, int]


def _row(header: _Header) -> _Row:
    name, dimensions = header.text(), header.number("I")
    if dimensions > 8:
        raise InputError(f"tensor `{name[:200]}` says that it has {dimensions} dimensions", where=header.path, hint=_AGAIN)
    shape = tuple(header.number("Q") for _ in range(dimensions))
    return name, shape, header.number("I"), header.number("Q")


def _contents(path: str, rows: List[_Row], base: int, size: int) -> Contents:
    contents = Contents(path, "gguf")
    for name, shape, kind, offset in rows:
        if kind not in _TYPES:
            contents.problems.append(Problem(path, f"tensor `{name[:200]}`: values of GGML type {kind} are not read"))
            continue
        tensor = Tensor(name, _TYPES[kind], shape, path, base + offset, 0)
        dtype = DTYPES[_TYPES[kind]]
        tensor = tensor._replace(nbytes=tensor.numel // dtype.block * dtype.size)
        if tensor.offset + tensor.nbytes > size:
            contents.problems.append(Problem(path, f"is truncated: tensor `{name[:200]}` ends behind the end of the file", _AGAIN))
        else:
            contents.tensors.append(tensor)
    return contents
