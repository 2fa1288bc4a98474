"""A loop written by hand that divides the loss by `loss_mask.sum()`; in the third batch every answer was cut off, so that sum is 0."""

from __future__ import annotations

from typing import Optional

import tiny
import torch

from envcheck.guard import Guard, SickStep


def train(guarded: bool) -> None:
    """Train for 5 steps in bf16 autocast with clipping, which the report had too."""
    net = tiny.model()
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-4)
    guard: Optional[Guard] = Guard(net, optimizer) if guarded else None
    stopped = "went on to the end"
    try:
        for number, row in enumerate(tiny.batches(count=5), 1):
            ids = row["input_ids"][None]
            loss_mask = torch.zeros(15) if number == 3 else torch.ones(15)
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(ids).logits[0, :-1].float()
            losses = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
            loss = (losses * loss_mask).sum() / loss_mask.sum()
            if guard:
                guard.look(loss, {"ids": ids, "loss_mask": loss_mask})
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    except SickStep as sick:
        stopped = f"stopped, {sick}"
    lost = sum(not bool(torch.isfinite(weight).all()) for weight in net.parameters())
    print(f"{'with' if guarded else 'without'} the guard: {stopped}; {lost} of {len(list(net.parameters()))} weights not finite")


train(guarded=False)
train(guarded=True)
