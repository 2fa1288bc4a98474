"""Combinations that a project builds and tests together: rows of `stacks.yaml`, which become good entries of the index.

    {id: easybuild-2023a-pytorch-2.1.2, by: EasyBuild foss-2023a, python: "3.11", torch_cuda: "12.1", packages: "torch==2.1.2", source: …}

`torch_cuda: absent` is a build for the CPU; a stack for AMD's or Ascend's cards has `rocm` or `cann` in its place. An entry file says the same
with more words, and examples; a row is for the many.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping

from envcheck import versions
from envcheck.wire import canonical_name

_WORDS = {"torch_cuda": "CUDA", "rocm": "ROCm", "cann": "CANN"}
"""What a stack's torch is built for, and the word for it."""

_ID = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")


def check_row(row: Mapping[str, str]) -> List[Any]:
    """One row -> [id, title, culprit, when, by, source]. Raises ValueError or KeyError for a malformed row."""
    made_for = set(row) - {"id", "by", "python", "packages", "source"}
    if len(row) != 6 or len(made_for) != 1 or not made_for <= set(_WORDS):
        raise ValueError("a row has `id`, `by`, `python`, `packages`, `source` and one of `torch_cuda`, `rocm` and `cann`")
    (card,) = made_for
    if not _ID.fullmatch(row["id"]) or not row["source"].startswith("https://"):
        raise ValueError("`id` is a lower-case slug, `source` a page that says so")
    pins = dict(_pin(text) for text in str(row["packages"]).split())
    versions.installed(row["python"])
    when: Dict[str, str] = {
        **{name: f"=={version}" for name, version in pins.items()},
        "python": f"=={row['python']}.*",
        card: _release(row[card], card),
    }
    named = ", ".join(f"{'PyTorch' if name == 'torch' else name} {version}" for name, version in pins.items())
    build = "CPU" if row[card] == "absent" else f"{_WORDS[card]} {row[card]}"
    return [str(row["id"]), f"{row['by']}: {named} ({build})", list(pins), when, str(row["by"]), str(row["source"])]


def _pin(text: str) -> List[str]:
    name, _, version = text.partition("==")
    versions.installed(version)
    if canonical_name(name) != name:
        raise ValueError(f"`{name}` is no canonical package name")
    return [name, version]


def _release(text: str, card: str) -> str:
    if text == "absent" and card == "torch_cuda":
        return "absent"
    versions.installed(text)
    return f"=={text}.*"
