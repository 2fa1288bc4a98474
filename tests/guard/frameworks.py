"""One loop under one framework, healthy or sick; started by torchrun, or as it is.

Usage: `frameworks.py FOLDER FRAMEWORK WHAT`, WHAT being `healthy`, `nan` (the loss of the last rank at step 5), `rate` (a learning rate of 1e6), or
`bare` (`nan`, and no guard). Each rank writes `rank-N.json`: the step it stopped at (0: it did not), why, how many it took, the last norm that the
guard saw, whether what it holds of the weights is finite, and whether it is another than at the start.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from nets import batches, loss_of, net
from torch import distributed

from envcheck.guard import Guard, SickStep, scene

STEPS, SICK = 8, 5
RATE = 1e6 if sys.argv[3:] == ["rate"] else 1e-3
WORLD, RANK = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))


class Job:
    """What a loop has: the model and optimizer that the guard is given, and its ways to go backward and to step."""

    def __init__(self, model: Any, optimizer: Any, backward: Callable[[Any], None], step: Callable[[], None]) -> None:
        self.model, self.optimizer, self.backward, self.step = model, optimizer, backward, step


def main(folder: str, framework: str, what: str) -> None:
    torch.set_num_threads(1)
    scene._report = lambda told: {"failed": "not asked"}
    named, _, variant = framework.partition(":")
    job = FRAMEWORKS[named](variant)
    start = [weight.clone() for weight in held(job.model)]
    guard = None if what == "bare" else Guard(job.model, job.optimizer, folder=folder)
    stopped: dict[str, Any] = {"stopped": 0, "sign": ""}
    # The step of each backward, with micro-batches two in a row.
    micro = 2 if variant == "accumulate" else 1
    try:
        for number, tokens in enumerate(batches(STEPS * micro)):
            loss = loss_of(job.model, tokens)
            if what in ("nan", "bare") and number // micro + 1 == SICK and RANK == WORLD - 1:
                loss = loss * float("nan")
            if guard is not None:
                guard.look(loss, tokens)
            job.backward(loss)
            job.step()
    except SickStep as sick:
        stopped = {"stopped": sick.step, "sign": sick.sign.id}
    now = held(job.model)
    finite = all(bool(torch.isfinite(weight).all()) for weight in now)
    moved = any(not torch.equal(was, weight) for was, weight in zip(start, now))
    norm = None if guard is None or guard.norm is None else f"{guard.norm:.4g}"
    told = {**stopped, "steps": guard.step if guard else None, "norm": norm, "finite": finite, "moved": moved}
    Path(folder, f"rank-{RANK}.json").write_text(json.dumps(told))
    if distributed.is_initialized():
        with suppress(RuntimeError):
            distributed.barrier()
    # Taking gloo down ends in SIGABRT now and then, after everything is done.
    os._exit(0)


def held(model: Any) -> list[Any]:
    """What this rank holds of the weights."""
    found = []
    for weight in model.parameters():
        stored = getattr(weight, "ds_tensor", None)
        weight = weight if stored is None else stored
        found.append(getattr(weight, "_local_tensor", weight).detach().clone())
    return found


def _plain(variant: str) -> Job:
    model: Any = net()
    if WORLD > 1:
        distributed.init_process_group("gloo")
        model = torch.nn.parallel.DistributedDataParallel(model)
    return _stepped(model)


def _fsdp1(variant: str) -> Job:
    from torch.distributed.fsdp import FullyShardedDataParallel

    distributed.init_process_group("gloo")
    return _stepped(FullyShardedDataParallel(net(), device_id=torch.device("cpu"), use_orig_params=variant == "orig"))


def _fsdp2(variant: str) -> Job:
    from torch.distributed.fsdp import fully_shard

    distributed.init_process_group("gloo")
    mesh = torch.distributed.device_mesh.init_device_mesh("cpu", (WORLD,))
    model = net()
    for layer in (model[1], model[3]):
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return _stepped(model)


def _stepped(model: Any) -> Job:
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)

    def step() -> None:
        optimizer.step()
        optimizer.zero_grad()

    return Job(model, optimizer, lambda loss: loss.backward(), step)


def _accelerate(variant: str) -> Job:
    from accelerate import Accelerator

    micro = 2 if variant == "accumulate" else 1
    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if variant == "bf16" else "no", gradient_accumulation_steps=micro)
    model = net()
    model, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters(), lr=RATE))
    backwards = iter(_every(micro))

    def backward(loss: Any) -> None:
        accelerator.gradient_state._set_sync_gradients(next(backwards))
        accelerator.backward(loss)

    def step() -> None:
        if variant == "clip" and accelerator.sync_gradients:
            accelerator.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        optimizer.zero_grad()

    return Job(model, optimizer, backward, step)


def _every(micro: int) -> Iterator[bool]:
    number = 0
    while True:
        number += 1
        yield number % micro == 0


def _deepspeed(variant: str) -> Job:
    import deepspeed

    for name, alone in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "29655")):
        os.environ.setdefault(name, alone)
    deepspeed.init_distributed("gloo")
    stage, _, precision = variant.partition("-")
    config = {
        "train_micro_batch_size_per_gpu": 4,
        "zero_optimization": {"stage": int(stage)},
        "bf16": {"enabled": precision == "bf16"},
        "optimizer": {"type": "AdamW", "params": {"lr": RATE, "torch_adam": True}},
        "zero_allow_untested_optimizer": True,
        "gradient_clipping": 1.0,
    }
    model = net()
    engine, optimizer, _, _ = deepspeed.initialize(model=model, model_parameters=model.parameters(), config=config)
    return Job(engine, optimizer, engine.backward, engine.step)


FRAMEWORKS = {"plain": _plain, "accelerate": _accelerate, "fsdp1": _fsdp1, "fsdp2": _fsdp2, "deepspeed": _deepspeed}

if __name__ == "__main__":
    main(*sys.argv[1:])
