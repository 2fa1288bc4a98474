"""What a user is told about rows that are not good."""

from __future__ import annotations

from collections.abc import Iterable

from envcheck.model import Finding, Page, UsedFact
from envcheck.selftest.rows import Row

_SEVERITY = {"fail": "error", "crash": "error", "timeout": "warning", "memory": "warning", "warn": "warning"}
"""What is not listed is no finding: `skip` is unknown, and `info` is a setting."""

_TITLE = {
    "fail": "{what} is wrong on `{device}`",
    "crash": "{what} crashes on `{device}`",
    "timeout": "{what} gives no answer on `{device}`",
    "memory": "{what} runs out of memory on `{device}`",
    "warn": "{what} was wrong once on `{device}`",
}

_WHAT = {
    "python": "the interpreter",
    "torch": "`import torch`",
    "device": "the first use of the device",
    "gemm_exact": "integer matrix multiplication",
    "gemm_bound": "matrix multiplication",
    "softmax": "softmax",
    "layernorm": "LayerNorm",
    "cross_entropy": "cross-entropy",
    "adamw": "AdamW",
    "sdpa": "scaled dot product attention",
    "train": "training a tiny transformer",
}

_FIX = {
    "python": ("give the path of a working Python interpreter with `--python`",),
    "torch": (
        "install torch again, as a build for this CPU, CUDA and driver",
        "run `python -c 'import torch'` for the whole message",
    ),
    "device": ("check that the driver is new enough for the CUDA of this torch, and that torch is built for this device",),
    "sdpa": (
        "use another attention backend, such as `attn_implementation: eager`, until torch is changed",
        "try another torch version",
    ),
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


def findings(rows: Iterable[Row]) -> tuple[Finding, ...]:
    """One finding for each check, device and status, about its worst row."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.status in _SEVERITY:
            groups.setdefault((row.family, row.device, row.status), []).append(row)
    return tuple(_finding(group) for group in groups.values())


def _finding(group: list[Row]) -> Finding:
    worst = max(group, key=lambda row: float("inf") if row.ratio is None else row.ratio)
    title = _TITLE[worst.status].format(what=_WHAT.get(worst.family, worst.family), device=worst.device or "this machine")
    return Finding(
        id=f"selftest-{worst.family.replace('_', '-')}",
        kind="caution" if worst.status == "warn" else "bad",
        severity=_SEVERITY[worst.status],
        certainty="certain",
        title=title[0].upper() + title[1:],
        culprit=_culprit(worst),
        facts=tuple(_facts(worst, group)),
        page=Page(cause=_cause(worst), fix=_fix(worst), level="reproduced"),
    )


def _culprit(row: Row) -> tuple[str, ...]:
    if row.family == "python":
        return ("python",)
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
    if row.status == "warn":
        return f"The result was outside its bound once and inside it when run again, as on a device that errs now and then. {row.detail}."
    if row.status in ("timeout", "memory"):
        return f"This may be the machine's load and not a fault. {row.detail}."
    return f"{row.detail}."


def _fix(row: Row) -> tuple[str, ...]:
    if row.status == "warn" or row.detail.startswith("intermittent"):
        return _FIX["intermittent"]
    return _FIX.get(row.status) or _FIX.get(row.family) or _FIX[""]
