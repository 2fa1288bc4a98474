"""What the user's own settings make of the device: run with torch's defaults, the user's variables and training settings.

Everything else runs with narrow arithmetic switched off; here it is asked whether torch does what the settings say.
"""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator

import torch

from .arithmetic import Result, exact, holds, told
from .bench import Bench

SIZE = 48
OLD = 600
"""Seconds after which a lock of a build is stale, if it is not being touched: torch's own extensions build in less."""


def fp32_products(bench: Bench) -> Iterator[Result]:
    """`(1 + 2^-12) I` squared away: TF32 has 10 bits and returns 1. What is returned must be what the settings allow.

    TF32 was on by default before torch 1.12 (https://github.com/pytorch/pytorch/issues/67384) and is forced by one variable.
    """
    value = 1 + 2.0**-12
    matrix = torch.eye(SIZE, dtype=torch.float32, device=bench.device) * value
    got = matrix @ torch.eye(SIZE, dtype=torch.float32, device=bench.device)
    allowed = _allowed(bench)
    found = exact("", got, torch.eye(SIZE) * value, "TF32 or less where the settings ask for IEEE fp32")
    if found.ratio == 0:
        yield found._replace(detail=f"fp32 products are IEEE fp32{', though ' + allowed if allowed else ''}")
    elif allowed:
        yield told("", f"fp32 products are rounded to {_kept(float(got[0, 0]))} here: {allowed}")
    else:
        yield found


def _kept(value: float) -> str:
    return "TF32 or bf16" if value == 1 else "fewer bits"


def _allowed(bench: Bench) -> str:
    """Which setting allows fp32 products to be narrower, or nothing."""
    forced = bench.environment.get("NVIDIA_TF32_OVERRIDE", "")
    if bench.kind == "cuda" and forced == "0":
        return ""
    reasons = []
    if bench.kind == "cuda" and forced == "1":
        reasons.append("NVIDIA_TF32_OVERRIDE is 1")
    if bench.kind == "cpu" and bench.environment.get("ONEDNN_DEFAULT_FPMATH_MODE", "STRICT").upper() != "STRICT":
        reasons.append(f"ONEDNN_DEFAULT_FPMATH_MODE is {bench.environment['ONEDNN_DEFAULT_FPMATH_MODE']}")
    if bench.train.get("tf32") is True:
        reasons.append("your config says `tf32`")
    for name, read in (
        ("torch's float32 matmul precision", lambda: torch.get_float32_matmul_precision() != "highest"),
        ("torch.backends.cuda.matmul.allow_tf32", lambda: bench.kind == "cuda" and torch.backends.cuda.matmul.allow_tf32),
    ):
        try:
            reasons += [f"{name} allows it"] * bool(read())
        except Exception:
            # Some versions refuse to answer when old and new switches were mixed; then torch itself no longer knows.
            reasons.append(f"{name} cannot be read")
    return " and ".join(reasons)


def narrow_sums(bench: Bench) -> Iterator[Result]:
    """256 and 4095 eighths as a product, with the flags as they are: told, because torch allows narrow sums by default.

    https://docs.pytorch.org/docs/stable/notes/cuda.html, "Reduced Precision Reduction in FP16 GEMMs".
    """
    terms = torch.full((4096, 8), 0.125, dtype=bench.torch_dtype, device=bench.device)
    terms[0] = 256
    got = float((torch.ones(8, 4096, dtype=bench.torch_dtype, device=bench.device) @ terms)[0, 0])
    wide = got == 768
    yield told("", f"sums in {bench.dtype} products are {'wide' if wide else f'narrow ({got:g} for 767.875)'}")


def native_bf16(bench: Bench) -> Iterator[Result]:
    """Whether bf16 is computed in bf16. torch answers that a device supports it where it only emulates, as on a T4.

    https://github.com/pytorch/pytorch/pull/148322. The time of a product tells; it is no verdict.
    """
    if bench.kind == "cuda" and not getattr(torch.version, "hip", None):
        major, minor = torch.cuda.get_device_capability(bench.device)
        if major < 8:
            yield told("", f"compute capability {major}.{minor} emulates bf16; fp16 is the fast precision there")
            return
    seconds = {dtype: _seconds(bench, dtype) for dtype in (torch.float32, torch.bfloat16)}
    ratio = seconds[torch.bfloat16] / seconds[torch.float32]
    yield told("", f"a product in bf16 takes {ratio:.2g} times as long as in fp32")


def _seconds(bench: Bench, dtype: object) -> float:
    n = 2048 if bench.kind != "cpu" else 256
    a = torch.ones(n, n, dtype=dtype, device=bench.device)
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        float((a @ a)[0, 0])
        best = min(best, time.perf_counter() - started)
    return best


def extension_locks(bench: Bench) -> Iterator[Result]:
    """Locks of builds that died: whoever builds the same extension waits for them for ever, in `torch/utils/file_baton.py`."""
    root = bench.environment.get("TORCH_EXTENSIONS_DIR") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "torch_extensions"
    )
    stale = [path for pattern in ("*/lock", "*/*/lock") for path in glob.glob(os.path.join(root, pattern)) if _is_stale(path)]
    broken = f"a build left {stale[0]} behind, and every later build of it waits for ever; delete the file" if stale else ""
    found = holds("", not stale, broken)
    yield found._replace(word="warn") if stale else found


def _is_stale(path: str) -> bool:
    """Whether neither the lock nor anything beside it was touched for a while."""
    try:
        folder = os.path.dirname(path)
        newest = max(os.stat(os.path.join(folder, name)).st_mtime for name in os.listdir(folder))
        return time.time() - newest > OLD
    except (OSError, ValueError):
        return False
