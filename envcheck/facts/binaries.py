"""What wheels hold machine code for, and which drivers run them: rows of `torch_wheels.yaml` and `drivers.yaml`."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from envcheck import versions

Capability = Tuple[int, int]


def check_wheel(row: Mapping[str, str]) -> List[str]:
    """`{torch: "2.7.1", cuda: "12.8", machine: x86_64, capabilities: "7.5;12.0+PTX", source: …}` -> what the index keeps.

    Raises ValueError or KeyError for a malformed row.
    """
    if set(row) - {"torch", "cuda", "machine", "capabilities", "source"}:
        raise ValueError(f"unknown key among {', '.join(row)}")
    versions.installed(row["torch"])
    versions.installed(row["cuda"])
    for one in row["capabilities"].split(";"):
        _number(one.replace("+PTX", ""))
    return [str(row["torch"]), str(row["cuda"]), str(row["machine"]), str(row["capabilities"])]


def check_driver(row: Mapping[str, str]) -> List[str]:
    """`{cuda_major: "12", linux: "525.60.13", windows: "527.41", source: …}` -> what the index keeps."""
    if set(row) - {"cuda_major", "linux", "windows", "source"}:
        raise ValueError(f"unknown key among {', '.join(row)}")
    versions.vendor(row["linux"])
    versions.vendor(row["windows"])
    return [str(int(row["cuda_major"])), str(row["linux"]), str(row["windows"])]


def _number(text: str) -> Capability:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


class Wheels:
    """The architectures of torch's wheels."""

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        """`rows` as `check_wheel` gives them."""
        self._rows: Dict[Tuple[str, str, str], str] = {(torch, cuda, machine): capabilities for torch, cuda, machine, capabilities in rows}

    def capabilities(self, torch: str, cuda: str, machine: str) -> Optional[str]:
        """The list of one wheel (`7.5;8.0;9.0`); None where no row speaks of it."""
        return self._rows.get((torch, cuda, machine))

    def lists(self, machine: str) -> Iterator[Tuple[str, str]]:
        """Release of torch and list of every wheel for a machine."""
        return ((torch, listed) for (torch, _, where), listed in self._rows.items() if where == machine)


def runs(capability: str, listed: str) -> bool:
    """Whether machine code (`X.Y` runs on `X.Z`, Z >= Y) or PTX (`+PTX`, on anything newer) in a list serves a GPU.

    https://docs.nvidia.com/cuda/cuda-c-programming-guide/#binary-compatibility
    """
    gpu = _number(capability)
    for one in listed.split(";"):
        built = _number(one.replace("+PTX", ""))
        if built[0] == gpu[0] and built[1] <= gpu[1] or one.endswith("+PTX") and built <= gpu:
            return True
    return False
