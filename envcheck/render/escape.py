"""Everything that came from outside, made safe to show: control and direction characters become visible escapes."""

from __future__ import annotations

import re

# C0 and C1 controls, line separators, bidirectional overrides and invisible joiners: what can move the cursor, recolour
# the terminal or make a text read as another one (https://trojansource.codes/). Lone surrogates cannot be encoded.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def visible(text: str) -> str:
    """`text` on one line, with every unsafe character as `\\x1b` or `\\u202e`."""
    return _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
