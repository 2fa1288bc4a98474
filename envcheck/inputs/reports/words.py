"""What reports call the packages that a training run is made of, and how their versions look."""

from __future__ import annotations

import re

from envcheck.wire import canonical_name

_PLAIN = (
    "torch torchvision torchaudio torchtext torchdata torchao torchtune torchtitan triton numpy scipy transformers tokenizers accelerate peft trl datasets "
    "safetensors huggingface-hub sentencepiece tiktoken evaluate diffusers deepspeed bitsandbytes xformers flash-attn flash-attn-3 vllm sglang unsloth "
    "unsloth-zoo liger-kernel apex megatron-core transformer-engine lightning pytorch-lightning optimum auto-gptq autoawq gptqmodel llmcompressor "
    "llamafactory ms-swift axolotl verl openrlhf ray hqq eetq galore-torch lomo-optim fairscale fairseq mmcv mmengine timm einops kernels cut-cross-entropy "
    "causal-conv1d mamba-ssm flash-linear-attention torch-npu torch-xla torch-directml intel-extension-for-pytorch sentence-transformers setuptools wheel "
    "pip ninja packaging protobuf pydantic pyarrow pandas fsspec wandb tensorboard gradio tensorflow flax jax jaxlib keras onnx onnxruntime cupy "
    "compressed-tensors mistral-common qwen-vl-utils outlines xgrammar flashinfer-python nvidia-ml-py opencv-python-headless aiohttp httpx mpi4py psutil "
    "typing-extensions pyyaml regex requests filelock setfit autotrain-advanced swanlab mlflow modelscope decord av pillow librosa soundfile"
)
KNOWN = frozenset(_PLAIN.split())
"""Canonical names that a list or a sentence may speak of; another word beside a number is not taken for a package."""

_OTHERWISE = {
    "pytorch": "torch",
    "hf hub": "huggingface-hub",
    "huggingface hub": "huggingface-hub",
    "hf transformers": "transformers",
    "flash attention": "flash-attn",
    "flash attention 2": "flash-attn",
    "flashattention": "flash-attn",
    "flashattention2": "flash-attn",
    "flash-attention": "flash-attn",
    "flash-attention-2": "flash-attn",
    "bnb": "bitsandbytes",
    "deep speed": "deepspeed",
    "llama-factory": "llamafactory",
    "llama factory": "llamafactory",
    "swift": "ms-swift",
    "liger kernel": "liger-kernel",
    "liger": "liger-kernel",
    "xformer": "xformers",
    "cupy-cuda12x": "cupy",
    "transformer engine": "transformer-engine",
    "megatron core": "megatron-core",
    "pytorch lightning": "pytorch-lightning",
    "sglang kernel": "sgl-kernel",
    "pytorch_gpu": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "torchtriton": "triton",
    "llmc": "llmcompressor",
}

_DECORATION = re.compile(r"[`*\"'🤗]|\(.*?\)|(?<![.\w])(?:versions?|ver\.?|installed|package|library|framework)\b", re.IGNORECASE)


def plain(words: str) -> str:
    """A label without its decoration: `` `Accelerate` version`` is `accelerate`."""
    return " ".join(_DECORATION.sub(" ", words).replace("_", " ").lower().split())


def package(words: str) -> str:
    """The canonical name of the package that a label names; empty where it names none that is known."""
    text = plain(words)
    found = _OTHERWISE.get(text) or canonical_name(text.replace(" ", "-"))
    return found if found in KNOWN or found in _OTHERWISE.values() else ""


VERSION = r"v?[0-9]+(?:\.[0-9]+)+(?:\.?(?:a|b|rc|dev|post)[0-9]+)*(?:\+[A-Za-z0-9][A-Za-z0-9._]*)?"
"""A version as people and tools write it; a bare number is none."""
ONE_VERSION = re.compile(VERSION)
_ABSENT = frozenset(("n/a", "na", "none", "not installed", "not found", "not available", "no", "-", "not applicable", "uninstalled"))


def value(text: str) -> str:
    """A version at the beginning of a value, `absent` where it says so, else an empty text."""
    text = text.strip().strip("`*\"'")
    if re.sub(r"\s*\(.*?\)\s*$", "", text).strip().lower() in _ABSENT:
        return "absent"
    found = ONE_VERSION.match(text)
    return found[0] if found and not re.match(r"[\w*]|\s*(?:or|/|\||~|->|to|and|,|-)\s*v?[0-9]", text[found.end() :]) else ""
