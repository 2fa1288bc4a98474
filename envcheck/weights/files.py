"""Paths -> the checkpoint files behind them, and what an index or the numbers in their names say should be there too."""

from __future__ import annotations

import os
import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Set, Tuple

from envcheck import documents
from envcheck.errors import InputError
from envcheck.weights import distcp, gguf, safetensors, torchfile
from envcheck.weights.tensors import Contents, Problem

SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf")
_INDEX = ".index.json"
_LIMIT_BYTES = 1 << 26
_AGAIN = "download or copy the checkpoint again"
# What lies beside weights under the same suffixes and holds none.
_NO_WEIGHTS = frozenset(("training_args.bin", "scheduler.pt", "scheduler.bin"))
_HEADS = (b"PK\x03\x04", b"GGUF", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"version h")
_KNOWN = re.compile(r"(pytorch_model|adapter_model|diffusion_pytorch_model|model|optimizer|consolidated|mp_rank|zero_pp|bf16_zero|layer_)")
_NUMBERED = re.compile(r"^(.*-)(\d{2,6})-of-(\d{2,6})(\.\w+)$")
_RANKED = re.compile(r"^((?:bf16_|fp16_)?zero_pp_rank_)(\d+)(_mp_rank_\d+.*)$|^(mp_rank_)(\d+)(_model_states\.pt)$")


class Found(NamedTuple):
    """The files behind the paths."""

    paths: List[str]
    indices: List[str]
    problems: List[Problem]


def find(paths: Iterable[str]) -> Found:
    """Every checkpoint file behind files, folders and `*.index.json`, each once however often it is linked."""
    found = Found([], [], [])
    seen: Set[str] = set()
    for path in paths:
        _look(path, found, seen)
    for index in found.indices:
        for shard in _shards(index, found.problems):
            _add(shard, found.paths, seen)
    return found


def _look(path: str, found: Found, seen: Set[str]) -> None:
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        found.problems.append(Problem(path, f"cannot be read: {getattr(error, 'strerror', None) or error}", "name a file or folder that is there"))
        return
    if os.path.isdir(path):
        _folder(path, found, seen)
    elif path.endswith(_INDEX):
        found.indices.append(path)
    else:
        _add(path, found.paths, seen)


def _add(path: str, paths: List[str], seen: Set[str]) -> None:
    real = os.path.realpath(path)
    if real not in seen:
        seen.add(real)
        paths.append(path)


def _folder(path: str, found: Found, seen: Set[str]) -> None:
    visited: Set[str] = set()
    here: List[str] = []
    for folder, folders, names in os.walk(path, followlinks=True, onerror=lambda error: found.problems.append(_unreadable(error))):
        real = os.path.realpath(folder)
        if real in visited:  # a link that leads back
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(one for one in folders if one not in (".git", "__pycache__"))
        here += [os.path.join(folder, name) for name in sorted(names)]
    found.indices.extend(one for one in here if one.endswith(_INDEX))
    for one in here:
        if _is_weights(one, found.problems):
            _add(one, found.paths, seen)
    found.problems.extend(_gaps(here, _shards_of(found.indices)))


def _unreadable(error: OSError) -> Problem:
    return Problem(str(error.filename), f"cannot be read: {error.strerror}")


def _is_weights(path: str, problems: List[Problem]) -> bool:
    """Whether a file of a folder is a checkpoint: by its suffix and, where that is common, by its first bytes or its name."""
    name = os.path.basename(path)
    if name == ".metadata":
        return any(one.endswith(".distcp") for one in os.listdir(os.path.dirname(path) or "."))
    if not name.endswith(SUFFIXES) or name in _NO_WEIGHTS:
        return False
    if name.endswith((".safetensors", ".gguf")) or _KNOWN.match(name):
        return True
    try:
        with open(path, "rb") as stream:
            return stream.read(9).startswith(_HEADS)
    except OSError as error:
        problems.append(_unreadable(error))
        return False


def contents(path: str) -> List[Contents]:
    """What a file holds, by its content and not its name; several items for the metadata of a distributed checkpoint. Raises `InputError`."""
    try:
        return _contents(path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=path, hint="is it there, and may you read it?") from None


