"""The guard as a callback of Lightning (`lightning` or `pytorch_lightning`, 2.0 and later)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Union

try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback

from envcheck.guard.guard import SCENES, Guard, SickStep
from envcheck.guard.signs import USUAL, Limits


class LightningGuard(Callback):  # type: ignore[misc]
    """`Trainer(callbacks=[LightningGuard()])`: ends fitting at the first sick step, with the weights as they were before it.

    `sick` then says why. With `on_sick="raise"` `SickStep` is raised instead, with `"skip"` sick steps are left out.
    """

    def __init__(self, *, on_sick: str = "stop", folder: Union[str, Path] = SCENES, limits: Limits = USUAL, rescue: bool = True) -> None:
        if on_sick not in ("stop", "raise", "skip"):
            raise ValueError(f"on_sick is `stop`, `raise` or `skip`, not {on_sick!r}")
        self.guards: List[Guard] = []
        self._batch: Any = None
        self._on_sick, self._folder, self._limits, self._rescue = on_sick, folder, limits, rescue

    @property
    def sick(self) -> Union[SickStep, None]:
        """The first sick step of the last fit, or None."""
        return next((guard.sick for guard in self.guards if guard.sick is not None), None)

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Look at the weights and hook into every optimizer."""
        mode = {"stop": "mark", "raise": "stop", "skip": "skip"}[self._on_sick]
        scaler = getattr(trainer.precision_plugin, "scaler", None)
        self.guards = [
            Guard(module, optimizer, on_sick=mode, folder=self._folder, limits=self._limits, scaler=scaler, rescue=self._rescue)
            for optimizer in trainer.optimizers
        ]
        self._stop(trainer)

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, number: int) -> None:
        """Take note of the batch."""
        self._batch = batch

    def on_before_backward(self, trainer: Any, module: Any, loss: Any) -> None:
        """Take note of the raw loss; Lightning has divided it by the number of micro-batches."""
        for guard in self.guards:
            guard.look(loss, self._batch)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, number: int) -> None:
        """End fitting where the step was sick."""
        self._stop(trainer)

    def on_train_end(self, trainer: Any, module: Any) -> None:
        """Take the hooks off."""
        self._batch = None
        for guard in self.guards:
            guard.close()

    def _stop(self, trainer: Any) -> None:
        if self._on_sick == "stop" and self.sick is not None:
            trainer.should_stop = True
            # Lightning would else go on until the least number of epochs and steps is done.
            trainer.fit_loop.min_epochs = trainer.fit_loop.epoch_loop.min_steps = None


__all__ = ["LightningGuard"]
