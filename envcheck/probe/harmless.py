"""Which values of environment variables say nothing of a person, a machine or a folder."""

from __future__ import annotations

import re

_NUMBER = r"[+-]?(?:0[xX][0-9a-fA-F]{1,8}|\d{1,12}(?:\.\d{1,6}){0,2}(?:[eE][+-]?\d{1,3})?)(?:\+PTX|[kKmMgG][bB]?)?"
_NUMBERS = re.compile(rf"{_NUMBER}(?: {_NUMBER})*")
# `^lo` and `=eth0` are how NCCL writes a list of network interfaces.
_WORD = re.compile(r"[\^=]*[A-Za-z_]\w{0,39}", re.ASCII)
_SEPARATORS = re.compile(r"[,:;=]")
# 0123456789abcdef0123   a key, a serial number or a hash
_DIGEST = re.compile(r"[0-9A-Za-z]{16,}")
# node7:29500   a host and its port; mlx5_0:1 and max_split_size_mb:128 have a sign that no host name has, or a small number
_PORT = re.compile(r"(?:^|,)[A-Za-z][A-Za-z0-9]*:\d{4,5}(?:,|$)")
_ADDRESSES = frozenset(
    ("ADDR", "HOST", "HOSTNAME", "IP", "ID", "URL", "URI", "USER", "PATH", "PYTHONPATH", "DIR", "FILE", "HOME", "ENDPOINT", "SERVER", "PROXY", "PRELOAD")
)
"""Words in the name of a variable whose value is a place or a name, however plain it looks."""


def is_harmless(name: str, value: str) -> bool:
    """Whether the value of a variable is a number, a switch, a plain word, or a list of these.

    `max_split_size_mb:128,expandable_segments:True`, `:4096:8` and `eth0` are; paths, addresses and identities are not.
    """
    if not value or _NUMBERS.fullmatch(value) or value.lower() in ("true", "false"):
        return True
    if _ADDRESSES & set(name.split("_")) or _PORT.search(value):
        return False
    return all(_is_plain(token.strip()) for token in _SEPARATORS.split(value.lstrip("^=")))


def _is_plain(token: str) -> bool:
    if not token or _NUMBERS.fullmatch(token):
        return True
    return bool(_WORD.fullmatch(token)) and not _DIGEST.fullmatch(token)
