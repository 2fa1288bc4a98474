"""What a user is told about rows that are not good."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import replace

from envcheck.model import Finding, Page, UsedFact
from envcheck.selftest.inside.registry import CHECKS
from envcheck.selftest.rows import Row

_SEVERITY = {"fail": "error", "crash": "error", "timeout": "warning", "memory": "warning", "warn": "warning"}
"""What is not listed is no finding: `skip` is unknown, and `info` is a setting."""

_TITLE = {
    "fail": "{what} is wrong on `{device}`",
    "crash": "{what} crashes on `{device}`",
    "timeout": "{what} gives no answer on `{device}`",
    "memory": "{what} runs out of memory on `{device}`",
    "gone": "{what} was wrong once on `{device}`",
    "warn": "{what} needs a look on `{device}`",
}

_WHAT = {
    "python": "the interpreter",
    "torch": "`import torch`",
    "device": "the first use of the device",
    "gemm_exact": "integer matrix multiplication",
    "gemm_freivalds": "a large matrix product",
    "gemm_bound": "matrix multiplication",
    "gemm_repeat": "a matrix product that is repeated",
    "wide_sums": "a long sum in low precision",
    "denormals": "arithmetic on subnormal numbers",
    "rounding": "rounding to low precision",
    "nan_inf": "the propagation of NaN and infinity",
    "copies": "copying to and from the device",
    "integers": "gathering and scattering",
    "softmax": "softmax",
    "layernorm": "LayerNorm",
    "rmsnorm": "RMSNorm",
    "silu": "SiLU",
    "gelu": "GELU",
    "cross_entropy": "cross-entropy",
    "adamw": "AdamW",
    "grad_scaler": "loss scaling",
    "clip": "gradient clipping",
    "random": "the random number generator",
    "fp8_casts": "rounding to fp8",
    "fp8_product": "fp8 matrix multiplication",
    "train": "training a tiny transformer",
    "train_bf16": "training a tiny transformer with bf16 parameters",
    "fp32_products": "fp32 matrix multiplication under your settings",
    "narrow_sums": "summation under your settings",
    "native_bf16": "bf16",
    "adamw_eps": "AdamW on fp16 parameters",
    "extension_locks": "the build folder of torch extensions",
    "sdpa": "scaled dot product attention",
    "flash_attn": "the attention of flash-attn",
    "accelerate": "training through accelerate",
    "deepspeed": "training through DeepSpeed",
}

_FIX = {
    "python": ("give the path of a working Python interpreter with `--python`",),
    "torch": (
        "install torch again, as a build for this CPU, CUDA and driver",
        "run `python -c 'import torch'` for the whole message",
    ),
    "device": ("check that the driver is new enough for the CUDA of this torch, and that torch is built for this device",),
    "denormals": ("find the library that switches flushing on: import yours one by one and run `torch.tensor(1e-40) * 1` after each",),
    "fp32_products": ("set `torch.set_float32_matmul_precision('highest')`, and unset `NVIDIA_TF32_OVERRIDE`",),
    "adamw_eps": ("keep the parameters in fp32 or bf16", "set `optimizer` to `adamw_torch_fused`, or eps to 1e-4"),
    "extension_locks": ("delete the lock when no build is running",),
    "sdpa": (
        "use another attention backend, such as `attn_implementation: eager`, until torch is changed",
        "try another torch version",
    ),
    "flash_attn": ("set `attn_implementation: sdpa` until flash-attn is changed", "install a flash-attn wheel that was built for this torch"),
    "accelerate": ("train without accelerate's wrapping, or with another version of it",),
    "deepspeed": ("try another DeepSpeed version or ZeRO stage", "switch `overlap_comm` off"),
    "timeout": ("run it again while the machine is idle",),
    "memory": ("run it again when no other process uses the device's memory",),
    "intermittent": (
        "do not train on this device before it has passed its vendor's diagnosis",
        "run it again on another device of the same kind",
    ),
    "": (
        "try another torch version, and report it to torch where that helps",
        "run it again on another device of the same kind",
    ),
}

_CULPRIT = {
    "python": "python",
    "flash_attn": "flash-attn",
    "accelerate": "accelerate",
    "deepspeed": "deepspeed",
    "adamw_eps": "config",
    "fp32_products": "config",
}


def findings(rows: Iterable[Row], known: Collection[str] = ()) -> tuple[Finding, ...]:
    """One finding for each check, device and status, about its worst row.

    `known` holds ids of the matrix entries that hold or may hold for the environment: those of which a failure may be an
    instance are named with it.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.status in _SEVERITY:
            groups.setdefault((row.family, row.device, row.status), []).append(row)
    return tuple(_fitted(_finding(group), group[0].family, known) for group in groups.values())


