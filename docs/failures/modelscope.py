"""A checkpoint with one infinite weight: what fine-tuning makes of it, first without the guard, then with it."""

from __future__ import annotations

from typing import Any

import tiny
import torch


def poisoned() -> Any:
    """A model as it comes from such a checkpoint."""
    net = tiny.model()
    with torch.no_grad():
        net.model.layers[1].mlp.up_proj.weight[3, 3] = float("inf")
    return net


tiny.train(poisoned(), guard=False)
tiny.train(poisoned(), guard=True)
