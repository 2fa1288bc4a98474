"""What `torch.save` wrote -> its tensors, without unpickling: the pickle is followed as a description, the storages lie raw in the zip."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from typing import Any, BinaryIO, Dict, Iterator, List, NamedTuple, Optional, Tuple

from envcheck import pickles
from envcheck.errors import InputError
from envcheck.pickles import Made, Named, Persistent
from envcheck.weights import trust
from envcheck.weights.dtypes import DTYPES
from envcheck.weights.tensors import Contents, Problem, Tensor

_LIMIT_BYTES = 1 << 28
"""Of the pickle alone: that of a model has some 100 kB."""
_LIMIT_OPCODES = 20_000_000
_MOST_NODES = 5_000_000
AGAIN = "copy it again from where it was saved"

_STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "int8",
    "QUInt8Storage": "uint8",
    "QInt32Storage": "int32",
    "UntypedStorage": "uint8",
}


class _Storage(NamedTuple):
    dtype: str
    key: str


class _Part(io.RawIOBase):
    """A stretch of a file as a file of its own."""

    def __init__(self, stream: BinaryIO, begin: int, length: int) -> None:
        self.stream, self.begin, self.length, self.at = stream, begin, length, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = max(0, offset + (0, self.at, self.length)[whence])
        return self.at

    def readinto(self, buffer: Any) -> int:
        self.stream.seek(self.begin + self.at)
        taken = self.stream.read(max(0, min(len(buffer), self.length - self.at)))
        buffer[: len(taken)] = taken
        self.at += len(taken)
        return len(taken)


def read(path: str) -> Contents:
    """The tensors of a file. Raises `InputError` where it cannot be followed or must not be trusted, `OSError`."""
    with open(path, "rb") as stream:
        if stream.read(4) != b"PK\x03\x04":
            return _without_zip(stream, path)
        return read_part(stream, path, 0, os.path.getsize(path))


def read_part(stream: BinaryIO, path: str, begin: int, length: int) -> Contents:
    """The same of a zip that lies within a file, as each part of a distributed checkpoint does."""
    contents = Contents(path, "torch")
    try:
        part = _Part(stream, begin, length)
        with zipfile.ZipFile(part) as archive:
            root = _archive_root(archive, path)
            value = _follow(_pickle(archive, root, path), path, contents.imports)
            places = {one.filename: one for one in archive.infolist()}
            if _text(archive, places, root + "byteorder") == "big":
                raise InputError("was saved on a big-endian machine; its tensors are not read", where=path, hint="save it again on a little-endian one")
            place(value, contents, _Places(part, root, places))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InputError(f"is damaged or truncated: {error}", where=path, hint=AGAIN) from None
    return contents


def _text(archive: zipfile.ZipFile, places: Dict[str, zipfile.ZipInfo], name: str) -> str:
    return archive.read(name)[:16].decode("latin-1").strip() if name in places else ""


def _archive_root(archive: zipfile.ZipFile, path: str) -> str:
    name = next((one for one in archive.namelist() if one == "data.pkl" or one.endswith("/data.pkl")), None)
    if name is None:
        raise InputError("is a zip without `data.pkl`, so nothing that torch.save wrote", where=path, hint="name checkpoints only")
    if name[:-8] + "constants.pkl" in archive.namelist():
        raise InputError("is a TorchScript archive; its weights are not read", where=path, hint="scan the checkpoint that it was made from")
    return name[:-8]


def _pickle(archive: zipfile.ZipFile, root: str, path: str) -> bytes:
    with archive.open(root + "data.pkl") as member:
        raw = member.read(_LIMIT_BYTES + 1)
    if len(raw) > _LIMIT_BYTES:
        raise InputError(f"holds a pickle of more than {_LIMIT_BYTES >> 20} MiB", where=path, hint="do not load it")
    return raw


def _without_zip(stream: BinaryIO, path: str) -> Contents:
    """What torch before 1.6 wrote; of any other file that is no zip it is said what it is, and a pickle that would run code is named."""
    from envcheck.weights import legacy

    stream.seek(0)
    raw = stream.read(1 << 24)
    if not raw:
        raise InputError("is empty", where=path, hint=AGAIN)
    if raw.startswith(b"version https://git-lfs"):
        raise InputError("is a Git LFS pointer, not the weights", where=path, hint="`git lfs pull` brings them")
    if raw[:1] != b"\x80" or len(raw) < 2 or raw[1] > 5:
        raise InputError("is nothing that torch.save wrote", where=path, hint="is it truncated, or another format?")
    if _follow(raw, path, []) == legacy.MAGIC:
        return legacy.read(stream, path)
    raise InputError("is a plain pickle, not what torch.save writes", where=path, hint=_HOW)


_HOW = "load such a file only with `torch.load(..., weights_only=True)`"


def follow(raw: bytes, path: str) -> Any:
    """What a pickle holds, as descriptions. Raises `InputError` for one that would run code."""
    return _follow(raw, path, [])


def _follow(raw: bytes, path: str, imports: List[str]) -> Any:
    return follow_next(io.BytesIO(raw), path, imports)


def follow_next(stream: io.BytesIO, path: str, imports: List[str]) -> Any:
    """What the next pickle of a stream holds, names of other packages noted in `imports`. Raises `InputError`."""
    too_much = InputError("holds a pickle of too many steps", where=path, hint="do not load it")
    try:
        return pickles.follow(stream, lambda named: trust.allowed(named, path, imports), too_much, _LIMIT_OPCODES)
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - pickletools raises whatever its decoders raise on damaged bytes
        raise InputError(f"holds a pickle that cannot be followed: {str(error)[:120] or type(error).__name__}", where=path, hint=AGAIN) from None


class _Places:
    """Where the storages of an archive lie in the file."""

    def __init__(self, part: _Part, root: str, members: Dict[str, zipfile.ZipInfo]) -> None:
        self.stream, self.begin, self.end = part.stream, part.begin, part.begin + part.length
        self.root, self.members = root, members
        self.found: Dict[str, Tuple[int, int]] = {}

    def __getitem__(self, key: str) -> Tuple[int, int]:
        """Offset and length of a storage. Raises `ValueError` with the reason where there is none."""
        if key not in self.found:
            self.found[key] = self._look_up(key)
        return self.found[key]

    def _look_up(self, key: str) -> Tuple[int, int]:
        member = self.members.get(f"{self.root}data/{key}")
        if member is None:
            raise ValueError(f"its storage `{key}` is missing")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"its storage `{key}` is compressed")
        self.stream.seek(self.begin + member.header_offset)
        local = self.stream.read(30)
        if local[:4] != b"PK\x03\x04":
            raise ValueError(f"its storage `{key}` is not where the archive says")
        # The local header may be padded otherwise than the central one: torch aligns storages there.
        skipped = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
        begin = self.begin + member.header_offset + 30 + skipped
        if begin + member.file_size > self.end:
            raise ValueError(f"its storage `{key}` is cut off by the end of the file")
        return begin, member.file_size


def place(value: Any, contents: Contents, places: Any) -> None:
    """Add the tensors of what was loaded, or why one is not sound; `places` has the offset and length of each storage."""
    for name, made in tensors(value):
        try:
            tensor = _tensor(name, made, contents.path, places)
        except (ValueError, TypeError, IndexError, KeyError) as error:
            reason = str(error) if type(error) is ValueError else "its description is not sound"
            contents.problems.append(Problem(contents.path, f"tensor `{name}`: {reason}", AGAIN))
            continue
        if tensor is not None:
            contents.tensors.append(tensor)


def tensors(value: Any) -> Iterator[Tuple[str, Made]]:
    """Every tensor in what was loaded, with its path; a container that is shared is seen once."""
    pending: List[Tuple[str, Any]] = [("", value)]
    seen: Dict[int, Any] = {}
    while pending:
        name, one = pending.pop()
        if isinstance(one, (dict, list, tuple, Made)):
            if id(one) in seen and not (isinstance(one, Made) and one.of.name.startswith("_rebuild")):
                continue
            seen[id(one)] = one
        if len(seen) > _MOST_NODES:
            return
        if isinstance(one, Made) and one.of.name.startswith("_rebuild_") and one.of.module.startswith("torch"):
            inner = _rebuilt(one)
            if inner is one:
                yield name or "tensor", one
            elif inner is not None:
                pending.append((name, inner))
        else:
            pending += reversed([(f"{name}.{key}" if name else key, inner) for key, inner in children(one)])


def _rebuilt(made: Made) -> Any:
    """A tensor itself, the one that a parameter wraps, what a sparse one is made of; None where that is not to be seen."""
    arguments = made.arguments
    if made.of.name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor"):
        return made
    if not isinstance(arguments, tuple):
        return None
    if made.of.name.startswith("_rebuild_parameter"):
        return arguments[0] if arguments else None
    if made.of.name == "_rebuild_from_type_v2" and len(arguments) > 2 and isinstance(arguments[0], Named):
        return Made(arguments[0], arguments[2])  # a subclass: the function and the arguments that make its tensor
    return arguments


def children(one: Any) -> Iterator[Tuple[str, Any]]:
    """What a description holds, by key, attribute or place."""
    if isinstance(one, dict):
        yield from ((_shown(key), inner) for key, inner in one.items())
    elif isinstance(one, (list, tuple)) and not isinstance(one, Named):
        yield from ((str(at), inner) for at, inner in enumerate(one))
    elif isinstance(one, Made):
        yield from children(one.items)
        yield from children(one.elements)
        yield from children(one.state if not isinstance(one.state, tuple) else list(one.state))
        if isinstance(one.arguments, tuple) and one.of.module not in ("collections",):
            yield from children(one.arguments)


def _shown(key: Any) -> str:
    return str(key)[:200] if isinstance(key, (str, int)) else "?"


def _tensor(name: str, made: Made, path: str, places: Any) -> Optional[Tensor]:
    arguments: Any = made.arguments
    stored = storage(arguments[0])
    start, shape, stride = arguments[1], tuple(arguments[2]), tuple(arguments[3])
    if made.of.name == "_rebuild_tensor_v3":
        stored = stored._replace(dtype=str(arguments[6].name))
    if stored.dtype not in DTYPES:
        raise ValueError(f"data type `{stored.dtype[:40]}` is not known")
    if len(shape) != len(stride) or not all(type(one) is int and one >= 0 for one in (start, *shape, *stride)):
        raise ValueError("its shape, strides or offset are not whole numbers from 0 on")
    if 0 in shape:
        return None
    begin, length = places[stored.key]
    width = DTYPES[stored.dtype].size
    # What it spans of its storage: all of it for a whole tensor, with what lies between for a slice.
    spanned = 1 + sum((size - 1) * step for size, step in zip(shape, stride))
    if (start + spanned) * width > length:
        raise ValueError(f"its shape {list(shape)} needs {(start + spanned) * width:,} bytes, its storage has {length:,}")
    return Tensor(name, stored.dtype, shape, path, begin + start * width, spanned * width)


def storage(one: Any) -> _Storage:
    """What tensors lie in. Raises `ValueError`; torch keeps `("storage", type, key, device, count)`."""
    argument = one.argument if isinstance(one, Persistent) else None
    if not isinstance(argument, tuple) or len(argument) < 5 or argument[0] != "storage" or not isinstance(argument[1], Named):
        raise ValueError("it has no storage that can be followed")
    return _Storage(_STORAGES.get(argument[1].name, argument[1].name), str(argument[2]))
