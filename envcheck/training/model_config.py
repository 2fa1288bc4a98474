"""A model's own `config.json` -> what it says of training: its family, the data type it was saved in, its attention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from envcheck.documents import Text
from envcheck.model import Fact
from envcheck.training.values import Section

_MARKS = ("architectures", "hidden_size", "vocab_size", "num_attention_heads", "text_config", "d_model", "transformers_version", "n_embd")


def fits(settings: Mapping[Any, Any]) -> bool:
    """Whether a mapping names a model family beside what only a model has."""
    return isinstance(settings.get("model_type"), Text) and any(key in settings for key in _MARKS)


def read(section: Section, warn: Callable[[str], None]) -> dict[str, Fact]:
    """The facts of one `config.json`; a model of several parts is described by its text part. Raises `InputError`."""
    section = section.owned("the model's")
    parts = [section.inner("text_config"), section] if isinstance(section.raw("text_config"), dict) else [section]
    found = {
        "model_type": section.word("model_type"),
        "checkpoint_dtype": _first(parts, "torch_dtype") or _first(parts, "dtype"),
        "attn_softcap": _softcap(parts),
        "sliding_window": _sliding(parts),
        "tie_word_embeddings": next((fact for fact in (part.switch("tie_word_embeddings") for part in (section, *parts)) if fact is not None), None),
        "attn_implementation": section.word("_attn_implementation"),
    }
    return {key: fact for key, fact in found.items() if fact is not None}


def _first(parts: list[Section], key: str) -> Fact | None:
    return next((fact for fact in (part.word(key) for part in parts if isinstance(part.raw(key), Text)) if fact is not None), None)


def _softcap(parts: list[Section]) -> Fact | None:
    for part in parts:
        if isinstance(part.raw("attn_logit_softcapping"), Text):
            return Fact("true", part.origin("attn_logit_softcapping"))
    return None


def _sliding(parts: list[Section]) -> Fact | None:
    for part in parts:
        used = part.switch("use_sliding_window") if isinstance(part.raw("use_sliding_window"), Text) else None
        if isinstance(part.raw("sliding_window"), Text):
            return Fact("false" if used is not None and used.value == "false" else "true", part.origin("sliding_window"))
    return None
