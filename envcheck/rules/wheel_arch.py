"""A torch wheel without machine code for the GPU: `no kernel image is available for execution on the device`."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

from envcheck.facts import binaries
from envcheck.model import Finding, Gpu, Page, Snapshot
from envcheck.rules import asking, torch_libraries
from envcheck.rules.rule import Rule, Tables

ID = "torch-wheel-without-kernels"

PAGE = Page(
    symptom=("no-kernel-image",),
    signature=(r"no kernel image is available for execution on the device", r"is not compatible with the current PyTorch installation"),
    cause="A wheel holds machine code for the architectures it was built for. Code for X.Y runs on every GPU X.Z with Z >= Y and on no other major version. "
    "Which architectures a wheel has depends on its CUDA tag as much as on torch's version.",
    fix=(
        "install torch from an index whose CUDA tag has code for this GPU: https://pytorch.org/get-started/locally/ lists them by release",
        "run `python -c 'import torch; print(torch.cuda.get_arch_list())'` to see what an installed torch has",
    ),
    links=("https://github.com/pytorch/pytorch/issues/167244", "https://github.com/pytorch/pytorch/issues/160269"),
    level="maintainer",
)


class _Verdict(NamedTuple):
    """What to say, how sure it is, and what the wheel has."""

    title: str
    """With `{gpu}` where the GPU's name goes."""
    severity: str
    certainty: str
    has: str


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where no NVIDIA GPU of the snapshot is served by the torch wheel; silent about builds whose list nobody knows."""
    cards = asking.nvidia_gpus(snapshot)
    if not cards or not asking.is_published_torch(snapshot):
        return ()
    verdict = next((found for found in (judge(snapshot, tables, cards) for judge in (_this_wheel, _any_wheel, _default_wheel, _compiler)) if found), None)
    if verdict is None:
        return ()
    gpu = asking.named(cards[0])
    used = (*asking.used(snapshot, "torch", "torch_cuda"), asking.gpu_fact(cards[0], verdict.has))
    return (Finding(ID, "bad", verdict.severity, verdict.certainty, verdict.title.format(gpu=gpu), ("torch", "gpu"), used, PAGE),)


def _serves(listed: str, cards: Sequence[Gpu]) -> bool:
    return any(binaries.runs(str(gpu.capability), listed) for gpu in cards)


def _wheels(snapshot: Snapshot, tables: Tables) -> Optional[binaries.Wheels]:
    """Where the lists are known: on Linux."""
    return tables.made("torch_wheels", binaries.Wheels) if snapshot.fact("os").value in (None, "linux") else None


def _machine(snapshot: Snapshot) -> str:
    return str(snapshot.fact("arch").value or "x86_64")


def _this_wheel(snapshot: Snapshot, tables: Tables, cards: Sequence[Gpu]) -> Optional[_Verdict]:
    torch, cuda, wheels = snapshot.package("torch"), snapshot.fact("torch_cuda").value, _wheels(snapshot, tables)
    if wheels is None or torch.is_open or cuda in (None, "absent"):
        return None
    listed = wheels.capabilities(asking.release(torch), str(cuda), _machine(snapshot))
    if listed is None or _serves(listed, cards):
        return None
    # Without a local tag it may also be somebody's own build, whose list nobody knows.
    severity = "error" if "+cu" in str(torch.value) else "warning"
    return _Verdict(
        f"torch {asking.release(torch)} for CUDA {cuda} has no kernels for {{gpu}}", severity, "certain", f"the wheel has {listed.replace(';', ', ')}"
    )


def _any_wheel(snapshot: Snapshot, tables: Tables, cards: Sequence[Gpu]) -> Optional[_Verdict]:
    """No wheel of this release, or of any that a requirement allows, whatever its CUDA."""
    torch, wheels = snapshot.package("torch"), _wheels(snapshot, tables)
    if wheels is None or snapshot.fact("torch_cuda").value is not None:
        return None
    lists = [listed for version, listed in wheels.lists(_machine(snapshot)) if not asking.lacks(snapshot, "torch", f"=={version}")]
    if not lists or any(_serves(listed, cards) for listed in lists):
        return None
    shown = f"torch{torch.value}" if torch.is_open else f"torch {asking.release(torch)}"
    return _Verdict(f"no wheel of {shown} has kernels for {{gpu}}", "warning", "certain", f"the newest of them has {lists[-1].replace(';', ', ')}")


def _default_wheel(snapshot: Snapshot, tables: Tables, cards: Sequence[Gpu]) -> Optional[_Verdict]:
    """The wheel that `pip install` takes without an index of torch's own, where another one would do."""
    wheels, cuda = _wheels(snapshot, tables), torch_libraries.default_cuda(snapshot, tables)
    listed = wheels.capabilities(asking.release(snapshot.package("torch")), cuda, _machine(snapshot)) if wheels and cuda else None
    if listed is None or _serves(listed, cards):
        return None
    title = f"torch {asking.release(snapshot.package('torch'))} from the default index is built for CUDA {cuda} and has no kernels for {{gpu}}"
    return _Verdict(title, "warning", "possible", f"that wheel has {listed.replace(';', ', ')}")


def _compiler(snapshot: Snapshot, tables: Tables, cards: Sequence[Gpu]) -> Optional[_Verdict]:
    """A build without a row, nightly or for Windows: what its CUDA cannot generate code for is not in it."""
    torch, cuda, wheels = snapshot.package("torch"), snapshot.fact("torch_cuda").value, _wheels(snapshot, tables)
    if "+cu" not in str(torch.value) or cuda in (None, "absent"):
        return None
    if wheels is not None and wheels.capabilities(asking.release(torch), str(cuda), _machine(snapshot)):
        return None
    toolkits = [_toolkits(gpu, tables) for gpu in cards]
    if not all(one and all(asking.lacks(snapshot, "torch_cuda", wanted) for wanted in one) for one in toolkits):
        return None
    title = f"torch {asking.release(torch)} for CUDA {cuda} has no kernels for {{gpu}}"
    return _Verdict(title, "warning", "certain", f"CUDA {toolkits[0][0]} can generate code for it")


def _toolkits(gpu: Gpu, tables: Tables) -> List[str]:
    """The CUDA versions that generate code which the GPU runs: for itself, or for an older GPU of its major version."""
    major, _, minor = str(gpu.capability).partition(".")
    rows = [(str(capability).partition("."), str(toolkit)) for capability, toolkit in tables.rows("toolkit_gpus")]
    return [toolkit for (family, _, member), toolkit in rows if family == major and int(member) <= int(minor)]


RULE = Rule(ID, "a torch wheel has no machine code for the GPU", PAGE, find)
