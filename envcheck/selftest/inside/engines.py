"""The same eight steps through the libraries that a trainer puts between the loss and the weights: accelerate and DeepSpeed."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from typing import Any

import torch

from . import transformer
from .arithmetic import Result, skipped, told
from .bench import Bench
from .training import CLIP, EPS, LR, SCALE, STEPS, Run, Step, Task, collect, golden, near, no_precision, roundoff, sound


def accelerate(bench: Bench) -> Iterator[Result]:
    """`Accelerator.prepare`, `backward` and `clip_grad_norm_` on one process, judged as the plain run is (`training.near`)."""
    why = no_precision(bench)
    if why:
        yield skipped("", why)
        return
    os.environ["ACCELERATE_TORCH_DEVICE"] = bench.device
    library = importlib.import_module("accelerate")
    # Its state is one for the whole process, and refuses another precision.
    library.state.AcceleratorState._reset_state(True)
    task = golden(bench.seed)
    handlers = [library.utils.GradScalerKwargs(init_scale=SCALE)] if bench.dtype == "fp16" else []
    try:
        accelerator = library.Accelerator(cpu=bench.kind == "cpu", mixed_precision=bench.dtype if bench.dtype != "fp32" else "no", kwargs_handlers=handlers)
    except (ValueError, NotImplementedError) as error:
        # Its own refusal of a precision on a device, such as fp16 on a CPU in older releases.
        yield skipped("", f"accelerate {library.__version__} refuses: {str(error).splitlines()[0]}")
        return
    if str(accelerator.device).partition(":")[0] != bench.kind:
        yield skipped("", f"accelerate {library.__version__} takes {accelerator.device} and not {bench.device}")
        return
    square = torch.ones(2, 2, device=accelerator.device)
    with accelerator.autocast():
        trained_in = (square @ square).dtype
    if trained_in != bench.torch_dtype:
        # It says nothing when it takes fp32 instead, as for fp16 on a CPU.
        yield skipped("", f"accelerate {library.__version__} trains in {trained_in} here when {bench.dtype} is asked for")
        return
    yield from _judged(_accelerated(accelerator, task), task, bench)
    accelerator.free_memory()


def _accelerated(accelerator: Any, task: Task) -> Run:
    model = transformer.Model(task.start)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, eps=EPS)
    model, optimizer = accelerator.prepare(model, optimizer)
    bare, layers, steps = accelerator.unwrap_model(model), {}, []
    tokens = task.tokens.to(accelerator.device)
    for _ in range(STEPS):
        bare.tap = collect(layers)
        loss = model(tokens)
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(model.parameters(), CLIP)
        steps.append(Step(float(loss.detach()), None if norm is None else float(norm), {}))
        optimizer.step()
        optimizer.zero_grad()
    return Run(steps, layers, _moved(bare, task))


def deepspeed(bench: Bench) -> Iterator[Result]:
    """`deepspeed.initialize` in one process at the user's ZeRO stage (2 where it is unknown), judged by `training.near`.

    One process does not exercise what overlaps communication: for those races there are entries, and this is the second
    line. An engine that keeps fp16 or bf16 weights rounds them once a step, which `roundoff` covers.
    """
    stage = _stage(bench)
    why = no_precision(bench) or _one_process(bench)
    if why:
        yield skipped("", why)
        return
    task = golden(bench.seed)
    try:
        library, engine = _engine(bench, task, stage)
    except Exception as error:
        # Which releases run on which device, and know which switch, is no question of arithmetic.
        yield skipped("", f"the engine could not be set up: {type(error).__name__}: {str(error).strip().splitlines()[0][:200] if str(error).strip() else ''}")
        return
    yield told("engine", f"DeepSpeed {library.__version__}, ZeRO stage {stage}, one process")
    yield from _judged(_through_engine(engine, library, task), task, bench)


def _engine(bench: Bench, task: Task, stage: int) -> tuple[Any, Any]:
    library = importlib.import_module("deepspeed")
    _without_shared_memory(library)
    model = transformer.Model(task.start)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, eps=EPS)
    return library, library.initialize(model=model, optimizer=optimizer, config=_config(bench, stage))[0]


def _stage(bench: Bench) -> int:
    given = str(bench.train.get("zero_stage", ""))
    return int(given) if given in ("0", "1", "2", "3") else 2


def _config(bench: Bench, stage: int) -> dict[str, Any]:
    """The user's switches where they are known; buckets so small that the model fills several."""
    zero: dict[str, Any] = {"stage": stage, "reduce_bucket_size": 20_000}
    zero.update({key: bench.train[key] for key in ("overlap_comm", "contiguous_gradients") if isinstance(bench.train.get(key), bool)})
    config: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": transformer.BATCH,
        "gradient_clipping": CLIP,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "steps_per_print": 10**9,
    }
    if bench.dtype == "bf16":
        config["bf16"] = {"enabled": True}
    if bench.dtype == "fp16":
        config["fp16"] = {"enabled": True, "initial_scale_power": 10}
    return config


def _one_process(bench: Bench) -> str:
    """Set up a process group of one, without network or files; why it cannot be, or nothing."""
    if torch.distributed.is_initialized():
        return ""
    os.environ.update(DS_ACCELERATOR=bench.kind, RANK="0", WORLD_SIZE="1", LOCAL_RANK=bench.device.partition(":")[2] or "0")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29500")
    backend = "nccl" if bench.kind == "cuda" else "gloo"
    try:
        torch.distributed.init_process_group(backend, store=torch.distributed.HashStore(), rank=0, world_size=1)
    except (RuntimeError, ValueError, AttributeError) as error:
        return f"no process group: {str(error).splitlines()[0]}"
    return ""


def _without_shared_memory(library: Any) -> None:
    """Keep DeepSpeed from compiling its shared memory collectives for the CPU, which takes a minute and one process needs not."""
    compatible = getattr(library.ops, "__compatible_ops__", {})
    if "deepspeed_shm_comm" in compatible:
        compatible["deepspeed_shm_comm"] = False


def _through_engine(engine: Any, library: Any, task: Task) -> Run:
    layers: dict[str, Any] = {}
    tokens, steps = task.tokens.to(engine.device), []
    for _ in range(STEPS):
        engine.module.tap = collect(layers)
        loss = engine(tokens)
        engine.backward(loss)
        engine.step()
        # None at stage 0 and after a skipped step.
        norm = engine.get_global_grad_norm()
        steps.append(Step(float(loss.detach()), None if norm is None else float(norm), {}))
    parameters = list(engine.module.parameters())
    with library.zero.GatheredParameters(parameters, enabled=engine.zero_optimization_stage() == 3):
        return Run(steps, layers, _moved(engine.module, task))


def _moved(model: Any, task: Task) -> dict[str, Any]:
    return {name: p.detach().to("cpu").double() - task.start[name] for name, p in zip(model.places, model.weights)}


def _judged(run: Run, task: Task, bench: Bench) -> Iterator[Result]:
    yield from sound(run)
    # How far low-precision weights moved says more about their format than about the engine.
    yield from (result for result in near(run, task.golden, roundoff(bench)) if bench.dtype == "fp32" or result.part != "update")
