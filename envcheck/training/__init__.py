"""Training configs -> normalised training facts, one file a framework; what a file is, its content tells and not its name.

A further format is one file with `fits` and `read`, and its line in `READERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from envcheck.errors import InputError
from envcheck.model import Fact
from envcheck.training import deepspeed, hf_arguments
from envcheck.training.combine import combine
from envcheck.training.foreign import looks_like
from envcheck.training.values import decoded

__all__ = ["READERS", "Reader", "combine", "read"]


class Reader(NamedTuple):
    """How one format is recognised and read."""

    fits: Callable[[Mapping[Any, Any]], bool]
    read: Callable[[Mapping[Any, Any], str, Callable[[str], None]], dict[str, Fact]]


READERS: dict[str, Reader] = {
    "DeepSpeed JSON": Reader(deepspeed.fits, deepspeed.read),
    "HF TrainingArguments (YAML or JSON)": Reader(hf_arguments.fits, hf_arguments.read),
}
"""By the name messages give the format; the first that fits reads the file."""


def read(path: str, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The training facts of one config file, each with file and line, or unknown with the reason.

    Raises `InputError` for a file that cannot be read, is of no known format, or gives a value of the wrong type.
    """
    settings = _settings(path)
    other = looks_like(settings)
    if other is not None:
        raise InputError(f"looks like {other}, which envcheck does not read", where=path, hint=f"it reads {_known()}")
    for reader in READERS.values():
        if reader.fits(settings):
            return reader.read(settings, path, warn)
    raise InputError("is no training config that envcheck knows", where=path, hint=f"it reads {_known()}")


def _settings(path: str) -> Mapping[Any, Any]:
    document = decoded(path)
    if isinstance(document, dict) and document:
        return document
    found = "is empty" if not document else "holds a list, not settings" if isinstance(document, list) else "holds one text, not settings"
    raise InputError(found, where=path, hint=f"name a training config: {_known()}")


def _known() -> str:
    return ", ".join(READERS)
