"""What `torch.save` wrote before torch 1.6: five pickles in a row, and behind them the storages, each with its count."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import Any, BinaryIO, Dict, List, Tuple

from envcheck.errors import InputError
from envcheck.weights import torchfile
from envcheck.weights.dtypes import DTYPES
from envcheck.weights.tensors import Contents

MAGIC = 0x1950A86A20F9469CFC6C
_LIMIT_BYTES = 1 << 24
"""Of the pickles: those of a model have some 100 kB, the storages are not in them."""


class _Places(Dict[str, Tuple[int, int]]):
    """Offset and length of each storage."""

    def __missing__(self, key: str) -> Tuple[int, int]:
        raise ValueError(f"its storage `{key}` is missing or behind the end of the file")


def read(stream: BinaryIO, path: str) -> Contents:
    """The tensors of such a file. Raises `InputError` where it cannot be followed or must not be trusted, `OSError`."""
    stream.seek(0)
    pickles = io.BytesIO(stream.read(_LIMIT_BYTES))
    contents = Contents(path, "torch")
    _, _, system, value, keys = (torchfile.follow_next(pickles, path, contents.imports) for _ in range(5))
    if not isinstance(system, dict) or not isinstance(keys, list):
        raise InputError("is damaged: its pickles are not those that torch.save writes", where=path, hint=torchfile.AGAIN)
    if system.get("little_endian") is False:
        raise InputError("was saved on a big-endian machine; its tensors are not read", where=path, hint="save it again on a little-endian one")
    torchfile.place(value, contents, _places(stream, pickles.tell(), [str(key) for key in keys], _widths(value)))
    return contents


def _widths(value: Any) -> Dict[str, int]:
    """Bytes of an element of each storage that a tensor uses."""
    found = {}
    for _, made in torchfile.tensors(value):
        # A tensor without a storage is told when it is placed.
        with suppress(ValueError, TypeError, IndexError):
            storage = torchfile.storage(made.arguments[0])
            if storage.dtype in DTYPES:
                found[storage.key] = DTYPES[storage.dtype].size
    return found


def _places(stream: BinaryIO, begin: int, keys: List[str], widths: Dict[str, int]) -> _Places:
    """Where the storages lie, up to the first whose end cannot be told."""
    size = os.fstat(stream.fileno()).st_size
    found = _Places()
    for key in keys:
        stream.seek(begin)
        count = int.from_bytes(stream.read(8), "little", signed=True)
        begin += 8
        if key not in widths or count < 0 or begin + count * widths[key] > size:
            break
        found[key] = begin, count * widths[key]
        begin += count * widths[key]
    return found
