"""bitsandbytes without a library for torch's CUDA or ROCm: one is shipped for each CUDA version, and a release knows those of its day."""

from __future__ import annotations

from typing import List, NamedTuple, Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "bitsandbytes-without-library"

PAGE = Page(
    symptom=("import-error", "crash"),
    signature=(
        r"Required library version not found: libbitsandbytes_cuda\d+",
        r"Configured CUDA binary not found at .*libbitsandbytes_cuda\d+",
        r"Could not find the bitsandbytes CUDA binary",
        r"libbitsandbytes_cpu\.so: undefined symbol: cquantize_blockwise_fp16",
    ),
    cause="The wheel holds one library for each CUDA version, named after it, and loads the one of `torch.version.cuda`. Where there is none it "
    "falls back to its "
    "CPU library, and 8-bit optimizers and 4-bit and 8-bit layers fail when they are first used. From 0.50 on the nearest of the same major version is taken.",
    fix=(
        "install a bitsandbytes that has a library for torch's CUDA; releases after the torch that is installed have it",
        "name one that is there and of the same major version, as BNB_CUDA_VERSION=121 (until 0.50; the toolkit's libraries of that version must be found)",
    ),
    links=("https://github.com/bitsandbytes-foundation/bitsandbytes/issues/631", "https://huggingface.co/docs/bitsandbytes/main/en/installation"),
    level="maintainer",
)

_NEEDED_BY = ("4bit", "8bit")


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where no library of bitsandbytes serves torch's CUDA or ROCm; an override by BNB_CUDA_VERSION is believed."""
    if not asking.is_there(snapshot, "bitsandbytes") or asking.is_own_build(snapshot.package("bitsandbytes")):
        return ()
    if "BNB_CUDA_VERSION" in snapshot.env or "BNB_ROCM_VERSION" in snapshot.env:
        return ()
    if snapshot.fact("os").value == "windows" and asking.has(snapshot, "bitsandbytes", "<0.43.0"):
        return (_finding(snapshot, "has no library for Windows before 0.43.0", "warning"),)
    return _for(_CUDA, snapshot, tables) or _for(_ROCM, snapshot, tables)


class _Vendor(NamedTuple):
    name: str
    fact: str
    """Torch's version of it."""
    table: str
    files: str


_CUDA = _Vendor("CUDA", "torch_cuda", "bitsandbytes_cuda", "bitsandbytes.cuda")
_ROCM = _Vendor("ROCm", "rocm", "bitsandbytes_rocm", "bitsandbytes.rocm")


def _for(vendor: _Vendor, snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    wanted = snapshot.fact(vendor.fact).value
    if wanted in (None, "absent") or vendor is _ROCM and not _is_rocm_torch(snapshot):
        return ()
    if vendor is _ROCM and asking.has(snapshot, "bitsandbytes", "<0.47.0"):
        # AMD's own branch, built on the spot, counts its versions as the project does.
        return () if _files(vendor, snapshot) else (_finding(snapshot, "has no library for ROCm in its wheels before 0.47.0", "warning"),)
    libraries, nearest = _libraries(vendor, snapshot, tables)
    if not libraries or _is_served(str(wanted), libraries, nearest):
        return ()
    severity = "error" if vendor is _CUDA and _is_needed(snapshot) else "warning"
    return (_finding(snapshot, f"has no library for {vendor.name} {'.'.join(str(wanted).split('.')[:2])}", severity),)


def _is_rocm_torch(snapshot: Snapshot) -> bool:
    """Whether ROCm is torch's: a library of the system alone says nothing of the wheel."""
    return "+rocm" in str(snapshot.package("torch").value) and asking.is_published_torch(snapshot)


def _files(vendor: _Vendor, snapshot: Snapshot) -> List[str]:
    """The versions of the libraries that lie in the package."""
    fact = snapshot.builds.get(vendor.files)
    return str(fact.value).split(",") if fact is not None and fact.value else []


def _libraries(vendor: _Vendor, snapshot: Snapshot, tables: Tables) -> Tuple[List[str], bool]:
    """The versions there are libraries for, and whether the nearest one is taken; the files that are there outrank the table."""
    row = next((row for row in tables.rows(vendor.table) if asking.has(snapshot, "bitsandbytes", row[0])), None)
    nearest = row is not None and row[2] == "major" or asking.has(snapshot, "bitsandbytes", ">=0.50.0")
    return _files(vendor, snapshot) or (str(row[1]).split(";") if row else []), nearest


def _is_served(wanted: str, libraries: List[str], nearest: bool) -> bool:
    if nearest:
        return any(one.partition(".")[0] == wanted.partition(".")[0] for one in libraries)
    # Of `12` alone nobody knows the minor version.
    return "." not in wanted or ".".join(wanted.split(".")[:2]) in libraries


def _is_needed(snapshot: Snapshot) -> bool:
    """Whether training asks for it; elsewhere it may lie unused."""
    settings = {key: str(fact.value) for key, fact in snapshot.train.items() if fact.value is not None}
    optimizer = settings.get("optimizer", "").lower()
    return settings.get("quantization") in _NEEDED_BY or "8bit" in optimizer or "bnb" in optimizer or optimizer.startswith("paged")


def _finding(snapshot: Snapshot, lacks: str, severity: str) -> Finding:
    title = f"bitsandbytes {asking.release(snapshot.package('bitsandbytes'))} {lacks}"
    facts = asking.used(snapshot, "bitsandbytes", "torch", "torch_cuda", "rocm", "os", "bitsandbytes.cuda", "train.quantization", "train.optimizer")
    return Finding(ID, "bad", severity, "certain", title, ("bitsandbytes", "torch"), facts, PAGE)


RULE = Rule(ID, "bitsandbytes has no library for torch's CUDA or ROCm", PAGE, find)
