"""Batch sizes that do not multiply: DeepSpeed refuses to start on them."""

from __future__ import annotations

from typing import Optional, Tuple

from envcheck.model import Fact, Finding, Page, Snapshot, UsedFact, plain
from envcheck.rules.rule import Rule, Tables

ID = "batch-arithmetic"
_MICRO, _STEPS, _WORLD, _WHOLE = "per_device_train_batch_size", "gradient_accumulation_steps", "world_size", "train_batch_size"

PAGE = Page(
    symptom=("crash",),
    signature=(r"Check batch related parameters. train_batch_size is not equal to micro_batch_per_gpu \* gradient_acc_step \* world_size",),
    cause="DeepSpeed asserts at the start that train_batch_size is the product of the batch of one GPU, the accumulation steps and the number of processes.",
    fix=('write "auto" for two of the three sizes in the DeepSpeed config, or correct the product',),
    links=("https://github.com/deepspeedai/DeepSpeed/blob/v0.14.0/deepspeed/runtime/config.py",),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding where DeepSpeed is used and no number of processes, or not the given one, makes the product right."""
    known = {key: snapshot.train.get(key, Fact()) for key in (_MICRO, _STEPS, _WORLD, _WHOLE)}
    whole, micro, steps, world = (_count(known[key]) for key in (_WHOLE, _MICRO, _STEPS, _WORLD))
    if whole is None or micro is None or steps is None or plain(snapshot.train.get("deepspeed", Fact("true")).value) != "true":
        return ()
    if world is None and whole % (micro * steps) == 0 or world is not None and whole == micro * steps * world:
        return ()
    product = f"{micro} x {steps}" + (f" x {world}" if world is not None else "")
    title = f"`train_batch_size` is {whole}, and {product} is {micro * steps * (world or 1)}" + ("" if world is not None else " on each process")
    used = tuple(UsedFact(f"train.{key}", fact.value, fact.origin) for key, fact in known.items() if fact.value is not None)
    # A part of the processes may hold other parts of one model, so that the product is of fewer.
    return (Finding(ID, "bad", "warning", "certain", title, ("config", "deepspeed"), used, PAGE),)


def _count(fact: Fact) -> Optional[int]:
    value = fact.value
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


RULE = Rule(ID, "batch sizes do not multiply", PAGE, find)
