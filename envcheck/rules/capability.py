"""Features that a training config asks for and no GPU that is there has: one rule a feature, by compute capability."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Tuple

from envcheck.model import Finding, Page, Snapshot
from envcheck.rules import asking
from envcheck.rules.rule import Rule, Tables


class Feature(NamedTuple):
    """What asks for a feature, and which NVIDIA GPUs have it."""

    id: str
    title: str
    """The rule's; a finding adds the GPU."""
    asks: Mapping[str, str]
    """What asks for it: conditions that all hold, training settings first, then what must be there for the feature to be refused."""
    capability: str
    """A range of compute capabilities; one GPU inside it is enough for silence, because nobody knows which one will be used."""
    severity: str
    culprit: Tuple[str, ...]
    page: Page


FEATURES = (
    Feature(
        id="gpu-without-flash-attention-2",
        title="FlashAttention-2 refuses GPUs before Ampere",
        asks={"train.attn_implementation": "flash_attention_2"},
        capability=">=8.0",
        severity="error",
        culprit=("flash-attn", "gpu", "config"),
        page=Page(
            symptom=("crash",),
            signature=(r"FlashAttention only supports Ampere GPUs or newer",),
            cause="Every flash-attn 2.x release checks the compute capability before it launches a kernel and raises below 8.0. Another build or a smaller "
            "model does not help on Pascal, Volta or Turing.",
            fix=("set train.attn_implementation=sdpa", "set train.attn_implementation=eager"),
            links=(
                "https://github.com/Dao-AILab/flash-attention/blob/v2.8.3/csrc/flash_attn/flash_api.cpp",
                "https://github.com/Dao-AILab/flash-attention/blob/v2.0.0/csrc/flash_attn/flash_api.cpp",
            ),
            level="maintainer",
        ),
    ),
    Feature(
        id="gpu-without-flash-attention-3",
        title="FlashAttention-3 has no kernels for this GPU",
        asks={"train.attn_implementation": "flash_attention_3"},
        capability=">=8.0,<10.0",
        severity="warning",
        culprit=("flash-attn", "gpu", "config"),
        page=Page(
            symptom=("crash", "no-kernel-image"),
            cause="FlashAttention-3 is written for Hopper (9.0); builds may also hold code for 8.x. Nothing runs on older GPUs, and the code for 9.0a does not "
            "run on Blackwell.",
            fix=("set train.attn_implementation=flash_attention_2", "set train.attn_implementation=sdpa"),
            links=("https://github.com/Dao-AILab/flash-attention/issues/2168", "https://github.com/Dao-AILab/flash-attention#readme"),
            level="maintainer",
        ),
    ),
    Feature(
        id="gpu-without-fp8",
        title="fp8 needs an Ada or Hopper GPU, and accelerate falls back to fp16 without one",
        asks={"train.precision": "fp8"},
        capability=">=8.9",
        severity="warning",
        culprit=("gpu", "config", "accelerate"),
        page=Page(
            symptom=("crash", "nan-loss"),
            signature=(r"insufficient for FP8 mixed precision training", r"Device compute capability 8\.9 or higher required for FP8 execution"),
            cause="FP8 arithmetic starts at capability 8.9. Transformer Engine and torchao refuse older GPUs, while accelerate from 0.26 on prints a warning "
            "and trains in fp16 instead, with fp16's narrow range: a family trained in bf16 may then overflow.",
            fix=("set train.precision=bf16",),
            links=(
                "https://github.com/huggingface/accelerate/blob/v1.12.0/src/accelerate/state.py",
                "https://github.com/NVIDIA/TransformerEngine/blob/v2.8/transformer_engine/pytorch/fp8.py",
            ),
            level="maintainer",
        ),
    ),
    Feature(
        id="gpu-without-tf32",
        title="the Trainer refuses tf32 on GPUs before Ampere",
        asks={"train.tf32": "true", "transformers": ">=4.28"},
        capability=">=8.0",
        severity="warning",
        culprit=("gpu", "config"),
        page=Page(
            symptom=("crash",),
            signature=(r"--tf32 requires Ampere or a newer GPU arch",),
            cause="TensorFloat-32 exists from capability 8.0 on. TrainingArguments raises when tf32 is asked for on an older GPU; frameworks that only set "
            "torch's own switch go on without any effect.",
            fix=("set train.tf32=false",),
            links=(
                "https://github.com/lm-sys/FastChat/issues/1191",
                "https://github.com/percent4/embedding_model_exp/issues/3",
                "https://github.com/huggingface/transformers/blob/v4.57.1/src/transformers/training_args.py",
            ),
            level="many",
        ),
    ),
    Feature(
        id="gpu-without-triton",
        title="torch.compile cannot generate code for GPUs below compute capability 7.0",
        asks={"train.torch_compile": "true"},
        capability=">=7.0",
        severity="error",
        culprit=("gpu", "triton", "torch"),
        page=Page(
            symptom=("crash",),
            signature=(r"is too old to be supported by the triton GPU compiler", r"GPUTooOldForTriton"),
            cause="Inductor writes its GPU kernels in Triton, and Triton starts at Volta. Pascal and Maxwell cards (P100, P40, GTX 10xx) are refused when the "
            "first graph is compiled; eager mode works on them with a torch build that has their code.",
            fix=("set train.torch_compile=false", "set env.TORCHDYNAMO_DISABLE=1 if a library compiles by itself, or use a T4 or newer"),
            links=(
                "https://github.com/MIC-DKFZ/nnUNet/issues/2188",
                "https://github.com/vllm-project/vllm/issues/14547",
                "https://github.com/karpathy/nanoGPT/issues/157",
            ),
            level="many",
        ),
    ),
    Feature(
        id="gpu-without-int8",
        title="bitsandbytes before 0.37 multiplies int8 only on Turing and newer",
        asks={"train.quantization": "8bit", "bitsandbytes": "<0.37"},
        capability=">=7.5",
        severity="error",
        culprit=("bitsandbytes", "gpu", "config"),
        page=Page(
            symptom=("crash",),
            cause="The int8 matrix product of those releases calls tensor-core instructions that start at capability 7.5. From 0.37 on older GPUs get a slower "
            "path of their own.",
            fix=("update bitsandbytes",),
            links=("https://github.com/bitsandbytes-foundation/bitsandbytes/pull/110",),
            level="maintainer",
        ),
    ),
    Feature(
        id="gpu-with-slow-int8",
        title="bitsandbytes 0.37 to 0.44 multiplies int8 by a slow way round on GPUs before Turing",
        asks={"train.quantization": "8bit", "bitsandbytes": ">=0.37,<0.45"},
        capability=">=7.5",
        severity="note",
        culprit=("bitsandbytes", "gpu", "config"),
        page=Page(
            symptom=("slow",),
            signature=(r"Compute capability < 7\.5 detected! Only slow 8-bit matmul is supported for your GPU",),
            cause="The int8 matrix product uses tensor-core instructions that start at capability 7.5. Those releases look at the GPU and, where it has none, "
            "multiply in the parameters' own type after turning the weights back. 4-bit quantization needs no such instructions.",
            fix=("set train.quantization=4bit",),
            links=(
                "https://github.com/bitsandbytes-foundation/bitsandbytes/issues/529",
                "https://github.com/bitsandbytes-foundation/bitsandbytes/issues/131",
            ),
            level="maintainer",
        ),
    ),
    Feature(
        id="gpu-without-bf16-for-4bit",
        title="4-bit layers that compute in bf16 are slow on GPUs before Ampere",
        asks={"train.bnb_4bit_compute_dtype": "bf16", "train.quantization": "4bit"},
        capability=">=8.0",
        severity="note",
        culprit=("bitsandbytes", "gpu", "config"),
        page=Page(
            symptom=("slow",),
            cause="4-bit weights are turned back into `bnb_4bit_compute_dtype` for each product. GPUs below capability 8.0 have no bf16 units and compute it "
            "through fp32; the 4-bit storage itself works on every GPU.",
            fix=(
                "set train.bnb_4bit_compute_dtype=fp16 for a model family that does not overflow in fp16",
                "set train.bnb_4bit_compute_dtype=fp32",
            ),
            links=("https://github.com/artidoro/qlora/issues/71", "https://github.com/bitsandbytes-foundation/bitsandbytes/issues/529"),
            level="maintainer",
        ),
    ),
)


def _finder(feature: Feature) -> Rule:
    kind = "caution" if feature.severity == "note" else "bad"

    def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
        if not _is_asked_for(feature, snapshot) or not _is_lacking(feature.capability, snapshot):
            return ()
        card = asking.nvidia_gpus(snapshot)[0]
        used = (*asking.used(snapshot, *feature.asks), asking.gpu_fact(card))
        title = f"{feature.title}: {card.name} has {card.capability}"
        return (Finding(feature.id, kind, feature.severity, "certain", title, feature.culprit, used, feature.page),)

    return Rule(feature.id, feature.title, feature.page, find, (feature.severity,))


def _is_asked_for(feature: Feature, snapshot: Snapshot) -> bool:
    return bool(snapshot.train) and all(asking.has(snapshot, key, argument) for key, argument in feature.asks.items())


def _is_lacking(capability: str, snapshot: Snapshot) -> bool:
    cards = asking.nvidia_gpus(snapshot)
    return bool(cards) and len(cards) == len(snapshot.gpus or ()) and asking.lacks(snapshot, "gpu", capability)


RULES = tuple(_finder(feature) for feature in FEATURES)
