"""Follows a pickle without unpickling: the opcodes are walked, nothing is imported or called.

Objects become descriptions (`Made`), so that what a file holds can be read whoever wrote the file. Which names a load
may call is the caller's policy: it sees every call before it is taken down, and raises where the pickle must not be trusted.
"""

from __future__ import annotations

import io
import pickletools
from typing import Any, Callable, NamedTuple

from envcheck.errors import InputError


class Named(NamedTuple):
    """A name that the pickle would import."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"[:120]


class Made:
    """An object that a load would make: of what, from which arguments, with which attributes and items."""

    def __init__(self, of: Named, arguments: Any) -> None:
        self.of = of
        self.arguments = arguments
        self.state: Any = None
        self.items: dict[Any, Any] = {}
        """What a load would put in by key, as into an `OrderedDict`."""
        self.elements: list[Any] = []
        """What a load would append."""


class Persistent:
    """What a load would ask the reader for; torch keeps its storages so."""

    def __init__(self, argument: Any) -> None:
        self.argument = argument


Policy = Callable[[Any], Named]
"""Gets what would be called, a `Named` or anything else that the pickle computed; returns the name or raises `InputError`."""


def follow(stream: io.BytesIO, policy: Policy, too_much: InputError, limit: int) -> Any:
    """What one pickle of a stream would load to, or None where it has no end; the stream then stands behind it.

    Raises what `policy` raises, `too_much` after `limit` opcodes, and on damaged bytes whatever pickletools' decoders raise.
    """
    return _Machine(policy, too_much, limit).run(stream)


class _Mark:
    """Where a collection begins on the stack."""


_MARK = _Mark()


class _Machine:
    """A pickle machine whose objects are only descriptions."""

    def __init__(self, policy: Policy, too_much: InputError, limit: int) -> None:
        self.policy = policy
        self.too_much = too_much
        self.limit = limit
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: io.BytesIO) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count > self.limit:
                raise self.too_much
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
        self.stack.append(Named(module, name))

    def op_stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Named(str(module), str(name)))

    def op_reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(Made(self.policy(function), arguments))

    op_newobj = op_reduce

    def op_newobj_ex(self, _: Any) -> None:
        self.stack.pop()
        self.op_reduce(None)

    def op_inst(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self.stack.append(Made(self.policy(Named(module, name)), tuple(self._to_mark())))

    def op_obj(self, _: Any) -> None:
        parts = self._to_mark()
        self.stack.append(Made(self.policy(parts[0]), tuple(parts[1:])))

    def op_build(self, _: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Made):
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
        top = self.stack[-1]
        target = top.items if isinstance(top, Made) else top
        if isinstance(target, dict):
            target.update({_key(key): value for key, value in zip(items[::2], items[1::2])})

    def op_empty_list(self, _: Any) -> None:
        self.stack.append([])

    def op_list(self, _: Any) -> None:
        self.stack.append(self._to_mark())

    def op_append(self, _: Any) -> None:
        value = self.stack.pop()
        self._extend([value])

    def op_appends(self, _: Any) -> None:
        self._extend(self._to_mark())

    def _extend(self, values: list[Any]) -> None:
        top = self.stack[-1]
        target = top.elements if isinstance(top, Made) else top
        if isinstance(target, list):
            target.extend(values)

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

    def op_persid(self, argument: Any) -> None:
        self.stack.append(Persistent(argument))

    def op_binpersid(self, _: Any) -> None:
        self.stack[-1] = Persistent(self.stack[-1])


_IGNORED = frozenset(("PROTO", "FRAME"))
_VALUES: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}


def _key(key: Any) -> Any:
    """Only what is hashed at once: a nest of tuples that share their parts would take for ever."""
    return key if isinstance(key, (str, int, Made)) else repr(type(key))
