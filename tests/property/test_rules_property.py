"""No rule falls over what people write into a snapshot."""

from __future__ import annotations

from typing import Any

from build import snap
from hypothesis import given, settings
from hypothesis import strategies as st

from envcheck.api import Checker
from envcheck.derive import derive
from envcheck.rules import RULES

TABLES = Checker().tables()
VERSIONS = st.sampled_from(
    ["2.6.0", "2.6.0+cu124", "2.9.1+rocm6.4", "2.4.0a0+f70bd71a48.nv24.06", "2.5.1+gita8d6afb", ">=2.1,<2.6", "==2.1.*", "==2.6.0+cu124", "2", "2.7", "absent", "nightly", "", "²", "2.8.3+cu12torch2.8cxx11abiTRUE",
     "0.45.0", "1.0-custom", "+", "=="]
)  # fmt: skip
FACTS = st.sampled_from(["12.4", "12", "11.8.89", "13.0", "absent", "8.0.RC3", "²", "x", "", "535.104.05", None])
PACKAGES = (
    "torch",
    "torchvision",
    "torchaudio",
    "xformers",
    "vllm",
    "flash-attn",
    "bitsandbytes",
    "deepspeed",
    "triton",
    "nvidia-nccl-cu12",
    "nvidia-nccl-cu13",
    "torch-npu",
    "transformer-engine-cu12",
)
BUILDS = ("xformers.torch", "deepspeed.torch", "deepspeed.ops", "torch.cxx11_abi", "flash-attn.url", "torch.wheel", "bitsandbytes.cuda", "ld-library-path.nccl")
KEYS = ("torch_cuda", "cuda_toolkit", "driver", "fabric_manager", "cuda_compat", "gcc", "glibc", "rocm", "cann")
GPUS = st.lists(
    st.sampled_from(
        [
            {"name": "V100", "capability": "7.0"},
            {"name": "MI250", "arch": "gfx90a"},
            {"name": "Apple M2"},
            {"name": "RTX 5090", "capability": "12.0"},
            {"name": ""},
        ]
    ),
    max_size=2,
)


@settings(max_examples=200, deadline=None)
@given(
    packages=st.dictionaries(st.sampled_from(PACKAGES), VERSIONS),
    facts=st.dictionaries(st.sampled_from(KEYS), FACTS),
    builds=st.dictionaries(st.sampled_from(BUILDS), st.one_of(VERSIONS, FACTS)),
    gpus=GPUS,
    complete=st.booleans(),
)
def test_every_rule_answers(packages: Any, facts: Any, builds: Any, gpus: Any, complete: bool) -> None:
    snapshot = derive(snap(packages=packages, builds=builds, gpus=gpus, complete=complete, **facts), list)
    for rule in RULES.values():
        for finding in rule.find(snapshot, TABLES):
            assert finding.title
            assert finding.culprit
            assert finding.severity != "error" or finding.certainty == "certain"
