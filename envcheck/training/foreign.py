"""What configs of other frameworks look like, so that they are refused by name and not half read.

A LLaMA-Factory file holds TrainingArguments too, but its other settings (`finetuning_type`, `quantization_bit`, `flash_attn`)
decide too much to be left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Each row: every one of these keys marks the format named. Sources: LLaMA-Factory examples/train_lora/, axolotl examples/,
# `accelerate config`, a model repository's config.json.
_MARKS = (
    (("finetuning_type",), "a LLaMA-Factory config"),
    (("stage", "template"), "a LLaMA-Factory config"),
    (("base_model", "adapter"), "an axolotl config"),
    (("base_model", "micro_batch_size"), "an axolotl config"),
    (("base_model", "sequence_len"), "an axolotl config"),
    (("compute_environment",), "an Accelerate config"),
    (("distributed_type", "num_processes"), "an Accelerate config"),
    (("architectures", "model_type"), "a model's config.json"),
)


def looks_like(settings: Mapping[Any, Any]) -> str | None:
    """The other format a mapping looks like (`an axolotl config`), or None."""
    return next((name for keys, name in _MARKS if all(key in settings for key in keys)), None)
