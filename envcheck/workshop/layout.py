"""How an entry file is laid out: its keys in one order, no space at line ends, one line break at the end.

Works on the text, block by block, so that comments and the author's line breaks stay.
"""

from __future__ import annotations

import re
from typing import Dict, List, Tuple

ORDER = (
    "schema", "id", "kind", "severity", "title", "culprit", "when", "unstated", "stated", "symptom", "signature", "cause", "fix", "evidence",
    "reproducer", "examples", "withdrawn",
)  # fmt: skip
_KEY = re.compile(r"([a-z_]+):")


def formatted(text: str) -> str:
    """The text of an entry, laid out. What is no mapping of plain keys comes back as it is, but for line ends."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    head, blocks = _blocks(lines)
    if len({key for key, _ in blocks}) == len(blocks) and all(key in ORDER for key, _ in blocks):
        blocks.sort(key=lambda block: ORDER.index(block[0]))
    return "\n".join([*head, *(line for _, block in blocks for line in block)]) + "\n"


def _blocks(lines: List[str]) -> Tuple[List[str], List[Tuple[str, List[str]]]]:
    """What stands before the first key, and each key with the lines below it; a comment belongs to the key that follows it."""
    head: List[str] = []
    blocks: List[Tuple[str, List[str]]] = []
    waiting: List[str] = []
    for line in lines:
        found = _KEY.match(line)
        if found:
            blocks.append((found[1], [*waiting, line]))
            waiting = []
        elif line.startswith("#") or line == "---" and not blocks:
            waiting.append(line)
        elif blocks:
            blocks[-1][1].extend([*waiting, line])
            waiting = []
        else:
            head.append(line)
    if waiting and blocks:
        blocks[-1][1].extend(waiting)
    elif waiting:
        head += waiting
    return head, blocks


def changed(texts: Dict[str, str]) -> Dict[str, str]:
    """Of some texts by name, those that are laid out otherwise, as they should be."""
    return {name: formatted(text) for name, text in texts.items() if formatted(text) != text}
