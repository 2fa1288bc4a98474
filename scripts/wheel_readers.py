"""What the wheels of a release say, as a row of a fact table: one reader a table. Each raises `Refused` for what it does not know."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence

from installer import Refused, download, newer, release
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

Rows = Sequence[Dict[str, str]]
Row = Dict[str, str]


class Reader(NamedTuple):
    """How one table grows."""

    packages: Callable[[Rows], List[str]]
    known: Callable[[Rows, str], Iterable[str]]
    """The releases that the table speaks of, by package."""
    row: Callable[[Rows, str, str, Sequence[str]], Row]

    def missing(self, rows: Rows, package: str, options: Sequence[str]) -> List[str]:
        """The releases of the index that are newer than those of the table, oldest first."""
        return newer(package, self.known(rows, package), options)


def _only(package: str) -> Callable[[Rows], List[str]]:
    return lambda rows: [package]


def _by_package(*among: str) -> Callable[[Rows], List[str]]:
    return lambda rows: [name for name in dict.fromkeys(row["package"] for row in rows) if name in among]


def _column(name: str) -> Callable[[Rows, str], Iterable[str]]:
    return lambda rows, package: [row[name] for row in rows]


def _bounds(rows: Rows, package: str) -> List[str]:
    """The versions that the ranges of `release` name: everything up to the greatest of them is spoken of."""
    ranges = [row["release"] for row in rows if row.get("package", package) == package]
    found = []
    for text in ranges:
        for clause in SpecifierSet(text):
            number = clause.version.replace(".*", "")
            # `==0.29.*` speaks of the whole series, `<2.14` of none of 2.14.
            found.append(f"{number}.99999" if clause.version.endswith(".*") else f"{number}.dev0" if clause.operator == "<" else number)
    return found


def _required(package: str, version: str, options: Sequence[str]) -> List[Requirement]:
    texts = release(package, version, options)["metadata"].get("requires_dist", [])
    if not isinstance(texts, list):
        raise Refused(f"{package} {version}: `requires_dist` is no list")
    try:
        return [Requirement(text) for text in texts]
    except InvalidRequirement as error:
        raise Refused(f"{package} {version}: {error}") from None


_PIN = re.compile(r"(==|~=)(\d+(?:\.\d+)*(?:\.post\d+)?)")
_LINUX = {"platform_system": "Linux", "platform_machine": "x86_64", "sys_platform": "linux", "python_version": "3.12", "extra": ""}


def _torch_libraries(rows: Rows, package: str, version: str, options: Sequence[str]) -> Row:
    """The pins of torch's Linux wheel, and the CUDA that they are of."""
    pins: Dict[str, str] = {}
    cuda = ""
    for one in _required(package, version, options):
        name = canonicalize_name(one.name)
        if not name.startswith(("nvidia-", "cuda-toolkit")) and name != "triton" or one.marker and not one.marker.evaluate(_LINUX):
            continue
        if _PIN.fullmatch(str(one.specifier)) is None:
            raise Refused(f"torch {version} requires `{one}`, which is no pin")
        runtime = re.fullmatch(r"cuda-toolkit|nvidia-cuda-runtime(?:-cu\d+)?", name)
        cuda = ".".join(str(one.specifier).lstrip("=~").split(".")[:2]) if runtime else cuda
        if name != "cuda-toolkit":
            pins[name] = str(one.specifier)
    if not cuda or not any(name.startswith("nvidia-cudnn") for name in pins):
        raise Refused(f"torch {version}: which CUDA its wheel is built for cannot be told from what it requires")
    required = ";".join(f"{name} {pin}" for name, pin in pins.items())
    return {"torch": version, "cuda": cuda, "requires": required, "source": f"wheel metadata of torch {version}"}


def _extension_torch(rows: Rows, package: str, version: str, options: Sequence[str]) -> Row:
    """The one torch that an extension's metadata pins, or the oldest one that it takes."""
    wanted = [str(one.specifier) for one in _required(package, version, options) if canonicalize_name(one.name) == "torch" and "extra" not in str(one.marker)]
    pin = re.fullmatch(r"==(\d+\.\d+)(?:\.\d+)*(?:\.\*)?", wanted[0]) if len(set(wanted)) == 1 else None
    oldest = re.fullmatch(r">=\d+\.\d+(?:\.\d+)?", wanted[0]) if len(set(wanted)) == 1 else None
    if pin is None and oldest is None:
        raise Refused(f"{package} {version} pins no one torch: {wanted or 'none is required'}")
    return {"package": package, "release": f"=={version}", "torch": f"=={pin[1]}.*" if pin else wanted[0], "source": f"wheel metadata of {package} {version}"}


