"""How the output of each tool is recognised: by lines that no other tool prints."""

from __future__ import annotations

import re

MARKS: dict[str, tuple[str, str]] = {
    "vllm-collect-env": (r"^vLLM Version\s*:|^[ \t]*vLLM Info[ \t]*$|^vLLM API Version", "vLLM's collect_env"),
    "collect-env": (
        r"^(?:Collecting environment information\.\.\.|PyTorch version\s*:|CUDA used to build PyTorch\s*:|\[pip\d?\] \S+==)",
        "torch.utils.collect_env",
    ),
    "transformers-env": (r"^[ \t]*(?:[-*] +)?`?transformers`? version: ", "`transformers env`"),
    "accelerate-env": (r"^[ \t]*(?:[-*] +)?`?Accelerate`? version: [\s\S]{0,600}^[ \t]*(?:[-*] +)?`?Accelerate`? default config", "`accelerate env`"),
    "llamafactory-env": (r"^[ \t]*(?:[-*] +)?`?llamafactory`? version: ", "`llamafactory-cli env`"),
    "datasets-env": (r"^[ \t]*(?:[-*] +)?`?datasets`? version: [\s\S]{0,300}PyArrow version", "`datasets-cli env`"),
    "trl-env": (r"^[ \t]*(?:[-*] +)?TRL version: [\s\S]{0,900}HF Hub version", "`trl env`"),
    "diffusers-env": (r"^[ \t]*(?:[-*] +)?\W{0,3}`?[Dd]iffusers`? version: ", "`diffusers-cli env`"),
    "ds-report": (r"^DeepSpeed (?:C\+\+/CUDA extension op report|general environment info)|^deepspeed info \.{3,}", "`ds_report`"),
    "xformers-info": (r"^xFormers [0-9]|^memory_efficient_attention\.\w+:\s+\w+|^build\.torch_version:", "`python -m xformers.info`"),
    "bitsandbytes-report": (r"BUG REPORT INFORMATION|^=+ bitsandbytes v[0-9.]|^CUDA specs: ?CUDASpecs|^CUDA SETUP: ", "`python -m bitsandbytes`"),
    "unsloth-banner": (r"Unsloth(?: Zoo)? v?20[0-9]{2}\.[0-9]+[^\n]*: Fast \w+ patching", "Unsloth's banner"),
    "nvidia-smi": (r"NVIDIA-SMI [0-9]|=+NVSMI LOG=+|^GPU \d+: .*\(UUID: ", "`nvidia-smi`"),
    "rocm-smi": (r"ROCm System Management Interface|^GPU\[\d+\]\s*: |^ROCk module|^HSA System Attributes", "`rocm-smi` or `rocminfo`"),
    "npu-smi": (r"\bnpu-smi [0-9]", "`npu-smi info`"),
    "nvcc": (r"^Cuda compilation tools, release", "`nvcc --version`"),
}
"""Name -> pattern, and what it is for people. The first that is found names the part."""


def found(text: str) -> list[str]:
    """The tools whose output a text holds, in the order of `MARKS`."""
    # `re` keeps what it compiled: a run that reads no report compiles nothing.
    return [name for name, (pattern, _) in MARKS.items() if re.search(pattern, text, re.MULTILINE)]


_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*] [^:\n]{1,60}: \S", re.MULTILINE)
_HEADING = re.compile(r"^#{1,4} \S", re.MULTILINE)
_OTHER_FILES = re.compile(r"^(?:FROM \S|\[[\w.\"-]+\]\s*$|@EXPLICIT)|^(?:dependencies|channels):", re.MULTILINE)


def is_report(text: str, path: str) -> bool:
    """Whether a text is a bug report: Markdown by its name, by its fences and headings, or with a tool's output and prose around it."""
    if path.lower().endswith((".md", ".markdown")) and (found(text) or _FENCE.search(text) or len(_BULLET.findall(text)) > 1):
        return True
    if text.lstrip()[:1] in ("{", "[") or _OTHER_FILES.search(text):
        return False
    return len(_FENCE.findall(text)) > 1 or bool(_HEADING.search(text) and re.search(r"^(?:[-*] |\|)", text, re.MULTILINE))
