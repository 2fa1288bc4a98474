"""What is sick and what is not, from plain numbers: no torch, so that every rule can be read and tested by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Optional


class Sign(NamedTuple):
    """Why a step is sick."""

    id: str
    symptom: str
    """One of the symptoms that entries of the matrix know."""
    text: str
    """One sentence without a full stop."""
    spoiled: bool = False
    """Whether the weights themselves are already wrong, not just about to be."""


@dataclass(frozen=True)
class Limits:
    """How much is too much. A count is of optimizer steps in a row."""

    zero_norm: int = 10
    """Steps with a gradient norm of exactly 0 and nothing else odd. One such step is healthy where all rewards are equal or all labels masked."""
    bad_loss: int = 3
    """Steps with a loss that is not finite while the gradients are: a batch whose labels are all masked does that once."""
    same_loss: int = 20
    """Steps with the very same loss, not 0, while the learning rate is not 0."""
    same_norm: int = 3
    """Steps with a reported gradient norm that is one of the known signatures."""
    skips: int = 10
    """Sick steps left out in a row, where steps are skipped and the run is not stopped."""
    scale: float = 1.0
    """A loss scaler that skips below this has collapsed: without any scaling the gradients still overflow."""
    watched: int = 3
    """First steps after which the weights are looked at too."""
    least_rate: float = 1e-6
    """Learning rate from which Adam must move some weight within the watched steps."""


USUAL = Limits()

_LN_TOLERANCE = 2e-3
# DeepSpeed 0.16.6 and later report -1 for a parameter group whose norm overflowed: sqrt(2) for two groups, sqrt(3) for three.
_GROUPS = {2: math.sqrt(2), 3: math.sqrt(3)}


class Watch:
    """Judges one optimizer step after another."""

    def __init__(self, limits: Limits, vocabulary: Optional[int] = None) -> None:
        self._limits = limits
        self._vocabulary = vocabulary
        self._zero_norms = self._bad_losses = self._same_losses = self._same_norms = 0
        self._loss: Optional[float] = None
        self._signature: Optional[float] = None

    def before(self, norm: Optional[float], loss: Optional[float], rate: Optional[float], exact: bool = True, mean: Optional[float] = None) -> Optional[Sign]:
        """The sign in a step that is about to be taken.

        Takes the gradient norm (None where no parameter has a gradient), the raw loss summed over its micro-batches, and its
        `mean` over them, the learning rate, and whether the loss has the precision in which two losses can be told apart.
        """
        if norm is not None and not math.isfinite(norm):
            return Sign("gradient-not-finite", "nan-grad", f"the gradient norm is {norm}" + ("" if loss is None else f" and the loss {loss:.6g}"))
        return self._zero(norm, loss, mean) or self._loss_of(loss, rate, exact)

    def _zero(self, norm: Optional[float], loss: Optional[float], mean: Optional[float]) -> Optional[Sign]:
        if norm:
            self._zero_norms = 0
            return None
        self._zero_norms += 1
        what = "no parameter has a gradient" if norm is None else "the gradient norm is exactly 0"
        if any(self._is_chance(value) for value in (loss, mean)):
            return Sign("dead-at-chance", "zero-grad", f"{what} and the loss is ln({self._vocabulary}): the net says the same for every token", spoiled=True)
        if self._zero_norms >= self._limits.zero_norm:
            return Sign("gradient-zero", "zero-grad", f"{what}, {self._zero_norms} steps in a row" + ("" if loss is None else f"; the loss is {loss:.6g}"))
        return None

    def _is_chance(self, loss: Optional[float]) -> bool:
        return loss is not None and bool(self._vocabulary) and abs(loss - math.log(self._vocabulary or 1)) < _LN_TOLERANCE

    def _loss_of(self, loss: Optional[float], rate: Optional[float], exact: bool) -> Optional[Sign]:
        if loss is None:
            return None
        self._bad_losses = 0 if math.isfinite(loss) else self._bad_losses + 1
        if self._bad_losses >= self._limits.bad_loss:
            return Sign("loss-not-finite", "nan-loss", f"the loss is {loss}, {self._bad_losses} steps in a row, while the gradients are finite")
        same = exact and bool(rate) and loss != 0 and loss == self._loss
        self._same_losses = self._same_losses + 1 if same else 0
        self._loss = loss
        if self._same_losses >= self._limits.same_loss:
            return Sign(
                "loss-stuck",
                "wrong-numerics",
                f"the loss has been {loss:.9g} for {self._same_losses + 1} steps: it does not depend on the batch or the weights",
            )
        return None

    def reported(self, norm: Optional[float], loss: Optional[float]) -> Optional[Sign]:
        """The sign in a gradient norm that the engine or the trainer itself reports, which is the norm before clipping."""
        signature = _signature(norm, loss)
        self._same_norms = 0 if signature is None else self._same_norms + 1 if signature == self._signature else 1
        self._signature = signature
        if self._same_norms < self._limits.same_norm or signature is None:
            return None
        if signature == 1.0:
            text = "the reported grad_norm is exactly 1.0 and the loss 0, step after step: DeepSpeed 0.12.4 to 0.12.6 print that for gradients that are NaN"
        else:
            text = f"the reported grad_norm is {norm:.6g} step after step, the root of a small number: DeepSpeed from 0.16.6 prints that for overflow"
        return Sign("norm-signature", "nan-grad", text, spoiled=True)


def _signature(norm: Optional[float], loss: Optional[float]) -> Optional[float]:
    if norm is None:
        return None
    if norm == 1.0 and loss == 0.0:
        return 1.0
    return next((root for root in _GROUPS.values() if abs(norm - root) < 1e-6), None)
