"""`frameworks.py` for Lightning, whose Trainer owns the loop: the same arguments, files and kinds of sickness."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from nets import batches, finite, loss_of, net

from envcheck.guard import LightningGuard, scene

try:
    import lightning.pytorch as pl
except ImportError:
    import pytorch_lightning as pl

STEPS, SICK = 8, 5
WORLD, RANK = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))


class Module(pl.LightningModule):  # type: ignore[misc]
    """The net of the other tests."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.net, self.what = net(), what

    def training_step(self, batch: Any, number: int) -> Any:
        sick = self.what in ("nan", "bare") and self.global_step + 1 == SICK and RANK == WORLD - 1
        return loss_of(self.net, batch) * (float("nan") if sick else 1.0)

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.net.parameters(), lr=1e6 if self.what == "rate" else 1e-3)


def fitted(folder: Path, what: str, on_sick: str = "stop", **options: Any) -> tuple[Module, LightningGuard, Any]:
    """Fit for 8 steps of 12 batches an epoch, healthy or sick."""
    module, guard = Module(what), LightningGuard(folder=folder, on_sick=on_sick)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about workers, logging, and what Lightning itself calls that is deprecated
        trainer = pl.Trainer(max_steps=STEPS, accelerator="cpu", default_root_dir=folder, callbacks=[] if what == "bare" else [guard], **quiet, **options)
        trainer.fit(module, torch.utils.data.DataLoader(list(batches(12)), batch_size=None))
    return module, guard, trainer


def main(folder: str, variant: str, what: str) -> None:
    torch.set_num_threads(1)
    scene._report = lambda told: {"failed": "not asked"}
    options: dict[str, Any] = {"devices": WORLD, "strategy": "ddp" if WORLD > 1 else "auto"}
    options.update({"accumulate": {"accumulate_grad_batches": 2}, "clip": {"gradient_clip_val": 0.1}, "bf16": {"precision": "bf16-mixed"}}.get(variant, {}))
    start = [weight.detach().clone() for weight in net().parameters()]
    module, guard, _ = fitted(Path(folder), what, **options)
    moved = any(not torch.equal(was, weight.detach()) for was, weight in zip(start, module.net.parameters()))
    watched = guard.guards[0] if guard.guards else None
    told = {
        "stopped": guard.sick.step if guard.sick else 0,
        "sign": guard.sick.sign.id if guard.sick else "",
        "steps": watched.step if watched else None,
        "norm": f"{watched.norm:.4g}" if watched and watched.norm is not None else None,
        "finite": finite(module),
        "moved": moved,
    }
    Path(folder, f"rank-{RANK}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
