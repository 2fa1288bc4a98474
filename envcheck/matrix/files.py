"""The entry files below a folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator, List


def below(root: Path) -> List[Path]:
    """Every entry file below `root`, in a fixed order."""
    return sorted(_walk(str(root)))


def _walk(folder: str) -> Iterator[Path]:
    with os.scandir(folder) as found:
        for item in found:
            if item.name.startswith("."):
                continue
            if item.is_dir(follow_symlinks=False):
                yield from _walk(item.path)
            elif item.name.endswith((".yaml", ".yml")):
                yield Path(item.path)
