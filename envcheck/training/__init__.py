"""Training configs and launch commands -> normalised training facts, one file a format; what a file is, its content tells and not its name.

A further format is one file with `fits` and `read`, and its line in `READERS`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple

from envcheck import settings as spelling
from envcheck import toml
from envcheck.documents import Text, read_text
from envcheck.errors import InputError
from envcheck.model import Fact, Snapshot, unknown
from envcheck.training import (
    accelerate,
    archive,
    axolotl,
    command,
    deepspeed,
    hf_arguments,
    llamafactory,
    model_config,
    ms_swift,
    named,
    pasted,
    source,
    torchtitan,
    torchtune,
)
from envcheck.training.combine import combine
from envcheck.training.values import Section, decoded

__all__ = ["READERS", "Picture", "Reader", "combine", "from_text", "picture", "read", "snapshot"]

Warn = Callable[[str], None]


class Reader(NamedTuple):
    """How one format is recognised and read."""

    fits: Callable[[Mapping[Any, Any]], bool]
    read: Callable[[Section, Warn], dict[str, Fact]]


READERS: dict[str, Reader] = {
    "DeepSpeed JSON": Reader(deepspeed.fits, deepspeed.read),
    "Accelerate config": Reader(accelerate.fits, accelerate.read),
    "axolotl YAML": Reader(axolotl.fits, axolotl.read),
    "ms-swift YAML or JSON": Reader(ms_swift.fits, ms_swift.read),
    "LLaMA-Factory YAML or JSON": Reader(llamafactory.fits, llamafactory.read),
    "HF TrainingArguments (YAML or JSON)": Reader(hf_arguments.fits, hf_arguments.read),
    "torchtune YAML": Reader(torchtune.fits, torchtune.read),
    "torchtitan TOML": Reader(torchtitan.fits, torchtitan.read),
    "a model's config.json": Reader(model_config.fits, model_config.read),
}
"""By the name messages give the format; the first that fits reads the file."""
_OTHER = ("training_args.bin", "a launch script", "a pasted command or TrainingArguments")


class Picture(NamedTuple):
    """What configs, commands and scripts given together say."""

    train: dict[str, Fact]
    env: dict[str, Fact]
    scripts: tuple[str, ...]
    """The Python files that the commands start."""


def picture(configs: Iterable[str], words: Iterable[str] = (), warn: Warn = lambda message: None) -> Picture:
    """One picture of several configs and a command, with what follows from the model's name and folder. Raises `InputError`."""
    parts = [_read(path, warn, frozenset()) for path in configs]
    listed = list(words)
    if listed:
        parts.append(_picture(command.read_words(listed, _nested(frozenset()), warn)))
    train = _with_model(combine([part.train for part in parts]), warn)
    env = {name: fact for part in parts for name, fact in part.env.items()}
    return Picture(_spelt(train), env, tuple(dict.fromkeys(script for part in parts for script in part.scripts)))


def snapshot(configs: Iterable[str], words: Iterable[str], scripts: Iterable[str], warn: Warn) -> Snapshot:
    """What configs, a command and the source of scripts say; the scripts that a command starts are looked at where they are there.

    Raises `InputError`, for a script only where it was named by itself.
    """
    found = picture(configs, words, warn)
    named = list(scripts)
    sources = [source.read(path) for path in named]
    for path in found.scripts:
        if path not in named:
            try:
                sources.append(source.read(path))
            except InputError as error:
                warn(str(error))
    train = dict(found.train)
    for one in sources:
        # What the loop computes in counts, and what was asked for is what its writer believes.
        believed = train.get("precision")
        gathered: dict[str, Fact] = {key: train[key] for key in train if key in ("arguments", "imports")}
        train.update(combine([gathered, one.train]))
        if "precision" in one.train and believed is not None and believed.is_known:
            train["declared_precision"] = believed
    return Snapshot(train=train, env=found.env, anomalies=tuple(odd for one in sources for odd in one.anomalies))


def read(path: str, warn: Warn) -> dict[str, Fact]:
    """The training facts of one config file, each with file and line, or unknown with the reason.

    Raises `InputError` for a file that cannot be read, is of no known format, or gives a value of the wrong type.
    """
    return _spelt(_read(path, warn, frozenset()).train)


def _read(path: str, warn: Warn, inside: frozenset[str]) -> Picture:
    """`inside` are the files on the way here, so that one that names itself is told."""
    place = os.path.realpath(path)
    if place in inside:
        raise InputError("names itself, directly or through another file", where=path, hint="remove it from the files it names")
    if _is_archive(path):
        section = Section(archive.settings(path), path, "TrainingArguments'", lenient=True)
        return Picture(_mapping(section, warn), {}, ())
    return _of_text(path, read_text(path), warn, _nested(inside | {place}))


