"""Lines that stand alone: `nvcc --version`, `gcc --version`, Python's banner, `uname -a`, /etc/os-release, and the paths in a traceback."""

from __future__ import annotations

import re
from collections.abc import Iterable

from envcheck.inputs.reports.keyed import Line, platform
from envcheck.inputs.reports.said import TRACE, Said

_NVCC = re.compile(r"Cuda compilation tools, release [0-9.]+, V([0-9]+\.[0-9]+\.[0-9]+)")
_GCC = re.compile(r"(?:gcc|x86_64-\S+-gcc\S*|aarch64-\S+-gcc\S*) \(.*\) ([0-9]+\.[0-9]+\.[0-9]+)")
# 3.10.12 (main, Nov 20 2023, 15:14:05) [GCC 11.4.0]; Python 3.10.12
_PYTHON = re.compile(r"(?:>>> .*|Python )?'?(3\.[0-9]{1,2}\.[0-9]{1,2})\+? (?:\||\((?:main|default|tags|heads|v3|conda))")
_BARE = re.compile(r"Python (3\.[0-9]{1,2}\.[0-9]{1,2})")
_UNAME = re.compile(r"Linux \S+ [0-9]+\.[0-9]+\S* .*(?:GNU/Linux|x86_64|aarch64).*")
_ID = re.compile(r"(?:ID|NAME|PRETTY_NAME)=\"?[A-Za-z].*")
_SITE = re.compile(r"[/\\](?:lib[/\\])?(?:[Pp]ython|pypy)(3)\.?([0-9]{1,2})[/\\](?:site-packages|dist-packages|[Ll]ib[/\\]site-packages)[/\\]")


def read(lines: Iterable[Line], said: Said) -> None:
    """Take what these lines say."""
    release = 0
    for number, line in lines:
        text = line.strip().lstrip("$#! ")
        for expression, key in ((_NVCC, "cuda_toolkit"), (_GCC, "gcc")):
            found = expression.match(text)
            if found:
                said.fact(key, found[1], number)
        python = _PYTHON.match(text) or _BARE.fullmatch(text)
        if python:
            said.fact("python", python[1], number)
        if _UNAME.fullmatch(text):
            platform(" ".join((text.split()[0], text)), number, said)
        release += bool(_ID.fullmatch(text))
        if release == 2 and _ID.fullmatch(text):
            said.fact("os", "linux", number)
        _trace(number, line, said)


def _trace(number: int, line: str, said: Said) -> None:
    """A traceback's paths name the Python that ran."""
    site = _SITE.search(line) if 'File "' in line else None
    if site:
        weight, said.weight = said.weight, TRACE
        said.fact("python", f"3.{site[2]}", number)
        said.weight = weight
