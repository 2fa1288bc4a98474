"""Questions to tensors, with as few kernels and no synchronisation where none is needed."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

import torch

_SHOWN = 8
_SAMPLED = 64


def local(tensor: Any) -> Any:
    """The part of a tensor that lies on this rank: itself, or the shard of an FSDP2 DTensor."""
    inner = getattr(tensor, "_local_tensor", tensor)
    return inner.detach()


def stored(parameter: Any) -> Any:
    """What this rank holds of a parameter: its ZeRO-3 partition where the parameter itself is empty."""
    partition = getattr(parameter, "ds_tensor", None)
    return local(parameter if partition is None else partition)


def countable(tensor: Any) -> bool:
    """Whether a norm of it means something: floating, at least 16 bits, not empty, not on the meta device."""
    return bool(tensor.is_floating_point() and tensor.element_size() >= 2 and tensor.numel() and tensor.device.type != "meta")


def square_sum(tensors: Iterable[Any]) -> Optional[Any]:
    """The sum of squares as a float64 tensor on the first one's device, NaN or Inf if any element is; None without tensors.

    Norms are taken in float32 at least: the norm of fp16 gradients passes 65504 in healthy runs.
    """
    total: Optional[Any] = None
    for group in _alike(tensors):
        squares = torch.stack(_norms(group)).double().square().sum()
        total = squares if total is None else total + squares.to(total.device)
    return total


def _alike(tensors: Iterable[Any]) -> Iterator[List[Any]]:
    """Dense tensors of one device and type, because the foreach kernels only fuse those."""
    groups: Dict[Tuple[Any, Any], List[Any]] = {}
    for tensor in tensors:
        values = tensor.coalesce().values() if tensor.is_sparse else tensor
        if countable(values):
            groups.setdefault((values.device, values.dtype), []).append(values)
    return iter(groups.values())


def _norms(group: List[Any]) -> List[Any]:
    if group[0].dtype in (torch.float32, torch.float64):
        return list(torch._foreach_norm(group))
    try:
        return list(torch._foreach_norm(group, 2, dtype=torch.float32))
    except TypeError:  # torch before 2.4
        return [torch.linalg.vector_norm(one, dtype=torch.float32) for one in group]


def sick_among(named: Iterable[Tuple[str, Any]]) -> Dict[str, Any]:
    """The first tensors that hold something not finite: `first` with name, shape, dtype and counts, and how many there are `of` how many."""
    first: List[Dict[str, Any]] = []
    count = total = 0
    for name, tensor in named:
        if not countable(tensor):
            continue
        total += 1
        nans, infs = int(torch.isnan(tensor).sum()), int(torch.isinf(tensor).sum())
        if not (nans or infs):
            continue
        count += 1
        if len(first) < _SHOWN:
            first.append({"name": name, "shape": list(tensor.shape), "dtype": str(tensor.dtype).split(".")[-1], "nan": nans, "inf": infs})
    return {"count": count, "of": total, "first": first}


def sample(parameters: Iterable[Any]) -> List[Any]:
    """Copies of a few elements of each parameter, to see later whether anything moved."""
    picked = []
    for parameter in parameters:
        flat = stored(parameter).reshape(-1)
        picked.append(flat[:: max(1, flat.numel() // _SAMPLED)][:_SAMPLED].clone())
    return picked


def fingerprint(batch: Any) -> Dict[str, Any]:
    """Shapes, types and a hash of a batch, so that it can be found again; none of its contents."""
    digest = hashlib.sha256()
    shapes: Dict[str, str] = {}
    for name, value in sorted(_leaves("", batch)):
        digest.update(name.encode())
        if isinstance(value, torch.Tensor):
            shapes[name or "batch"] = f"{str(value.dtype).split('.')[-1]}{list(value.shape)}"
            digest.update(bytes(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).tolist()) if value.numel() else b"")
        else:
            digest.update(repr(value).encode())
    return {"sha256": digest.hexdigest(), "shapes": shapes}


def _leaves(name: str, value: Any) -> Iterator[Tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _leaves(f"{name}.{number}" if name else str(number), inner)
    else:
        yield name, value
