"""How torch and the extensions beside it were built, from plain files: nothing is imported."""

from __future__ import annotations

import ast
import json
import os
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from envcheck.model import Anomaly, Fact, unknown
from envcheck.probe.distributions import Distribution

_LIMIT = 1 << 20


def build_facts(found: Sequence[Distribution]) -> Dict[str, Fact]:
    """`torch.cuda`, `xformers.torch`, …: only the first distribution of a name is imported, so only its files are read."""
    first: Dict[str, Distribution] = {}
    for one in found:
        first.setdefault(one.name, one)
    return {f"{name}.{key}": fact for name, one in first.items() if name in FINGERPRINTS for key, fact in FINGERPRINTS[name](one.root).items()}


def anomalies(found: Sequence[Distribution], builds: Mapping[str, Fact]) -> Tuple[Anomaly, ...]:
    """Where torch's files are of another version than its metadata says: what is imported is not what is listed."""
    listed = next((one for one in found if one.name == "torch"), None)
    real = builds.get("torch.version")
    if listed is None or listed.version is None or real is None or not real.is_known:
        return ()
    if not _differ(str(real.value), listed.version):
        return ()
    return (Anomaly("stale-metadata", ("torch",), f"the metadata of `torch` says {listed.version}, its files are {real.value}", real.origin),)


def _differ(left: str, right: str) -> bool:
    """Whether two versions differ in more than spelling and local label; what is no version is not known to differ."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(Version(left).public) != Version(Version(right).public)
    except InvalidVersion:
        return False


def _text(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(_LIMIT)
    except OSError:
        return None


# __version__ = '2.13.0+cpu'
# debug = False
# cuda: Optional[str] = None
# git_version = '…'
# hip: Optional[str] = None
def _torch(root: str) -> Dict[str, Fact]:
    path = os.path.join(root, "torch", "version.py")
    values = _constants(path)
    if values is None:
        return {"cuda": unknown("torch/version.py is missing or cannot be read", path)}
    facts = {
        key: Fact(str(values[name]) if values[name] is not None else "absent", path)
        for key, name in (("cuda", "cuda"), ("hip", "hip"), ("git", "git_version"), ("xpu", "xpu"), ("version", "__version__"))
        if name in values
    }
    abi = _cxx11_abi(os.path.join(root, "torch"))
    if abi is not None:
        facts["cxx11_abi"] = abi
    return facts


# set(TORCH_CXX_FLAGS "-D_GLIBCXX_USE_CXX11_ABI=1")      share/cmake/Torch/TorchConfig.cmake
_ABI = re.compile(r"_GLIBCXX_USE_CXX11_ABI=([01])")


def _cxx11_abi(folder: str) -> Optional[Fact]:
    path = os.path.join(folder, "share", "cmake", "Torch", "TorchConfig.cmake")
    found = _ABI.search(_text(path) or "")
    return Fact("true" if found[1] == "1" else "false", path) if found else None


_REFUSALS = (ValueError, TypeError, MemoryError, RecursionError)
"""What parsers of literals raise; the last two on nesting that is deeper than any honest file's."""


def _constants(path: str) -> Optional[Dict[str, Any]]:
    """The names a module assigns literals to at its top level; None where it cannot be read or parsed."""
    text = _text(path)
    if text is None:
        return None
    try:
        tree = ast.parse(text)
    except (SyntaxError, *_REFUSALS):
        return None
    values: Dict[str, Any] = {}
    for node in tree.body:
        targets: List[ast.expr] = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name):
                try:
                    values[target.id] = ast.literal_eval(node.value)  # type: ignore[attr-defined]
                except _REFUSALS:
                    continue
    return values


# {"version": {"cuda": 1201, "hip": null, "torch": "2.1.2+cu121", "python": "3.10.13", …}, "env": {…}}
def _xformers(root: str) -> Dict[str, Fact]:
    path = os.path.join(root, "xformers", "cpp_lib.json")
    try:
        read = json.loads(_text(path) or "null")
        version, variables = read["version"], read.get("env")
    except (KeyError, AttributeError, *_REFUSALS):
        return {}
    if not isinstance(version, dict):
        return {}
    facts = {key: Fact(str(version[key]), path) for key in ("torch", "python") if version.get(key)}
    cuda = version.get("cuda")
    if isinstance(cuda, int) and cuda >= 1000:
        facts["cuda"] = Fact(f"{cuda // 100}.{cuda % 100}", path)
    listed = str(variables.get("TORCH_CUDA_ARCH_LIST") or "") if isinstance(variables, dict) else ""
    if _ARCHITECTURES.fullmatch(listed):
        facts["capabilities"] = Fact(";".join(listed.replace("a", "").split()), path)
    return facts


# 7.5 8.0+PTX 9.0a
_ARCHITECTURES = re.compile(r"\d+\.\d+a?(?:\+PTX)?(?: \d+\.\d+a?(?:\+PTX)?)*")


# version='0.14.4'
# torch_info={'version': '2.1', 'bf16_support': False, 'cuda_version': '0.0', 'nccl_version': '0.0', …}
def _deepspeed(root: str) -> Dict[str, Fact]:
    path = os.path.join(root, "deepspeed", "git_version_info_installed.py")
    values = _constants(path) or {}
    info = values.get("torch_info")
    if not isinstance(info, dict):
        return {}
    built = {"torch": info.get("version"), "cuda": info.get("cuda_version")}
    facts = {key: Fact(str(value), path) for key, value in built.items() if value and str(value) not in ("0.0", "0")}
    installed = values.get("installed_ops")
    if isinstance(installed, dict):
        facts["ops"] = Fact(",".join(sorted(str(name) for name, there in installed.items() if there)) or "none", path)
    return facts


# libbitsandbytes_cuda121.so  libbitsandbytes_cpu.so  libbitsandbytes_rocm62.so  libbitsandbytes_rocm714.so (7.14)
_BNB = re.compile(r"libbitsandbytes_(?:(cuda)(\d+)(\d)|(rocm)(\d)(\d+))[^/]*\.(?:so|dll|dylib)$")


def _bitsandbytes(root: str) -> Dict[str, Fact]:
    folder = os.path.join(root, "bitsandbytes")
    try:
        names = os.listdir(folder)
    except OSError:
        return {}
    found: Dict[str, List[str]] = {}
    for name in sorted(names):
        match = _BNB.match(name)
        if match:
            vendor, major, minor = filter(None, match.groups())
            found.setdefault(vendor, []).append(f"{major}.{minor}")
    return {key: Fact(",".join(versions), folder) for key, versions in found.items()}


FINGERPRINTS: Mapping[str, Callable[[str], Dict[str, Fact]]] = {
    "torch": _torch,
    "xformers": _xformers,
    "deepspeed": _deepspeed,
    "bitsandbytes": _bitsandbytes,
}
"""Distribution -> what its own files say it was built for."""
