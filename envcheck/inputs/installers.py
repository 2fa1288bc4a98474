"""Which commands install packages, and which of their options have a value: pip, uv, conda, and the tools with lock files."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Optional

from envcheck.inputs import requirements

_PIP = re.compile(r"pip[0-9.]*")
_PYTHON = re.compile(r"python[0-9.]*")
LOCKS = {("uv", "sync"): "uv.lock", ("poetry", "install"): "poetry.lock", ("poetry", "sync"): "poetry.lock"}
LOCKS.update({("pdm", verb): "pdm.lock" for verb in ("install", "sync")})
LOCKS.update({("pipenv", verb): "Pipfile.lock" for verb in ("install", "sync")})
_CONDA = ("conda", "mamba", "micromamba")


def plain(words: Sequence[str]) -> list[str]:
    """The words behind `conda run -n env`, which only chooses the environment."""
    words = list(words)
    if len(words) > 2 and os.path.basename(words[0]) in _CONDA and words[1] == "run":
        words = words[2:]
        while words and words[0].startswith("-"):
            words = words[1:] if words[0] not in ("-n", "--name", "-p", "--prefix") else words[2:]
    return words


def installer(words: Sequence[str]) -> Optional[tuple[str, list[str]]]:
    """Which installer a command is (`pip`, `unpip`, `conda`, `conda-env`, or the lock file it installs), and its arguments; None for anything else."""
    rest = list(words)
    name = os.path.basename(rest[0]) if rest else ""
    if _PYTHON.fullmatch(name) and rest[1:3] == ["-m", "pip"]:
        rest, name = rest[2:], "pip"
    elif name == "uv" and rest[1:2] == ["pip"]:
        rest, name = rest[1:], "pip"
    elif name == "uv" and rest[1:2] == ["add"]:
        return "pip", rest[2:]
    if _PIP.fullmatch(name):
        rest = rest[1:]
        while rest and rest[0].startswith("-"):
            rest = rest[1:]
        kind = {"install": "pip", "uninstall": "unpip"}.get(rest[0]) if rest else None
        return (kind, rest[1:]) if kind else None
    if len(rest) > 1 and (name, rest[1]) in LOCKS:
        return LOCKS[name, rest[1]], rest[2:]
    if name in _CONDA:
        if rest[1:2] == ["env"]:
            return "conda-env", rest[2:]
        if rest[1:2] and rest[1] in ("install", "create", "update"):
            return "conda", rest[2:]
    return None


# Options of pip, uv and conda with a value of their own that says nothing of packages.
VALUED = frozenset(
    re.findall(
        r"-\S+",
        """-t --target --prefix --root --platform --implementation --abi --progress-bar --timeout --default-timeout --retries --cache-dir --src --log
        --proxy --cert --upgrade-strategy --python -p --python-version --python-platform --index-strategy --default-index --index --keyring-provider
        --group --extra -n --name --exclude-newer --prerelease --resolution --no-build-isolation-package --no-build-package --no-binary-package
        --refresh-package --reinstall-package --upgrade-package -P --link-mode --solver --subdir --config-settings-package -j --concurrent-builds""",
    )
) | frozenset(requirements.VALUED)
