"""The libraries that LD_LIBRARY_PATH puts before those of torch's own packages."""

from __future__ import annotations

import re
from typing import Dict, Optional, Sequence

from envcheck.model import Fact
from envcheck.probe.readers import Readers

# libnccl.so.2.18.3, libcudnn.so.8.9.7, libnvJitLink.so.12.4.127; the shorter names are links to these.
_LIBRARIES = {"nccl": "libnccl", "cudnn": "libcudnn", "nvjitlink": "libnvJitLink"}
_LONGEST = 32
"""Folders that are looked into; a longer path is a mistake of a start-up file."""


def facts(readers: Readers) -> Dict[str, Fact]:
    """`ld-library-path.nccl` and the like: the version of the first library of each name on the path, where its file name says one."""
    folders = [folder for folder in (readers.env("LD_LIBRARY_PATH") or "").split(":") if folder][:_LONGEST]
    found: Dict[str, Fact] = {}
    for folder in dict.fromkeys(folders):
        names = readers.list_folder(folder)
        for key, library in _LIBRARIES.items():
            if f"ld-library-path.{key}" not in found and any(name.startswith(f"{library}.so") for name in names):
                found[f"ld-library-path.{key}"] = Fact(_version(library, names), folder)
    return {key: fact for key, fact in found.items() if fact.is_known}


def _version(library: str, names: Sequence[str]) -> Optional[str]:
    pattern = re.compile(re.escape(library) + r"\.so\.(\d+\.\d+\.\d+)$")
    matches = [match[1] for match in map(pattern.match, names) if match]
    # Several versions in one folder: which one the link leads to is not looked at.
    return matches[0] if len(set(matches)) == 1 else None
