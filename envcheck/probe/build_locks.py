"""Lock files that an interrupted build of a torch extension left behind: the next build waits for them for ever."""

from __future__ import annotations

import os
import re
import time
from typing import Iterator, Mapping, NamedTuple, Optional, Tuple

from envcheck.model import Anomaly

OLD_SECONDS = 1800.0
"""A lock of this age belongs to no build that is still running: DeepSpeed's longest takes a few minutes."""
_DEEPSPEED = frozenset(
    (
        "async_io", "cpu_adagrad", "cpu_adam", "cpu_lion", "evoformer_attn", "fused_adam", "fused_lamb", "fused_lion", "gds", "inference_core_ops",
        "inference_cutlass_ops", "quantizer", "ragged_device_ops", "ragged_ops", "random_ltd", "sparse_attn", "spatial_inference", "stochastic_transformer",
        "transformer", "transformer_inference", "utils",
    )
)  # fmt: skip
"""The operators that DeepSpeed builds."""


class Builder(NamedTuple):
    """Who would build, and so would wait."""

    python: str
    """Release of the interpreter."""
    cuda: Optional[str]
    """Torch's CUDA, `absent`, or None where it is unknown."""
    has_deepspeed: bool


def anomalies(environment: Mapping[str, str], builder: Builder, now: Optional[float] = None) -> Tuple[Anomaly, ...]:
    """One anomaly for each old lock that this interpreter's torch would meet where it builds extensions (torch/utils/cpp_extension.py)."""
    root = environment.get("TORCH_EXTENSIONS_DIR") or os.path.join(_cache(environment), "torch_extensions")
    now = time.time() if now is None else now
    old = [(path, now - changed) for path, changed in _locks(root, builder) if now - changed > OLD_SECONDS]
    return tuple(_anomaly(path, age) for path, age in old if builder.has_deepspeed or not _is_deepspeeds(path))


def _cache(environment: Mapping[str, str]) -> str:
    return environment.get("XDG_CACHE_HOME") or os.path.join(environment.get("HOME") or os.path.expanduser("~"), ".cache")


_BUILD_FOLDER = re.compile(r"py(\d+)[a-z]*_(cpu|cu\d*|rocm\d*)")


def _locks(root: str, builder: Builder) -> Iterator[Tuple[str, float]]:
    """`ROOT/py310_cu121/cpu_adam/lock`, or `ROOT/cpu_adam/lock` where the folder was named; not those of another Python or CUDA."""
    for first in _folders(root):
        found = _BUILD_FOLDER.fullmatch(os.path.basename(first))
        if found and not _is_own(found, builder):
            continue
        yield from _lock(first)
        for second in _folders(first):
            yield from _lock(second)


def _is_own(folder: re.Match[str], builder: Builder) -> bool:
    python = "".join(builder.python.split(".")[:2])
    device = None if builder.cuda is None else "cpu" if builder.cuda == "absent" else "cu" + builder.cuda.replace(".", "")
    return folder[1] == python and (device in (None, folder[2]) or folder[2].startswith("rocm"))


def _folders(path: str) -> Tuple[str, ...]:
    try:
        with os.scandir(path) as entries:
            return tuple(sorted(entry.path for entry in entries if entry.is_dir(follow_symlinks=False)))[:200]
    except OSError:
        return ()


def _lock(folder: str) -> Iterator[Tuple[str, float]]:
    path = os.path.join(folder, "lock")
    try:
        yield path, os.stat(path).st_mtime
    except OSError:
        return


def _extension(path: str) -> str:
    return os.path.basename(os.path.dirname(path))


def _is_deepspeeds(path: str) -> bool:
    return _extension(path) in _DEEPSPEED or _extension(path).startswith("deepspeed")


def _anomaly(path: str, age: float) -> Anomaly:
    name = _extension(path)
    days, hours = divmod(int(age // 3600), 24)
    old = f"{days} days" if days else f"{max(hours, 1)} h"
    package = "deepspeed" if _is_deepspeeds(path) else "torch"
    return Anomaly("stale-build-lock", (package,), f"a lock that is {old} old lies where the extension `{name}` is built", path)
