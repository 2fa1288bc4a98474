"""Rows of `images.yaml`: container images, and what is installed in them."""

from __future__ import annotations

import re
from typing import Any, List, Mapping

from envcheck.model import SENSE_KEYS
from envcheck.wire import canonical_name


def check(row: Mapping[str, Any]) -> List[Any]:
    """`{image: "pytorch/pytorch", tag: '(?P<torch>[\\d.]+)-.*', packages: {torch: "{torch}"}, os: linux, source: …}` -> what
    the index keeps: [image, tag, facts, packages, source]. Raises ValueError or KeyError for a malformed row.
    """
    facts = {key: str(value) for key, value in row.items() if key in SENSE_KEYS}
    packages = {key: str(value) for key, value in (row.get("packages") or {}).items()}
    if set(row) - {"image", "tag", "packages", "source", *SENSE_KEYS}:
        raise ValueError(f"unknown key among {', '.join(row)}")
    if not row["source"].startswith("https://"):
        raise ValueError("a row names its source")
    if any(canonical_name(name) != name for name in packages):
        raise ValueError("packages stand under their canonical names")
    groups = {"cuda", "python", "release"} | set(_groups(row["image"])) | set(_groups(row["tag"]))
    used = re.findall(r"\{(\w+)\}", " ".join([*facts.values(), *packages.values()]))
    if set(used) - groups:
        raise ValueError(f"no group captures {', '.join(set(used) - groups)}")
    return [str(row["image"]), str(row["tag"]), facts, packages, str(row["source"])]


def _groups(pattern: str) -> List[str]:
    try:
        return list(re.compile(pattern).groupindex)
    except re.error as error:
        raise ValueError(f"`{pattern}` is no regular expression: {error}") from None
