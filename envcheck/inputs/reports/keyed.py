"""`LABEL: value` lines, as most tools' reports are made of: collect_env of torch and vLLM, the `env` commands of transformers, accelerate, datasets,
diffusers, trl and LLaMA-Factory, `ds_report`, `python -m xformers.info`, `python -m bitsandbytes`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Callable

from envcheck.documents import PYTHON
from envcheck.inputs.reports import words
from envcheck.inputs.reports.said import TRACE, Said
from envcheck.model import Gpu
from envcheck.variables import matters
from envcheck.wire import os_name

Line = tuple[int, str]
# `- PyTorch version (GPU?): 2.5.1`, `torch version .................... 2.1.0`, `pytorch.version:      2.1.0`
_PAIR = re.compile(r"\s*(?:[-*+•]\s+|\d+[.)]\s+)?(?P<label>[^:|=\n]{1,70}?)\s*(?:\.{3,}|:|：)\s*(?P<value>.*?)\s*")
_VARIABLE = re.compile(r"\s*(?:export\s+)?([A-Z][A-Z0-9_]{3,60})=(\S.*)")
# `[pip3] torch==2.1.0`, `[conda] pytorch   2.1.0   py3.10_cuda12.1_cudnn8.9.2_0   pytorch`
_PIP = re.compile(r"\[pip\d?\]\s+([A-Za-z0-9][\w.-]*)==(\S+)")
_CONDA = re.compile(r"\[conda\]\s+([A-Za-z0-9][\w.-]*)\s+([0-9]\S*)(?:\s+(\S+))?.*")
_DEVICE = re.compile(r"\s*GPU\s?\[?\d{1,2}\]?\s*:\s+(?P<name>[A-Za-z][^:,]*?)(?:\s+\(UUID:.*)?\s*")
_BUILD_CUDA = re.compile(r"cuda_?(\d{1,2})[._](\d)")


def read(lines: Iterable[Line], said: Said) -> None:
    """Take what the lines of one part say."""
    last = shown = ""
    for number, line in lines:
        if _listed(number, line, said):
            continue
        device = _DEVICE.fullmatch(line)
        if device:
            if _GPU.search(device["name"]):
                said.gpu(Gpu(device["name"].strip(), count=1), number)
            continue
        variable = _VARIABLE.fullmatch(line)
        if variable:
            if matters(variable[1]):
                said.env(variable[1], variable[2].rstrip("\\ ").strip("\"'"), number)
            continue
        pair = _PAIR.fullmatch(line) if len(line) < _LONGEST else None
        if pair is None:
            _cudnn(number, line, said) if last == "cudnn" else None
            continue
        if last in _TORCH and line.startswith("  CUDA:"):
            # `python -m bitsandbytes` indents torch's CUDA below torch.
            _torch_cuda(pair["value"], number, said)
            continue
        if pair["label"].strip() == "Version" and shown:
            # `pip show` gives the name a line before the version.
            said.package(shown, words.value(pair["value"]), number)
        shown = pair["value"] if pair["label"].strip() == "Name" and _NAME.fullmatch(pair["value"]) else ""
        last = _pair(pair["label"], pair["value"], number, said)


_LONGEST = 400
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{1,60}")


def _listed(number: int, line: str, said: Said) -> bool:
    """collect_env's own excerpts of pip's and conda's lists."""
    pip = _PIP.fullmatch(line.strip())
    if pip:
        said.package(pip[1], pip[2], number)
        return True
    conda = _CONDA.fullmatch(line.strip())
    if conda is None:
        return False
    name = words.package(conda[1]) or conda[1]
    if conda[1].lower() in ("pytorch-cuda", "cudatoolkit"):
        said.fact("torch_cuda", ".".join(conda[2].split(".")[:2]), number)
    elif not conda[1].startswith(("pytorch-mutex", "_", "mkl", "blas", "cuda-", "libcu")):
        said.package(name, conda[2], number)
        built = _BUILD_CUDA.search(conda[3] or "")
        if name == "torch" and built:
            said.fact("torch_cuda", f"{built[1]}.{built[2]}", number)
    return True


