"""Eight steps of training on the device, compared with the same eight in fp64 on the CPU."""

from __future__ import annotations

import contextlib
import functools
import math
import warnings
from collections.abc import Iterator
from typing import Any, Callable, NamedTuple

import torch

from . import transformer
from .arithmetic import UA, Result, Tensor, holds, skipped, worst
from .bench import Bench
from .steps import grad_scaler

STEPS, LR, EPS, CLIP = 8, 3e-3, 1e-6, 1.0

DEPTH = 42
"""Roundings on the longest way forward and back through the model: 2 (2 blocks of 9 stages, 3 around them)."""

LONGEST_SUM = 256
"""Terms of the longest sum: the tokens of a batch, in the gradient of a weight."""

SCALE = 2.0**10
"""First loss scale: large enough to keep fp16 gradients from underflow, small enough that no healthy step is skipped."""


class Step(NamedTuple):
    """What one step of any trainer shows."""

    loss: float
    norm: float | None
    """Of all gradients, before clipping; None where the trainer does not tell."""
    gradients: dict[str, Tensor | None]
    """By parameter, fp64 on the CPU, None where there was none; empty after the first step or where it cannot be seen."""


class Run(NamedTuple):
    """What one training run leaves behind."""

    steps: list[Step]
    layers: dict[str, Tensor]
    """What each layer put out in the first step, in order, fp64 on the CPU; empty where it cannot be seen."""
    moved: dict[str, Tensor]
    """Last minus first value of each parameter."""

    @property
    def losses(self) -> list[float]:
        return [step.loss for step in self.steps]

    @property
    def norms(self) -> list[float]:
        return [step.norm for step in self.steps if step.norm is not None]


class Task(NamedTuple):
    """The run in fp64, and what it started from."""

    golden: Run
    start: dict[str, Tensor]
    tokens: Tensor


def training(bench: Bench) -> Iterator[Result]:
    """The statements of `sound`, then distances to the fp64 run, see `near`."""
    why = no_precision(bench)
    if why:
        yield skipped("", why)
        return
    task = golden(bench.seed)
    run = _train(bench, task, torch.float32)
    yield from sound(run)
    yield from near(run, task.golden, roundoff(bench))


def pure(bench: Bench) -> Iterator[Result]:
    """The same with parameters, gradients and optimizer state in bf16: how far weights move is not compared, because most
    of a small update is lost to a bf16 weight, which is the nature of the format and no fault."""
    task = golden(bench.seed)
    run = _train(bench, task, bench.torch_dtype)
    yield from sound(run)
    yield from (result for result in near(run, task.golden, roundoff(bench)) if result.part != "update")


def roundoff(bench: Bench) -> float:
    """`v = u + sqrt(LONGEST_SUM) UA`: what one stage adds, relative to the norm of what it computes."""
    return bench.u + math.sqrt(LONGEST_SUM) * UA


@functools.lru_cache(maxsize=1)
def golden(seed: int) -> Task:
    """The run in fp64 on the CPU, once for all precisions."""
    cpu = Bench("cpu", "fp32", seed)
    start = transformer.weights(cpu)
    tokens = torch.randint(0, transformer.VOCABULARY, (transformer.BATCH, transformer.LENGTH), generator=cpu.generator)
    task = Task(Run([], {}, {}), start, tokens)
    return task._replace(golden=_train(cpu, task, torch.float64))


def sound(run: Run) -> Iterator[Result]:
    """What every training run must show, whatever its precision; where it does not, the first step that does not is named."""
    told = f"losses {_short(run.losses)}, gradient norms {_short(run.norms)}"
    finite = [math.isfinite(step.loss) and (step.norm is None or math.isfinite(step.norm)) for step in run.steps]
    yield holds("finite", all(finite), f"no number from step {_first(finite)} on: {told}")
    full = [step.loss != 0 and step.norm != 0 for step in run.steps]
    yield holds("loss_nonzero", all(full), f"0 at step {_first(full)}: {told}")
    if run.steps[0].gradients:
        missing = [name for name, gradient in run.steps[0].gradients.items() if gradient is None or not bool(gradient.any())]
        yield holds("grad_present", not missing, f"no gradient for {', '.join(missing)} at step 1")
    still = [name for name, change in run.moved.items() if not bool(change.any()) or not bool(torch.isfinite(change).all())]
    yield holds("params_move", not still, f"did not move, or to no number: {', '.join(still)}")


