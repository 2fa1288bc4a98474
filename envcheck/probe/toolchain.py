"""The compilers with which extensions are built on this machine: nvcc's CUDA toolkit and gcc."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import Dict, Iterator, Optional

from envcheck.model import Fact, unknown
from envcheck.probe.readers import Readers


def facts(readers: Readers) -> Dict[str, Fact]:
    """`cuda_toolkit` and `gcc`: a version, `absent`, or unknown with the reason."""
    return {"cuda_toolkit": _cuda_toolkit(readers), "gcc": _gcc(readers)}


def _cuda_homes(readers: Readers) -> Iterator[str]:
    """Where torch looks for the toolkit that builds an extension, in its order (torch/utils/cpp_extension.py)."""
    yield from filter(None, (readers.env("CUDA_HOME"), readers.env("CUDA_PATH")))
    nvcc = shutil.which("nvcc", path=readers.env("PATH"))
    if nvcc:
        yield os.path.dirname(os.path.dirname(os.path.realpath(nvcc)))
    yield "/usr/local/cuda"


def _cuda_toolkit(readers: Readers) -> Fact:
    for home in dict.fromkeys(_cuda_homes(readers)):
        found = _version_json(readers, home) or _version_txt(readers, home) or _nvcc(readers, home)
        if found is not None:
            return found
    return Fact("absent", "CUDA_HOME, PATH, /usr/local/cuda")


# {"cuda": {"name": "CUDA SDK", "version": "12.1.1"}, "cuda_nvcc": {"name": "CUDA NVCC", "version": "12.1.105"}, …}
def _version_json(readers: Readers, home: str) -> Optional[Fact]:
    path = f"{home}/version.json"
    try:
        return Fact(str(json.loads(readers.read_text(path) or "")["cuda"]["version"]), path)
    except (ValueError, TypeError, KeyError):
        return None


# CUDA Version 10.2.89
def _version_txt(readers: Readers, home: str) -> Optional[Fact]:
    path = f"{home}/version.txt"
    found = re.search(r"CUDA Version (\d+(?:\.\d+)+)", readers.read_text(path) or "")
    return Fact(found[1], path) if found else None


# Cuda compilation tools, release 13.0, V13.0.88
_RELEASE = re.compile(r"release \d+\.\d+, V(\d+(?:\.\d+)+)")


def _nvcc(readers: Readers, home: str) -> Optional[Fact]:
    command = f"{home}/bin/nvcc"
    answer = readers.run((command, "--version"))
    if answer.text is None:
        return None if "not found" in answer.trouble else unknown(answer.trouble, command)
    found = _RELEASE.search(answer.text)
    return Fact(found[1], command) if found else unknown("`nvcc --version` printed no release", command)


def _gcc(readers: Readers) -> Fact:
    command = readers.env("CC") or "gcc"
    if "gcc" not in os.path.basename(command.split(" ")[0]):
        return unknown(f"`CC={command}` names another compiler", "CC")
    name = command.split(" ")[0]
    # The second option is for gcc before 7, which does not know the first and ignores it.
    answer = readers.run((name, "-dumpfullversion", "-dumpversion"))
    if answer.text is None:
        return Fact("absent", "PATH") if "not found" in answer.trouble else unknown(answer.trouble, name)
    return Fact(answer.text.strip(), name)
