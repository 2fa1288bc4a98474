"""What the scripts beside this one share: a tiny random Llama, made here without any download, and the HF Trainer on it."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any, List

# No hub, no telemetry, no progress: everything these scripts need is in them.
os.environ.update({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_DISABLE_TELEMETRY": "1", "TOKENIZERS_PARALLELISM": "false"})

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from envcheck.guard import GuardCallback

VOCABULARY = 64


def model(dtype: torch.dtype = torch.float32, attention: str = "sdpa") -> Any:
    """A Llama of two layers and 64 words, the same at every call."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=64,
    )
    net = LlamaForCausalLM(config).to(dtype)
    net.config._attn_implementation = attention
    return net


def batches(words: int = VOCABULARY, count: int = 64) -> List[Any]:
    """Token sequences over the first `words` words."""
    generator = torch.Generator().manual_seed(1)
    rows = torch.randint(0, words, (count, 16), generator=generator)
    return [{"input_ids": row, "labels": row.clone()} for row in rows]


def train(net: Any, guard: bool, callbacks: Any = (), data: Any = None, **arguments: Any) -> Any:
    """Train for 5 steps and print what the log shows; gives the callback of the guard, or None."""
    callback = GuardCallback(folder=os.environ.get("SCENES", "envcheck-scenes")) if guard else None
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "max_steps": 5,
            "per_device_train_batch_size": 4,
            "logging_steps": 1,
            "report_to": [],
            "save_strategy": "no",
            "use_cpu": True,
            "disable_tqdm": True,
            **arguments,
        }
        trainer = Trainer(
            net, TrainingArguments(folder, **settings), train_dataset=data or batches(), callbacks=[*callbacks, *([callback] if callback else [])]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    log = [f"{float(row['loss']):.4g}/{float(row['grad_norm']):.4g}" for row in trainer.state.log_history if "grad_norm" in row]
    lost = sum(not bool(torch.isfinite(weight).all()) for weight in net.parameters())
    print(f"{'with' if guard else 'without'} the guard: loss/grad_norm {' '.join(log)}; {lost} of {len(list(net.parameters()))} weights not finite")
    if callback is not None:
        print(f"  guard: {callback.sick or 'silent'}")
    sys.stdout.flush()
    return callback
