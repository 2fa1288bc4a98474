"""A compiled extension whose own tag or fingerprint names another torch, CUDA or C++ ABI than the one installed."""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from envcheck.model import Fact, Finding, Page, Snapshot, UsedFact
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "extension-for-another-torch"

PAGE = Page(
    symptom=("undefined-symbol", "import-error"),
    signature=(
        r"undefined symbol: _ZN(K)?(2at|3c10|5torch)",
        r"libcudart\.so\.1[0-9][.0-9]*: cannot open shared object file",
        r"PyTorch version mismatch! DeepSpeed ops were compiled and installed with a different version",
        r"xFormers can't load C\+\+/CUDA extensions",
    ),
    cause="torch's C++ interface changes with every minor release, and its symbols carry the C++ ABI they were compiled with. A binary for another minor "
    "release, another CUDA major version or the other ABI does not load. pip keeps a wheel it once built or downloaded in its cache, and installs it again "
    "after torch was changed.",
    fix=(
        "install the wheel whose name says your torch, CUDA and ABI: `python -c 'import torch; print(torch.__version__, torch.version.cuda, "
        "torch.compiled_with_cxx11_abi())'`",
        "build it again beside the torch that is there: `pip install --no-cache-dir --no-build-isolation --force-reinstall --no-deps PACKAGE==VERSION`",
    ),
    links=(
        "https://github.com/Dao-AILab/flash-attention/issues/1832",
        "https://github.com/Dao-AILab/flash-attention/issues/680",
        "https://github.com/state-spaces/mamba/issues/308",
    ),
    level="many",
)

_NOT_EXTENSIONS = frozenset(("torch", "torchvision", "torchaudio", "torchtext", "torchdata", "torchao", "triton", "pytorch-triton", "pytorch-triton-rocm"))
"""torchvision has a rule of its own; the others run beside a torch of another CUDA."""
_EXTENSIONS = frozenset(
    (
        "apex", "auto-gptq", "autoawq", "autoawq-kernels", "causal-conv1d", "detectron2", "exllamav2", "flash-attn", "flash-attn-3", "gptqmodel",
        "mamba-ssm", "natten", "torch-cluster", "torch-scatter", "torch-sparse", "torch-spline-conv", "pyg-lib", "transformer-engine-torch", "vllm", "xformers",
    )
)  # fmt: skip
"""Where a CUDA tag alone (`0.7.1+cu118`) says what the binary was linked with."""


class Tag(NamedTuple):
    """What a binary was built for, as far as it says."""

    torch: Optional[Tuple[int, int]] = None
    cuda: Optional[int] = None
    """Major version."""
    cxx11: Optional[bool] = None


# cu12torch2.8cxx11abiTRUE; pt21cu121, pt113cu117 (PyG); torch230cu121 (natten); pt2.1.2cu121
_TORCH = (re.compile(r"(?:torch|pt)(\d+)\.(\d+)"), re.compile(r"pt(\d)(\d+)(?!\.)"), re.compile(r"torch(\d)(\d+)\d(?=cu|$)"))
_CUDA = re.compile(r"cu(\d{2})\d?(?!\d)")
_CUDA_IN_NAME = re.compile(r"transformer-engine-cu(\d+)")
_ABI = re.compile(r"cxx11abi(true|false)")
# …/flash_attn-2.5.8+cu122torch2.3cxx11abiFALSE-cp310-cp310-linux_x86_64.whl
_FILE = re.compile(r"/[^/]+?-[^/-]+\+([^/-]+)-[^/]*\.whl", re.IGNORECASE)


