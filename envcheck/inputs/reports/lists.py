"""Fragments of `pip freeze`, `pip list` and `conda list`, install commands and Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Iterable

from envcheck.inputs.reports import words
from envcheck.inputs.reports.keyed import LABELS, Line
from envcheck.inputs.reports.said import TYPED, Said

_PIN = re.compile(r"\s*(?:[-*+]\s+)?`?([A-Za-z0-9][\w.-]*)(?:\[[\w,.-]*\])?\s?==\s?([0-9][\w.!+-]*)`?\s*(?:#.*|;.*|\\)?")
_WHEEL = re.compile(r"\s*([A-Za-z0-9][\w.-]*) @ \S*?/([A-Za-z0-9_.]+)-([0-9][^-/]*)-[^/]*\.whl\S*")
_COLUMNS = re.compile(r"([A-Za-z0-9][\w.-]*) +([0-9][\w.!+]*)(?: +([\w.]\S*)(?: +(\S+))?)?\s*")
_INSTALL = re.compile(r"(?:^|[\s;&!$%>])(?:pip3?|uv pip|python3? -m pip)\s+install\s+(.*)")
_WISH = re.compile(r"(?:^|\s)[\"']?([A-Za-z0-9][\w.-]*)(?:\[[\w,.-]*\])?==([0-9][\w.!+]*)(?=$|[\s\"';&|])")
_OPEN = re.compile(r"\s*([A-Za-z0-9][\w.-]*)(?:\[[\w,.-]*\])?\s*((?:[<>~!]=?|==)\s*[0-9][\w.*+]*(?:\s*,\s*(?:[<>~!]=?)\s*[0-9][\w.*+]*)*)\s*(?:#.*|;.*)?")


def read(lines: Iterable[Line], said: Said, fenced: bool = False) -> None:
    """Take what lists of versions say, in a fence or between sentences; a line that is none is passed over."""
    for number, line in lines:
        if len(line) > _LONGEST or "==" not in line and " " not in line and ">" not in line:
            continue
        install = _INSTALL.search(line)
        if install:
            _typed(_WISH.findall(install[1]), number, said)
            continue
        pin, wheel = _PIN.fullmatch(line), _WHEEL.fullmatch(line)
        if pin:
            said.package(pin[1], pin[2], number)
        elif wheel:
            said.package(wheel[1], wheel[3].replace("%2B", "+"), number)
        elif line.count("|") > 1:
            _table(number, line, said)
        else:
            _row(number, line, said, fenced)


_LONGEST = 1000


def _typed(pins: Iterable[tuple[str, str]], number: int, said: Said) -> None:
    """What somebody asked for may have been replaced since."""
    weight, said.weight = said.weight, min(said.weight, TYPED)
    for name, version in pins:
        said.package(name, version, number)
    said.weight = weight


def _row(number: int, line: str, said: Said, fenced: bool) -> None:
    """`torch    2.1.0+cu121`, with conda's build and channel behind it, or an open requirement."""
    # In a sentence (`torch 2.1.0 works fine`) one blank stands between the words.
    columns = fenced or "  " in line.strip() or line.count(" ") == 1
    row, asked = _COLUMNS.fullmatch(line.strip()) if columns else None, _OPEN.fullmatch(line)
    name = (words.package(row[1]) or (row[1] if row[1].startswith("nvidia-") else "")) if row else ""
    if row and name and "." in row[2]:
        said.package(name, row[2], number)
        cuda = re.search(r"cuda_?(\d{1,2})[._](\d)", row[3] or "")
        if cuda and words.package(row[1]) == "torch":
            said.fact("torch_cuda", f"{cuda[1]}.{cuda[2]}", number)
    elif row and row[1].lower() in ("pytorch-cuda", "cudatoolkit") and "." in row[2]:
        said.fact("torch_cuda", ".".join(row[2].split(".")[:2]), number)
    elif row and row[1].lower() == "python" and row[2].startswith("3.") and row[3]:
        said.fact("python", row[2], number)
    elif asked and words.package(asked[1]):
        weight, said.weight = said.weight, min(said.weight, TYPED)
        said.package(words.package(asked[1]), asked[2].replace(" ", ""), number)
        said.weight = weight


def _table(number: int, line: str, said: Said) -> None:
    """`| torch | 2.1.0 |`; a row with several versions compares environments and says nothing of this one."""
    cells = [cell.strip().strip("`*") for cell in line.strip().strip("|").split("|")]
    versions = [cell for cell in cells[1:] if words.ONE_VERSION.search(cell)]
    if len(cells) < 2 or len(versions) > 1:
        return
    value = versions[0] if versions else cells[1]
    name, handler = words.package(cells[0]), LABELS.get(words.plain(cells[0]))
    if handler is not None:
        handler(value, number, said)
    elif name and words.value(value):
        said.package(name, words.value(value), number)
