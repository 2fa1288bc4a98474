"""What vendors' own tools print: `nvidia-smi` (table, `-L`, `-q`), `rocm-smi`, `rocminfo`, `npu-smi info`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from envcheck.inputs.reports.keyed import Line
from envcheck.inputs.reports.said import Said
from envcheck.model import Gpu

_DRIVER = re.compile(r"\|?\s*(?:NVIDIA-SMI.*)?(?:Driver Version|KMD Version)\s*:\s*([0-9]{3}\.[0-9]+(?:\.[0-9]+)?)")
# |   0  NVIDIA A100-SXM4-80GB          On  | 00000000:07:00.0 Off |                    0 |
_ROW = re.compile(r"\|\s+\d{1,2}\s{1,4}(?P<name>\S.*?)\s{1,}(?:On|Off|N/A|TCC|WDDM|MCDM|ERR!)\s*\|\s*[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:.*")
# | N/A   35C    P0    68W / 400W |   1234MiB / 81920MiB |      0%      Default |
_MEMORY = re.compile(r"\|.*\|\s*\d+MiB\s*/\s*(\d+)MiB\s*\|.*")
_PRODUCT = re.compile(r"\s*Product Name\s*:\s*(\S.*?)\s*")
_CARD = re.compile(r"GPU\[\d+\]\s*:\s*(?:Card [Ss]eries|Device Name)\s*:\s*((?!0x|N/A)\S.*?)\s*")
_GFX = re.compile(r"\s*(?:Name|GFX Version)\s*:\s*(gfx[0-9a-f]{3,4})\s*")
_GFX_CARD = re.compile(r"GPU\[\d+\]\s*:\s*GFX Version\s*:\s*(gfx[0-9a-f]{3,4})\s*")
_ROCM = re.compile(r"\s*ROCm version\s*:\s*([0-9]+(?:\.[0-9]+)+).*", re.IGNORECASE)
# | 0     910B3               | OK            | 93.6 ...
_NPU = re.compile(r"\|\s+\d{1,2}\s+(910[A-D]?[0-9]?|310[BP]?[0-9]?|Ascend910\S*)\s+\|\s*(?:OK|Warning|Alarm)\s*\|.*")


def read(lines: Iterable[Line], said: Said) -> None:
    """Take the GPUs and the driver. The `CUDA Version` beside it is what the driver could run, and nothing's build."""
    names: list[tuple[int, str, int | None]] = []
    cards: list[tuple[int, str]] = []
    architectures: list[str] = []
    for number, line in lines:
        driver = _DRIVER.match(line)
        if driver:
            said.fact("driver", driver[1], number)
        row = _ROW.fullmatch(line.rstrip()) or _PRODUCT.fullmatch(line)
        memory = _MEMORY.fullmatch(line.rstrip())
        if row:
            names.append((number, _whole_name(row[1]), None))
        elif memory and names and names[-1][2] is None:
            names[-1] = (*names[-1][:2], int(memory[1]))
        _amd(number, line, said, cards, architectures)
        npu = _NPU.fullmatch(line.rstrip())
        if npu:
            said.fact("npu", npu[1].removeprefix("Ascend"), number)
    for number, name, size in names:
        said.gpu(Gpu(name, count=1, memory_mib=size), number)
    for number, name in cards:
        said.gpu(Gpu(name, arch=architectures[0] if len(set(architectures)) == 1 else None, count=1), number)


def _amd(number: int, line: str, said: Said, cards: list[tuple[int, str]], architectures: list[str]) -> None:
    rocm, card, gfx = _ROCM.fullmatch(line), _CARD.fullmatch(line), _GFX_CARD.fullmatch(line) or _GFX.fullmatch(line)
    if rocm:
        said.fact("rocm", rocm[1], number)
    if card:
        cards.append((number, card[1]))
    if gfx:
        architectures.append(gfx[1])


def _whole_name(name: str) -> str:
    """A name as the table has room for it: `NVIDIA GeForce RTX 3090 ...`, `Tesla V100-SXM2...`."""
    return name.strip().rstrip(".").strip().rstrip("-")
