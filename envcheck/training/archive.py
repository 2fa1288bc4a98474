"""A saved `training_args.bin` -> TrainingArguments as settings, without unpickling: the opcodes are walked, nothing is imported or called.

What `torch.save` writes is a zip with `data.pkl` in it, or, before torch 1.6, several pickles in a row. Objects become
the mapping of their attributes, enumerations their value, everything else an opaque mark.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from envcheck.documents import Text
from envcheck.errors import InputError

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


class _Named(NamedTuple):
    module: str
    name: str

    @property
    def is_plain(self) -> bool:
        if self.module in ("builtins", "__builtin__"):
            return self.name in _BUILTINS
        if self.module in ("copyreg", "copy_reg"):
            return self.name == "_reconstructor"
        if "." in self.name or any(self.module == one or self.module.startswith(one + ".") for one in _HARMFUL_TORCH):
            return False
        # `__main__`: a script's own subclass; only its name is taken.
        return self.module == "__main__" or self.module.partition(".")[0] in _ROOTS


class _Made:
    """An object that a load would make: of what, from which arguments, with which attributes."""

    def __init__(self, of: Any, arguments: Any) -> None:
        self.of = of
        self.arguments = arguments
        self.state: Any = None


class _Mark:
    """Where a collection begins on the stack."""


_MARK = _Mark()
_OPAQUE = object()


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
    found: list[Any] = []
    try:
        while stream.tell() < len(data) and len(found) < 8:
            found.append(_Machine(path).run(stream))
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 - pickletools raises whatever its decoders raise on damaged bytes
        if not found:
            raise InputError(
                f"is no pickle that can be followed: {str(error) or type(error).__name__}", where=path, hint="is it a `training_args.bin`?"
            ) from None
    return found


class _Machine:
    """A pickle machine whose objects are only descriptions."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: io.BytesIO) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count > _LIMIT_OPCODES:
                raise InputError("holds too much to be training arguments", where=self.path, hint="name a `training_args.bin`")
            if opcode.name == "STOP":
                return self.stack.pop()
            self._step(opcode.name, argument)
        return None

    def _step(self, name: str, argument: Any) -> None:
        if name in _IGNORED:
            return
        step = getattr(self, f"op_{name.lower()}", None)
        if step is not None:
            step(argument)
        elif name in _VALUES:
            self.stack.append(_VALUES[name] if argument is None else argument)
        else:
            self.stack.append(argument)

    def _to_mark(self) -> list[Any]:
        taken: list[Any] = []
        while (top := self.stack.pop()) is not _MARK:
            taken.append(top)
        return taken[::-1]

    def _checked(self, named: Any) -> Any:
        if not isinstance(named, _Named) or not named.is_plain:
            shown = f"{named.module}.{named.name}" if isinstance(named, _Named) else "something computed"
            raise InputError(
                f"holds a pickle that would call `{shown[:120]}` when it is loaded; it was not loaded",
                where=self.path,
                hint="training arguments need no such call: do not load this file, and ask where it came from",
            )
        return named

    def op_mark(self, _: Any) -> None:
        self.stack.append(_MARK)

    def op_pop(self, _: Any) -> None:
        self.stack.pop()

    def op_pop_mark(self, _: Any) -> None:
        self._to_mark()

    def op_dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def op_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(_Named(module, name))

    def op_stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_Named(str(module), str(name)))

    def op_reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(_Made(self._checked(function), arguments))

    op_newobj = op_reduce

    def op_newobj_ex(self, _: Any) -> None:
        self.stack.pop()
        self.op_reduce(None)

    def op_inst(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(_Made(self._checked(_Named(module, name)), tuple(self._to_mark())))

    def op_obj(self, _: Any) -> None:
        parts = self._to_mark()
        self.stack.append(_Made(self._checked(parts[0]), tuple(parts[1:])))

    def op_build(self, _: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], _Made):
            self.stack[-1].state = state

    def op_empty_dict(self, _: Any) -> None:
        self.stack.append({})

    def op_dict(self, _: Any) -> None:
        items = self._to_mark()
        self.stack.append({_key(key): value for key, value in zip(items[::2], items[1::2])})

    def op_setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._put([key, value])

    def op_setitems(self, _: Any) -> None:
        self._put(self._to_mark())

    def _put(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update({_key(key): value for key, value in zip(items[::2], items[1::2])})

    def op_empty_list(self, _: Any) -> None:
        self.stack.append([])

    def op_list(self, _: Any) -> None:
        self.stack.append(self._to_mark())

    def op_append(self, _: Any) -> None:
        value = self.stack.pop()
        if isinstance(self.stack[-1], list):
            self.stack[-1].append(value)

    def op_appends(self, _: Any) -> None:
        values = self._to_mark()
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)

    def op_empty_tuple(self, _: Any) -> None:
        self.stack.append(())

    def op_tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._to_mark()))

    def op_tuple1(self, _: Any) -> None:
        self.stack[-1:] = [tuple(self.stack[-1:])]

    def op_tuple2(self, _: Any) -> None:
        self.stack[-2:] = [tuple(self.stack[-2:])]

    def op_tuple3(self, _: Any) -> None:
        self.stack[-3:] = [tuple(self.stack[-3:])]

    def op_empty_set(self, _: Any) -> None:
        self.stack.append([])

    def op_additems(self, _: Any) -> None:
        self.op_appends(None)

    def op_frozenset(self, _: Any) -> None:
        self.stack.append(self._to_mark())

    def op_memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def op_put(self, argument: int) -> None:
        self.memo[argument] = self.stack[-1]

    op_binput = op_long_binput = op_put

    def op_get(self, argument: int) -> None:
        self.stack.append(self.memo[argument])

    op_binget = op_long_binget = op_get

    def op_persid(self, _: Any) -> None:
        self.stack.append(_OPAQUE)

    def op_binpersid(self, _: Any) -> None:
        self.stack[-1] = _OPAQUE


_IGNORED = frozenset(("PROTO", "FRAME"))
_VALUES: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


def _key(key: Any) -> Any:
    return key if isinstance(key, (str, int)) else repr(type(key))


def _state(found: list[Any]) -> dict[str, Any]:
    """The attributes of the first object that looks like arguments, as a config file would hold them."""
    for one in found:
        state = one.state if isinstance(one, _Made) else one
        if isinstance(state, dict) and {"output_dir", "learning_rate"} & set(state):
            return {Text(str(key)): value for key, value in ((key, _plain(value, 0)) for key, value in state.items()) if value is not _OPAQUE}
    return {}


def _plain(value: Any, depth: int) -> Any:
    if value is None or depth > 6:
        return None
    if isinstance(value, _Made):
        return _made(value)
    if isinstance(value, dict):
        return {Text(str(key)): _plain(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner, depth + 1) for inner in value]
    return Text(str(value)) if isinstance(value, (str, int, float, bool)) else _OPAQUE


def _made(value: _Made) -> Any:
    """An enumeration is made from its one value (`IntervalStrategy('steps')`)."""
    arguments = value.arguments
    if isinstance(arguments, tuple) and len(arguments) == 1 and isinstance(arguments[0], str):
        return Text(arguments[0])
    return _OPAQUE
