"""The libraries that LD_LIBRARY_PATH puts before those of torch's own packages, a libcuda in the place of the driver's, and conda's libstdc++."""

from __future__ import annotations

import re
from typing import Dict, Iterator, Optional, Sequence

from envcheck.model import Fact, unknown
from envcheck.probe.readers import Readers

# libnccl.so.2.18.3, libcudnn.so.8.9.7, libnvJitLink.so.12.4.127; the shorter names are links to these.
_LIBRARIES = {"nccl": "libnccl", "cudnn": "libcudnn", "nvjitlink": "libnvJitLink"}
_LONGEST = 32
"""Folders that are looked into; a longer path is a mistake of a start-up file."""


def facts(readers: Readers, base_prefix: str = "") -> Dict[str, Fact]:
    """`ld-library-path.nccl` and the like: the version of the first library of each name on the path, where its file name says one; and
    `python.libstdcxx`, of the C++ library that a Python at `base_prefix` loads, where it is not the system's.
    """
    found: Dict[str, Fact] = {}
    for folder in _folders(readers):
        names = readers.list_folder(folder)
        for key, library in _LIBRARIES.items():
            if f"ld-library-path.{key}" not in found and any(name.startswith(f"{library}.so") for name in names):
                found[f"ld-library-path.{key}"] = Fact(_version(library, names), folder)
    return {key: fact for key, fact in {**found, **_cxx_library(readers, base_prefix)}.items() if fact.is_known}


def _cxx_library(readers: Readers, base_prefix: str) -> Dict[str, Fact]:
    """conda's Python loads the C++ library of its own environment, which stands in the way of the system's newer one."""
    conda = (f"{base_prefix}/lib",) if base_prefix and readers.list_folder(f"{base_prefix}/conda-meta") else ()
    for folder in (*_folders(readers), *conda):
        names = readers.list_folder(folder)
        if "libstdc++.so.6" in names:
            versions = {match[1] for match in (re.fullmatch(r"libstdc\+\+\.so\.(6\.0\.\d+)", name) for name in names) if match}
            return {"python.libstdcxx": Fact(versions.pop(), folder)} if len(versions) == 1 else {}
    return {}


def _version(library: str, names: Sequence[str]) -> Optional[str]:
    pattern = re.compile(re.escape(library) + r"\.so\.(\d+\.\d+\.\d+)$")
    matches = [match[1] for match in map(pattern.match, names) if match]
    # Several versions in one folder: which one the link leads to is not looked at.
    return matches[0] if len(set(matches)) == 1 else None


def _folders(readers: Readers) -> Iterator[str]:
    folders = [folder for folder in (readers.env("LD_LIBRARY_PATH") or "").split(":") if folder][:_LONGEST]
    yield from dict.fromkeys(folders)


# 	libcuda.so.1 (libc6,x86-64) => /usr/local/cuda-12.9/compat/libcuda.so.1
_CACHED = re.compile(r"^\s*libcuda\.so\.1 \([^)]*(?:x86-64|AArch64)[^)]*\) => (/\S+)$", re.MULTILINE)


def cuda_compat(readers: Readers, driver: Fact) -> Fact:
    """The `cuda_compat` fact: the version of the libcuda that the loader takes before the driver's own, `absent` where it takes that one.

    On LD_LIBRARY_PATH the libcuda of a forward-compatibility package is known by its version, which is another than the driver's; among the
    folders that the loader knows by itself, by its folder's name.
    """
    for folder in (*_folders(readers), *_cached(readers)):
        names = readers.list_folder(folder)
        if "libcuda.so.1" in names:
            version = _driver_version(names)
            if version is None or not driver.is_known:
                return unknown("a libcuda is on the library path whose version its file name does not say, or beside a driver of unknown version", folder)
            return Fact("absent" if version == str(driver.value) else version, folder)
    return Fact("absent", "LD_LIBRARY_PATH, ldconfig -p")


def _cached(readers: Readers) -> Iterator[str]:
    """The folder of the libcuda that the loader's cache has first, where it is one of forward-compatibility libraries."""
    texts = (readers.run((command, "-p")).text for command in ("ldconfig", "/sbin/ldconfig"))
    listed = next((text for text in texts if text is not None), "")
    first = _CACHED.search(listed)
    if first and "compat" in first[1]:
        yield first[1].rpartition("/")[0]


def _driver_version(names: Sequence[str]) -> Optional[str]:
    """The version behind libcuda.so.1, where one file of the folder says it: libcuda.so.550.54.15."""
    found = {match[1] for match in (re.fullmatch(r"libcuda\.so\.(\d+(?:\.\d+)+)", name) for name in names) if match}
    return found.pop() if len(found) == 1 else None
