"""The modules that training imports, by the distribution that brings them."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple


class Asked(NamedTuple):
    """Modules to import, and what it means where one cannot be."""

    modules: Tuple[str, ...]
    severity: str = "error"


MODULES: Dict[str, Asked] = {
    "torch": Asked(("torch",)),
    "transformers": Asked(("transformers.trainer",)),
    "accelerate": Asked(("accelerate",)),
    "peft": Asked(("peft",)),
    "trl": Asked(("trl.trainer.sft_trainer",)),
    "deepspeed": Asked(("deepspeed.runtime.engine",)),
    "datasets": Asked(("datasets",)),
    "flash-attn": Asked(("flash_attn_2_cuda", "flash_attn")),
    "bitsandbytes": Asked(("bitsandbytes",)),
    "xformers": Asked(("xformers.ops",)),
    "torchvision": Asked(("torchvision",)),
    "torchaudio": Asked(("torchaudio",), "warning"),
    "liger-kernel": Asked(("liger_kernel.transformers",), "warning"),
    "torchao": Asked(("torchao",), "warning"),
    "transformer-engine": Asked(("transformer_engine.pytorch",), "warning"),
    "diffusers": Asked(("diffusers.pipelines.pipeline_utils",), "warning"),
    "sentence-transformers": Asked(("sentence_transformers",), "warning"),
}
"""Not vllm and unsloth: they refuse to be imported where there is no GPU, and start to use it where there is one."""
