"""A safetensors file -> its tensors. Nothing in the header is believed before it is checked against the file's size."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping

from envcheck import documents
from envcheck.errors import InputError
from envcheck.weights.dtypes import DTYPES
from envcheck.weights.tensors import Contents, Problem, Tensor

LIMIT_BYTES = 100_000_000
"""The largest header that the format allows (safetensors' own MAX_HEADER_SIZE)."""
_AGAIN = "download or save it again"

NAMES: Dict[str, str] = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "F4": "float4_e2m1",
    "C64": "complex64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}


def read(path: str) -> Contents:
    """The tensors of a file; those that its header lies about are problems. Raises `InputError` where no header can be had, `OSError`."""
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        first = stream.read(8)
        length = int.from_bytes(first, "little")
        if len(first) < 8 or length > size - 8:
            raise InputError(f"is truncated or no safetensors file: its header should have {length:,} bytes, the file has {size:,}", where=path, hint=_AGAIN)
        if length > LIMIT_BYTES:
            raise InputError(f"has a header of {length:,} bytes, more than the format allows", where=path, hint="do not load it; " + _AGAIN)
        raw = stream.read(length)
    held = _header(raw, path)
    contents = Contents(path, "safetensors")
    for name, row in held.items():
        try:
            contents.tensors.append(_tensor(name, row, path, 8 + length))
        except (ValueError, KeyError, TypeError) as error:
            contents.problems.append(Problem(path, f"tensor `{name[:200]}`: {_reason(error)}", _AGAIN))
    contents.tensors.sort(key=lambda tensor: tensor.offset)
    contents.problems += _gaps(contents.tensors, 8 + length, size, path)
    contents.tensors = [tensor for tensor in contents.tensors if tensor.offset + tensor.nbytes <= size]
    return contents


def _header(raw: bytes, path: str) -> Mapping[str, Any]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("is no safetensors file: its header is not text", where=path, hint=_AGAIN) from None
    held = documents.plain_json(text, path)
    if not isinstance(held, dict):
        raise InputError("is no safetensors file: its header is no mapping", where=path, hint=_AGAIN)
    held.pop("__metadata__", None)
    return held


def _tensor(name: str, row: Any, path: str, base: int) -> Tensor:
    if row["dtype"] not in NAMES:
        raise ValueError(f"data type `{str(row['dtype'])[:40]}` is not known")
    dtype = NAMES[row["dtype"]]
    shape: List[int] = row["shape"]
    begin, end = row["data_offsets"]
    if not all(type(one) is int and one >= 0 for one in (*shape, begin, end)):
        raise ValueError("its shape or offsets are not whole numbers from 0 on")
    tensor = Tensor(name, dtype, tuple(shape), path, base + begin, end - begin)
    needed = tensor.numel * DTYPES[dtype].size // DTYPES[dtype].block
    if needed != tensor.nbytes:
        raise ValueError(f"its shape {shape} needs {needed:,} bytes, its offsets give it {tensor.nbytes:,}")
    return tensor


def _reason(error: Exception) -> str:
    return str(error) if type(error) is ValueError else "its header has no sound `dtype`, `shape` and `data_offsets`"


def _gaps(tensors: List[Tensor], begin: int, size: int, path: str) -> List[Problem]:
    """Overlaps, holes and a wrong end: the format wants tensors to follow each other up to the end of the file."""
    problems: List[Problem] = []
    at, before = begin, ""
    for tensor in tensors:
        if tensor.offset < at:
            problems.append(Problem(path, f"tensors `{before}` and `{tensor.name}` overlap", _AGAIN))
        at, before = max(at, tensor.offset + tensor.nbytes), tensor.name
    if at > size:
        beyond = [tensor.name for tensor in tensors if tensor.offset + tensor.nbytes > size]
        lost = f"{len(beyond)} of {len(tensors)} tensors are not whole, first `{beyond[0]}`"
        problems.append(Problem(path, f"is truncated: it ends {at - size:,} bytes too early; {lost}", _AGAIN))
    elif tensors and at < size:
        problems.append(Problem(path, f"has {size - at:,} bytes after its last tensor; loaders refuse it", _AGAIN))
    return problems
