"""Facts of several training configs -> one set: `auto` in one is settled by another, and contradictions are not decided.

HF's Trainer fills DeepSpeed's `auto` with its own arguments and refuses to start where both give different values
(transformers/integrations/deepspeed.py, `fill_match`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from envcheck.model import Fact, plain
from envcheck.training.arguments import together
from envcheck.training.values import AUTO, contradiction, is_default, is_firm

_DEEPSPEED_OWNS = ("optimizer",)
"""Where its file defines one, the Trainer builds none of its own, so this is no contradiction."""


def combine(configs: Iterable[Mapping[str, Fact]]) -> dict[str, Fact]:
    """What training configs given together say.

    For each setting: a firm unknown, else what was written, else a default, else the most telling unknown. Two different
    written values are unknown, with both places. `precision` follows that rule; the sides stay in `trainer_precision`,
    `deepspeed_fp16` and `deepspeed_bf16`, whose `auto` becomes what the trainer says.
    """
    ordered = sorted(configs, key=_is_trainer)
    keys = dict.fromkeys(key for facts in ordered for key in facts)
    together = {key: _one(key, [facts[key] for facts in ordered if key in facts]) for key in keys}
    trainer = together.get("trainer_precision")
    for name in ("fp16", "bf16"):
        if trainer is not None and trainer.is_known and together.get(f"deepspeed_{name}", trainer).value == "auto":
            together[f"deepspeed_{name}"] = Fact("true" if trainer.value == name else "false", trainer.origin)
    return together


def _is_trainer(facts: Mapping[str, Fact]) -> bool:
    """Whether a config has a trainer's side; DeepSpeed's own come first, because they decide where they define an optimizer."""
    return "trainer_precision" in facts


def _one(key: str, facts: list[Fact]) -> Fact:
    words = together(facts) if key in ("arguments", "imports") else None
    if words is not None:
        return words
    firm = _first(fact for fact in facts if is_firm(fact))
    if firm is not None:
        return firm
    written = [fact for fact in facts if fact.is_known and not is_default(fact)]
    if written:
        return _agreed(key, written)
    default = _first(fact for fact in facts if fact.is_known)
    return default or _first(fact for fact in facts if fact.reason != AUTO) or facts[0]


def _agreed(key: str, written: list[Fact]) -> Fact:
    differing = list({_comparable(fact): fact for fact in reversed(written)}.values())[::-1]
    if key.startswith("deepspeed_"):
        differing = [fact for fact in differing if fact.value != "auto"] or differing
    if len(differing) == 1 or key in _DEEPSPEED_OWNS:
        return differing[0]
    return contradiction(differing)


def _comparable(fact: Fact) -> str:
    return plain(float(fact.value) if isinstance(fact.value, (int, float)) else fact.value)


def _first(facts: Iterable[Fact]) -> Fact | None:
    return next(iter(facts), None)