def from_text(text: str, path: str, first: int = 1, warn: Warn = lambda message: None) -> Picture:
    """What a config, a command or printed arguments in a report say; `path` is the report's, `first` the line that the text begins on there.
    The files that they name are another machine's, so none is opened. Raises `InputError`.
    """
    with named.nothing_beside():
        found = _of_text(path, text, warn, lambda other, _: {})
    place = re.compile(re.escape(path) + r":(\d+)")

    def moved(facts: Mapping[str, Fact]) -> dict[str, Fact]:
        return {key: fact._replace(origin=place.sub(lambda at: f"{path}:{int(at[1]) + first - 1}", fact.origin)) for key, fact in facts.items()}

    return found._replace(train=moved(_spelt(found.train)), env=moved(found.env))


def _of_text(path: str, text: str, warn: Warn, nested: Callable[[str, Warn], Mapping[str, Fact]]) -> Picture:
    if pasted.fits(text):
        return Picture(hf_arguments.read(Section(pasted.settings(text), path, "TrainingArguments'", lenient=True), warn), {}, ())
    if command.looks_like(text) or path.endswith((".sh", ".bash", ".slurm", ".sbatch")):
        return _picture(command.read_script(path, text, nested, warn))
    return Picture(_mapping(Section(_settings(path, text), path, ""), warn), {}, ())


def _picture(commanded: command.Commanded) -> Picture:
    return Picture(commanded.train, commanded.env, commanded.scripts)


def _nested(inside: frozenset[str]) -> Callable[[str, Warn], Mapping[str, Fact]]:
    return lambda path, warn: _read(path, warn, inside).train


def _is_archive(path: str) -> bool:
    try:
        with open(path, "rb") as stream:
            return archive.is_archive(stream.read(4))
    except (OSError, ValueError):
        return False  # `read_text` says what is wrong.


def _mapping(section: Section, warn: Warn) -> dict[str, Fact]:
    reader = _fitting(section.settings)
    if reader is not None:
        return reader.read(section, warn)
    inner = _flattened(section.settings)
    reader = _fitting(inner) if inner else None
    if reader is not None:
        return reader.read(Section(inner, section.path, section.owner, lenient=section.lenient), warn)
    raise InputError("is no training config that envcheck knows", where=section.path, hint=f"it reads {_known()}")


def _fitting(settings: Mapping[Any, Any]) -> Reader | None:
    return next((reader for reader in READERS.values() if reader.fits(settings)), None)


_PARTS = re.compile(r"(?:\w+_)?(?:args|arguments|config|training|trainer|model|sft|dpo|grpo|lora|data)")


def _flattened(settings: Mapping[Any, Any]) -> dict[Any, Any]:
    """The settings of a file that sorts them into parts (`sft_config:`, `training_args:`, `model:`), as one mapping."""
    flat = {key: value for key, value in settings.items() if not isinstance(value, dict)}
    for key, value in settings.items():
        if isinstance(value, dict) and _PARTS.fullmatch(str(key)):
            flat.update({name: inner for name, inner in value.items() if name not in flat})
    return flat


def _settings(path: str, text: str) -> Mapping[Any, Any]:
    document = toml.parse(text, path) if _is_toml(path, text) else decoded(path, text)
    if isinstance(document, dict) and document:
        return document
    held = "is empty" if not document else "holds a list, not settings" if isinstance(document, list) else "holds one text, not settings"
    raise InputError(held, where=path, hint=f"name a training config: {_known()}")


_TABLE = re.compile(r"^\[[\w.\"-]+\]\s*(?:#.*)?$", re.MULTILINE)
_PAIR = re.compile(r"^[\w.\"-]+\s*=", re.MULTILINE)


def _is_toml(path: str, text: str) -> bool:
    return path.lower().endswith(".toml") or bool(_TABLE.search(text) and _PAIR.search(text))


def _known() -> str:
    return ", ".join((*READERS, *_OTHER))


def _with_model(train: dict[str, Fact], warn: Warn) -> dict[str, Fact]:
    """What the `config.json` in the model's folder says beside what is already known."""
    model = train.get("model")
    if model is None or not model.is_known:
        return train
    path = named.found(os.path.join(str(model.value), "config.json"), model.origin.rpartition(":")[0])
    said: dict[str, Fact] = {}
    if path is not None:
        try:
            said = _read(path, warn, frozenset()).train
        except InputError as error:
            warn(str(error))
    # What a checkpoint says of its attention is not what the run asks for.
    said.pop("attn_implementation", None)
    return {**said, **{key: fact for key, fact in train.items() if fact.is_known or key not in said}}


def _spelt(train: Mapping[str, Fact]) -> dict[str, Fact]:
    """Each value in the spelling that entries use."""
    return {key: _one(key, fact) for key, fact in train.items()}


def _one(key: str, fact: Fact) -> Fact:
    if fact.value is None or isinstance(fact.value, bool):
        return fact
    value = spelling.normal(key, fact.value)
    known = spelling.known_values(key, value)
    if known is not None and isinstance(value, str) and key not in ("zero_stage",):
        return unknown(f"`{fact.value}` is none of {', '.join(known)}", fact.origin)
    return fact._replace(value=str(value) if isinstance(value, Text) else value)
