"""What the reader of a training script saw in its loop, one rule for each kind of Anomaly."""

from __future__ import annotations

from typing import Callable, Dict, Tuple

from envcheck.model import Finding, Page, Snapshot, UsedFact
from envcheck.rules.rule import Rule, Tables

_AMP = "https://docs.pytorch.org/docs/stable/notes/amp_examples.html"

_ABOUT: Dict[str, Tuple[str, str, Page]] = {
    "clip-before-unscale": (
        "gradients are clipped while they are still scaled",
        "warning",
        Page(
            symptom=("wrong-numerics", "zero-grad"),
            cause="A GradScaler multiplies the loss, and so all gradients, by 65536 at first. Clipping before `scaler.unscale_(optimizer)` compares the "
            "scaled norm with the threshold, so that nearly every step is cut down to next to nothing.",
            fix=("call `scaler.unscale_(optimizer)` before the clipping",),
            links=(_AMP,),
            level="maintainer",
        ),
    ),
    "scaler-with-bf16": (
        "a GradScaler beside a bf16 autocast",
        "note",
        Page(
            cause="Loss scaling keeps small gradients inside fp16's range. bf16 has fp32's exponents, so there is nothing to scale; the scaler only adds a "
            "check that skips steps with infinite gradients.",
            fix=("make it `GradScaler(enabled=False)` for bf16",),
            links=(_AMP,),
            level="maintainer",
        ),
    ),
    "mask-sum-divisor": (
        "the loss is divided by the sum of a mask, unguarded",
        "note",
        Page(
            symptom=("nan-loss", "zero-loss"),
            cause="A batch in which every label is masked (a prompt longer than the cut, an empty answer) makes the sum 0 and the loss 0/0. One such batch "
            "puts NaN into every parameter.",
            fix=("divide by `mask.sum().clamp(min=1)`, or leave such batches out",),
            links=("https://github.com/huggingface/trl/issues/6668", "https://github.com/nvidia-cosmos/cosmos-rl/pull/155"),
            level="many",
        ),
    ),
    "gradients-never-cleared": (
        "no `zero_grad` in a loop that steps an optimizer",
        "warning",
        Page(
            symptom=("loss-spike", "wrong-numerics"),
            cause="Gradients add up over all steps until somebody clears them, so each update repeats all earlier ones.",
            fix=("call `optimizer.zero_grad()` after each `optimizer.step()`",),
            links=("https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html",),
            level="maintainer",
        ),
    ),
    "half-parameters-with-adam": (
        "Adam on fp16 parameters",
        "warning",
        Page(
            symptom=("nan-loss", "zero-loss"),
            cause="The default eps of 1e-8 is below the smallest fp16 number and becomes 0; where a second moment is 0 too, the update is 0/0. The entry "
            "`torch-adam-fp16-params-eps` has the reproduction.",
            fix=("keep the parameters in fp32 and autocast, or load them in bf16", "use `fused=True`, which computes in fp32"),
            links=("https://github.com/pytorch/pytorch/issues/147437",),
            level="reproduced",
        ),
    ),
    "end-token-masked": (
        "the end token is the padding token, and the labels leave it out",
        "note",
        Page(
            symptom=("other",),
            cause="DataCollatorForLanguageModeling writes -100 over every label that is the padding token. Where that is the end token too, the model never "
            "learns to stop and generates until the length limit.",
            fix=("give padding a token of its own (`<pad>`, an unused reserved one)", "build the labels yourself and mask by the attention mask"),
            links=("https://github.com/huggingface/trl/issues/976", "https://github.com/mlabonne/llm-course/issues/33"),
            level="many",
        ),
    ),
    "padding-in-labels": (
        "padded ids are copied into the labels",
        "note",
        Page(
            symptom=("wrong-numerics",),
            cause="Models take every label but -100 into the loss. Labels copied from padded ids teach the padding token, which is soon predicted without "
            "error: the loss falls fast and says little about the text, the less the more padding there is.",
            fix=("set the labels of padding to -100", "let a collator pad and make the labels"),
            links=("https://github.com/huggingface/transformers/issues/32832", "https://github.com/meta-llama/llama-cookbook/issues/73"),
            level="maintainer",
        ),
    ),
    "frozen-layers-reentrant": (
        "layers are frozen and gradient checkpointing is left as it comes",
        "note",
        Page(
            symptom=("zero-grad", "crash"),
            cause="Reentrant checkpointing, which transformers before 5 chooses, gives a block's parameters gradients only where an input of the block needs "
            "one. Behind frozen embeddings or a frozen tower none does: the blocks there get no gradients, or backward ends with `element 0 of tensors does "
            "not require grad`.",
            fix=("pass `gradient_checkpointing_kwargs={'use_reentrant': False}`", "call `model.enable_input_require_grads()`"),
            links=("https://github.com/huggingface/transformers/issues/21381", "https://github.com/huggingface/diffusers/pull/3404"),
            level="maintainer",
        ),
    ),
}


def _finder(kind: str) -> Callable[[Snapshot, Tables], Tuple[Finding, ...]]:
    _, severity, page = _ABOUT[kind]

    def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
        return tuple(
            Finding(kind, "caution", severity, "certain", odd.detail, ("config",), (UsedFact("source", odd.detail, odd.origin),), page)
            for odd in snapshot.anomalies
            if odd.kind == kind
        )

    return find


RULES = tuple(Rule(kind, title, page, _finder(kind)) for kind, (title, _, page) in _ABOUT.items())
"""By the kinds that `training/source.py` finds."""
