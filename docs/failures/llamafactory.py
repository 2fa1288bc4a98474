"""An attention backend whose backward pass returns NaN at the third step, while adapters are trained and the base is frozen.

Such a backend cannot be carried around, so its NaN is put in by hand where it would come out: at the input of the attention's output projection.
"""

from __future__ import annotations

from typing import Any

import tiny
import torch
from torch import nn


class Adapted(nn.Module):
    """A frozen linear layer with a low-rank adapter beside it that starts at zero, as LoRA has it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.lora_A = nn.Linear(base.in_features, 4, bias=False)
        self.lora_B = nn.Linear(4, base.out_features, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """The base's output and the adapter's."""
        return self.base(hidden) + self.lora_B(self.lora_A(hidden))


def adapted() -> Any:
    """A frozen model with adapters on the projections of the attention, and a sick backward pass."""
    net, passes = tiny.model(), 0
    for weight in net.parameters():
        weight.requires_grad = False
    for layer in net.model.layers:
        layer.self_attn.q_proj = Adapted(layer.self_attn.q_proj)
        layer.self_attn.v_proj = Adapted(layer.self_attn.v_proj)

    def sick(module: nn.Module, given: Any, produced: Any) -> Any:
        nonlocal passes
        passes += 1
        return (torch.full_like(given[0], float("nan")),) if passes == 3 else None

    net.model.layers[0].self_attn.o_proj.register_full_backward_hook(sick)
    return net


tiny.train(adapted(), guard=False)
tiny.train(adapted(), guard=True)