def _contents(path: str) -> List[Contents]:
    if os.path.basename(path) == ".metadata":
        return distcp.read(path)
    with open(path, "rb") as stream:
        head = stream.read(9)
        if path.endswith(".distcp"):
            raise InputError("is a part of a distributed checkpoint", where=path, hint="name its folder, which holds `.metadata` too")
        if not head:
            raise InputError("is empty", where=path, hint=_AGAIN)
        if head.startswith(gguf.MAGIC):
            return [gguf.read(path)]
        if head.startswith((b"PK\x03\x04", b"version h")) or not _is_safetensors(path, head):
            return [torchfile.read(path)]
    return [safetensors.read(path)]


def _is_safetensors(path: str, head: bytes) -> bool:
    return path.endswith(".safetensors") or head[8:9] == b"{"


def _shards(index: str, problems: List[Problem]) -> Iterator[str]:
    """The shards of an index that are there; the others are one problem."""
    try:
        names = sorted(set(weight_map(index).values()))
    except InputError as error:
        problems.append(Problem.of(error))
        return
    folder = os.path.dirname(index)
    missing = [name for name in names if _is_outside(name) or not os.path.exists(os.path.join(folder, name))]
    if missing:
        problems.append(Problem(index, f"{len(missing)} of {len(names)} shards are missing: {_listed(missing)}", _AGAIN))
    yield from (os.path.join(folder, name) for name in names if name not in missing)


def _is_outside(name: str) -> bool:
    return os.path.isabs(name) or ".." in re.split(r"[/\\]", name)


def _listed(names: List[str]) -> str:
    return ", ".join(f"`{name[:120]}`" for name in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def weight_map(index: str) -> Dict[str, str]:
    """Tensor -> shard, as an index says. Raises `InputError`."""
    held = documents.plain_json(documents.read_text(index, limit=_LIMIT_BYTES), index)
    mapped = held.get("weight_map") if isinstance(held, dict) else None
    if not isinstance(mapped, dict) or not all(isinstance(name, str) for name in mapped.values()):
        raise InputError("is no index of shards: it has no `weight_map` of names", where=index, hint=_AGAIN)
    return mapped


def promised(index: str, files: Iterable[Contents]) -> List[Problem]:
    """What an index promises and a shard that was read whole does not hold."""
    try:
        mapped = weight_map(index)
    except InputError:
        return []  # told when the shards were looked for
    folder = os.path.dirname(index)
    held = {os.path.realpath(one.path): {tensor.name for tensor in one.tensors} for one in files if not one.problems and one.format != "torch"}
    lacking: Dict[str, List[str]] = {}
    for name, shard in mapped.items():
        inside = held.get(os.path.realpath(os.path.join(folder, shard)))
        if inside is not None and name not in inside:
            lacking.setdefault(shard, []).append(name)
    return [Problem(index, f"`{shard}` lacks {len(names)} tensors that the index says it has: {_listed(names)}", _AGAIN) for shard, names in lacking.items()]


def _shards_of(indices: Iterable[str]) -> Set[str]:
    named: Set[str] = set()
    for index in indices:
        try:
            named |= {os.path.realpath(os.path.join(os.path.dirname(index), name)) for name in weight_map(index).values()}
        except InputError:
            continue
    return named


def _gaps(paths: List[str], indexed: Set[str]) -> Iterator[Problem]:
    """Numbers that are missing among files that count themselves; those of an index are told by it."""
    numbered: Dict[Tuple[str, str, str], Set[int]] = {}
    for path in paths:
        folder, name = os.path.split(path)
        if (shard := _NUMBERED.match(name)) and name.endswith(SUFFIXES) and os.path.realpath(path) not in indexed:
            numbered.setdefault((folder, shard[1] + "*" + shard[4], shard[3]), set()).add(int(shard[2]))
        elif rank := _RANKED.match(name):
            before, number, after = rank.group(1, 2, 3) if rank[1] else rank.group(4, 5, 6)
            numbered.setdefault((folder, before + "*" + after, ""), set()).add(int(number))
    for (folder, pattern, total), have in numbered.items():
        wanted = range(1, int(total) + 1) if total else range(max(have) + 1)
        if missing := [str(number) for number in wanted if number not in have]:
            yield Problem(os.path.join(folder, pattern), f"{len(missing)} of {len(wanted)} are missing: {_listed(missing)}", _AGAIN)
