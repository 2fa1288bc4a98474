"""A transformer of two blocks, and a sentence it can learn, small enough to train in fp64 on any machine."""

from __future__ import annotations

import math
from typing import Callable

import torch
import torch.nn.functional as F

from .arithmetic import Tensor
from .bench import Bench

BLOCKS, WIDTH, HEADS, VOCABULARY, LENGTH, BATCH = 2, 64, 4, 64, 32, 8
EPS = 1e-5


def weights(bench: Bench) -> dict[str, Tensor]:
    """Fresh fp64 weights that are numbers of bf16, so that every precision starts from the same model."""
    drawn = {"embed": bench.normal(VOCABULARY, WIDTH), "position": bench.normal(LENGTH, WIDTH, scale=0.1)}
    for i in range(BLOCKS):
        drawn[f"{i}.norm1.weight"] = 1 + bench.normal(WIDTH, scale=0.1)
        drawn[f"{i}.norm1.bias"] = bench.normal(WIDTH, scale=0.1)
        drawn[f"{i}.qkv"] = bench.normal(3 * WIDTH, WIDTH, scale=WIDTH**-0.5)
        drawn[f"{i}.proj"] = bench.normal(WIDTH, WIDTH, scale=WIDTH**-0.5)
        drawn[f"{i}.norm2"] = 1 + bench.normal(WIDTH, scale=0.1)
        drawn[f"{i}.up"] = bench.normal(2 * WIDTH, WIDTH, scale=WIDTH**-0.5)
        drawn[f"{i}.up.bias"] = bench.normal(2 * WIDTH, scale=0.1)
        drawn[f"{i}.down"] = bench.normal(WIDTH, 2 * WIDTH, scale=(2 * WIDTH) ** -0.5)
    drawn["norm"] = 1 + bench.normal(WIDTH, scale=0.1)
    drawn["head"] = bench.normal(VOCABULARY, WIDTH, scale=WIDTH**-0.5)
    return {name: value.to(torch.bfloat16).double() for name, value in drawn.items()}


Tap = Callable[[str, Tensor], None]


def _ignore(name: str, values: Tensor) -> None:
    """Nobody wants to see the layers."""


def loss(w: dict[str, Tensor], tokens: Tensor, tap: Tap = _ignore) -> Tensor:
    """Mean cross-entropy of the next token of the sequence `x -> 3x + 1 mod 64`, the first target being ignored.

    `tap` is shown what every layer adds, in the order of the forward pass.
    """
    x = F.embedding(tokens, w["embed"]) + w["position"]
    tap("embed", x)
    for i in range(BLOCKS):
        x = x + _attend(F.layer_norm(x, (WIDTH,), w[f"{i}.norm1.weight"], w[f"{i}.norm1.bias"], EPS), w[f"{i}.qkv"], w[f"{i}.proj"])
        tap(f"{i}.attention", x)
        x = x + F.linear(F.silu(F.linear(_rms(x, w[f"{i}.norm2"]), w[f"{i}.up"], w[f"{i}.up.bias"])), w[f"{i}.down"])
        tap(f"{i}.mlp", x)
    logits = F.linear(_rms(x, w["norm"]), w["head"])
    tap("head", logits)
    targets = (3 * tokens + 1) % VOCABULARY
    targets[:, 0] = -100
    # Trainers compare in fp32; fp64 stays fp64.
    raised = logits if logits.dtype == torch.float64 else logits.float()
    return F.cross_entropy(raised.reshape(-1, VOCABULARY), targets.reshape(-1), ignore_index=-100)


class Model(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
    """The same model as a module, for libraries that wrap one; its forward pass returns the loss."""

    def __init__(self, start: dict[str, Tensor], dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.places = list(start)
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(value.to(dtype)) for value in start.values()])
        self.tap: Tap = _ignore

    def forward(self, tokens: Tensor) -> Tensor:
        return loss(dict(zip(self.places, self.weights)), tokens, self.tap)


def _attend(x: Tensor, qkv: Tensor, proj: Tensor) -> Tensor:
    q, k, v = F.linear(x, qkv).view(BATCH, LENGTH, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
    if hasattr(F, "scaled_dot_product_attention"):
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    else:  # before torch 2.0
        future = torch.ones(LENGTH, LENGTH, dtype=torch.bool, device=x.device).triu(1)
        scores = (q @ k.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)).masked_fill(future, float("-inf"))
        out = torch.softmax(scores, -1) @ v
    return F.linear(out.transpose(1, 2).reshape(BATCH, LENGTH, WIDTH), proj)


def _rms(x: Tensor, weight: Tensor) -> Tensor:
    return x * (x.square().mean(-1, keepdim=True) + EPS).rsqrt() * weight