def _pair(label: str, value: str, number: int, said: Said) -> str:
    """Take one pair; returns the label in plain words."""
    text = words.plain(label)
    handler = LABELS.get(text)
    if handler is not None:
        handler(value, number, said)
        return text
    name = words.package(label)
    version = words.value(value) if name else ""
    if version and name not in ("pip", "wheel"):
        said.package(name, version, number)
    return text


def _cudnn(number: int, line: str, said: Said) -> None:
    found = re.fullmatch(r"\S*libcudnn\.so\.([0-9]+\.[0-9]+\.[0-9]+)\S*", line.strip())
    if found and not said.has("facts", "cudnn"):
        said.fact("cudnn", found[1], number)


def _fact(key: str, pattern: str = r"([0-9]+(?:\.[0-9]+)+)") -> Callable[[str, int, Said], None]:
    """Take the first group of a pattern where it begins the value."""
    expression = re.compile(pattern)

    def take(value: str, number: int, said: Said) -> None:
        found = expression.match(value.strip())
        if found:
            said.fact(key, found[1], number)

    return take


def _torch_cuda(value: str, number: int, said: Said) -> None:
    found = re.match(r"v?([0-9]{1,2}\.[0-9])(?:[^0-9]|$)", value.strip())
    if found:
        said.fact("torch_cuda", found[1], number)
    elif value.strip().lower() in ("none", "n/a"):
        # Of builds without CUDA; `Could not collect` says nothing.
        said.fact("torch_cuda", "absent", number)


def _rocm(value: str, number: int, said: Said) -> None:
    found = re.match(r"([0-9]+\.[0-9]+(?:\.[0-9]+)?)", value.strip())
    if found:
        said.fact("rocm", found[1], number)


# `2.1.0 (CUDA 12.1)`: what stands beside torch's version is torch's; CUDA alone may be the driver's or a toolkit's.
_OWN_CUDA = re.compile(r"\A\S+\s*(?:\(|\+|/|,)?\s*(?:with |built with |built for )?(?:CUDA|cuda) ?v?([0-9]{2}\.[0-9])(?![0-9.])")


def _torch(value: str, number: int, said: Said) -> None:
    version = words.value(value)
    if version:
        said.package("torch", version, number)
        built = _OWN_CUDA.search(value)
        if built:
            said.fact("torch_cuda", built[1], number)


def _python(value: str, number: int, said: Said) -> None:
    found = PYTHON.match(value.strip())
    if found:
        said.fact("python", found[0], number)


_LIBC = re.compile(r"glibc[- ]?([0-9]+\.[0-9]+)")
_ARCH = re.compile(r"[-_ ](x86_64|aarch64|arm64|AMD64|ppc64le)\b")


def platform(value: str, number: int, said: Said) -> None:
    """Take `Linux-5.15.0-91-generic-x86_64-with-glibc2.35`, and what `uname -a` prints."""
    system = re.match(r"\W*(Linux|macOS|Darwin|Windows)\b", value)
    if system:
        said.fact("os", os_name(system[1]), number)
    libc, arch = _LIBC.search(value), _ARCH.search(value)
    if libc:
        # What the interpreter was built against, which is older than what is there in conda's; `Libc version` tells that.
        weight, said.weight = said.weight, TRACE
        said.fact("glibc", libc[1], number)
        said.weight = weight
    if arch:
        said.fact("arch", "x86_64" if arch[1] == "AMD64" else arch[1], number)


_SYSTEMS = re.compile(
    r"\b(?:(ubuntu|debian|centos|rocky|red hat|rhel|fedora|alma|amazon linux|arch linux|suse|linux|anolis|openeuler|kylin|tencentos|alibaba|mariner|azure "
    r"linux|nixos|pop!_os|manjaro|mint)|(windows)|(mac ?os|darwin))",
    re.IGNORECASE,
)


