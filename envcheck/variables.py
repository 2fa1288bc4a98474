"""Which environment variables change numerics, communication or what is imported, and may be shown."""

from __future__ import annotations

_PREFIXES = (
    "NCCL_",
    "RCCL_",
    "HCCL_",
    "GLOO_",
    "UCX_",
    "CUDA_",
    "CUBLAS_",
    "CUBLASLT_",
    "CUDNN_",
    "NVIDIA_TF32",
    "TORCH_",
    "PYTORCH_",
    "TORCHINDUCTOR_",
    "TORCHDYNAMO_",
    "TRITON_",
    "HSA_",
    "HIP_",
    "ROCR_",
    "MIOPEN_",
    "ASCEND_",
    "DS_",
    "DEEPSPEED_",
    "ACCELERATE_",
    "FSDP_",
    "BNB_",
    "XFORMERS_",
    "FLASH_ATTENTION_",
    "NVTE_",
    "VLLM_",
    "OMP_",
    "KMP_",
    "MKL_",
    "OPENBLAS_",
)
_NAMES = (
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "PYTHONPATH",
    "PYTHONNOUSERSITE",
    "PYTHONHASHSEED",
    "DISABLE_MLFLOW_INTEGRATION",
    "DISABLE_VERSION_CHECK",
    "HF_DATASETS_TRUST_REMOTE_CODE",
    "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION",
    "TOKENIZERS_PARALLELISM",
    "USE_FLAX",
    "USE_TF",
    "USE_TORCH",
    "XLA_DOWNCAST_BF16",
    "XLA_USE_BF16",
)
"""Variables without a telling prefix. They are known by name, so no word in them makes them a secret."""
_SECRETS = ("TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH")


def matters(name: str) -> bool:
    """Whether a variable is kept. Names that speak of secrets are not, whatever their prefix."""
    return name in _NAMES or (name.startswith(_PREFIXES) and not any(word in name for word in _SECRETS))
