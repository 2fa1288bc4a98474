"""Two processes that train together; started by torchrun from test_ranks.py with the folder of the scenes and what is sick."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from nets import adam, batches, finite, loss_of, net
from torch import distributed

from envcheck.guard import Guard, SickStep, scene


def main(folder: str, what: str) -> None:
    """Rank 1 alone sees a NaN at step 3 where `what` is `sick`; there is no DDP, so nothing but the guard tells rank 0."""
    scene._report = lambda told: {"failed": "not asked"}
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    model = net()
    optimizer = adam(model)
    guard = Guard(model, optimizer, folder=folder)
    stopped = 0
    try:
        for number, tokens in enumerate(batches(6), 1):
            loss = loss_of(model, tokens)
            guard.look(loss, tokens)
            loss.backward()
            if (what, rank, number) == ("sick", 1, 3):
                model[3].weight.grad[0, 0] = float("nan")
            optimizer.step()
            optimizer.zero_grad()
    except SickStep as sick:
        stopped = sick.step
    (Path(folder) / f"rank-{rank}.txt").write_text(f"stopped {stopped} finite {finite(model)} norm {guard.norm is not None and guard.norm < 100}")
    distributed.barrier()
    # How gloo's threads are torn down is not under test; now and then they abort the process.
    os._exit(0)


torch.set_num_threads(1)
main(*sys.argv[1:])
