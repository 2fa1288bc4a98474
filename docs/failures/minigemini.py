"""A gradient that is overwritten at step 2, as a race in overlapped communication leaves it; first without the guard, then with it.

The race itself needs several GPUs. What is put in by hand here is its result: NaN in one gradient, once.
"""

from __future__ import annotations

from typing import Any

import tiny
import torch


def racing() -> Any:
    """A model one of whose gradients holds a NaN in the second backward pass."""
    net, passes = tiny.model(), 0

    def overwrite(gradient: torch.Tensor) -> torch.Tensor:
        nonlocal passes
        passes += 1
        return gradient.index_fill(0, torch.tensor([0]), float("nan")) if passes == 2 else gradient

    net.model.layers[1].mlp.up_proj.weight.register_hook(overwrite)
    return net


tiny.train(racing(), guard=False)
tiny.train(racing(), guard=True)
