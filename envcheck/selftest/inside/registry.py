"""The checks, in the order they run. To add one: a function that yields `Result`s, and its line here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

ALL = ("fp32", "bf16", "fp16")
PRECISIONS = (*ALL, "fp8")
NONE = ("",)
"""For checks that are about no precision, or about more than one."""

GROUPS = ("ops", "train", "yours", "sdpa", "flash_attn", "accelerate", "deepspeed")
"""`sdpa` stands for one child for each attention backend; `yours` runs with the user's own settings."""

LEVELS = {
    "quick": "one second of CPU beyond `import torch`: the operations that have gone wrong most, in one child",
    "standard": "two seconds of CPU beyond `import torch` in each of five children: everything, each attention backend in a child of its own",
    "thorough": "half a minute: everything for eight seeds, larger sizes, and products again after training",
}
"""What each level does, and how long it takes on a CPU; accelerate and DeepSpeed add some seconds each where they are installed."""

_TORCH = "https://github.com/pytorch/pytorch/issues/"


class Check(NamedTuple):
    """One check, and where to find it; it is torch-free, so that the host can list what it does not run."""

    group: str
    """One of `GROUPS`."""
    code: str
    """`module:function`; the function takes a `Bench` and yields `Result`s."""
    dtypes: tuple[str, ...]
    """Precisions it exists in."""
    bound: str
    """`exact` (bitwise), `bound` (derived, rigorous in any order of summation), `norm` (derived, first order) or `told` (no
    verdict, or one that only warns)."""
    purpose: str
    """What it is there for, in a few words."""
    link: str
    """A failure in the world of the kind it is there for; empty where none is on record."""
    cost: float
    """Seconds of CPU time on one core, all precisions together."""
    quick: bool = False
    """Whether it runs at level `quick` too."""
    needs: str = ""
    """A package that must be installed."""
    kinds: tuple[str, ...] = ()
    """Kinds of device it exists on; empty for all."""
    fits: str = ""
    """Regular expression that finds the ids of the matrix entries of which its failure may be an instance; empty for none."""


_PRODUCT = "matmul|cublas"