def near(run: Run, golden: Run, v: float) -> Iterator[Result]:
    """Distances in units of `DEPTH v`, `v` as in `roundoff`.

    One stage adds one rounding to the precision, and a sum whose errors are independent (Higham, Mary, "A new approach to
    probabilistic rounding error analysis", SISC 2019). Norms of whole tensors average over thousands of elements, which
    is why this may be used as a line of failure; it is of first order and not rigorous. Layers: `DEPTH v ||layer||`, the first
    that parts being named. Gradients: `DEPTH v ||g|| + v ||all g||`. Loss t: `DEPTH v (t + 1) max(loss, loss_0 / 5)`. The
    direction in which parameters moved may differ by half: AdamW's first steps only know signs, and the sign of a
    gradient near 0 is decided by roundings.
    """
    if run.layers:
        yield _first_parted("layers", [_layer(name, run.layers[name], want, v) for name, want in golden.layers.items()])
    first, wanted = run.steps[0], golden.steps[0]
    assert wanted.norm is not None
    if first.norm is not None:
        yield _distance("gnorm0", abs(first.norm - wanted.norm), (DEPTH + 1) * v * wanted.norm, f"gradient norm {first.norm:.6g}, expected {wanted.norm:.6g}")
    if first.gradients:
        yield worst("grad0", [_gradient(name, first.gradients[name], want, v, wanted.norm) for name, want in wanted.gradients.items()])
    yield _first_parted("trajectory", [_step(t, *pair, golden.losses[0], v) for t, pair in enumerate(zip(run.losses, golden.losses))])
    before, after, end = golden.losses[0], run.losses[-1], golden.losses[-1]
    yield _distance("loss_falls", after - end, (before - end) / 2, f"loss {before:.4g} fell to {after:.4g}, expected {end:.4g}")
    yield worst("update", [_direction(name, run.moved[name], want) for name, want in golden.moved.items()])


def _first_parted(part: str, results: list[Result]) -> Result:
    """The worst where all is well, else the first that is not, in order: what comes after it follows from it."""
    parted = next((one for one in results if not (one.ratio or 0.0) <= 1), None)
    return worst(part, results) if parted is None else parted._replace(part=part, detail=f"parts first at {parted.part}: {parted.detail}")


def _layer(name: str, got: Tensor, want: Tensor, v: float) -> Result:
    return _distance(f"layer `{name}`", float((got - want).norm()), DEPTH * v * float(want.norm()), "its output in the first step")


def _gradient(name: str, got: Tensor | None, want: Tensor | None, v: float, total: float) -> Result:
    assert want is not None
    got = torch.zeros_like(want) if got is None else got
    bound = v * (DEPTH * float(want.norm()) + total)
    return _distance(name, float((got - want).norm()), bound, f"gradient of `{name}` at the first step")


def _step(t: int, got: float, want: float, first: float, v: float) -> Result:
    return _distance(f"step {t + 1}", abs(got - want), DEPTH * v * (t + 1) * max(want, first / 5), f"loss {got:.6g}, expected {want:.6g}")


def _direction(name: str, got: Tensor, want: Tensor) -> Result:
    return _distance(name, float((got - want).norm()), 0.5 * float(want.norm()), f"movement of `{name}` in {STEPS} steps")


def _distance(part: str, err: float, bound: float, detail: str) -> Result:
    ratio = max(err, 0.0) / bound if math.isfinite(err) else math.inf
    return Result(part, err, bound, ratio, detail, digest=err.hex() if ratio > 1 else "")


def collect(into: dict[str, Tensor]) -> Callable[[str, Tensor], None]:
    """A tap that keeps the first output of every layer."""

    def keep(name: str, values: Tensor) -> None:
        if name not in into:
            into[name] = values.detach().to("cpu").double()

    return keep


def _train(bench: Bench, task: Task, dtype: Any) -> Run:
    w = {name: value.to(dtype).to(bench.device).clone().requires_grad_() for name, value in task.start.items()}
    optimizer = torch.optim.AdamW(list(w.values()), lr=LR, eps=EPS)
    scaler = grad_scaler(bench.device, SCALE) if bench.dtype == "fp16" else None
    autocast = contextlib.nullcontext if dtype in (torch.float64, torch.bfloat16) else functools.partial(_autocast, bench)
    tokens, steps, layers = task.tokens.to(bench.device), [], {}
    for step in range(STEPS):
        optimizer.zero_grad()
        with autocast():
            loss = transformer.loss(w, tokens, collect(layers)) if step == 0 else transformer.loss(w, tokens)
        (loss if scaler is None else scaler.scale(loss)).backward()
        if scaler is not None:
            scaler.unscale_(optimizer)
        gradients = {name: None if p.grad is None else p.grad.detach().to("cpu").double().clone() for name, p in w.items()} if step == 0 else {}
        norm = float(torch.nn.utils.clip_grad_norm_([p for p in w.values() if p.grad is not None], CLIP))
        steps.append(Step(float(loss.detach()), norm, gradients))
        _advance(optimizer, scaler)
    moved = {name: p.detach().to("cpu").double() - task.start[name] for name, p in w.items()}
    return Run(steps, layers, moved)


def _advance(optimizer: Any, scaler: Any) -> None:
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()


def _autocast(bench: Bench) -> Any:
    if bench.dtype == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(bench.device).type, dtype=bench.torch_dtype)


def no_precision(bench: Bench) -> str:
    """Why this device cannot train in this precision, or nothing; autocast switches itself off with a warning only."""
    if bench.dtype == "fp32":
        return ""
    square = torch.ones(2, 2, device=bench.device)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _autocast(bench):
                works = (square @ square).dtype == bench.torch_dtype
    except RuntimeError as error:
        return str(error).splitlines()[0]
    if works and bench.dtype == "fp16" and grad_scaler(bench.device, SCALE) is None:
        return f"torch {torch.__version__} has no GradScaler for this device"
    return "" if works else f"autocast to {bench.dtype} is not available on this device in torch {torch.__version__}"


def _first(good: list[bool]) -> int:
    return good.index(False) + 1 if False in good else 0


def _short(values: list[float]) -> str:
    return " ".join(f"{value:.4g}" for value in values)
