"""Sentences: a version counts only where the sentence says nothing but what is installed.

`torch 2.1.0 with CUDA 12.1 on 8x A100` is read; `it works with 2.0`, `I also tried torch 2.3` and `torch 2.1 or 2.2` are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from envcheck.inputs.reports import words
from envcheck.inputs.reports.keyed import Line, gpu, system
from envcheck.inputs.reports.said import Said

_PAIR = re.compile(
    rf"(?<![\w./-])(?P<name>[A-Za-z][A-Za-z0-9_-]*(?: (?:hub|kernel|attention|engine|factory|core))?)(?: version)?"
    rf"(?:\s+|\s*[:=]{{1,2}}\s*|-)v?(?P<version>{words.VERSION})(?![\w.]*[\w/])"
)
_PYTHON = re.compile(r"\b[Pp]ython\s*[:=]?\s*v?(3\.[0-9]{1,2}(?:\.[0-9]{1,2})?)(?![\w.]*\w)")
_DRIVER = re.compile(r"\b[Dd]river(?: version)?\s*[:=]?\s*v?([0-9]{3}\.[0-9]{2,3}(?:\.[0-9]{2})?)(?![\w.]*\w)")
_TORCH_CUDA = re.compile(
    r"\b(?:[Pp]y)?[Tt]orch\s*[:=]{0,2}\s*v?[0-9][0-9.]*[0-9]\s*(?:\(|\+|/|,)?\s*(?:with |built with |built for )?(?:CUDA|cuda) ?v?([0-9]{2}\.[0-9])(?![0-9.])"
)
_DEVICES = re.compile(
    r"(?<![\w.-])(?:(?P<before>[1-9][0-9]{0,3})\s*[x×*]\s*)?(?P<name>(?:NVIDIA )?(?:(?:Tesla )?V100S?|A100|A800|H100|H800|"
    r"H200|H20|B200|L40S?|L4|T4|P100|A6000|A5000|A10G?|A30|A40|"
    r"(?:GeForce )?[RG]TX ?[A-Z]?[0-9]{3,4}(?: ?Ti| ?Super| ?D)?|MI[0-9]{3}X?)"
    r"(?:[- ](?:SXM[0-9]?|PCIe|[0-9]{2,3} ?Gi?B?))*)(?:\s*[x×*]\s*(?P<behind>[1-9][0-9]{0,3}))?(?![\w-])"
)
# What turns a sentence about versions into one about others than those that were used.
_OTHER = re.compile(
    r"\b(?:tr(?:y|ied|ying)|also|works?|worked|working|fine|downgrad\w*|upgrad\w*|updat\w*|before|after|previous\w*|older|old|newer|until|since|fix\w*|instead|other|"
    r"either|or|if|should|would|could|might|requir\w*|recommend\w*|support\w*|needs?|not|n't|no|latest|expect\w*|revert\w*|switch\w*|chang\w*|introduc\w*|pinn?\w*|"
    r"starting|earlier|later|above|below|between|from|to|than|same|different|both|only|compar\w*|release[sd]?|issue|bug|regression|when|unless|vs|versus|e\.g|example|"
    r"instal\w*|reproduc\w*|test\w*|another|without|but|again|still|broke\w*|break\w*|least|minimum)\b|[<>?]|->|→|不|以上|以下|或|升级|降级|之前|也",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"`[^`\n]*`|https?://\S+|\[[^\]\n]*\]\([^)\n]*\)")
_STEP = re.compile(r"\s*\d+[.)]\s")
_SENTENCE = re.compile(r"(?<=[.!;])\s+(?=[A-Z])")


def read(lines: Iterable[Line], said: Said) -> None:
    """Take what unambiguous sentences say."""
    for number, line in lines:
        # A numbered line is a step or a way out, seldom what is there.
        for sentence in _SENTENCE.split(line) if len(line) < _LONGEST and not _STEP.match(line) else ():
            if not _OTHER.search(_QUOTED.sub(_inside, sentence)):
                _sentence(number, _QUOTED.sub(_inside, sentence), said)


_LONGEST = 2000


def _inside(quoted: re.Match[str]) -> str:
    """Words in backticks count, addresses do not."""
    return quoted[0].strip("`") if quoted[0].startswith("`") else " "


def _sentence(number: int, sentence: str, said: Said) -> None:
    pairs: dict[str, set[str]] = {}
    for found in _PAIR.finditer(sentence):
        name = words.package(found["name"])
        if name:
            pairs.setdefault(name, set()).add(found["version"])
    for name, several in pairs.items():
        if len(several) == 1:
            said.package(name, several.pop(), number)
    for expression, key in ((_PYTHON, "python"), (_DRIVER, "driver")):
        values = set(expression.findall(sentence))
        if len(values) == 1:
            said.fact(key, values.pop(), number)
    built = set(_TORCH_CUDA.findall(sentence))
    if len(built) == 1 and len(pairs.get("torch", ())) < 2:
        said.fact("torch_cuda", built.pop(), number)
    devices = list(_DEVICES.finditer(sentence))
    if len(devices) == 1:
        count = devices[0]["before"] or devices[0]["behind"]
        gpu((f"{count} x " if count else "") + devices[0]["name"], number, said)
    if re.search(r"\b(?:Ubuntu|Debian|CentOS|Rocky|RHEL|Windows 1[01]|macOS)\b", sentence):
        system(sentence, number, said)
