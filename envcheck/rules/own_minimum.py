"""A package that asks, in its own code, for a newer version of another one than is there."""

from __future__ import annotations

from typing import List, Tuple

from envcheck.conditions import truth_of
from envcheck.model import Finding, Page, Snapshot, Truth, UsedFact
from envcheck.rules.rule import Rule, Tables

ID = "below-own-minimum"

PAGE = Page(
    symptom=("import-error", "crash"),
    signature=(
        r"Using the `Trainer` with `PyTorch` requires `accelerate>=",
        r"The version of PEFT you (are using|have installed) is not compatible|version of PEFT you are using is not",
        r"requires (the latest version of )?bitsandbytes: `pip install -U",
        r"OpenRLHF only supports vllm",
        r"deepspeed>=[\d.]+ is required for a normal functioning",
        r"unexpected keyword argument 'use_seedable_sampler'",
        r"Found an incompatible version of (torchao|auto-gptq|gptqmodel)\. Found version",
    ),
    cause="transformers, peft and optimum compare the versions of the packages behind a feature with minimums of their own when it is used, and raise below "
    "them. They are no requirements in its metadata, or requirements of an extra, so that an installer need not keep to them.",
    fix=("update the package that is asked for", "install `transformers[torch]`, whose extra names the accelerate that the Trainer needs"),
    links=("https://github.com/huggingface/transformers/blob/v4.51.0/src/transformers/utils/import_utils.py", "https://github.com/huggingface/peft/pull/3101"),
    level="maintainer",
)


def find(snapshot: Snapshot, tables: Tables) -> Tuple[Finding, ...]:
    """One finding for each package that certainly is older than what another one asks for when it uses it."""
    found: List[Finding] = []
    for package, fact in tables.subjects("own_minimums", snapshot):
        for affected, needed, first, effect, methods, severity in tables.of("own_minimums", package) or ():
            if truth_of(needed, f"<{first}", snapshot) is not Truth.YES or truth_of(package, affected, snapshot) is not Truth.YES:
                continue
            if methods and truth_of("train.method", methods.split(), snapshot) is not Truth.YES:
                continue
            other = snapshot.package(needed)
            title = f"{package} {fact.value} asks for {needed} {first} or later, and {needed} is {other.value}: {effect}"
            used = (UsedFact(package, fact.value or "", fact.origin), UsedFact(needed, other.value or "", other.origin))
            found.append(Finding(ID, "bad", severity, "certain", title, (needed, package), used, PAGE))
    return tuple(found)


RULE = Rule(ID, "a package is older than what another one asks for in its own code", PAGE, find)
