"""The rules over what binaries were built for, and what builds them here."""

from __future__ import annotations

from envcheck.rules import (
    arm_wheel,
    bitsandbytes_library,
    cann,
    compile_python,
    deepspeed_toolkit,
    extension_kernels,
    extension_pair,
    extension_tag,
    host_compiler,
    library_twice,
    libstdcxx,
    loader_path,
    nvcc_arch,
    nvcc_cuda,
    prebuilt_wheel,
    rocm_arch,
    torch_libraries,
    triton_pair,
    triton_ptxas,
    unequal_parts,
    wheel_glibc,
)

RULES = (
    rocm_arch.RULE,
    arm_wheel.RULE,
    cann.RULE,
    extension_tag.RULE,
    extension_pair.RULE,
    prebuilt_wheel.RULE,
    bitsandbytes_library.RULE,
    extension_kernels.RULE,
    nvcc_cuda.RULE,
    deepspeed_toolkit.RULE,
    nvcc_arch.RULE,
    host_compiler.RULE,
    libstdcxx.RULE,
    torch_libraries.RULE,
    library_twice.RULE,
    loader_path.RULE,
    triton_pair.RULE,
    triton_ptxas.RULE,
    compile_python.RULE,
    unequal_parts.RULE,
    wheel_glibc.RULE,
)
"""In the order in which their findings are told."""
