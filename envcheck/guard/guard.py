"""`Guard`: looks at every optimizer step just before it is taken, and at the weights after the first ones."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import torch

from envcheck.errors import EnvcheckError, UnableError
from envcheck.guard import ranks, scene, tensors
from envcheck.guard.around import innermost, is_sharded, left_out, observed, vocabulary_of
from envcheck.guard.rescue import Start
from envcheck.guard.signs import USUAL, Limits, Sign, Watch

_KEPT = 8
"""Micro-batches of one step whose fingerprints a scene holds."""
_GROWN = 100
"""Growth of the weights' norm in the first few steps from which they are spoiled, where a step is sick: a rate far too high does that."""
SCENES = "envcheck-scenes"
"""Folder in which scenes are kept where the caller names none."""


class SickStep(EnvcheckError):
    """Training was stopped at a sick step; `scene` is the folder that tells more, or None where nothing could be written."""

    def __init__(self, sign: Sign, step: int, folder: Optional[Path]) -> None:
        super().__init__(f"step {step}: {sign.text}", hint=f"`envcheck explain {folder}` shows the scene" if folder else "")
        self.sign = sign
        self.step = step
        self.scene = folder


class Guard:
    """Watches one optimizer and the model it trains; needs torch 2.0.

    ```python
    guard = Guard(model, optimizer)
    for batch in data:
        loss = model(**batch).loss
        guard.look(loss, batch)          # optional: raw loss and batch, no synchronisation
        loss.backward()
        optimizer.step()                 # looked at by itself; raises SickStep with the weights untouched
        optimizer.zero_grad()
    ```

    `optimizer` may be wrapped by accelerate or DeepSpeed; where a loss scaler leaves a step out, it is not looked at. With `on_sick`
    `"skip"` a sick step is left out (at most `limits.skips` in a row), with `"mark"` it is left out and `sick` is set for the caller.
    With `rescue` the weights of the start are held in main memory for the first steps, so that a step that spoils them
    is undone; it is done without where they would fill more than a quarter of what is free.

    Raises `SickStep` at once where a weight is not finite at load, and `UnableError` where torch has no hooks on optimizers.
    """

    def __init__(
        self,
        model: Any,
        optimizer: Any,
        *,
        on_sick: str = "stop",
        folder: Union[str, Path] = SCENES,
        limits: Limits = USUAL,
        scaler: Any = None,
        config: Optional[Mapping[str, str]] = None,
        rescue: bool = True,
    ) -> None:
        if on_sick not in ("stop", "skip", "mark"):
            raise ValueError(f"on_sick is `stop`, `skip` or `mark`, not {on_sick!r}")
        self.sick: Optional[SickStep] = None
        """The first sick step, once there was one."""
        self.step = 0
        """Optimizer steps taken or left out so far."""
        self.norm: Optional[float] = None
        """Norm of the gradients that the optimizer was given last, clipped where the loop clips; None where no parameter had one."""
        self.loss: Optional[float] = None
        """Raw loss of the last step, summed over its micro-batches and averaged over the ranks; None where it was not told."""
        self._model, self._optimizer, self._wrapped = model, innermost(optimizer), optimizer
        self._on_sick, self._folder, self._limits, self._config = on_sick, Path(folder), limits, dict(config or {})
        self._scaler = scaler if scaler is not None else getattr(optimizer, "scaler", None)
        self._names = {id(parameter): name for name, parameter in model.named_parameters()}
        self._sharded = is_sharded(optimizer, self._parameters())
        self._watch = Watch(limits, vocabulary_of(model))
        self._rescue = rescue
        self._start: Optional[Start] = None
        self._losses: List[Any] = []
        self._batches: List[Any] = []
        self._unstepped = self._skipped = self._left_out = 0
        self._exact = True
        self._looked = False
        if not hasattr(self._optimizer, "register_step_pre_hook"):
            raise UnableError("this optimizer has no hooks", where="envcheck.guard", hint="the guard needs torch 2.0 and an optimizer of torch.optim.Optimizer")
        self._handles = [
            self._optimizer.register_step_pre_hook(self._at_step),
            self._optimizer.register_step_post_hook(lambda *_: self._after_step()),
        ]
        self._at_load()

    def close(self) -> None:
        """Take the hooks off; the guard looks at nothing after this."""
        for handle in self._handles:
            handle.remove()
        self._start = None
        self._batches, self._losses = [], []

    def look(self, loss: Any = None, batch: Any = None) -> None:
        """Take note of a micro-batch and its raw loss; call it before `backward`, or after."""
        self._see_left_out()
        if self._looked:
            self._losses, self._batches, self._exact, self._looked = [], [], True, False
        if isinstance(loss, torch.Tensor) and loss.numel() == 1:
            self._losses.append(loss.detach().reshape(()))
            self._exact = self._exact and loss.element_size() >= 4
        if batch is not None:
            self._batches = [*self._batches[1 - _KEPT :], batch]
        self._unstepped += 1
        # Steps that a loss scaler leaves out never reach the optimizer; looking at the scale now and then finds a scaler that gave up.
        if self._unstepped % 8 == 0 and self._scale() < self._limits.scale:
            self._alarm(Sign("scaler-collapsed", "nan-grad", f"the loss scale fell to {self._scale():.3g} and the gradients still overflow"))

    def reported(self, norm: Optional[float], loss: Optional[float] = None) -> None:
        """Take note of the gradient norm before clipping that the engine reports, such as `engine.get_global_grad_norm()`."""
        self._see_left_out()
        sign = self._watch.reported(norm, loss)
        if sign is not None:
            self._alarm(sign)

    def _see_left_out(self) -> None:
        """Notice a step that DeepSpeed left out, which never reached the optimizer; the flag is the same on all ranks."""
        before, self._left_out = self._left_out, left_out(self._model, self._wrapped)
        if self._left_out > before and (self.sick is None or self._on_sick == "skip"):
            self.step += 1
            self._looked, self.norm = True, float("nan")
            self._alarm(Sign("gradient-not-finite", "nan-grad", "DeepSpeed left the step out because its gradients are not finite"))

    def _scale(self) -> float:
        if self._scaler is None or not hasattr(self._scaler, "get_scale") or not self._scaler.is_enabled():
            return float("inf")
        return float(self._scaler.get_scale())

    def _parameters(self) -> List[Any]:
        return [parameter for group in self._optimizer.param_groups for parameter in group["params"]]

    def _named(self) -> List[Tuple[str, Any]]:
        return [(self._names.get(id(parameter), f"optimizer.{number}"), parameter) for number, parameter in enumerate(self._parameters())]

    def _at_load(self) -> None:
        weights = [(name, tensors.stored(parameter)) for name, parameter in self._model.named_parameters()]
        total = tensors.square_sum(tensor for _, tensor in weights)
        if not _finite(self._summed(total)[0]):
            sign = Sign("weight-not-finite", "nan-loss", "a weight is not finite before the first step", spoiled=True)
            self._alarm(sign, {"weights": tensors.sick_among(weights)})

    def _device(self) -> Any:
        return next((tensors.local(parameter).device for parameter in self._parameters()), torch.device("cpu"))

    def _at_step(self, optimizer: Any, args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Optional[Tuple[Tuple[Any, ...], Dict[str, Any]]]:
        """Look now, or where a closure makes the gradients inside the step, as Lightning has it, after its first call; the arguments then."""
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if closure is None:
            self._before_step()
            return None
        calls: List[Any] = []

        def watched() -> Any:
            calls.append(closure())
            if len(calls) == 1:
                self._before_step()
            return calls[-1]

        return ((args[0], watched, *args[2:]), kwargs) if len(args) > 1 else (args, {**kwargs, "closure": watched})

    def _before_step(self) -> None:
        self._looked = True
        if self._on_sick == "mark" and self.sick is not None:
            self._drop()  # a trainer that was told to stop may still take a step or two
            return
        gradients = [tensors.local(parameter.grad) for parameter in self._parameters() if parameter.grad is not None]
        losses = torch.stack([loss.to(self._device(), torch.float64) for loss in self._losses]).sum() if self._losses else None
        square, loss, some = self._summed(tensors.square_sum(gradients), losses, len(gradients))
        self.norm = (square / (1 if self._sharded else ranks.world())) ** 0.5 if some else None
        self.loss = loss / ranks.world() if self._losses else None
        mean = None if self.loss is None else self.loss / len(self._losses)
        self.step += 1
        self._unstepped = 0
        sign = self._watch.before(self.norm, self.loss, self._rate(), self._exact, mean)
        if sign is not None:
            named = ((name, tensors.local(parameter.grad)) for name, parameter in self._named() if parameter.grad is not None)
            self._alarm(sign, {"gradients": tensors.sick_among(named)})
            return
        self._skipped = 0
        if self.step == 1 and self._limits.watched:
            self._start = Start(self._model, self._parameters(), self._rescue)
        elif self.step > self._limits.watched + 1:
            self._start = None

    def _after_step(self) -> None:
        if self._start is None or self.step > self._limits.watched or self.sick is not None:
            return
        weights = [(name, tensors.stored(parameter)) for name, parameter in self._named()]
        square, moved = self._summed(tensors.square_sum(tensor for _, tensor in weights), self._start.moved())
        if not _finite(square):
            sign = Sign("weight-spoiled", "nan-loss", "the optimizer step made weights that are not finite out of finite gradients", spoiled=True)
            self._alarm(sign, {"weights": tensors.sick_among(weights)})
        elif self.step == self._limits.watched and not moved and self._should_move():
            text = f"no weight moved in {self.step} steps: the optimizer does not hold the model's weights, or the updates round away"
            self._alarm(Sign("weight-unmoved", "wrong-numerics", text))

    def _summed(self, *values: Any) -> List[float]:
        """The values, tensors or numbers or None for 0, summed over the ranks."""
        device = self._device()
        rows = [value if isinstance(value, torch.Tensor) else torch.tensor(float(value or 0)) for value in values]
        return ranks.summed(torch.stack([row.detach().reshape(()).to(device=device, dtype=torch.float64) for row in rows]))

    def _should_move(self) -> bool:
        rate = self._rate()
        # Only for Adam's kin is the size of a step known from the learning rate alone.
        return "adam" in type(self._optimizer).__name__.lower() and rate is not None and rate >= self._limits.least_rate and bool(self.norm)

    def _rate(self) -> Optional[float]:
        rates = [group.get("lr") for group in self._optimizer.param_groups]
        return max((float(rate) for rate in rates if isinstance(rate, (int, float))), default=None)

    def _drop(self) -> None:
        for parameter in self._parameters():
            parameter.grad = None

    def _alarm(self, sign: Sign, evidence: Optional[Dict[str, Any]] = None) -> None:
        """Drop the gradients, undo what was spoiled, keep the scene, and stop as the caller wished."""
        self._drop()
        grown = self._start.grown() if self._start is not None else 1.0
        restored = self._start is not None and (sign.spoiled or not grown < _GROWN) and self._start.restore()
        told = {
            "norm": self.norm,
            "loss": self.loss,
            "rates": sorted({str(group.get("lr")) for group in self._optimizer.param_groups}),
            "optimizer": type(self._optimizer).__name__,
            "observed": observed(self._model, self._parameters()),
            **(evidence or {}),
            "grown": grown,
            "restored": restored,
        }
        first = self.sick is None
        folder = scene.keep(self._folder, sign, self.step, self._batches, told, self._config) if first else self.sick and self.sick.scene
        sick = SickStep(sign, self.step, folder or None)
        self.sick = self.sick or sick
        self._skipped += 1
        if self._on_sick == "stop" or (self._on_sick == "skip" and (sign.spoiled or self._skipped > self._limits.skips)):
            raise sick
        if self._on_sick == "skip":
            warnings.warn(f"envcheck: left out, {sick}", RuntimeWarning, stacklevel=3)


def _finite(value: float) -> bool:
    return value - value == 0


__all__ = ["SCENES", "Guard", "SickStep"]
