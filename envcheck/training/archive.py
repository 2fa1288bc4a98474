"""A saved `training_args.bin` -> TrainingArguments as settings, without unpickling: the opcodes are walked, nothing is imported or called.

What `torch.save` writes is a zip with `data.pkl` in it, or, before torch 1.6, several pickles in a row. Objects become
the mapping of their attributes, enumerations their value, everything else an opaque mark.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

from envcheck import pickles
from envcheck.documents import Text
from envcheck.errors import InputError
from envcheck.pickles import Made, Named

LIMIT_BYTES = 8 << 20
"""A real one has 5 kB."""
_LIMIT_OPCODES = 200_000
_MAGIC = b"PK\x03\x04"
# Where TrainingArguments, its enumerations and the values in it come from; anything else that a load would call is named.
_ROOTS = frozenset(
    ("transformers", "trl", "accelerate", "torch", "peft", "swift", "llamafactory", "llmtuner", "axolotl", "collections", "datetime", "pathlib", "enum")
)
_BUILTINS = frozenset(("set", "frozenset", "dict", "list", "tuple", "int", "float", "str", "bool", "object", "bytearray", "complex", "slice", "range"))
_HARMFUL_TORCH = frozenset(("torch.hub", "torch.utils.cpp_extension", "torch._inductor", "torch.package", "torch.jit", "torch.serialization"))


def is_archive(raw: bytes) -> bool:
    """Whether the bytes begin as a pickle or a zip of one does."""
    return raw.startswith((_MAGIC, b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"))


def settings(path: str) -> dict[str, Any]:
    """The arguments saved in a file, scalars as `Text` without lines.

    Raises `InputError` for a file that is damaged, holds no arguments, or would call something that arguments do not need.
    """
    for data in _pickles(path):
        state = _state(_walk(data, path))
        if state:
            return state
    raise InputError("holds no training arguments", where=path, hint="`training_args.bin` is the file that the Trainer saves beside a checkpoint")


def _pickles(path: str) -> list[bytes]:
    try:
        raw = _read(Path(path), path)
        return [_member(raw, path)] if raw.startswith(_MAGIC) else [raw]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise InputError(f"is damaged or cannot be read: {error}", where=path, hint="copy it again from where it was saved") from None


def _read(file: Path, path: str) -> bytes:
    with file.open("rb") as stream:
        raw = stream.read(LIMIT_BYTES + 1)
    if len(raw) > LIMIT_BYTES:
        raise InputError(f"is larger than {LIMIT_BYTES >> 20} MiB", where=path, hint="this may be a checkpoint; name its `training_args.bin`")
    return raw


def _member(raw: bytes, path: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        inner = next((one for one in archive.infolist() if one.filename.rpartition("/")[2] == "data.pkl"), None)
        if inner is None:
            raise InputError("is a zip without `data.pkl`", where=path, hint="`training_args.bin` is written by torch.save")
        if inner.file_size > LIMIT_BYTES:
            raise InputError("holds too much to be training arguments", where=path, hint="name a `training_args.bin`")
        with archive.open(inner) as stream:
            return stream.read(LIMIT_BYTES)


def _walk(data: bytes, path: str) -> list[Any]:
    """What each pickle in a row would load to."""
    stream = io.BytesIO(data)
    too_much = InputError("holds too much to be training arguments", where=path, hint="name a `training_args.bin`")
    found: list[Any] = []
    try:
        while stream.tell() < len(data) and len(found) < 8:
            found.append(pickles.follow(stream, lambda named: _checked(named, path), too_much, _LIMIT_OPCODES))
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - pickletools raises whatever its decoders raise on damaged bytes
        if not found:
            raise InputError(
                f"is no pickle that can be followed: {str(error) or type(error).__name__}", where=path, hint="is it a `training_args.bin`?"
            ) from None
    return found


_OPAQUE = object()


def _checked(named: Any, path: str) -> Named:
    if not isinstance(named, Named) or not _is_plain(named):
        raise InputError(
            f"holds a pickle that would call `{named if isinstance(named, Named) else 'something computed'}` when it is loaded; it was not loaded",
            where=path,
            hint="training arguments need no such call: do not load this file, and ask where it came from",
        )
    return named


def _is_plain(named: Named) -> bool:
    if named.module in ("builtins", "__builtin__"):
        return named.name in _BUILTINS
    if named.module in ("copyreg", "copy_reg"):
        return named.name == "_reconstructor"
    if "." in named.name or any(named.module == one or named.module.startswith(one + ".") for one in _HARMFUL_TORCH):
        return False
    # `__main__`: a script's own subclass; only its name is taken.
    return named.module == "__main__" or named.module.partition(".")[0] in _ROOTS


def _state(found: list[Any]) -> dict[str, Any]:
    """The attributes of the first object that looks like arguments, as a config file would hold them."""
    for one in found:
        state = one.state if isinstance(one, Made) else one
        if isinstance(state, dict) and {"output_dir", "learning_rate"} & set(state):
            return {Text(str(key)): value for key, value in ((key, _plain(value, 0)) for key, value in state.items()) if value is not _OPAQUE}
    return {}


def _plain(value: Any, depth: int) -> Any:
    if value is None or depth > 6:
        return None
    if isinstance(value, Made):
        return _made(value)
    if isinstance(value, dict):
        return {Text(str(key)): _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner, depth + 1) for inner in value]
    return Text(str(value)) if isinstance(value, (str, int, float, bool)) else _OPAQUE


def _made(value: Made) -> Any:
    """An enumeration is made from its one value (`IntervalStrategy('steps')`)."""
    arguments = value.arguments
    if isinstance(arguments, tuple) and len(arguments) == 1 and isinstance(arguments[0], str):
        return Text(arguments[0])
    return _OPAQUE
