"""A checkpoint of torch.distributed.checkpoint: `.metadata` says what part of which tensor lies where in the `.distcp` files."""

from __future__ import annotations

import os
from typing import Any, BinaryIO, Dict, Iterator, List, NamedTuple, Tuple

from envcheck.errors import InputError
from envcheck.pickles import Made
from envcheck.weights import torchfile
from envcheck.weights.tensors import Contents, Problem

_LIMIT_BYTES = 1 << 28
_AGAIN = "copy the checkpoint again from where it was saved"


class _Stored(NamedTuple):
    name: str
    path: str
    offset: int
    length: int


def read(path: str) -> List[Contents]:
    """The tensors of the checkpoint that a `.metadata` file describes, one item a file. Raises `InputError`, `OSError`."""
    folder = os.path.dirname(path)
    if os.path.getsize(path) > _LIMIT_BYTES:
        raise InputError(f"is larger than {_LIMIT_BYTES >> 20} MiB", where=path, hint="is this the metadata of a checkpoint?")
    with open(path, "rb") as stream:
        stored = list(_stored(torchfile.follow(stream.read(), path)))
    if not stored:
        raise InputError("describes no checkpoint", where=path, hint=_AGAIN)
    by_file: Dict[str, List[_Stored]] = {}
    for one in stored:
        by_file.setdefault(one.path, []).append(one)
    return [_file(os.path.join(folder, name), parts) for name, parts in sorted(by_file.items())]


def _stored(metadata: Any) -> Iterator[_Stored]:
    state = _attributes(metadata)
    for index, place in _attributes(state.get("storage_data")).items():
        where, which = _attributes(place), _attributes(index)
        path, offset, length = where.get("relative_path"), where.get("offset"), where.get("length")
        if isinstance(path, str) and type(offset) is int and type(length) is int and offset >= 0 and length >= 0:
            yield _Stored(str(which.get("fqn", "?"))[:200], path, offset, length)


def _attributes(one: Any) -> Dict[Any, Any]:
    if isinstance(one, Made):
        return {**one.items, **(one.state if isinstance(one.state, dict) else {})}
    return one if isinstance(one, dict) else {}


def _file(path: str, parts: List[_Stored]) -> Contents:
    contents = Contents(path, "distcp")
    if os.path.isabs(parts[0].path) or ".." in parts[0].path.split("/"):
        contents.problems.append(Problem(path, "lies outside of the checkpoint's folder; it is not read", _AGAIN))
        return contents
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as stream:
            for part in sorted(parts, key=lambda one: one.offset):
                _part(stream, size, part, contents)
    except OSError as error:
        contents.problems.append(Problem(path, f"a part of the checkpoint cannot be read: {error.strerror}", _AGAIN))
    return contents


def _part(stream: BinaryIO, size: int, part: _Stored, contents: Contents) -> None:
    if part.offset + part.length > size:
        contents.problems.append(Problem(contents.path, f"is truncated: `{part.name}` ends behind the end of the file", _AGAIN))
        return
    stream.seek(part.offset)
    if stream.read(4) != b"PK\x03\x04":
        return  # the bytes of an object that is no tensor
    try:
        inner = torchfile.read_part(stream, contents.path, part.offset, part.length)
    except InputError as error:
        contents.problems.append(Problem(contents.path, f"`{part.name}` {error.message}", error.hint))
        return
    whole: Tuple[bool, ...] = tuple(tensor.name == "tensor" for tensor in inner.tensors)
    contents.tensors += [tensor._replace(name=part.name if is_whole else f"{part.name}.{tensor.name}") for is_whole, tensor in zip(whole, inner.tensors)]
    contents.problems += inner.problems
