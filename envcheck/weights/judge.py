"""Counts -> what is sick in them, and how badly: NaN and Inf always; the rest only where it cannot well be meant."""

from __future__ import annotations

import os
import re
from typing import Dict, Iterable, List, Tuple

from envcheck.weights.dtypes import DTYPES, is_float, smallest_normal
from envcheck.weights.tensors import Counts, Scan, Sick, Tensor

_MEANT = re.compile(r"mask|min_val|max_val|alibi")
"""Names of buffers that hold Inf, or fp16's limit, on purpose: attention masks, and ranges that nothing was seen in."""
_STATE = re.compile(r"optim|exp_avg|momentum|rng_state", re.IGNORECASE)
"""Optimizer states begin at zero and go below the smallest normal number; only NaN and Inf are sick there."""
_FRESH = re.compile(r"lora_(embedding_)?B|zero_conv|lora_up")
"""What is zero until it is trained."""
_NUMBER = re.compile(r"^(.*?)\.(\d+)(?:\.|$)")
_LEAST_DUPLICATE = 4096
_COMPARED_BYTES = 1 << 20

_Row = Tuple[Tensor, Counts]


def judge(scan: Scan) -> List[Sick]:
    """What is sick, the worst first."""
    rows = list(scan.counts.items())
    found = [*_not_finite(rows), *_zero(rows), *_at_limit(rows), *_subnormal(rows), *_mixed(rows), *_shared(rows), *_duplicates(rows)]
    imports = sorted({name for one in scan.files for name in one.imports})
    if imports:
        found.append(Sick("imports", "note", f"loading with pickle imports {len(imports)} names of other packages; nothing was imported here", tuple(imports)))
    order = ("error", "warning", "note")
    return sorted(found, key=lambda one: order.index(one.severity))


def described(row: _Row) -> str:
    """One tensor and what was counted in it, on a line."""
    tensor, counts = row
    parts = [f"{label} {many:,}" for label, many in (("NaN", counts.nan), ("Inf", counts.inf), ("at the limit", counts.at_limit)) if many]
    what = f": {', '.join(parts)} of {counts.total:,}" if parts else ""
    if counts.low is not None and counts.high is not None:
        scale = "scales" if DTYPES[tensor.dtype].scales else "finite values"
        reach = f"; {scale} {counts.low:.4g} to {counts.high:.4g}" if parts else f": {counts.low:.4g} to {counts.high:.4g}"
    else:
        reach = "; nothing finite" if parts else ""
    return f"{tensor.name}  {tensor.dtype} {list(tensor.shape)}{what}{reach}"


def layers(tensors: Iterable[Tensor]) -> str:
    """The numbered layers that tensors lie in, such as `model.layers 21-23`; empty where none is numbered."""
    groups: Dict[str, set[int]] = {}
    for tensor in tensors:
        if place := _NUMBER.match(tensor.name):
            groups.setdefault(place[1], set()).add(int(place[2]))
    return "; ".join(f"{prefix} {_ranges(sorted(numbers))}" for prefix, numbers in groups.items())


