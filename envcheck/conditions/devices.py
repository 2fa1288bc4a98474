"""Conditions on the accelerators: `gpu` and `gpu_count`."""

from __future__ import annotations

import re
from functools import lru_cache

from envcheck import versions
from envcheck.conditions.reading import NO, UNKNOWN, YES, Reading, as_truth
from envcheck.model import Fact, Gpu, Snapshot, Truth
from envcheck.numbers import number_within


def gpu_fits(snapshot: Snapshot, argument: str) -> Reading:
    """Whether any GPU fits a capability range (`>=8.0,<9.0`) or a name or architecture pattern (`A100`, `gfx90a`)."""
    if snapshot.gpus is None:
        return Reading(NO if _cannot_be_used(argument, snapshot) else UNKNOWN, None)
    readings = [(_one_gpu(gpu, argument), gpu) for gpu in snapshot.gpus]
    for wanted in (YES, UNKNOWN):
        for truth, gpu in readings:
            if truth is wanted:
                return Reading(truth, _gpu_fact(gpu) if truth is YES else None)
    return Reading(NO, None)


def _cannot_be_used(argument: str, snapshot: Snapshot) -> bool:
    """Whether torch is built for another vendor's devices than a condition asks for, so that nobody need be asked which GPU it is."""
    rocm, wanted = snapshot.fact("rocm").value, argument.lower()
    if wanted.startswith("gfx"):
        return rocm == "absent"
    if wanted in ("mps", "apple*"):
        return snapshot.fact("os").value not in (None, "macos")
    return argument[:1] in "<>=!~" and rocm not in (None, "absent")


def _one_gpu(gpu: Gpu, argument: str) -> Truth:
    if argument[:1] not in "<>=!~":
        return YES if _name_fits(gpu, argument) else NO
    if gpu.capability is None:
        # Another vendor's architecture has no capability at all; an NVIDIA card of an unlisted name has an unknown one.
        return NO if gpu.arch else UNKNOWN
    try:
        return as_truth(versions.within(versions.capability(gpu.capability), versions.specifier(argument)))
    except versions.VersionError:
        # A sick driver may report `0.0`.
        return UNKNOWN


def _name_fits(gpu: Gpu, pattern: str) -> bool:
    words = _name_pattern(pattern.lower())
    return any(text is not None and words.search(text.lower()) is not None for text in (gpu.name, gpu.arch))


@lru_cache(maxsize=1024)
def _name_pattern(pattern: str) -> re.Pattern[str]:
    """Whole words: `A10` is in `NVIDIA A10`, not in `NVIDIA A100` or `NVIDIA A10G`; `*` stands for anything."""
    body = ".*".join(re.escape(part) for part in pattern.split("*"))
    return re.compile(rf"(?<![0-9a-z]){body}(?![0-9a-z])")


def _gpu_fact(gpu: Gpu) -> Fact:
    detail = gpu.capability and f"sm_{gpu.capability.replace('.', '')}" or gpu.arch
    return Fact(f"{gpu.name} ({detail})" if detail and detail.lower() not in gpu.name.lower() else gpu.name, gpu.origin)


def gpu_count(snapshot: Snapshot, argument: str) -> Reading:
    if snapshot.gpus is None or any(gpu.count is None for gpu in snapshot.gpus):
        return Reading(UNKNOWN, None)
    total = sum(gpu.count or 0 for gpu in snapshot.gpus)
    fact = Fact(total, snapshot.gpus[0].origin if snapshot.gpus else "")
    return Reading(as_truth(number_within(str(total), argument)), fact)
