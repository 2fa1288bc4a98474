"""The weights of the start, held in main memory through the first steps, so that a step that spoils them can be undone."""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Sequence, Tuple

import torch

from envcheck.guard import tensors

_SHARE = 0.25
"""How much of the free memory the copy may fill; beyond that the run itself might need it."""


class Start:
    """What this rank trains, as it was before the first step."""

    def __init__(self, model: Any, parameters: Sequence[Any], rescue: bool) -> None:
        """Take a sample of the weights, their norm, and with `rescue` a copy, unless there is too little memory for it.

        `parameters` are those that the optimizer holds; where they are copies of the model's in another precision, as under
        DeepSpeed, both are kept.
        """
        self._parameters = list(parameters)
        self._sample = tensors.sample(self._parameters)
        self._square = tensors.square_sum(map(tensors.stored, self._parameters))
        self._copies: List[Tuple[Any, str, Any]] = []
        held = list(_held(model, self._parameters))
        size = sum(tensor.numel() * tensor.element_size() for _, _, tensor in held)
        free = free_memory()
        if rescue and (free is None or size <= free * _SHARE):
            self._copies = [(parameter, place, tensor.to("cpu", copy=True)) for parameter, place, tensor in held]

    def moved(self) -> bool:
        """Whether any weight of the sample is another one now."""
        return any(not torch.equal(was, now) for was, now in zip(self._sample, tensors.sample(self._parameters)))

    def grown(self) -> float:
        """The weights' norm now over that of the start; 1 where it was 0."""
        now = tensors.square_sum(map(tensors.stored, self._parameters))
        was = float(self._square) if self._square is not None else 0.0
        return float((float(now) / was) ** 0.5) if was and now is not None else 1.0

    def restore(self) -> bool:
        """Put the weights back; False where no copy is held."""
        with torch.no_grad():
            for parameter, place, copy in self._copies:
                tensor = _at(parameter, place)
                if tensor.shape == copy.shape:
                    tensor.copy_(copy)
        return bool(self._copies)


def _held(model: Any, parameters: Sequence[Any]) -> Iterator[Tuple[Any, str, Any]]:
    """Every parameter that is trained, where its values lie, and they: in itself, in its ZeRO-3 partition, or in both."""
    known = {id(parameter) for parameter in parameters}
    others = [parameter for parameter in model.parameters() if parameter.requires_grad and id(parameter) not in known]
    for parameter in [*parameters, *others]:
        for place in ("", "ds_tensor"):
            tensor = _at(parameter, place)
            if tensor is not None and tensor.numel():
                yield parameter, place, tensor


def _at(parameter: Any, place: str) -> Any:
    found = getattr(parameter, place, None) if place else parameter
    return None if found is None else tensors.local(found)


def free_memory() -> Optional[int]:
    """Bytes of main memory that can be had without swapping, as Linux estimates it; None elsewhere."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    except OSError:
        return None


__all__ = ["Start", "free_memory"]
