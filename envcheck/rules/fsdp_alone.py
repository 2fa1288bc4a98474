"""FSDP with one GPU: there is nothing to shard, and the fallback breaks on parameters that were changed after wrapping."""

from __future__ import annotations

from typing import Tuple

from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "fsdp-on-one-gpu"

PAGE = Page(
    symptom=("crash",),
    signature=(r"Cannot writeback when the parameter shape changes",),
    cause="With one process FSDP falls back to NO_SHARD, and there a parameter that was replaced or cast after wrapping no longer has the flat shape that the "
    "write-back expects: accelerate from 0.31 on casts half-precision parameters to fp32 there, and Composer initialises them there. With two processes the "
    "same script runs. A model that is left alone after wrapping runs, but saves no memory.",
    fix=("set train.fsdp=false", "start it on two GPUs, or use FSDP2 (fully_shard), which has no such fallback"),
    links=(
        "https://github.com/pytorch/pytorch/issues/151223",
        "https://github.com/Lightning-AI/litgpt/issues/491",
        "https://github.com/mosaicml/llm-foundry/issues/215",
        "https://github.com/LeapLabTHU/JustGRPO/issues/3",
    ),
    level="many",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One warning where FSDP 1 is asked for and only one GPU is there, or one process is started."""
    fsdp = snapshot.train.get("fsdp")
    if fsdp is None or truth_of("train.fsdp", "true", snapshot) is not Truth.YES or truth_of("train.fsdp_version", "2", snapshot) is Truth.YES:
        return ()
    if Truth.YES not in (truth_of("gpu_count", "1", snapshot), truth_of("train.world_size", "1", snapshot)) or truth_of("torch", "<2.0", snapshot) is Truth.YES:
        return ()
    if truth_of("train.world_size", ">1", snapshot) is Truth.YES:
        return ()
    used = (UsedFact("train.fsdp", fsdp.value or "", fsdp.origin),)
    title = f"FSDP (`{fsdp.value}`) is asked for, and there is one GPU"
    # Nobody said how many processes there are: other nodes may have a GPU each as well.
    is_certain = truth_of("train.world_size", "1", snapshot) is Truth.YES
    certainty, needs = ("certain", ()) if is_certain else ("possible", ("train.world_size",))
    return (Finding(ID, "bad", "warning", certainty, title, ("config", "torch", "accelerate"), used, PAGE, needs),)


RULE = Rule(ID, "FSDP is asked for, and there is one GPU to shard over", PAGE, find)
