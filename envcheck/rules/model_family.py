"""A model family that the transformers which is there does not know yet."""

from __future__ import annotations

from typing import Tuple

from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "model-newer-than-transformers"

_OWN_MODELS = frozenset(("torchtune", "torchtitan"))
"""Frameworks that bring their own models and do not load these through transformers."""

PAGE = Page(
    symptom=("import-error", "crash"),
    signature=(
        r"model type `\w+` but Transformers does not recognize this architecture",
        r"KeyError: '(qwen|gemma|llama|mistral|mixtral|glm|gpt_oss|mllama|cohere|granite|olmo)\w*'",
        r"Tokenizer class \w+ does not exist or is not currently imported",
    ),
    cause="A model's config.json names its family, and transformers looks the name up in a list that grows with its releases. These families come without "
    "code beside the weights, so that a release older than the family cannot load them at all.",
    fix=("update transformers to the release that is named, or a later one", "train a model of a family that this release knows"),
    links=("https://github.com/snicolast/ComfyUI-IndexTTS2/issues/21", "https://github.com/hiyouga/LlamaFactory/issues/9178"),
    level="reproduced",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One error where transformers is certainly older than the first release that has the model's family."""
    kind, framework = snapshot.train.get("model_type"), snapshot.train.get("framework")
    if kind is None or kind.value is None or (framework is not None and framework.value in _OWN_MODELS):
        return ()
    first = tables.of("model_families", str(kind.value))
    if first is None or truth_of("transformers", f"<{first}", snapshot) is not Truth.YES:
        return ()
    there = snapshot.package("transformers")
    title = f"transformers {there.value} does not know `{kind.value}` models; {first} is the first release that does"
    used = (UsedFact("transformers", there.value or "", there.origin), UsedFact("train.model_type", str(kind.value), kind.origin))
    return (Finding(ID, "bad", "error", "certain", title, ("transformers", "config"), used, PAGE),)


RULE = Rule(ID, "a model family that this transformers does not know yet", PAGE, find)
