"""Masks in a text what names a person, a machine or a folder."""

from __future__ import annotations

import re
from typing import AbstractSet, Callable

MASK = "…"

_SEPARATOR = r"[\\/]"
_START = r"(?:[A-Za-z]:[\\/]|\\\\|~\w*[\\/]|\.{1,2}[\\/]|/)"
# /home/ann/my project/x.json   C:\Users\Ann Smith\x   \\server\share\x: a blank belongs to a folder where a separator follows.
_PATH = re.compile(rf"(?<![\w/.\\…]){_START}(?:[^\\/:;,'\"`<>|()\n]*{_SEPARATOR})*[^\s\\/:;,'\"`<>|()]*")
# work/secret/plan.py; two parts are left alone, because words are written so: `Driver/library`, `torch/version.py`.
_RELATIVE = re.compile(rf"(?<![\w/.\\…~-])[\w.~-]+(?:{_SEPARATOR}[\w.~-]+){{2,}}")
# `/home/ann/my project`: between quotes a path ends where they do.
_QUOTED = re.compile(rf"([`'\"])({_START}[^`'\"\n]*)\1")
_HOME = re.compile(rf"(?:home|Users){_SEPARATOR}+[^\\/]+{_SEPARATOR}*$|^~\w*{_SEPARATOR}*$")

_URL = re.compile(r"(?<![\w])[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"`<>]+")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*(?::[^\s'\"`<>]*)?")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\w.]*\w)")
_IPV6 = re.compile(r"(?<![\w:])\[?(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?:%\w+)?\]?(?::\d+)?(?![\w:])")
# node7.cluster:29500, but not functional.py:2013
_PORT = re.compile(r"(?<![\w./-])(?![\w.-]*\.(?:py|txt|json|jsonl|ndjson|yaml|yml|toml|cfg|ini|lock|sh|c|cc|cpp|cu|h):)[A-Za-z][\w.-]*:\d{2,5}(?![\w.])")
_DOMAIN = re.compile(r"(?<![\w./-])(?:[A-Za-z0-9-]+\.)+(?:com|org|net|edu|gov|local|internal|intra|lan|corp|cluster)(?![\w-])")
_IDENTITY = re.compile(r"\b(?:GPU|MIG)-[0-9A-Fa-f]{8}[\w/-]*")


def words(names: AbstractSet[str]) -> re.Pattern[str]:
    """Finds each of `names` as a whole word: a user called `ann` is no part of `channel`."""
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile("|".join(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])" for name in longest_first) or r"(?!)", re.IGNORECASE)


def place(names: re.Pattern[str]) -> Callable[[str], str]:
    """A masker of origins: one that holds a path at all is taken as one path, whatever blanks and signs are in it."""

    def hide(text: str) -> str:
        masked = _URL.sub(MASK, text)
        return names.sub(MASK, last_part(masked) if re.search(_SEPARATOR, masked) else masked)

    return hide


def prose(names: re.Pattern[str], kept: AbstractSet[str]) -> Callable[[str], str]:
    """A masker of sentences; what looks like an address and is one of `kept`, such as the version `8.9.2.26`, stays."""

    def hide(text: str) -> str:
        for pattern in (_URL, _MAIL, _IDENTITY):
            text = pattern.sub(MASK, text)
        text = _QUOTED.sub(lambda found: f"{found[1]}{last_part(found[2])}{found[1]}", text)
        for pattern in (_PATH, _RELATIVE):
            text = pattern.sub(lambda found: last_part(found[0]), text)
        for pattern in (_IPV6, _IPV4, _PORT, _DOMAIN):
            text = pattern.sub(lambda found: found[0] if found[0] in kept else MASK, text)
        return names.sub(MASK, text)

    return hide


def last_part(path: str) -> str:
    """`…/torch-2.1.2.dist-info` of a path: it says what was read and not where. Somebody's home is no more than `…`."""
    parts = [part for part in re.split(_SEPARATOR, path) if part.strip()]
    return MASK if not parts or parts == [MASK] or _HOME.search(path) else f"{MASK}/{parts[-1]}"
