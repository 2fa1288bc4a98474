"""What is installed in a container image, by the table `matrices/facts/images.yaml`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Optional

from envcheck.model import Fact, Snapshot

_SPLIT = re.compile(r"(?P<image>.+?)(?::(?P<tag>[\w][\w.-]*))?(?:@\w+:[0-9a-f]+)?")
_HOST = re.compile(r"(?:docker\.io|registry-1\.docker\.io|index\.docker\.io)/")
# Ubuntu's release -> its C library (https://packages.ubuntu.com/search?keywords=libc6&searchon=names).
_GLIBC = {"18.04": "2.27", "20.04": "2.31", "22.04": "2.35", "24.04": "2.39"}


def contents(reference: str, rows: Optional[Sequence[Any]], origin: str) -> Optional[Snapshot]:
    """What a row of the table says of an image (`pytorch/pytorch:2.1.2-cuda12.1-cudnn8-runtime`); None where none fits."""
    split = _SPLIT.fullmatch(_HOST.sub("", reference))
    if split is None:
        return None
    for image, tag, facts, packages, _ in rows or ():
        name, tagged = re.fullmatch(image, split["image"]), re.fullmatch(tag, split["tag"] or "latest")
        if name and tagged:
            words = _words({**name.groupdict(), **tagged.groupdict()})
            found = {key: _filled(value, words) for key, value in facts.items()}
            found["glibc"] = _GLIBC.get(words.get("ubuntu", ""), "")
            return Snapshot(
                facts={key: Fact(value, origin) for key, value in found.items() if value},
                packages={key: Fact(_filled(value, words), origin) for key, value in packages.items()},
            )
    return None


def _words(groups: dict[str, Optional[str]]) -> dict[str, str]:
    words = {key: value for key, value in groups.items() if value}
    if "cu" in words:
        words["cuda"] = f"{words['cu'][:2]}.{words['cu'][2:]}" if len(words["cu"]) > 2 else words["cu"]
    if "py" in words:
        words["python"] = f"{words['py'][0]}.{words['py'][1:]}"
    if "dashed" in words:
        words["release"] = words["dashed"].replace("-", ".")
    return words


def _filled(template: str, words: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], ""), template)
