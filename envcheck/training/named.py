"""Files that a config or command names: where they are looked for, and the DeepSpeed config among them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Callable

from envcheck.documents import Text, parse_json
from envcheck.model import Fact, unknown
from envcheck.training import deepspeed
from envcheck.training.values import Section

ZERO_KEYS = ("zero_stage", "overlap_comm", "offload")
"""What is unknown where a DeepSpeed config is named and not there."""
_LEVELS = 3
"""How far above a file its relative paths are tried: `scripts/train/run.sh` is called from the project's folder."""


_ALONE: ContextVar[bool] = ContextVar("alone", default=False)


@contextmanager
def nothing_beside() -> Iterator[None]:
    """Within it no named file is found: a pasted config names files of another machine."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


def found(named: str, beside: str) -> str | None:
    """The first file that a relative path means: from the naming file's folder, those above it, and the working directory."""
    if _ALONE.get():
        return None
    return next((path for path in _places(named, beside) if os.path.isfile(path)), None)


def _places(named: str, beside: str) -> Iterator[str]:
    folder = os.path.dirname(beside)
    yield os.path.join(folder, named)
    yield named
    for _ in range(_LEVELS if folder and not os.path.isabs(named) else 0):
        folder = os.path.join(folder, os.pardir)
        yield os.path.normpath(os.path.join(folder, named))


def nested(section: Section, key: str) -> Section:
    """The mapping under a key, which HF's arguments also take as a JSON text (`'{"use_reentrant": false}'`)."""
    value = section.raw(key)
    if isinstance(value, Text) and value.startswith("{"):
        # The line breaks put before it keep the line numbers.
        parsed = parse_json("\n" * (value.line - 1) + value, section.path)
        return Section({key: parsed}, section.path, section.owner, lenient=section.lenient).inner(key)
    return section.inner(key)


def deepspeed_config(section: Section, warn: Callable[[str], None], key: str = "deepspeed") -> dict[str, Fact]:
    """The facts of the DeepSpeed config under a key: a mapping in place, a JSON text, or a file. Raises `InputError`."""
    value, origin = section.raw(key), section.origin(key)
    if isinstance(value, dict) or (isinstance(value, Text) and value.startswith("{")):
        return deepspeed.read(nested(section, key), warn)
    named = section.word(key)
    if named is None or str(named.value).lower() in ("", "false", "none"):
        return {}
    if named.is_known:
        path = found(str(named.value), section.path)
        if path is not None:
            return deepspeed.read_file(path, warn)
        warn(f"{origin}: the DeepSpeed config `{named.value}` is not there, so its settings are unknown")
    reason = named.reason or f"the DeepSpeed config `{named.value}` is not there"
    return {"deepspeed": Fact("true", origin), **{one: unknown(reason, origin) for one in ZERO_KEYS}}