def system(value: str, number: int, said: Said) -> None:
    """Take an operating system as it calls itself; WSL is a Linux."""
    found = _SYSTEMS.search(value)
    if found and not (found[2] and "wsl" in value.lower()):
        said.fact("os", "linux" if found[1] else "windows" if found[2] else "macos", number)
    arch = re.search(r"\b(x86_64|aarch64|arm64)\b", value)
    if arch:
        said.fact("arch", arch[1], number)


_GPU = re.compile(
    r"NVIDIA [A-Z0-9]|Tesla|GeForce|Quadro|\bTITAN\b|\b[RG]TX ?[A-Z]?[0-9]{3,4}|\b(?:[ABH][0-9]{2,3}|A[0-9]{4}|GH200|GB[12]00|"
    r"V100S?|P100|P40|K80|T4|L4|L40S?)\b|"
    r"\bInstinct|\bMI[0-9]{2,3}|Radeon|\bgfx[0-9a-f]{3,4}|\bArc\b|Apple M[0-9]|Data Center GPU"
)
"""What is in every GPU's name that a driver gives, and in those that people write."""
_NO_GPU = frozenset(("no cuda", "n/a", "none", "not available", "could not collect", "", "cpu", "no gpu", "<fill in>", "false", "true", "no"))
_MANY = re.compile(
    r"(?P<before>\d{1,4})\s*[x×*]\s*(?P<name>.+)|"
    r"(?P<named>.+?)(?:\s*,\s*\d+ ?Mi?B)?\s*(?:[x×*]\s*(?P<behind>\d{1,4})\b.*|\(\s*[x×]?(?P<inner>\d{1,4})[x×]?\s*\))?"
)


def gpu(value: str, number: int, said: Said) -> None:
    """Take a GPU's name, `NVIDIA A100-SXM4-80GB`, `8 x A100`, or several with commas."""
    text = value.strip().strip("`*").strip()
    device = _DEVICE.fullmatch(text)
    if device or text.lower() in _NO_GPU:
        if device and _GPU.search(device["name"]):
            said.gpu(Gpu(device["name"], count=1), number)
        return
    names = [part.strip() for part in text.split(",") if part.strip() and not re.fullmatch(r"\s*[0-9.]+ ?[GM]i?B?\s*", part)]
    for name in names[:_MOST]:
        found = _MANY.fullmatch(name)
        model = (found["name"] or found["named"]).strip() if found else name
        if found and _GPU.search(model) and len(model) < 80 and "?" not in model:
            count = found["before"] or found["behind"] or found["inner"]
            said.gpu(Gpu(model, count=int(count) if count else (1 if len(names) > 1 else None)), number)


_MOST = 64


def _gpu_count(value: str, number: int, said: Said) -> None:
    if re.fullmatch(r"[1-9][0-9]{0,4}", value.strip()):
        said.gpu_count(int(value))


def _capability(value: str, number: int, said: Said) -> None:
    found = re.fullmatch(r"\(?([0-9]{1,2})[.,] ?([0-9])\)?", value.strip())
    if found:
        said.gpu(Gpu(f"sm_{found[1]}{found[2]}", f"{found[1]}.{found[2]}"), number)


def _cuda_available(value: str, number: int, said: Said) -> None:
    """`Is CUDA available: False` says nothing of the machine: the driver may be what is broken."""


def _xformers_cuda(value: str, number: int, said: Said) -> None:
    # 1201 is 12.1, 1108 is 11.8.
    found = re.fullmatch(r"([0-9]{2})0([0-9])", value.strip())
    if found:
        said.build("xformers.cuda", f"{found[1]}.{found[2]}", number)


def _xformers_torch(value: str, number: int, said: Said) -> None:
    if words.value(value) not in ("", "absent"):
        said.build("xformers.torch", words.value(value), number)


