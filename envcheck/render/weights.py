"""What a scan of weights found -> text and plain values."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any, Dict, List

from envcheck.render.escape import visible
from envcheck.weights import Scan, Sick

_MOST_SHOWN = {"error": 8, "warning": 8, "note": 3}
"""Tensors of one finding; `--all` and `--format json` have them all."""
_MEANS = {
    "sick": "do not train from it",
    "incomplete": "nothing sick in what could be read; the rest is unknown",
    "sound": "nothing sick was found in any tensor",
}


def text(scan: Scan, *, everything: bool = False) -> str:
    """The findings, each with its layers and tensors, then a line on the whole."""
    lines = [line for one in scan.sick for line in (*_finding(one, everything), "")]
    return "\n".join([*lines, f"{scan.verdict}  {_MEANS[scan.verdict]}", f"  {_whole(scan)}"]) + "\n"


def values(scan: Scan) -> Dict[str, Any]:
    """The document of `--format json`: verdict, findings, problems, files and their counts."""
    return {
        "schema": 1,
        "verdict": scan.verdict,
        "findings": [asdict(one) for one in scan.sick],
        "problems": [one._asdict() for one in scan.problems],
        "files": [{"path": one.path, "format": one.format, "tensors": len(one.tensors), "bytes": sum(t.nbytes for t in one.tensors)} for one in scan.files],
        "tensors": len(scan.counts),
        "bytes": scan.nbytes,
        "dtypes": dict(_dtypes(scan)),
    }


def _finding(one: Sick, everything: bool) -> List[str]:
    lines = [f"{one.severity}  {visible(one.title)}  [{one.kind}]"]
    if one.layers:
        lines.append(f"  in     {visible(one.layers)}")
    shown = one.tensors if everything else one.tensors[: _MOST_SHOWN[one.severity]]
    lines += [f"  {'found' if at == 0 else '     '}  {visible(line)}" for at, line in enumerate(shown)]
    if len(shown) < len(one.tensors):
        lines.append(f"         and {len(one.tensors) - len(shown)} more; `--all` shows them")
    return lines


def _whole(scan: Scan) -> str:
    formats = ", ".join(f"{name} {many}" for name, many in _dtypes(scan))
    return f"{_many(len(scan.files), 'file')}, {_many(len(scan.counts), 'tensor')}, {_size(scan.nbytes)}" + (f" ({formats})" if formats else "")


def _size(nbytes: int) -> str:
    for power, unit in ((9, "GB"), (6, "MB"), (3, "kB")):
        if nbytes >= 10**power:
            return f"{nbytes / 10**power:.3g} {unit}"
    return f"{nbytes} B"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" + "s" * (count != 1)


def _dtypes(scan: Scan) -> List[Any]:
    return Counter(tensor.dtype for tensor in scan.counts).most_common()