def read_tag(local: str) -> Tag:
    """What a local version tag says: `cu12torch2.8cxx11abiTRUE`, `pt21cu121`, `cu118`."""
    text = local.lower().replace("_", ".")
    torch = next((found for found in (pattern.search(text) for pattern in _TORCH) if found), None)
    cuda, abi = _CUDA.search(text), _ABI.search(text)
    return Tag((int(torch[1]), int(torch[2])) if torch else None, int(cuda[1]) if cuda else None, abi[1] == "true" if abi else None)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each extension that says it was built for another torch, CUDA major version or C++ ABI."""
    if not asking.is_there(snapshot, "torch"):
        return ()
    found: Dict[str, Finding] = {}
    for name, tag, fact in _tagged(snapshot):
        differs = _differs(tag, snapshot) if name not in found else None
        if differs:
            found[name] = _finding(snapshot, name, fact, *differs)
    return tuple(found.values())


def _tagged(snapshot: Snapshot) -> Iterator[Tuple[str, Tag, Fact]]:
    """Every extension that says what it was built for, where it says so."""
    for name, fact in snapshot.packages.items():
        local = str(fact.value).partition("+")[2] if fact.value is not None else ""
        tag = read_tag(local) if local and name not in _NOT_EXTENSIONS else None
        in_name = _CUDA_IN_NAME.fullmatch(name) if name.startswith("transformer-engine-cu") and fact.value != "absent" else None
        if in_name:
            yield name, Tag(cuda=int(in_name[1])), fact
        if tag and (tag.torch or name in _EXTENSIONS):
            yield name, tag, fact
    for key, fact in snapshot.builds.items():
        name, _, what = key.rpartition(".")
        file = _FILE.search(str(fact.value).replace("%2B", "+").replace("%2b", "+")) if what == "url" and name not in _NOT_EXTENSIONS else None
        if file:
            yield name, read_tag(file[1]), fact
    yield from _fingerprints(snapshot)


def _fingerprints(snapshot: Snapshot) -> Iterator[Tuple[str, Tag, Fact]]:
    for name in ("xformers", "deepspeed"):
        built = snapshot.builds.get(f"{name}.torch")
        # DeepSpeed compiles its operators when they are used, unless it was installed with some.
        if built is not None and (name != "deepspeed" or _value(snapshot, "deepspeed.ops") not in ("", "none")):
            cuda = asking.major(snapshot.builds.get(f"{name}.cuda", Fact(None)))
            yield name, Tag(asking.minor(built), cuda), built


def _value(snapshot: Snapshot, key: str) -> str:
    return str(snapshot.builds[key].value or "") if key in snapshot.builds else ""


def _differs(tag: Tag, snapshot: Snapshot) -> Optional[Tuple[str, str]]:
    """What does not fit, in words, and how severe it is."""
    torch = snapshot.package("torch")
    if tag.torch and asking.lacks(snapshot, "torch", f"=={tag.torch[0]}.{tag.torch[1]}.*"):
        return f"built for torch {tag.torch[0]}.{tag.torch[1]}, and torch is {asking.release(torch)}", _severity(tag.torch, snapshot)
    cuda = asking.major(snapshot.fact("torch_cuda"))
    if tag.cuda and cuda and tag.cuda != cuda:
        # A toolkit of the other major version may lend the extension its libraries.
        lent = asking.major(snapshot.fact("cuda_toolkit")) == tag.cuda
        return f"built for CUDA {tag.cuda}, and torch for CUDA {snapshot.fact('torch_cuda').value}", "warning" if lent else "error"
    cxx11 = cxx11_abi(snapshot)
    if tag.cxx11 is not None and cxx11 is not None and tag.cxx11 is not cxx11:
        return f"built for the {_ABIS[tag.cxx11]} C++ ABI, and torch for the {_ABIS[cxx11]} one", "error"
    return None


_ABIS = {True: "new (cxx11)", False: "old (pre-cxx11)"}
_EXCHANGED = (2, 10)
"""From here on a wheel for one minor release was measured to run with the next (https://github.com/unslothai/unsloth/pull/7495)."""


def _severity(built_for: Tuple[int, int], snapshot: Snapshot) -> str:
    torch = asking.minor(snapshot.package("torch"))
    exchanged = built_for >= _EXCHANGED and (torch is None or torch >= _EXCHANGED)
    return "error" if asking.is_published_torch(snapshot) and not exchanged and torch is not None else "warning"


def cxx11_abi(snapshot: Snapshot) -> Optional[bool]:
    """Whether torch uses the new C++ ABI: read from its files, or known of the Linux wheels of its own indexes; else None.

    https://github.com/pytorch/pytorch/pull/142064, https://github.com/pytorch/pytorch/issues/143962
    """
    read = _value(snapshot, "torch.cxx11_abi")
    if read:
        return read == "true"
    if not asking.is_index_torch(snapshot) or snapshot.fact("os").value not in (None, "linux") or snapshot.fact("arch").value not in (None, "x86_64"):
        return None
    if asking.has(snapshot, "torch", ">=2.7"):
        return True
    if asking.has(snapshot, "torch", "<2.6"):
        return False
    return {"12.6": True, "12.4": False, "11.8": False}.get(str(snapshot.fact("torch_cuda").value))


def _finding(snapshot: Snapshot, name: str, fact: Fact, differs: str, severity: str) -> Finding:
    version = snapshot.package(name)
    shown = f"{name} {asking.release(version)}".strip() if version.value != "absent" else name
    facts: List[UsedFact] = [UsedFact(name, fact.value or "", fact.origin), *asking.used(snapshot, "torch", "torch_cuda", "torch.cxx11_abi")]
    return Finding(ID, "bad", severity, "certain", f"{shown} is {differs}", (name, "torch"), tuple(facts), PAGE)


RULE = Rule(ID, "an extension was built for another torch, CUDA or C++ ABI", PAGE, find)
