"""A release of an extension whose published binaries were built for another minor release of torch."""

from __future__ import annotations

import re
from typing import Dict, List, Optional, Sequence, Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking, extension_tag
from envcheck.rules.rule import Rows, Rule, Tables

ID = "extension-release-for-another-torch"

PAGE = Page(
    symptom=("undefined-symbol", "import-error", "crash"),
    signature=(
        r"operator torchvision::nms does not exist",
        r"libtorchaudio\.so: undefined symbol",
        r"vllm/_C\.abi3\.so: undefined symbol",
        r"libtorch_npu\.so: undefined symbol",
        r"fbgemm_gpu_py\.so: undefined symbol",
        r"Intel.. Extension for PyTorch\* needs to work with PyTorch",
        r"xFormers was built for:",
    ),
    cause="Each release of these packages is compiled against one minor release of torch, which its metadata pins. Beside another one its library "
    "does not load, "
    "or its operators are missing. It happens where torch was up- or downgraded afterwards, or with `--no-deps`.",
    fix=("install torch and the extension in one command, so that the pair is chosen together", "torch's page of previous versions lists the pairs"),
    links=("https://pytorch.org/get-started/previous-versions/", "https://github.com/pytorch/vision/blob/main/README.md#installation"),
    level="maintainer",
)

_BINARY_ONLY = frozenset(("torchvision", "vllm", "torch-npu"))
"""Published as wheels, imported or checked as soon as they are used: another pair is certain to fail. The others are also built from source, or "
"fail only in parts."""
_SOMETIMES = ("fbgemm-gpu", "intel-extension-for-pytorch", "torchaudio", "xformers")
"""Also built from source, or passed over by the packages that could use them."""


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each extension that certainly is a release for another torch; builds of somebody's own are left alone."""
    if not asking.is_published_torch(snapshot):
        return ()
    candidates = [name for name in (*sorted(_BINARY_ONLY), *_SOMETIMES) if asking.is_there(snapshot, name)]
    if not candidates:
        return ()
    pairs = tables.made("extension_torch", _by_package)
    return tuple(finding for name in candidates for finding in _of(snapshot, name, pairs.get(name, ())))


def _by_package(rows: Rows) -> Dict[str, List[Sequence[str]]]:
    found: Dict[str, List[Sequence[str]]] = {}
    for name, release, torch in rows:
        found.setdefault(name, []).append((release, torch))
    return found


def _of(snapshot: Snapshot, name: str, rows: Sequence[Sequence[str]]) -> Tuple[Finding, ...]:
    fact = snapshot.package(name)
    if asking.is_own_build(fact) or _says_itself(snapshot, name) or name == "vllm" and _has_no_cuda(snapshot):
        return ()
    wanted: Optional[str] = next((torch for release, torch in rows if asking.has(snapshot, name, release)), None)
    if wanted is None or not asking.lacks(snapshot, "torch", wanted):
        return ()
    torch = snapshot.package("torch")
    shown = f"torch {asking.release(torch)}" if not torch.is_open else f"torch{torch.value}"
    title = f"{name} {asking.release(fact)} is built for torch {wanted.lstrip('=').replace('.*', '')}, not for {shown}"
    severity = "error" if name in _BINARY_ONLY else "warning"
    return (Finding(ID, "bad", severity, "certain", title, (name, "torch"), asking.used(snapshot, name, "torch"), PAGE),)


def _has_no_cuda(snapshot: Snapshot) -> bool:
    """Whether the devices are not NVIDIA's: for these vllm is built without its CUDA library, beside the torch that is there."""
    if any(asking.is_there(snapshot, name) for name in ("torch-npu", "vllm-ascend")):
        return True
    devices = (snapshot.fact(key).value for key in ("npu", "cann", "rocm"))
    return any(value not in (None, "absent") for value in devices) or bool(re.search(r"\+(rocm|cpu|xpu)", str(snapshot.package("torch").value)))


def _says_itself(snapshot: Snapshot, name: str) -> bool:
    """Whether its tag or fingerprint already says which torch it is for."""
    tag = extension_tag.read_tag(str(snapshot.package(name).value).partition("+")[2])
    return tag.torch is not None or f"{name}.torch" in snapshot.builds


RULE = Rule(ID, "a release of an extension is for another torch", PAGE, find)
