"""fp16 asked for with a model family that is known to overflow in it."""

from __future__ import annotations

from typing import Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables

ID = "fp16-overflows-family"

PAGE = Page(
    symptom=("nan-loss", "zero-loss", "nan-grad"),
    signature=(r"loss\W{1,5}0(\.0+)?(?![\d.]).{1,60}grad_norm\W{1,5}nan",),
    cause="The family was trained in bf16, whose range is that of fp32. fp16 ends at 65504, and some activations or gradients of the family lie beyond it.",
    fix=("set train.precision=bf16", "set train.precision=fp32"),
    links=("https://github.com/QwenLM/Qwen3/issues/868", "https://github.com/huggingface/transformers/pull/10956"),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where the precision is certainly fp16 and the table names the model's family."""
    kind = snapshot.train.get("model_type")
    if kind is None or kind.value is None or not asking.has(snapshot, "train.precision", "fp16"):
        return ()
    row = tables.of("family_precision", str(kind.value))
    if row is None:
        return ()
    severity, symptoms, cause, disputed, level, pages = row
    page = Page(tuple(symptoms.split()), PAGE.signature, f"{PAGE.cause} {cause}", PAGE.fix, tuple(pages.split()), level, disputed)
    title = f"`{kind.value}` models, which were trained in bf16, overflow in fp16"
    used = asking.used(snapshot, "train.model_type", "train.precision")
    return (Finding(ID, "bad", severity, "certain", title, ("config", "gpu"), used, page),)


RULE = Rule(ID, "fp16 with a model family that overflows in it", PAGE, find, ("warning",))
