"""What is to be run: the options of a run, checked, and the orders for its children."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from envcheck.errors import InputError
from envcheck.selftest.inside.registry import ALL, CHECKS, GROUPS, LEVELS, PRECISIONS

BACKENDS = {
    "cpu": ("MATH", "FLASH_ATTENTION"),
    "cuda": ("MATH", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION"),
}
"""Attention backends that a kind of device can have; any other kind has torch's own composition only."""

QUICK = "quick"
"""The one child of level `quick`, in which attention runs as torch itself chooses it."""

ROUNDS = 8
"""Seeds of level `thorough`."""

SHOWN = ("NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE", "CUBLAS_WORKSPACE_CONFIG", "TORCH_EXTENSIONS_DIR", "PYTORCH_CUDA_ALLOC_CONF")
"""Variables of the user's shell that change how torch computes, or where it builds."""


USED = ("precision", "param_dtype", "zero_stage", "overlap_comm", "contiguous_gradients", "tf32", "optimizer", "adam_epsilon", "method", "deepspeed")
"""Training settings that change what is checked, or what is expected of it."""


@dataclass(frozen=True)
class Order:
    """What one child is asked for."""

    group: str
    """One of `GROUPS`, `sdpa:BACKEND`, or `quick`."""
    device: str
    checks: tuple[tuple[str, str], ...]
    """Check and precision, in the order they run."""
    seed: int
    rounds: int = 1
    attempt: int = 0
    """0, or which rerun of a failure this is."""
    part: int = 0
    """0, or which child carries on where the one before it died."""
    first: bool = False
    """Whether this child tells the settings of the device."""

    def as_argument(self, train: Mapping[str, object]) -> str:
        """The JSON that the worker reads."""
        kind, _, backend = self.group.partition(":")
        yours = {name: os.environ[name] for name in SHOWN if name in os.environ}
        wire = {"group": kind, "backend": backend or ("DEFAULT" if kind == QUICK else ""), "device": self.device, "checks": self.checks}
        rest = {"seed": self.seed, "rounds": self.rounds, "attempt": self.attempt, "first": self.first and not self.attempt and not self.part}
        return json.dumps({**wire, **rest, "environment": yours, "train": dict(train)})


@dataclass(frozen=True)
class Plan:
    """The options of one run."""

    devices: tuple[str, ...]
    precisions: tuple[str, ...]
    train_precisions: tuple[str, ...]
    checks: tuple[str, ...]
    seed: int
    level: str
    train: Mapping[str, object]

    def orders(self, device: str) -> Iterator[Order]:
        """One order for each group that has something to do on a device; the first tells the settings."""
        rounds = ROUNDS if self.level == "thorough" else 1
        first = True
        for group in self._groups(device):
            checks = tuple(self._checks(group.partition(":")[0], device))
            if checks:
                yield Order(group, device, checks, self.seed, rounds, first=first)
                first = False

    def _groups(self, device: str) -> tuple[str, ...]:
        if self.level == QUICK:
            return (QUICK,)
        backends = BACKENDS.get(device.partition(":")[0], ("MATH",))
        return tuple(name for group in GROUPS for name in ([f"sdpa:{backend}" for backend in backends] if group == "sdpa" else [group]))

    def _checks(self, group: str, device: str) -> Iterator[tuple[str, str]]:
        for name in self.checks:
            if group in (QUICK, CHECKS[name].group):
                asked = self.train_precisions if CHECKS[name].bound == "norm" and "fp32" in CHECKS[name].dtypes else self.precisions
                yield from ((name, dtype) for dtype in CHECKS[name].dtypes if not dtype or dtype in asked)
        if group == "train" and self.level == "thorough" and {"gemm_exact", "train"} <= set(self.checks):
            # Products have been wrong only after others had come and gone: https://github.com/pytorch/pytorch/issues/193487
            yield from (("gemm_exact", dtype) for dtype in ALL if dtype in self.precisions)


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
    _known(precisions, PRECISIONS, "precision")
    _known([level], tuple(LEVELS), "level")
    _known([*only, *skip], tuple(CHECKS), "check")
    if not 0 <= seed < 2**31:
        raise InputError(f"self-test seed {seed} is out of range", hint="a seed is a whole number from 0 to 2147483647")
    chosen = tuple(name for name, check in CHECKS.items() if (name in only or not only and (level != QUICK or check.quick)) and name not in skip)
    settings = {key: _plain((train or {})[key]) for key in USED if key in (train or {})}
    own = str(settings.get("precision", ""))
    # The user's own precision is the only one worth training in; where it is unknown or has no check, all that were asked for.
    return Plan(tuple(devices), tuple(precisions), (own,) if own in ALL else tuple(precisions), chosen, seed, level, settings)


def _plain(value: object) -> object:
    """`true` and numbers as such: in a snapshot every setting may be text."""
    text = str(value).lower()
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text) if "." in text or "e-" in text else value
    except ValueError:
        return value


# As torch names devices; the number picks one of several.
_DEVICE = re.compile(r"auto|cpu|mps|(?:cuda|npu|xpu)(?::\d{1,3})?")


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
