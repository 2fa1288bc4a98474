"""What is to be run: the options of a run, checked, and the orders for its children."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from envcheck.errors import InputError
from envcheck.selftest.inside.registry import ALL, CHECKS

LEVELS = ("quick",)

BACKENDS = {
    "cpu": ("MATH", "FLASH_ATTENTION"),
    "cuda": ("MATH", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION"),
}
"""Attention backends that a kind of device can have; any other kind has torch's own composition only."""


@dataclass(frozen=True)
class Order:
    """What one child is asked for."""

    group: str
    device: str
    checks: tuple[tuple[str, str], ...]
    """Check and precision, in the order they run."""
    seed: int
    attempt: int = 0
    """0, or which rerun of a failure this is."""

    def as_argument(self) -> str:
        """The JSON that the worker reads."""
        kind, _, backend = self.group.partition(":")
        yours = {name: os.environ[name] for name in ("NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE") if name in os.environ}
        wire = {"group": kind, "backend": backend, "device": self.device, "checks": self.checks}
        return json.dumps({**wire, "seed": self.seed, "attempt": self.attempt, "environment": yours})


@dataclass(frozen=True)
class Plan:
    """The options of one run."""

    devices: tuple[str, ...]
    precisions: tuple[str, ...]
    train_precisions: tuple[str, ...]
    checks: tuple[str, ...]
    seed: int

    def orders(self, device: str) -> Iterator[Order]:
        """One order for each group that has something to do on a device."""
        for group in self._groups(device):
            checks = tuple(self._checks(group.partition(":")[0]))
            if checks:
                yield Order(group, device, checks, self.seed)

    def _groups(self, device: str) -> tuple[str, ...]:
        backends = BACKENDS.get(device.partition(":")[0], ("MATH",))
        return ("ops", "train", *(f"sdpa:{name}" for name in backends))

    def _checks(self, group: str) -> Iterator[tuple[str, str]]:
        asked = self.train_precisions if group == "train" else self.precisions
        for name in self.checks:
            if CHECKS[name].group == group:
                yield from ((name, dtype) for dtype in asked if dtype in CHECKS[name].dtypes)


def plan(
    devices: Sequence[str],
    precisions: Sequence[str],
    level: str,
    seed: int,
    train: Mapping[str, object] | None,
    only: Sequence[str],
    skip: Sequence[str],
) -> Plan:
    """The checked options; `InputError` names what is unknown and the nearest known name."""
    _known_devices(devices)
    _known(precisions, ALL, "precision")
    _known([level], LEVELS, "level")
    _known([*only, *skip], tuple(CHECKS), "check")
    chosen = tuple(name for name in CHECKS if (not only or name in only) and name not in skip)
    own = str((train or {}).get("precision", ""))
    # The user's own precision is the only one worth training in; where it is unknown or has no check, all that were asked for.
    return Plan(tuple(devices), tuple(precisions), (own,) if own in ALL else tuple(precisions), chosen, seed)


# As torch names devices; the number picks one of several.
_DEVICE = re.compile(r"auto|(?:cpu|cuda|mps|npu|xpu)(?::\d{1,3})?")


def _known_devices(devices: Sequence[str]) -> None:
    for device in devices:
        if not _DEVICE.fullmatch(device):
            raise InputError(f"unknown self-test device `{device}`", hint="known are auto, cpu, cuda, cuda:0, mps, npu, xpu")


def _known(names: Sequence[str], known: Sequence[str], what: str) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
            raise InputError(f"unknown self-test {what} `{name}`", hint=hint)