def _opened(package: str, version: str, options: Sequence[str], read: Callable[[zipfile.ZipFile], Row], platform: Sequence[str] = ()) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        path = download(package, version, Path(folder), options, platform)
        try:
            with zipfile.ZipFile(path) as archive:
                return read(archive)
        except (zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
            raise Refused(f"{package} {version}: {error}") from None


_LIBRARY = re.compile(r"bitsandbytes/libbitsandbytes_cuda(\d{2})(\d)\.(?:so|dll)")


def _bitsandbytes_cuda(rows: Rows, package: str, version: str, options: Sequence[str]) -> Row:
    """The libraries in the wheel; how one of them is chosen is code, and known as long as they are those of the release before."""

    def read(archive: zipfile.ZipFile) -> Row:
        found = sorted({(int(match[1]), int(match[2])) for match in map(_LIBRARY.fullmatch, archive.namelist()) if match})
        cuda = ";".join(f"{major}.{minor}" for major, minor in found)
        if cuda != rows[-1]["cuda"]:
            raise Refused(f"bitsandbytes {version} has libraries for {cuda or 'no CUDA'}: a person must look how it chooses among them")
        return {"release": f"=={version}", "cuda": cuda, "choice": rows[-1]["choice"], "source": f"files of the wheel of {version}"}

    return _opened(package, version, options, read)


_FIRST_BLACKWELL = Version("10.0")


def _triton_ptxas(rows: Rows, package: str, version: str, options: Sequence[str]) -> Row:
    """What the assemblers in the wheel say of themselves; they are programs for Linux, which are run."""

    def read(archive: zipfile.ZipFile) -> Row:
        tools = {Path(name).name: _asked(archive, name) for name in archive.namelist() if re.search(r"/ptxas(?:-blackwell)?$", name)}
        if "ptxas" not in tools:
            raise Refused(f"triton {version}: no ptxas in the wheel")
        newest = tools.get("ptxas-blackwell", tools["ptxas"])
        old = [one for one in tools["ptxas"].capabilities if one < _FIRST_BLACKWELL or newest is tools["ptxas"]]
        listed = sorted({*old, *(one for one in newest.capabilities if one >= _FIRST_BLACKWELL)})
        return {"triton": version, "cuda": newest.cuda, "capabilities": ";".join(map(str, listed)), "source": f"ptxas of the wheel of triton {version}"}

    return _opened(package, version, options, read)


class _Assembler(NamedTuple):
    cuda: str
    capabilities: List[Version]


def _asked(archive: zipfile.ZipFile, name: str) -> _Assembler:
    with tempfile.TemporaryDirectory() as folder:
        tool = Path(archive.extract(name, folder))
        tool.chmod(0o755)
        try:
            texts = [subprocess.run([str(tool), word], capture_output=True, text=True, check=True, timeout=60).stdout for word in ("--version", "--help")]
        except (OSError, subprocess.SubprocessError) as error:
            raise Refused(f"{name}: {error}") from None
    cuda, listed = re.search(r"\bV(\d+\.\d+)\.\d+", texts[0]), set(re.findall(r"\bsm_(\d+)(\d)\b", texts[1]))
    if cuda is None or not listed:
        raise Refused(f"{name}: does not say which release it is, or which GPUs it knows")
    return _Assembler(cuda[1], sorted(Version(f"{major}.{minor}") for major, minor in listed))


def _xformers(rows: Rows, package: str, version: str, options: Sequence[str]) -> Row:
    def read(archive: zipfile.ZipFile) -> Row:
        try:
            listed = json.loads(archive.read("xformers/cpp_lib.json"))["env"]["TORCH_CUDA_ARCH_LIST"].split()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(f"xformers {version}: cpp_lib.json: {error!r}") from None
        if not all(re.fullmatch(r"\d+\.\d+a?(\+PTX)?", one) for one in listed):
            raise Refused(f"xformers {version}: `{' '.join(listed)}` is no list of architectures")
        portable = {one[:-4] for one in listed if one.endswith("+PTX")}
        names = ";".join(dict.fromkeys(one.replace("a", "") for one in listed if one not in portable))
        return {"package": package, "release": f"=={version}", "capabilities": names, "source": f"xformers/cpp_lib.json of the wheel of {version}"}

    return _opened(package, version, options, read)


_MACOS = ("macosx_14_0_arm64", "macosx_11_0_arm64")
"""The smallest wheels of torch; its Python files are the same in all."""


def _compile_pythons(rows: Rows, package: str, version: str, options: Sequence[str]) -> Row:
    """The Python that torch's own check stops at."""

    def read(archive: zipfile.ZipFile) -> Row:
        path = "torch/_dynamo/eval_frame.py"
        minor = _first_refused(archive.read(path).decode())
        if minor is None:
            raise Refused(f"torch {version}: {path} has another check of the Python version")
        return {"torch": f"=={version}", "python": f"<3.{minor}", "source": f"{path} in the wheel of torch {version}"}

    return _opened(package, version, options, read, () if "--find-links" in options else _MACOS)


def _first_refused(source: str) -> Optional[int]:
    """N of the one `sys.version_info >= (3, N)` with which `check_if_dynamo_supported` begins."""
    try:
        functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "check_if_dynamo_supported"]
    except SyntaxError:
        return None
    first: Any = functions[0].body[0] if len(functions) == 1 else None
    test = first.test if isinstance(first, ast.If) else None
    found = re.fullmatch(r"sys\.version_info >= \(3, (\d+)\)", ast.unparse(test)) if test else None
    return int(found[1]) if found and isinstance(first.body[0], ast.Raise) else None


READERS: Dict[str, Reader] = {
    "torch_libraries": Reader(_only("torch"), _column("torch"), _torch_libraries),
    # Not torchaudio: from 2.9 on its library is for several releases of torch, whatever its metadata pins.
    "extension_torch": Reader(_by_package("torchvision", "torch-npu", "vllm", "xformers", "intel-extension-for-pytorch"), _bounds, _extension_torch),
    "bitsandbytes_cuda": Reader(_only("bitsandbytes"), _bounds, _bitsandbytes_cuda),
    "triton_ptxas": Reader(_only("triton"), _column("triton"), _triton_ptxas),
    "extension_kernels": Reader(_by_package("xformers"), _bounds, _xformers),
    "compile_pythons": Reader(_only("torch"), lambda rows, package: _bounds([{**row, "release": row["torch"]} for row in rows], package), _compile_pythons),
}