def _finding(group: list[Row]) -> Finding:
    worst = max(group, key=lambda row: float("inf") if row.ratio is None else row.ratio)
    gone = worst.status == "warn" and worst.detail.startswith("gone")
    title = _TITLE["gone" if gone else worst.status].format(what=_WHAT.get(worst.family, worst.family), device=worst.device or "this machine")
    link = CHECKS[worst.family].link if worst.family in CHECKS else ""
    return Finding(
        id=f"selftest-{worst.family.replace('_', '-')}",
        kind="caution" if worst.status == "warn" else "bad",
        severity=_SEVERITY[worst.status],
        certainty="certain",
        title=title[0].upper() + title[1:] if title[0] != "`" else title,
        culprit=_culprit(worst),
        facts=tuple(_facts(worst, group)),
        page=Page(cause=_cause(worst), fix=_fix(worst), level="reproduced", links=(link,) if link else ()),
    )


def _fitted(finding: Finding, family: str, known: Collection[str]) -> Finding:
    """The finding with the known entries that it fits."""
    fits = CHECKS[family].fits if family in CHECKS else ""
    ids = sorted(one for one in known if fits and re.search(fits, one))
    if not ids:
        return finding
    cause = f"{finding.page.cause} It fits what is known of this environment: {', '.join(f'`{one}`' for one in ids)}."
    fix = (*(f"see `envcheck explain {one}`" for one in ids[:2]), *finding.page.fix)
    return replace(finding, page=replace(finding.page, cause=cause, fix=fix))


def _culprit(row: Row) -> tuple[str, ...]:
    if row.family in _CULPRIT:
        return (_CULPRIT[row.family],)
    shaky = row.status == "warn" or row.detail.startswith("intermittent")
    return ("gpu",) if shaky and row.device not in ("", "cpu") else ("torch",)


def _facts(row: Row, group: list[Row]) -> Iterable[UsedFact]:
    yield UsedFact("check", row.check, "self-test")
    if row.device:
        yield UsedFact("device", row.device, "self-test")
    if row.dtype:
        yield UsedFact("dtype", ", ".join(dict.fromkeys(one.dtype for one in group)), "self-test")
    if row.ratio is not None:
        yield UsedFact("ratio", float(f"{row.ratio:.4g}"), "self-test")


def _cause(row: Row) -> str:
    if row.status == "fail":
        return f"The result differs from the exact one by more than any order of rounding explains. {row.detail}."
    if row.status == "warn" and row.detail.startswith("gone"):
        return f"The result was outside its bound once and inside it when run again, as on a device that errs now and then. {row.detail}."
    if row.status in ("timeout", "memory"):
        return f"This may be the machine's load and not a fault. {row.detail}."
    return f"{row.detail[:1].upper()}{row.detail[1:]}."


def _fix(row: Row) -> tuple[str, ...]:
    if row.status == "warn" and row.detail.startswith("gone") or row.detail.startswith("intermittent"):
        return _FIX["intermittent"]
    return _FIX.get(row.status) or _FIX.get(row.family) or _FIX[""]