def _deepspeed(value: str, number: int, said: Said) -> None:
    # `0.12.3, unknown, unknown`: version, commit and branch.
    said.package("deepspeed", words.value(value.partition(",")[0]), number)


def _npu(value: str, number: int, said: Said) -> None:
    found = re.search(r"(?:Ascend ?)?(910[A-D]?[0-9]?|310[BP]?[0-9]?)", value)
    if found:
        said.fact("npu", found[1], number)


def _nothing(value: str, number: int, said: Said) -> None:
    """A label that speaks of something else, and would be taken for a package's."""


_TORCH = ("pytorch", "torch")

LABELS: dict[str, Callable[[str, int, Said], None]] = {
    **dict.fromkeys(("pytorch", "torch", "pytorch.version", "torch.version", "torch.__version__", "torch .version"), _torch),
    **dict.fromkeys(
        ("cuda used to build pytorch", "torch cuda", "torch.version.cuda", "pytorch cuda", "torch cuda runtime", "cuda used by torch"), _torch_cuda
    ),
    **dict.fromkeys(("rocm used to build pytorch", "torch hip", "torch.version.hip", "pytorch hip"), _rocm),
    **dict.fromkeys(
        ("cuda runtime", "nvcc", "cuda toolkit", "cuda nvcc", "nvcc cuda"), _fact("cuda_toolkit", r"(?:.*\brelease )?([0-9]+\.[0-9]+(?:\.[0-9]+)?)")
    ),
    **dict.fromkeys(("nvidia driver", "driver", "nvidia gpu driver", "gpu driver", "cuda driver"), _fact("driver", r"([0-9]{3}\.[0-9]+(?:\.[0-9]+)?)")),
    "cudnn": _fact("cudnn", r"(?:Probably .*libcudnn\.so\.)?([0-9]+\.[0-9]+\.[0-9]+)"),
    **dict.fromkeys(("nccl", "torch nccl"), _fact("nccl", r"([0-9]+\.[0-9]+\.[0-9]+)")),
    **dict.fromkeys(("gcc", "gcc g++"), _fact("gcc", r"(?:gcc )?(?:\(.*?\) )?([0-9]+\.[0-9]+(?:\.[0-9]+)?)")),
    **dict.fromkeys(("libc", "glibc"), _fact("glibc", r"(?:glibc[- ])?([0-9]+\.[0-9]+)")),
    **dict.fromkeys(("python", "python.version", "python3"), _python),
    **dict.fromkeys(("platform", "python platform"), platform),
    **dict.fromkeys(("os", "operating system", "system", "os name", "system os"), system),
    **dict.fromkeys(("gpu", "gpus", "gpu type", "gpu.name", "cuda device", "cuda device(s)", "gpu model", "gpu name", "accelerator", "accelerators"), gpu),
    **dict.fromkeys(("gpu models and configuration", "gpu model and configuration", "hardware", "graphics card", "device", "devices"), gpu),
    **dict.fromkeys(("gpu number", "gpu count", "number of gpus", "num gpus", "# gpus"), _gpu_count),
    **dict.fromkeys(("fabric manager", "fabric manager version"), _fact("fabric_manager", r"([0-9]{3}\.[0-9]+(?:\.[0-9]+)?)")),
    **dict.fromkeys(("cann", "cann toolkit"), _fact("cann", r"([0-9]+\.[0-9]+\.\S+)")),
    **dict.fromkeys(("npu type", "npu"), _npu),
    **dict.fromkeys(("gpu.compute capability", "highest compute capability"), _capability),
    "build.cuda version": _xformers_cuda,
    "build.torch version": _xformers_torch,
    "build.torch": _xformers_torch,
    "deepspeed info": _deepspeed,
    **dict.fromkeys(("cuda available", "is cuda available", "pytorch xpu available", "pytorch npu available", "flax", "build.python"), _nothing),
}
"""By a label in plain words (`words.plain`)."""
