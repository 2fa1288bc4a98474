"""Which modules training imports: of each package its own `import`, and behind lazy ones what people ask for by name."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple


class Root(NamedTuple):
    """A module, what cannot be used where it does not import, and how bad that is."""

    module: str
    what: str
    severity: str


class Looked(NamedTuple):
    """A package that is looked at: the name it is imported by, and its roots, the ones that matter most first."""

    module: str
    roots: Tuple[Root, ...]


def _whole(module: str) -> Root:
    return Root(module, f"`import {module}`", "error")


def _trl(module: str, names: str) -> Root:
    return Root(f"trl.trainer.{module}", names, "warning")


PACKAGES: Dict[str, Looked] = {
    "transformers": Looked(
        "transformers",
        (
            _whole("transformers"),
            Root("transformers.modeling_utils", "every model (`PreTrainedModel`)", "error"),
            Root("transformers.trainer", "`transformers.Trainer`", "error"),
        ),
    ),
    "accelerate": Looked("accelerate", (_whole("accelerate"),)),
    "peft": Looked("peft", (_whole("peft"),)),
    "trl": Looked(
        "trl",
        (
            _whole("trl"),
            _trl("sft_trainer", "`trl.SFTTrainer`"),
            _trl("dpo_trainer", "`trl.DPOTrainer`"),
            _trl("grpo_trainer", "`trl.GRPOTrainer`"),
            _trl("reward_trainer", "`trl.RewardTrainer`"),
            _trl("ppo_trainer", "`trl.PPOTrainer`"),
            _trl("kto_trainer", "`trl.KTOTrainer`"),
        ),
    ),
    "deepspeed": Looked("deepspeed", (_whole("deepspeed"),)),
    "datasets": Looked("datasets", (_whole("datasets"),)),
    "diffusers": Looked(
        "diffusers",
        (
            _whole("diffusers"),
            Root("diffusers.models.modeling_utils", "every model (`diffusers.ModelMixin`)", "error"),
            Root("diffusers.pipelines.pipeline_utils", "every pipeline (`diffusers.DiffusionPipeline`)", "error"),
        ),
    ),
    "sentence-transformers": Looked("sentence_transformers", (_whole("sentence_transformers"),)),
    "optimum": Looked("optimum", (Root("optimum.bettertransformer", "`optimum.bettertransformer`", "warning"),)),
    "liger-kernel": Looked("liger_kernel", (Root("liger_kernel.transformers", "`liger_kernel.transformers`", "warning"),)),
    "autoawq": Looked("awq", (_whole("awq"),)),
    "llamafactory": Looked("llamafactory", (Root("llamafactory.train.tuner", "`llamafactory-cli train`", "error"),)),
    "huggingface-hub": Looked("huggingface_hub", ()),
    "tokenizers": Looked("tokenizers", ()),
    "safetensors": Looked("safetensors", ()),
}
"""By distribution; one without roots only gives names to others."""

ALSO = ("torch", "bitsandbytes", "xformers", "triton", "torchao", "pyarrow", "pydantic")
"""Packages whose names are looked up on a live machine too; their wheels are too large, or too far from training, to be mined."""
