"""Where a compiled package came from: its wheel's tags and the URL it was installed from, which say what it was built for."""

from __future__ import annotations

import json
import os
import re
from typing import Dict, Iterable, Optional

from envcheck.model import Fact
from envcheck.probe.distributions import Distribution

COMPILED = (
    "torch", "torchvision", "torchaudio", "triton", "flash-attn", "xformers", "bitsandbytes", "deepspeed", "apex", "mamba-ssm", "causal-conv1d",
    "transformer-engine", "vllm", "torchao", "torch-npu", "intel-extension-for-pytorch", "auto-gptq", "numpy",
)  # fmt: skip
"""Packages whose binary decides whether they run beside this torch, on this GPU."""


def facts(found: Iterable[Distribution]) -> Dict[str, Fact]:
    """`flash-attn.wheel` (its tags) and `flash-attn.url` for the first distribution of each of `COMPILED`."""
    known: Dict[str, Fact] = {}
    seen = set()
    for one in found:
        if one.name not in COMPILED or one.name in seen or not one.path.endswith(".dist-info"):
            continue
        seen.add(one.name)
        for key, file, reader in (("wheel", "WHEEL", _tags), ("url", "direct_url.json", _url)):
            path = os.path.join(one.path, file)
            value = reader(_text(path))
            if value:
                known[f"{one.name}.{key}"] = Fact(value, path)
    return known


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(1 << 16)
    except OSError:
        return ""


# Tag: cp310-cp310-manylinux_2_17_x86_64
# Tag: cp310-cp310-manylinux2014_x86_64
def _tags(text: str) -> Optional[str]:
    return ",".join(dict.fromkeys(re.findall(r"^Tag:[ \t]*(\S+)", text, re.MULTILINE))) or None


# {"url": "https://user:secret@index.example/flash_attn-2.5.8+cu122torch2.3-cp310-cp310-linux_x86_64.whl", "archive_info": {…}}
def _url(text: str) -> Optional[str]:
    """The URL without credentials and query, and the commit where it was a repository."""
    try:
        row = json.loads(text)
        url = re.sub(r"//[^/@]+@", "//", str(row["url"])).partition("?")[0]
        commit = row.get("vcs_info", {}).get("commit_id")
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return f"{url}@{commit}" if commit else url