def _ranges(numbers: List[int]) -> str:
    parts: List[List[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def _sick(kind: str, severity: str, title: str, rows: List[_Row]) -> List[Sick]:
    """One finding over the rows; none where there are no rows. `{}` in the title is how many tensors there are."""
    if not rows:
        return []
    many = "1 tensor" if len(rows) == 1 else f"{len(rows)} tensors"
    return [Sick(kind, severity, title.format(many), tuple(described(row) for row in rows), layers(row[0] for row in rows))]


def _not_finite(rows: List[_Row]) -> List[Sick]:
    nan = [row for row in rows if row[1].nan]
    inf = [row for row in rows if row[1].inf and not row[1].nan]
    return [
        *_sick("nan", "error", f"NaN in {{}} of {len(rows)}", nan),
        *_sick("inf", "error", f"Inf in {{}} of {len(rows)}", [row for row in inf if not _is_meant(row[0])]),
        *_sick("inf", "note", "Inf in {}, masks or ranges by their names, where it is meant", [row for row in inf if _is_meant(row[0])]),
    ]


def _is_meant(tensor: Tensor) -> bool:
    return bool(_MEANT.search(tensor.name))


def _is_matrix(tensor: Tensor) -> bool:
    return sum(size > 1 for size in tensor.shape) > 1


def _matrices(rows: List[_Row]) -> List[_Row]:
    """The weights proper: matrices of floats that are no optimizer's state."""
    return [row for row in rows if _is_matrix(row[0]) and (is_float(row[0].dtype) or DTYPES[row[0].dtype].scales) and not _is_state(row[0])]


def _is_state(tensor: Tensor) -> bool:
    return bool(_STATE.search(tensor.name) or _STATE.search(os.path.basename(tensor.path)))


def _zero(rows: List[_Row]) -> List[Sick]:
    matrices = _matrices(rows)
    zero = [row for row in matrices if row[1].is_zero]
    if zero and len(zero) == len(matrices):
        return _sick("all-zero", "error", "every weight is zero: {}", zero)
    fresh = [row for row in zero if _FRESH.search(row[0].name)]
    rest = [row for row in zero if not _FRESH.search(row[0].name) and not _is_meant(row[0])]
    same_kind = [row for row in matrices if _FRESH.search(row[0].name)]
    untrained = fresh if len(fresh) == len(same_kind) else []
    return [
        *_sick("all-zero", "warning", "{} are all zero", rest),
        *_sick("all-zero", "note", "the adapter changes nothing: {}, all that begin at zero, are still zero", untrained),
    ]


def _at_limit(rows: List[_Row]) -> List[Sick]:
    stopped = [row for row in rows if row[1].at_limit and not _is_meant(row[0])]
    return _sick("at-limit", "warning", "values at 65504, the limit of fp16, in {}: larger ones were stopped there", stopped)


def _subnormal(rows: List[_Row]) -> List[Sick]:
    under = [row for row in _matrices(rows) if is_float(row[0].dtype) and 0 < row[1].largest < smallest_normal(DTYPES[row[0].dtype])]
    return _sick("subnormal", "warning", "{} hold nothing but subnormal numbers: they went under", under)


def _mixed(rows: List[_Row]) -> List[Sick]:
    """More than one float format in the model of one folder."""
    groups: Dict[str, Dict[str, List[_Row]]] = {}
    for row in rows:
        tensor = row[0]
        if is_float(tensor.dtype) and DTYPES[tensor.dtype].parts == 1 and not _is_state(tensor):
            groups.setdefault(os.path.dirname(tensor.path), {}).setdefault(tensor.dtype, []).append(row)
    found: List[Sick] = []
    for by_dtype in groups.values():
        if len(by_dtype) > 1:
            ordered = sorted(by_dtype.items(), key=lambda one: -len(one[1]))
            fewer = [row for _, some in ordered[1:] for row in some]
            found += _sick("mixed-dtypes", "note", "mixed data types: " + ", ".join(f"{name} {len(some)}" for name, some in ordered), fewer)
    return found


def _shared(rows: List[_Row]) -> List[Sick]:
    """Names that stand for the same bytes: tied weights, saved once."""
    groups: Dict[Tuple[str, int, int], List[str]] = {}
    for tensor, _ in rows:
        groups.setdefault((tensor.path, tensor.offset, tensor.nbytes), []).append(tensor.name)
    shared = [" = ".join(names) for names in groups.values() if len(names) > 1]
    return [Sick("shared", "note", f"tied weights, saved once: {len(shared)}", tuple(shared))] if shared else []


def _duplicates(rows: List[_Row]) -> List[Sick]:
    """Matrices that hold the same bytes in different places: copies of one another, such as tied weights saved twice."""
    groups: Dict[Tuple[object, ...], List[Tensor]] = {}
    for tensor, counts in _matrices(rows):
        if tensor.nbytes >= _LEAST_DUPLICATE and counts.low != counts.high:
            groups.setdefault((tensor.dtype, tensor.shape, counts), []).append(tensor)
    same: List[str] = []
    for group in groups.values():
        for first, other in zip(group, group[1:]):
            if first.name != other.name and (first.path, first.offset) != (other.path, other.offset) and _equal(first, other):
                same.append(f"{first.name} = {other.name}")
    return [Sick("duplicate", "note", f"the same bytes are saved twice: {len(same)}", tuple(same))] if same else []


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same bytes; read side by side up to the first difference."""
    try:
        with open(one.path, "rb") as left, open(other.path, "rb") as right:
            left.seek(one.offset)
            right.seek(other.offset)
            for at in range(0, one.nbytes, _COMPARED_BYTES):
                length = min(_COMPARED_BYTES, one.nbytes - at)
                if left.read(length) != right.read(length):
                    return False
    except OSError:
        return False
    return True
