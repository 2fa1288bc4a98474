"""The guard as a callback of the HF Trainer (transformers 4.38 and later, where callbacks are called before the optimizer step)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Union

from transformers import TrainerCallback
from transformers.utils import logging

from envcheck.guard.guard import SCENES, Guard, SickStep
from envcheck.guard.signs import USUAL, Limits

_log = logging.get_logger(__name__)


class GuardCallback(TrainerCallback):  # type: ignore[misc]
    """`Trainer(..., callbacks=[GuardCallback()])`: ends training at the first sick step, with the weights as they were before it.

    It sees the raw loss of the model's own output, not the one that the Trainer prints with NaN filtered away. Training ends as it does
    after the last step, so that callbacks, `trainer.train()` and a save at the end work; `sick` then says why, else it is None.
    With `on_sick="raise"` `SickStep` is raised instead, with `"skip"` sick steps are left out, as `Guard` does it.
    """

    def __init__(self, *, on_sick: str = "stop", folder: Union[str, Path] = SCENES, limits: Limits = USUAL, rescue: bool = True) -> None:
        if on_sick not in ("stop", "raise", "skip"):
            raise ValueError(f"on_sick is `stop`, `raise` or `skip`, not {on_sick!r}")
        self.guard: Optional[Guard] = None
        self._on_sick, self._folder, self._limits, self._rescue = on_sick, folder, limits, rescue
        self._hook: Any = None

    @property
    def sick(self) -> Optional[SickStep]:
        """The first sick step of the last run, or None."""
        return self.guard.sick if self.guard is not None else None

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, optimizer: Any = None, **_: Any) -> None:
        """Look at the weights and hook into the optimizer."""
        self._close()
        config = {"training_args.json": args.to_json_string()}
        if hasattr(model, "config"):
            config["config.json"] = model.config.to_json_string()
        mode = {"stop": "mark", "raise": "stop", "skip": "skip"}[self._on_sick]
        self.guard = Guard(model, optimizer, on_sick=mode, folder=self._folder, limits=self._limits, config=config, rescue=self._rescue)
        self._hook = model.register_forward_hook(self._after_forward, with_kwargs=True)
        self._stop(control)

    def _after_forward(self, model: Any, args: Any, kwargs: Any, output: Any) -> None:
        if model.training and self.guard is not None:
            loss = output.get("loss") if hasattr(output, "get") else getattr(output, "loss", None)
            self.guard.look(loss, kwargs or args)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End training where the step was sick."""
        self._stop(control)

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The same within gradient accumulation."""
        self._stop(control)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Look at the gradient norm before clipping, as the Trainer prints it."""
        norm, loss = (logs or {}).get("grad_norm"), (logs or {}).get("loss")
        if self.guard is not None and isinstance(norm, (int, float)):
            self.guard.reported(float(norm), loss)
            self._stop(control)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take the hooks off."""
        self._close()

    def _stop(self, control: Any) -> None:
        if self._on_sick == "stop" and self.sick is not None and not control.should_training_stop:
            control.should_training_stop = True
            _log.error(f"envcheck: training was stopped, {self.sick}; {self.sick.hint}")

    def _close(self) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
        if self.guard is not None:
            self.guard.close()


__all__ = ["GuardCallback"]
