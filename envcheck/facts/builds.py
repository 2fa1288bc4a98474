"""The tables of what binaries were built for, and of what builds them: their columns."""

from __future__ import annotations

from typing import Any, Callable, Dict

from envcheck.facts.columns import (
    architecture_list,
    capability,
    capability_list,
    choice,
    columns,
    package,
    requirement_list,
    specifier,
    version,
    version_list,
)

TABLES: Dict[str, Callable[[Any], Any]] = {
    "extension_torch": columns(package=package, release=specifier, torch=specifier),
    "prebuilt_wheels": columns(package=package, torch=version, release=version),
    "extension_kernels": columns(package=package, release=specifier, capabilities=capability_list),
    "bitsandbytes_cuda": columns(release=specifier, cuda=version_list, choice=choice("exact", "major")),
    "bitsandbytes_kernels": columns(release=specifier, cuda=specifier, capabilities=capability_list),
    "bitsandbytes_rocm": columns(release=specifier, rocm=version_list, choice=choice("exact", "major")),
    "bitsandbytes_gfx": columns(release=specifier, rocm=specifier, architectures=architecture_list),
    "torch_npu_cann": columns(release=version, cann=version),
    "rocm_wheels": columns(torch=version, rocm=version_list, architectures=architecture_list),
    "toolkit_gpus": columns(capability=capability, toolkit=specifier),
    "toolkit_gcc": columns(cuda=version, gcc=version),
    "triton_ptxas": columns(triton=version, cuda=version, capabilities=capability_list),
    "compile_pythons": columns(torch=specifier, python=specifier),
    "deepspeed_toolkits": columns(release=specifier, cuda=version_list),
    "equal_parts": columns(package=package, part=package, release=specifier),
    "torch_libraries": columns(torch=version, cuda=version, requires=requirement_list),
}
"""Table -> what one of its rows becomes in the index, or an error that says why not."""