CHECKS: dict[str, Check] = {
    "gemm_exact": Check(
        "ops",
        "gemm:exact_forms",
        ALL,
        "exact",
        "wrong products of strided, transposed and broadcast operands; flipped bits",
        _TORCH + "116769",
        0.04,
        quick=True,
        fits=_PRODUCT,
    ),
    "gemm_freivalds": Check(
        "ops", "gemm:freivalds", ALL, "exact", "a single wrong element of a large product", "https://arxiv.org/abs/2502.12340", 0.1, fits=_PRODUCT
    ),
    "gemm_bound": Check(
        "ops",
        "gemm:bounded_product",
        ALL,
        "bound",
        "sums in too low a precision, lost tiles, TF32 where fp32 was asked for",
        _TORCH + "67384",
        0.01,
        quick=True,
        fits=_PRODUCT,
    ),
    "gemm_repeat": Check(
        "ops",
        "gemm:repeated",
        ALL,
        "exact",
        "products that differ from call to call: races, and devices that err now and then",
        "https://arxiv.org/abs/2502.12340",
        0.02,
        fits=_PRODUCT,
    ),
    "wide_sums": Check(
        "ops",
        "probes:wide_sums",
        ("bf16", "fp16"),
        "exact",
        "sums that stand still because they are kept in bf16 or fp16",
        "https://github.com/pytorch/pytorch/pull/89172",
        0.002,
        quick=True,
    ),
    "denormals": Check(
        "ops",
        "probes:denormals",
        ("fp32",),
        "exact",
        "subnormal numbers flushed to 0 by a library built with -ffast-math",
        "https://github.com/numpy/numpy/issues/20895",
        0.001,
        quick=True,
    ),
    "rounding": Check("ops", "probes:rounding", ("bf16", "fp16"), "exact", "casts that truncate, and NaN that becomes a number", "", 0.001, quick=True),
    "nan_inf": Check("ops", "probes:nan_inf", ALL, "exact", "NaN and infinity that are swallowed, or spread to other rows", "", 0.002, quick=True),
    "copies": Check("ops", "moves:copies", NONE, "exact", "copies to, on and from the device that change bits", _TORCH + "84803", 0.02, quick=True),
    "integers": Check(
        "ops", "moves:integers", ALL, "exact", "lost updates of embedding gradients and scatters; wrong sorts and running sums", "", 0.02, quick=True
    ),
    "softmax": Check(
        "ops", "softmax:softmax", ALL, "bound", "no shift by the maximum, softmax in low precision; its gradient", _TORCH + "103749", 0.01, quick=True
    ),
    "layernorm": Check(
        "ops", "norm:layernorm", ALL, "bound", "wrong variance, dropped epsilon, statistics in low precision; its gradients", "", 0.01, quick=True
    ),
    "rmsnorm": Check(
        "ops",
        "norm:rmsnorm",
        ALL,
        "bound",
        "dropped epsilon, mean instead of root mean square; its gradients",
        "https://github.com/linkedin/Liger-Kernel/commit/7d54ff88",
        0.004,
    ),
    "silu": Check("ops", "activation:silu", ALL, "bound", "SiLU by a rough exponential; its gradient", "", 0.01),
    "gelu": Check("ops", "activation:gelu", ALL, "bound", "GELU by a rough erf or tanh; its gradients", "", 0.01),
    "cross_entropy": Check(
        "ops",
        "entropy:cross_entropy",
        ALL,
        "bound",
        "wrong normalisation, `ignore_index` ignored, logits in low precision",
        "https://github.com/huggingface/transformers/pull/34191",
        0.004,
        quick=True,
    ),
    "adamw": Check(
        "ops",
        "adamw:adamw",
        ("fp32",),
        "bound",
        "wrong bias correction or weight decay in one of the three implementations",
        _TORCH + "118115",
        0.005,
        quick=True,
        fits="^torch-.*adam",
    ),
    "grad_scaler": Check(
        "ops",
        "steps:scaler",
        ("fp32",),
        "exact",
        "an optimizer that ignores the loss scale, or takes a step on infinities",
        _TORCH + "95781",
        0.003,
        quick=True,
        fits="^torch-.*gradscaler",
    ),
    "clip": Check(
        "ops",
        "steps:clip",
        ("fp32",),
        "bound",
        "a wrong norm of the gradients, and one that hides NaN",
        "https://github.com/deepspeedai/DeepSpeed/issues/5242",
        0.001,
        quick=True,
    ),
    "random": Check("ops", "steps:random", NONE, "exact", "a generator that does not repeat or is biased, and dropout that does not rescale", "", 0.02),
    "fp8_casts": Check("ops", "fp8:casts", ("fp8",), "exact", "casts to fp8 that truncate", "https://arxiv.org/abs/2209.05433", 0.01, fits="fp8-before"),
    "fp8_product": Check(
        "ops", "fp8:product", ("fp8",), "exact", "wrong scaled products of fp8 numbers", "https://arxiv.org/abs/2412.19437", 0.01, fits="fp8-before"
    ),
    "train": Check(
        "train",
        "training:training",
        ALL,
        "norm",
        "what only shows when everything works together: eight steps of a tiny transformer",
        "https://github.com/JIA-Lab-research/MGM/issues/123",
        0.5,
        quick=True,
        fits="^torch-.*(sdpa|adam)",
    ),
    "train_bf16": Check("train", "training:pure", ("bf16",), "norm", "the same with parameters and optimizer state in bf16", "", 0.3, fits="^torch-.*sdpa"),
    "fp32_products": Check(
        "yours",
        "yours:fp32_products",
        NONE,
        "exact",
        "TF32 or less where your settings ask for IEEE fp32",
        "https://github.com/huggingface/transformers/issues/16588",
        0.1,
        fits="tf32",
    ),
    "narrow_sums": Check(
        "yours", "yours:narrow_sums", ("bf16", "fp16"), "told", "whether your settings make sums narrow", "https://github.com/pytorch/pytorch/pull/89172", 0.01
    ),
    "native_bf16": Check(
        "yours",
        "yours:native_bf16",
        ("bf16",),
        "told",
        "bf16 that is emulated although torch says it is supported",
        "https://github.com/pytorch/pytorch/pull/148322",
        0.002,
    ),
    "adamw_eps": Check(
        "yours",
        "adamw:half_parameters",
        ("fp16",),
        "exact",
        "an eps that is 0 in fp16: NaN in the first step of fp16 parameters",
        "https://github.com/pytorch/pytorch/issues/147437",
        0.002,
        fits="adam-fp16",
    ),
    "extension_locks": Check("yours", "yours:extension_locks", NONE, "told", "locks of dead builds, for which every later build waits for ever", "", 0.001),
    "sdpa": Check(
        "sdpa",
        "attention:attention",
        ALL,
        "bound",
        "wrong or NaN attention gradients of one backend, wrong masks",
        _TORCH + "196678",
        0.4,
        quick=True,
        fits="^torch-.*sdpa",
    ),
    "flash_attn": Check(
        "flash_attn",
        "flash:flash_attn",
        ("bf16", "fp16"),
        "bound",
        "wrong attention of the flash-attn package",
        "https://github.com/Dao-AILab/flash-attention/issues/1849",
        0.2,
        needs="flash_attn",
        kinds=("cuda",),
        fits="^flash-att",
    ),
    "accelerate": Check(
        "accelerate",
        "engines:accelerate",
        ALL,
        "norm",
        "the training probe through `Accelerator.prepare`",
        "https://github.com/huggingface/transformers/pull/45248",
        1.0,
        needs="accelerate",
        fits="^accelerate-",
    ),
    "deepspeed": Check(
        "deepspeed",
        "engines:deepspeed",
        ALL,
        "norm",
        "the training probe through `deepspeed.initialize` at your ZeRO stage",
        "https://github.com/deepspeedai/DeepSpeed/issues/5242",
        2.0,
        needs="deepspeed",
        fits="^deepspeed-",
    ),
}


def lacking(name: str, kind: str, installed: Sequence[str]) -> str:
    """Why a check cannot run on a kind of device, or where a package is not installed; nothing where it can."""
    check = CHECKS[name]
    if check.needs and check.needs not in installed:
        return f"{check.needs} is not installed"
    return f"only for {', '.join(check.kinds)} devices" if check.kinds and kind not in check.kinds else ""
