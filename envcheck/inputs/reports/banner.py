"""The banner that Unsloth prints when a model is loaded, and what bitsandbytes says of itself and of CUDA."""

from __future__ import annotations

import re
from collections.abc import Iterable

from envcheck.inputs.reports.keyed import Line, gpu
from envcheck.inputs.reports.said import Said

_UNSLOTH = (
    ("unsloth", re.compile(r"Unsloth v?(20[0-9]{2}\.[0-9]+\.[0-9]+(?:\.post[0-9]+)?)")),
    ("transformers", re.compile(r"Transformers ?[:=] ?([0-9]+\.[0-9]+\.[0-9]+)")),
    ("torch", re.compile(r"Py[tT]orch ?[:=] ?([0-9]+\.[0-9]+\.[0-9]+(?:\+\w+)?)")),
    ("xformers", re.compile(r"Xformers ?[:=] ?([0-9]+\.[0-9]+\.[0-9]+(?:\.post[0-9]+)?)")),
    ("triton", re.compile(r"Triton ?[:=] ?([0-9]+\.[0-9]+\.[0-9]+)")),
    ("vllm", re.compile(r"vLLM ?[:=] ?([0-9]+\.[0-9]+\.[0-9]+(?:\.post[0-9]+)?)")),
)
_GPU = re.compile(r"(?:\bGPU: |\s{3,})((?:NVIDIA|Tesla|AMD) [\w -]+?)\. (?:Num GPUs = (\d+)\.)?.*Max memory")
_BITSANDBYTES = re.compile(r"=+ bitsandbytes v([0-9]+\.[0-9]+\.[0-9]+) =+")
_SPECS = re.compile(r"CUDA specs: ?CUDASpecs\(highest_compute_capability=\((\d+), ?(\d+)\), cuda_version_string='(\d+)(\d)'")
_SETUP = re.compile(r"CUDA SETUP: Detected CUDA version (\d+)(\d)")


def read(lines: Iterable[Line], said: Said) -> None:
    """Take the banner, its first line and up to four below it, and what `python -m bitsandbytes` says."""
    left = 0
    for number, line in lines:
        left = 5 if "Unsloth" in line and "patching" in line else left - 1
        if left > 0:
            for name, expression in _UNSLOTH:
                found = expression.search(line)
                if found:
                    said.package(name, found[1], number)
            device = _GPU.search(line)
            if device:
                gpu(f"{device[2]} x {device[1]}" if device[2] else device[1], number, said)
        specs = _SPECS.match(line.strip())
        heading = _BITSANDBYTES.fullmatch(line.strip())
        if heading:
            said.package("bitsandbytes", heading[1], number)
        setup = _SETUP.match(line.strip())
        if specs:
            said.fact("torch_cuda", f"{specs[3]}.{specs[4]}", number)
        elif setup:
            said.fact("torch_cuda", f"{setup[1]}.{setup[2]}", number)
