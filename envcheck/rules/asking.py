"""What several rules ask of a snapshot, in the words of the conditions."""

from __future__ import annotations

import re
from typing import List, Optional, Tuple, Union

from envcheck.conditions import truth_of
from envcheck.model import Fact, Gpu, Snapshot, Truth, UsedFact

# As torch's own indexes have it: `2.7.1`, `2.7.1+cu128`, `2.9.0.dev20250901+cu128`. `2.4.0a0+f70bd71a48.nv24.06` and
# `2.5.1+gita8d6afb` are builds of a vendor's or of somebody's own.
_PUBLISHED = re.compile(r"(?:==)?\d+(?:\.\d+)*(?:rc\d+|\.dev\d*)?(?:\+(cu\d+|cpu|rocm[0-9.]+|xpu))?")
_OPEN = re.compile(r"[<>=!~]")
_OWN = re.compile(r"a0\b|\.dev|\+(?!cu|cpu|rocm|xpu|pt\d|torch)")


def is_there(snapshot: Snapshot, name: str) -> bool:
    """Whether some version of a package is known to be installed or required."""
    return snapshot.package(name).value not in (None, "absent")


def has(snapshot: Snapshot, key: str, argument: Union[str, List[str]]) -> bool:
    """Whether a condition certainly holds."""
    return truth_of(key, argument, snapshot) is Truth.YES


def lacks(snapshot: Snapshot, key: str, argument: str) -> bool:
    """Whether a condition certainly does not hold, of something that is known to be there."""
    return truth_of(key, argument, snapshot) is Truth.NO


def is_published_torch(snapshot: Snapshot) -> bool:
    """Whether torch is a release or nightly as its own indexes publish them, or a requirement that asks for one."""
    value = snapshot.package("torch").value
    if value in (None, "absent"):
        return False
    return _PUBLISHED.fullmatch(str(value)) is not None or bool(_OPEN.match(str(value))) and "+" not in str(value)


def is_index_torch(snapshot: Snapshot) -> bool:
    """Whether torch certainly is a wheel of its own indexes: it has their local tag, or the libraries that those wheels bring."""
    if not is_published_torch(snapshot):
        return False
    return "+" in str(snapshot.package("torch").value) or any(name.startswith("nvidia-cuda-") for name in snapshot.packages)


def is_own_build(fact: Fact) -> bool:
    """Whether a package's version is no release of its project (`0.20.0a0`, `0.6.5.dev398+gff06ff57`)."""
    return _OWN.search(str(fact.value or "")) is not None


def release(fact: Fact) -> str:
    """A version as people say it: without `==` and local tag."""
    return str(fact.value or "").lstrip("= ").partition("+")[0]


def major(fact: Fact) -> Optional[int]:
    """The first number of a version; None where there is none."""
    head = str(fact.value or "").lstrip("= ").partition(".")[0]
    return int(head) if head.isdecimal() and len(head) < 10 else None


def minor(fact: Fact) -> Optional[Tuple[int, int]]:
    """The first two numbers of a version; None where it has not both, or is a range."""
    found = re.match(r"(?:==)?\s*(\d+)\.(\d+)", str(fact.value or ""))
    return (int(found[1]), int(found[2])) if found else None


def compared(one: str, other: str) -> Optional[int]:
    """-1, 0 or 1 as a driver's version is less than, equal to or greater than another's, as far as both go; None where one is no row of numbers."""
    numbers = [re.fullmatch(r"\d{1,6}(?:\.\d{1,6})*", text.strip().lstrip("=")) for text in (one, other)]
    left, right = ([int(part) for part in found[0].split(".")] if found else [] for found in numbers)
    known = min(len(left), len(right))
    return (left[:known] > right[:known]) - (left[:known] < right[:known]) if known else None


def nvidia_gpus(snapshot: Snapshot) -> Tuple[Gpu, ...]:
    """The GPUs whose compute capability is known."""
    return tuple(gpu for gpu in snapshot.gpus or () if gpu.capability is not None)


def named(gpu: Gpu) -> str:
    """A GPU's name with its architecture, unless the name already says it: `NVIDIA H100 (sm_90)`."""
    architecture = gpu.arch or f"sm_{str(gpu.capability).replace('.', '')}"
    return gpu.name if architecture in gpu.name else f"{gpu.name} ({architecture})"


def used(snapshot: Snapshot, *keys: str) -> Tuple[UsedFact, ...]:
    """The facts behind a finding, by condition key; those that are unknown are left out."""
    facts = ((key, snapshot.facts[key] if key in snapshot.facts else _dotted(snapshot, key)) for key in keys)
    return tuple(UsedFact(key, fact.value, fact.origin) for key, fact in facts if fact.value is not None)


def _dotted(snapshot: Snapshot, key: str) -> Fact:
    room, _, name = key.partition(".")
    if room in ("train", "env") and name:
        return getattr(snapshot, room).get(name, Fact(None))  # type: ignore[no-any-return]
    return snapshot.builds[key] if key in snapshot.builds else snapshot.package(key)


def gpu_fact(gpu: Gpu, more: str = "") -> UsedFact:
    """A GPU as a fact, with what else there is to say of it."""
    return UsedFact("gpu", named(gpu) + (f"; {more}" if more else ""), gpu.origin)
