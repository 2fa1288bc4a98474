"""The family (`model_type` of HF's config.json) that a model's public name stands for.

Only names that a release of the family's own makers carries; a folder called `my-model` tells nothing.
"""

from __future__ import annotations

import re

# In order, because the first that fits decides: `Qwen2.5-VL-7B` before `Qwen2.5-7B`. Each family's config.json holds the name given.
_NAMES = (
    (r"qwen3-?vl.*a\d+b", "qwen3_vl_moe"),
    (r"qwen3-?vl", "qwen3_vl"),
    (r"qwen3-next", "qwen3_next"),
    (r"qwen3-(?:coder-)?\d+b-a\d+b", "qwen3_moe"),
    (r"qwen3-\d", "qwen3"),
    (r"qwen2\.5-omni", "qwen2_5_omni"),
    (r"(?:qwen2\.5|qwen2-5)-vl", "qwen2_5_vl"),
    (r"qwen2-vl", "qwen2_vl"),
    (r"qwen2-audio", "qwen2_audio"),
    (r"qwen(?:1\.5|2)-(?:moe|57b-a14b)", "qwen2_moe"),
    (r"qwen(?:1\.5|2|2\.5)-(?:coder-|math-)?\d", "qwen2"),
    (r"qwq-32b", "qwen2"),
    (r"deepseek-r1-distill-qwen", "qwen2"),
    (r"deepseek-r1-distill-llama", "llama"),
    (r"qwen-(?:vl(?:-chat)?$|1[_.]8b|7b|14b|72b)", "qwen"),
    (r"(?:meta-)?llama-?[23](?:\.[123])?-(?:\d+\.?\d*b(?!-vision))(?!.*vision)", "llama"),
    (r"llama-?3\.2-\d+b-vision", "mllama"),
    (r"llama-4-", "llama4"),
    (r"(?:vicuna|tinyllama|codellama)-|yi-(?:\d|1\.5|coder)|deepseek-(?:llm|coder)-(?!v2)", "llama"),
    (r"mixtral-", "mixtral"),
    (r"mistral-(?:7b|nemo)", "mistral"),
    (r"gemma-3n-", "gemma3n"),
    (r"gemma-3-(?:270m|1b)", "gemma3_text"),
    (r"gemma-?3-\d+b", "gemma3"),
    (r"gemma-?2-\d+b", "gemma2"),
    (r"gemma-\d+b|gemma-1\.1", "gemma"),
    (r"gpt-oss-", "gpt_oss"),
    (r"phi-?3(?:\.5)?-(?:mini|medium|small)|phi-4(?!-multi)", "phi3"),
    (r"phi-(?:1|1_5|2)$", "phi"),
    (r"(?:flan-)?t5-(?:small|base|large|xl|xxl|3b|11b)|t5-v1_1|t5_?v1_1", "t5"),
    (r"mt5-|mt0-", "mt5"),
    (r"long-?t5-", "longt5"),
    (r"umt5-", "umt5"),
    (r"chatglm2?3?-?\d?-?6b|chatglm-6b|chatglm[23]-6b", "chatglm"),
    (r"glm-4-9b-(?:chat-)?hf|glm-edge", "glm"),
    (r"glm-?4-9b", "chatglm"),
    (r"bloomz?-", "bloom"),
    (r"falcon-(?:7b|40b|180b|rw)", "falcon"),
    (r"opt-\d", "opt"),
    (r"gpt2(?:-medium|-large|-xl)?$", "gpt2"),
    (r"gpt-j-6b", "gptj"),
    (r"pythia-|gpt-neox-20b", "gpt_neox"),
    (r"baichuan2?-", "baichuan"),
    (r"internlm2", "internlm2"),
    (r"minicpm-v", "minicpmv"),
    (r"llava-(?:v?1\.[56]|v1)", "llava"),
    (r"bert-(?:base|large)-", "bert"),
    (r"(?:xlm-)?roberta-(?:base|large)", "roberta"),
    (r"deberta-v[23]-|mdeberta-v3", "deberta-v2"),
    (r"whisper-", "whisper"),
)
_COMPILED = tuple((re.compile(pattern), family) for pattern, family in _NAMES)
_XLM = re.compile(r"xlm-roberta")


def family(model: str) -> str | None:
    """The family of a hub id or a folder that keeps the model's name (`/data/Qwen2-7B-Instruct`); None where the name does not tell."""
    name = re.split(r"[\\/]", model.rstrip("/\\"))[-1].lower()
    if _XLM.match(name):
        return "xlm-roberta"
    return next((found for pattern, found in _COMPILED if pattern.match(name)), None)
