"""Rows of the tables of stacks and images -> good entries, so that what a project builds together is judged as any other good combination."""

from __future__ import annotations

import re
from typing import Any, Dict, FrozenSet, Iterator, Mapping, Sequence, Tuple

from envcheck.errors import MatrixError, Problem
from envcheck.matrix.schema import Draft
from envcheck.model import Entry, Page

STACKS, IMAGES = "matrices/facts/stacks.yaml", "matrices/facts/images.yaml"
# As the table writes them, which are regular expressions themselves: 24\.05-py3(?:-igpu)?
_NGC, _RELEASE = r"nvcr\.io/nvidia/pytorch", re.compile(r"(\d\d)\\\.(\d\d)-py3\b.*")


def drafts(tables: Mapping[str, Any], taken: FrozenSet[str]) -> Iterator[Draft]:
    """The good entries of the rows of `stacks` and of NVIDIA's images. Raises `MatrixError` where an id is in `taken`."""
    for where, draft in (*_stacks(tables.get("stacks", ())), *_images(tables.get("images", ()))):
        if draft.entry.id in taken:
            raise MatrixError([Problem(where, None, f"the id `{draft.entry.id}` is already taken")])
        yield draft


def _stacks(rows: Sequence[Sequence[Any]]) -> Iterator[Tuple[str, Draft]]:
    for id, title, culprit, when, by, source in rows:
        yield STACKS, _draft(Entry(id, "good", "note", title, tuple(culprit), when), f"{by} builds and tests these versions together.", source, STACKS)


def _images(rows: Sequence[Sequence[Any]]) -> Iterator[Tuple[str, Draft]]:
    """NVIDIA's monthly images of PyTorch: the build of torch in each is found in no other, so that its version names the image."""
    for image, tag, facts, packages, source in rows:
        release, torch = _RELEASE.fullmatch(tag), str(packages.get("torch", ""))
        if image != _NGC or release is None or "{" in torch or not torch:
            continue
        month = f"{release[1]}.{release[2]}"
        when: Dict[str, str] = {"torch": f"=={torch}", **{key: f"=={facts[key]}.*" for key in ("torch_cuda", "python") if key in facts}}
        build = f" (CUDA {facts['torch_cuda']})" if "torch_cuda" in facts else ""
        title = f"NVIDIA's image pytorch:{month}-py3: PyTorch {torch}{build}"
        cause = "NVIDIA builds and tests the image every month; this is what its release notes name, with nothing of the training stack added."
        yield IMAGES, _draft(Entry(f"ngc-pytorch-{month}", "good", "note", title, ("torch",), when), cause, source, IMAGES)


def _draft(entry: Entry, cause: str, link: str, source: str) -> Draft:
    return Draft(entry, Page(cause=cause, links=(link,), level="published", source=source), {}, source)
