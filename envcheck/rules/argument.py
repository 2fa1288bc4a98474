"""An argument that the installed release of a class no longer takes, or does not take yet."""

from __future__ import annotations

from typing import Dict, Iterator, List, Tuple

from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "argument-not-taken"
# Classes that are subclasses of another one in the table, and take what that takes.
_ALSO = {
    "Seq2SeqTrainingArguments": "TrainingArguments",
    "Seq2SeqTrainer": "Trainer",
    **dict.fromkeys(("SFTConfig", "DPOConfig", "GRPOConfig", "KTOConfig", "RewardConfig", "ORPOConfig", "CPOConfig"), "TrainingArguments"),
}
_EXACTLY = {"gone": ">={}", "first": "<{}"}

PAGE = Page(
    symptom=("type-error", "crash"),
    signature=(
        r"(TrainingArguments|Trainer|Config)\.__init__\(\) got an unexpected keyword argument '\w+'",
        r"validation errors? for DeepSpeed\w+Config[\s\S]{0,300}(Extra inputs are not permitted|extra fields not permitted)",
        r"Some (keys|specified arguments) are not used by the HfArgumentParser",
    ),
    cause="transformers and trl rename and remove arguments of TrainingArguments, of trl's configs and of the trainers: `evaluation_strategy` is "
    "`eval_strategy` since 4.41 and gone since 4.51, many more went with 5.0. Python refuses an argument that a class does not have, and "
    "HfArgumentParser one that stands in a file or a command. DeepSpeed refuses a key that a section of its configuration does not have: bf16 takes none of "
    "fp16's scaling since 0.17.1, and new keys of ZeRO need the release that brought them.",
    fix=("write the new name, or leave the argument out", "install the release that the script was written for"),
    links=(
        "https://github.com/huggingface/course/issues/987",
        "https://github.com/vllm-project/semantic-router/issues/3925",
        "https://github.com/instructlab/instructlab/issues/2803",
    ),
    level="many",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One warning for each package whose installed release certainly does not take what is written."""
    fact = snapshot.train.get("arguments")
    if fact is None or not isinstance(fact.value, str):
        return ()
    refused: Dict[str, Dict[str, str]] = {}
    for word in fact.value.split():
        for package, title in _refused(word, snapshot, tables):
            refused.setdefault(package, {})[word] = title
    found: List[Finding] = []
    for package, titles in refused.items():
        there = snapshot.package(package)
        title = f"{package} {there.value} does not take {'; '.join(titles.values())}"
        used = (UsedFact(package, there.value or "", there.origin), UsedFact("train.arguments", " ".join(titles), fact.origin))
        found.append(Finding(ID, "bad", "warning", "certain", title, (package, "config"), used, PAGE))
    return tuple(found)


def _refused(word: str, snapshot: Snapshot, tables: Tables) -> Iterator[Tuple[str, str]]:
    """Package and words about one argument, `Class.name`, that its release certainly refuses."""
    owner, _, name = word.rpartition(".")
    for of in (owner, _ALSO.get(owner, "")):
        for package, kind, release, names in (of and tables.of("arguments", of)) or ():
            if kind not in _EXACTLY:
                continue
            new = next((one.partition("=")[2] for one in names.split() if one.partition("=")[0] == name), None)
            if new is not None and truth_of(package, _EXACTLY[kind].format(release), snapshot) is Truth.YES:
                since = f"gone since {release}" if kind == "gone" else f"there since {release}"
                yield package, f"`{name}` of {owner} ({since}{f'; `{new}` instead' if new else ''})"


RULE = Rule(ID, "an argument that the installed release does not take", PAGE, find)
