"""The checks, in the order they run. To add one: a function that yields `Result`s, and its line here."""

from __future__ import annotations

from typing import NamedTuple

ALL = ("fp32", "bf16", "fp16")


class Check(NamedTuple):
    """One check, and where to find it; it is torch-free, so that the host can list what it does not run."""

    group: str
    """`ops`, `sdpa` (one child for each attention backend) or `train`."""
    code: str
    """`module:function`; the function takes a `Bench` and yields `Result`s."""
    dtypes: tuple[str, ...]
    """Precisions it exists in."""
    bound: str
    """`exact` (bitwise), `bound` (derived, rigorous in any order of summation) or `norm` (derived, first order)."""
    purpose: str
    """What real failure it is there for."""


CHECKS: dict[str, Check] = {
    "gemm_exact": Check(
        "ops",
        "gemm:exact_forms",
        ALL,
        "exact",
        "wrong matrix products of strided, transposed and broadcast operands; flipped bits",
    ),
    "gemm_bound": Check(
        "ops",
        "gemm:bounded_product",
        ALL,
        "bound",
        "accumulation in too low a precision, lost tiles, TF32 where fp32 was asked for",
    ),
    "softmax": Check("ops", "softmax:softmax", ALL, "bound", "no shift by the maximum, softmax in low precision; its gradient"),
    "layernorm": Check(
        "ops",
        "norm:layernorm",
        ALL,
        "bound",
        "wrong variance, dropped epsilon, statistics in low precision; its gradients",
    ),
    "cross_entropy": Check(
        "ops",
        "entropy:cross_entropy",
        ALL,
        "bound",
        "wrong normalisation, `ignore_index` ignored, logits in low precision",
    ),
    "adamw": Check(
        "ops",
        "adamw:adamw",
        ("fp32",),
        "bound",
        "wrong bias correction or weight decay in one of the three implementations",
    ),
    "sdpa": Check("sdpa", "attention:attention", ALL, "bound", "wrong or NaN attention gradients of one backend, wrong masks"),
    "train": Check(
        "train",
        "training:training",
        ALL,
        "norm",
        "what only shows when everything works together: eight steps of a tiny transformer",
    ),
}
