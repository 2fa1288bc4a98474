"""What a script takes from the packages whose names come and go, for the rule that knows which release has which."""

from __future__ import annotations

from envcheck.names import source

PROVIDERS = frozenset(("accelerate", "datasets", "deepspeed", "diffusers", "huggingface_hub", "peft", "transformers", "trl"))
"""The import packages of `matrices/facts/public_names.yaml`."""


def words(text: bytes) -> list[str]:
    """`transformers.AdamW` words: names imported at the top level of a file, behind no test and in no `try` that catches the failure."""
    module = source.read(text, "the.script", "script.py", False)
    if module is None:
        return []
    found = {f"{one.module}.{one.name}" for one in module.imports if not one.guards and one.name is not None and one.module.partition(".")[0] in PROVIDERS}
    return sorted(found)
