"""Sentences that several formats share."""

from __future__ import annotations

from typing import Iterable

from envcheck.model import SEVERITIES, Finding, Snapshot
from envcheck.render.escape import visible


def counted(findings: Iterable[Finding]) -> str:
    """`1 error, 2 warnings, 1 waived`, or `nothing found`; good ones do not count."""
    loud = [finding for finding in findings if finding.kind != "good"]
    numbers = [(severity, sum(one.severity == severity and one.waiver is None for one in loud)) for severity in SEVERITIES]
    parts = [f"{number} {severity}{'' if number == 1 else 's'}" for severity, number in numbers if number]
    waived = sum(one.waiver is not None for one in loud)
    return ", ".join(parts + ([f"{waived} waived"] if waived else [])) or "nothing found"


def plural(number: int, one: str, many: str) -> str:
    """`1 package`, `2 packages`."""
    return f"{number} {one if number == 1 else many}"


def subject(snapshot: Snapshot) -> str:
    """What was looked at, in a few words: `Python 3.10.12, torch 2.1.2+cu121, 8 x NVIDIA A800, 212 packages`."""
    parts = []
    if snapshot.fact("python").is_known:
        parts.append(f"Python {snapshot.fact('python').value}")
    torch = snapshot.package("torch")
    if torch.is_known:
        parts.append("no torch" if torch.value == "absent" else f"torch {torch.value}")
    cuda, driver = snapshot.fact("torch_cuda"), snapshot.fact("driver")
    if torch.is_known and cuda.is_known and cuda.value != "absent" and "+cu" not in str(torch.value):
        parts.append(f"CUDA {cuda.value}")
    if driver.is_known and driver.value != "absent":
        parts.append(f"driver {driver.value}")
    parts.append(_gpus(snapshot))
    parts.append(plural(len(snapshot.packages), "package", "packages") + ("" if snapshot.complete else " given"))
    return visible(", ".join(parts))


def _gpus(snapshot: Snapshot) -> str:
    if snapshot.gpus is None:
        reason = snapshot.fact("gpus").reason
        return f"GPU unknown: {reason}" if reason else "GPU unknown"
    if not snapshot.gpus:
        return "no GPU"
    return " + ".join(f"{gpu.count} x {gpu.name}" if gpu.count and gpu.count > 1 else gpu.name for gpu in snapshot.gpus)
