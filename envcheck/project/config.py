"""`[tool.envcheck]` of pyproject.toml, or envcheck.toml: where it is found and what it may hold (docs/ci.md)."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from envcheck import documents, toml
from envcheck.documents import line_of
from envcheck.errors import InputError
from envcheck.inputs.target import Target
from envcheck.model import SEVERITIES, Waiver
from envcheck.wire import unknown_key

FAIL_ON = (*SEVERITIES[:2], "never")
"""The least severity that makes the exit status 1."""


class Placed(str):
    """A value of the settings that is understood later, with the place it stands at."""

    where: str

    def __new__(cls, value: str, where: str) -> Placed:
        text = super().__new__(cls, value)
        text.where = where
        return text


_ROOT_MARKS = (".git", ".hg", ".jj", ".svn")


@dataclass(frozen=True)
class Project:
    """What a project settled; paths are as the working directory sees them."""

    source: str = ""
    """The file it stands in; empty where there is none."""
    files: Tuple[str, ...] = ()
    each: bool = False
    groups: Tuple[str, ...] = ()
    all_groups: bool = False
    extras: Tuple[str, ...] = ()
    config: Tuple[str, ...] = ()
    scripts: Tuple[str, ...] = ()
    matrix: Tuple[str, ...] = ()
    settings: Tuple[str, ...] = ()
    """`train.precision=bf16`, as `--set` takes them."""
    targets: Tuple[Mapping[str, Tuple[str, ...]], ...] = ()
    """For each table of targets: option -> the values of which each combination is one target."""
    fail_on: str = ""
    baseline: str = ""
    waivers: Tuple[Tuple[str, Waiver], ...] = ()
    """Id of an entry or a rule -> why its finding is accepted."""


def find(start: str = ".") -> Optional[str]:
    """The nearest file with settings, from `start` up to the root of its repository; without a repository only `start` is looked at."""
    folder = os.path.abspath(start)
    folders = [folder]
    while not _is_root(folder):
        above = os.path.dirname(folder)
        if above == folder:
            folders = folders[:1]
            break
        folder = above
        folders.append(folder)
    found = (_of_folder(one) for one in folders)
    path = next((one for one in found if one), None)
    return os.path.relpath(path, start) if path else None


def _is_root(folder: str) -> bool:
    return any(os.path.exists(os.path.join(folder, mark)) for mark in _ROOT_MARKS)


def _of_folder(folder: str) -> Optional[str]:
    own = os.path.join(folder, "envcheck.toml")
    if os.path.isfile(own):
        return own
    shared = os.path.join(folder, "pyproject.toml")
    try:
        # A pyproject.toml that does not speak of envcheck is none of its business, broken or not, and costs one read.
        with open(shared, "rb") as stream:
            return shared if b"envcheck" in stream.read(documents.LIMIT_BYTES) and _own_table(shared) is not None else None
    except OSError:
        return None


def _own_table(path: str) -> Optional[Dict[str, Any]]:
    """The settings in a file; None where it has none. Raises `InputError` for what is no TOML."""
    document = toml.parse(documents.read_text(path), path)
    if os.path.basename(path) != "pyproject.toml":
        return document
    tool = document.get("tool")
    table = tool.get("envcheck") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def read(path: str) -> Project:
    """The settings of a file. Raises `InputError` with the line for what is unknown or cannot be understood."""
    table = _own_table(path)
    if table is None:
        raise InputError("holds no table `[tool.envcheck]`", where=path, hint="a file of another name holds the settings at its top")
    known: Dict[str, Any] = {"source": path}
    for key, value in table.items():
        if key not in _READERS:
            raise unknown_key(key, tuple(_READERS), _at(path, key))
        name, reader = _READERS[key]
        known[name] = reader(value, _Where(path, key))
    return Project(**known)


class _Where:
    """A key of the file: where to point, and the folder that its paths are relative to."""

    def __init__(self, path: str, key: Any) -> None:
        self.path, self.key = path, key
        self.folder = os.path.dirname(path)

    def error(self, message: str, value: Any, hint: str = "") -> InputError:
        return InputError(f"`{self.key}` {message}", where=_at(self.path, value if line_of(value) else self.key), hint=hint)


def _at(path: str, value: Any) -> str:
    line = line_of(value)
    return f"{path}:{line}" if line else path


def _text(value: Any, where: _Where) -> str:
    if not isinstance(value, str) or not value.strip():
        raise where.error("takes one text", value)
    return str(value)


def _texts(value: Any, where: _Where) -> Tuple[str, ...]:
    return tuple(_text(one, where) for one in (value if isinstance(value, list) else [value]))


def _paths(value: Any, where: _Where) -> Tuple[str, ...]:
    return tuple(_path(one, where) for one in (value if isinstance(value, list) else [value]))


def _path(value: Any, where: _Where) -> str:
    path = _text(value, where)
    return path if os.path.isabs(path) else os.path.relpath(os.path.join(where.folder or os.curdir, path))


def _flag(value: Any, where: _Where) -> bool:
    if value not in ("true", "false"):
        raise where.error("is true or false", value)
    return bool(value == "true")


def _fail_on(value: Any, where: _Where) -> str:
    if value not in FAIL_ON:
        raise where.error(f"is one of {', '.join(FAIL_ON)}", value)
    return str(value)


def _settings(value: Any, where: _Where) -> Tuple[str, ...]:
    """`train.precision = "bf16"` is a table in a table, in quotes it is one key; both are `train.precision=bf16`."""
    if not isinstance(value, dict):
        raise where.error('is a table such as `train.precision = "bf16"`', value)
    found: List[str] = []
    for key, inner in value.items():
        if isinstance(inner, dict):
            found += [Placed(f"{key}.{one}", getattr(one, "where", where.path)) for one in _settings(inner, where)]
        else:
            found.append(Placed(f"{key}={_text(inner, where)}", _at(where.path, inner)))
    return tuple(found)


TARGET_KEYS = tuple(one.name.replace("_", "-") for one in fields(Target) if one.name != "settings")
"""What a target may hold, as the options of the command line are called."""


def _targets(value: Any, where: _Where) -> Tuple[Mapping[str, Tuple[str, ...]], ...]:
    tables = value if isinstance(value, list) else [value]
    if not tables or not all(isinstance(table, dict) for table in tables):
        raise where.error('is a table such as `gpu = ["A100", "V100"]`, or several', value)
    for key in (key for table in tables for key in table):
        if key not in TARGET_KEYS:
            raise unknown_key(key, TARGET_KEYS, _at(where.path, key))
    return tuple({str(key): _placed(inner, _Where(where.path, key)) for key, inner in table.items()} for table in tables)


def _placed(value: Any, where: _Where) -> Tuple[str, ...]:
    return tuple(Placed(_text(one, where), _at(where.path, one)) for one in (value if isinstance(value, list) else [value]))


_WAIVER_KEYS = ("id", "reason", "expires")


def _waivers(value: Any, where: _Where) -> Tuple[Tuple[str, Waiver], ...]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise where.error("are written `[[tool.envcheck.waivers]]` with `id`, `reason` and `expires`", value)
    return tuple(_waiver(one, where) for one in value)


def _waiver(row: Dict[str, Any], where: _Where) -> Tuple[str, Waiver]:
    from datetime import date

    for key in row:
        if key not in _WAIVER_KEYS:
            raise unknown_key(key, _WAIVER_KEYS, _at(where.path, key))
    for key in _WAIVER_KEYS:
        if not str(row.get(key, "")).strip():
            raise where.error(f"lacks `{key}`: a waiver has an id, a reason and a day on which it expires", row)
    try:
        until = date.fromisoformat(row["expires"])
    except (TypeError, ValueError):
        raise where.error(f"`{row['expires']}` is no day", row["expires"], "write it as `2027-03-31`") from None
    return str(row["id"]), Waiver(str(row["reason"]), _at(where.path, row), until.isoformat())


_READERS: Dict[str, Tuple[str, Callable[[Any, _Where], Any]]] = {
    "files": ("files", _paths),
    "each": ("each", _flag),
    "groups": ("groups", _texts),
    "all-groups": ("all_groups", _flag),
    "extras": ("extras", _texts),
    "config": ("config", _paths),
    "scripts": ("scripts", _paths),
    "matrix": ("matrix", _paths),
    "settings": ("settings", _settings),
    "targets": ("targets", _targets),
    "fail-on": ("fail_on", _fail_on),
    "baseline": ("baseline", _path),
    "waivers": ("waivers", _waivers),
}
"""Key -> the field of `Project` and what reads it."""
KEYS = tuple(_READERS)
