"""conda's packages in the words of the rest: PyPI's names, and CUDA, Python, cuDNN and compilers as facts."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from envcheck import versions
from envcheck.inputs.claims import Claim, shown
from envcheck.inputs.gathered import Gathered
from envcheck.wire import canonical_name


class Item(NamedTuple):
    """One package of a listing, or one wish of an environment file."""

    name: str
    version: str
    """Exact in a listing; in a wish as conda writes it (`2.1`, `>=2.1,<2.2`), empty where any will do."""
    build: str
    origin: str
    channel: str = ""
    is_wish: bool = False


# Names under which conda carries what PyPI calls otherwise
# (https://github.com/regro/cf-graph-countyfair/blob/master/mappings/pypi/name_mapping.yaml).
_PYPI = {
    "pytorch": "torch",
    "pytorch-gpu": "torch",
    "pytorch-cpu": "torch",
    "torchtriton": "triton",
    "py-opencv": "opencv-python",
    "msgpack-python": "msgpack",
    "pytables": "tables",
    "py-xgboost": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "huggingface_hub": "huggingface-hub",
    "tensorflow-gpu": "tensorflow",
    "matplotlib-base": "matplotlib",
    "pytorch_geometric": "torch-geometric",
    "pyg": "torch-geometric",
    "libflash-attn": "",
    "pytorch-mutex": "",
}
# What conda carries of things that have a key of their own. `pytorch-cuda` and, before it, `cudatoolkit` hold the CUDA runtime
# that torch was built for (https://pytorch.org/get-started/previous-versions/); `cuda-nvcc` is the compiler.
_FACTS = {
    "pytorch-cuda": "torch_cuda",
    "cudatoolkit": "torch_cuda",
    "cuda-version": "torch_cuda",
    "cuda-toolkit": "cuda_toolkit",
    "cuda-nvcc": "cuda_toolkit",
    "cuda": "cuda_toolkit",
    "cudatoolkit-dev": "cuda_toolkit",
    "cudnn": "cudnn",
    "nccl": "nccl",
    "gcc_linux-64": "gcc",
    "gcc": "gcc",
    "python": "python",
}
_STRENGTH = ("cuda-version", "cudatoolkit", "pytorch-cuda")
# py3.10_cuda12.1_cudnn8.9.2_0, cuda120_py310h..., cuda_12_1, py3.9_cpu_0, cpu_mkl_py311...
_BUILD_CUDA = re.compile(r"cuda_?(?:(\d{1,2})[._](\d)|(\d{2})(\d))")
_BUILD_CPU = re.compile(r"(?:^|[_*])cpu(?:$|[_*])")
_NUMBERS = re.compile(r"\d{1,9}(?:\.\d{1,9})*")


def take(item: Item, gathered: Gathered) -> None:
    """Take one package of conda's, or of pip's where the channel is `pypi`."""
    if item.channel == "pypi":
        gathered.pin(item.name, item.version, item.origin)
        return
    key = _FACTS.get(item.name.lower())
    if key:
        _fact(key, item, gathered)
        return
    if item.name.lower() == "cpuonly":
        gathered.fact("torch_cuda", "absent", item.origin)
        return
    name = _PYPI.get(item.name.lower(), canonical_name(item.name))
    if not name or item.name.startswith("_"):
        return
    if name == "torch":
        gathered.torch_is_condas = True
        _build(item, gathered)
    if item.is_wish:
        gathered.claim(_wish(name, item))
    else:
        gathered.pin(name, item.version, item.origin)


def _wish(name: str, item: Item) -> Claim:
    clauses = specifier(item.version)
    if clauses is None:
        said = "is more than one range" if "|" in item.version else "is no version as conda writes it"
        return Claim(name, (), item.origin, f"`{shown(item.version)}` {said}")
    try:
        if clauses:
            versions.specifier(",".join(clauses))
    except versions.VersionError as error:
        return Claim(name, (), item.origin, str(error))
    return Claim(name, clauses, item.origin)


def _fact(key: str, item: Item, gathered: Gathered) -> None:
    asked = item.version.lstrip("=").removesuffix(".*").strip()
    if not _NUMBERS.fullmatch(asked):
        return
    if key == "python":
        if "." in asked:
            gathered.python(asked, item.origin)
    elif item.name.lower() not in _STRENGTH or not gathered.is_stated(key, _STRENGTH[_STRENGTH.index(item.name.lower()) :]):
        gathered.fact(key, asked if item.name.lower() != "cudatoolkit" else ".".join(asked.split(".")[:2]), item.origin, by=item.name.lower())


def _build(item: Item, gathered: Gathered) -> None:
    """torch's build string says what it was built for, better than any other package."""
    cuda = _BUILD_CUDA.search(item.build)
    if cuda:
        gathered.fact("torch_cuda", f"{cuda[1] or cuda[3]}.{cuda[2] or cuda[4]}", item.origin, by="pytorch-cuda")
    elif _BUILD_CPU.search(item.build):
        gathered.fact("torch_cuda", "absent", item.origin, by="pytorch-cuda")


_CLAUSE = re.compile(r"(==|!=|<=|>=|~=|<|>|=)?\s*v?([0-9][\w.*!+-]*)")


def specifier(version: str) -> Optional[tuple[str, ...]]:
    """The PEP 440 clauses of a version in conda's words (`=2.1` is any 2.1.x, `2.1.2` and `=2.1.2` that release); None for
    what they cannot say (`2.0|2.1`).

    https://docs.conda.io/projects/conda-build/en/latest/resources/package-spec.html#package-match-specifications
    """
    version = version.strip()
    if version in ("", "*"):
        return ()
    clauses = []
    for part in version.split(","):
        found = _CLAUSE.fullmatch(part.strip())
        if found is None:
            return None
        clauses.append(_clause(found[1] or "", found[2]))
    return tuple(clauses)


def _clause(operator: str, version: str) -> str:
    starred = version.endswith("*")
    version = version.rstrip("*").rstrip(".")
    if operator not in ("", "=", "=="):
        return f"{operator}{version}.*" if starred and operator == "!=" else f"{operator}{version}"
    # A release of three numbers is meant as it stands; conda's fuzzy `=2.1.2` would admit a 2.1.2.1 too.
    fuzzy = _NUMBERS.fullmatch(version) and (starred or (operator == "=" and version.count(".") < 2))
    return f"=={version}.*" if fuzzy else f"=={version}"
