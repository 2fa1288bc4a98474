"""Very small runs on a CPU, of a model that is made on the spot: `prove_calls.py` lets each pair of releases do one.

    python scripts/tiny_runs.py trainer|sft|dpo|reward|kto|grpo|sentences|dispatch FOLDER

Written for every release since 2023: what a class is given by name is only what its own signature has.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import Any, Callable, Dict


def fitting(call: Callable[..., Any], **wanted: Any) -> Dict[str, Any]:
    """What of `wanted` the callable, or the dataclass, names in its signature."""
    named = inspect.signature(call).parameters
    return {name: value for name, value in wanted.items() if name in named}


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "<unk>", "<s>", "</s>", "a", "b", "c", "d", "user", "assistant"]
    inner = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>")


def model(kind: str = "GPT2LMHeadModel") -> Any:
    import transformers

    config = transformers.GPT2Config(vocab_size=16, n_positions=64, n_embd=8, n_layer=1, n_head=1, pad_token_id=0, bos_token_id=2, eos_token_id=3, num_labels=1)
    return getattr(transformers, kind)(config)


def settings(kind: Any, folder: str, **more: Any) -> Any:
    return kind(
        **fitting(
            kind,
            output_dir=folder,
            max_steps=2,
            logging_steps=1,
            save_steps=2,
            per_device_train_batch_size=2,
            report_to=[],
            use_cpu=True,
            remove_unused_columns=False,
            max_length=8,
            max_seq_length=8,
            max_prompt_length=4,
            max_completion_length=4,
            dataset_text_field="text",
            bf16=False,
            fp16=False,
            dataset_num_proc=None,
            **more,
        )
    )


def run(kind: Any, **wanted: Any) -> None:
    name = "processing_class" if "processing_class" in inspect.signature(kind).parameters else "tokenizer"
    kind(**fitting(kind, **{name: tokenizer(), "max_seq_length": 8, "dataset_text_field": "text"}, **wanted)).train()


def trainer(folder: str) -> None:
    import torch
    from transformers import Trainer, TrainingArguments

    rows = [{"input_ids": torch.tensor([4, 5, 6]), "labels": torch.tensor([4, 5, 6])}] * 2
    arguments = settings(TrainingArguments, folder, eval_strategy="steps", evaluation_strategy="steps", eval_steps=1)
    Trainer(model=model(), args=arguments, train_dataset=rows, eval_dataset=rows).train()


def _trl(name: str, rows: Any, folder: str, **wanted: Any) -> None:
    import trl  # type: ignore[import-not-found]
    from datasets import Dataset  # type: ignore[import-not-found]
    from transformers import TrainingArguments

    kind = getattr(trl, f"{name}Trainer")
    config = getattr(trl, f"{name}Config", TrainingArguments)
    arguments = settings(config, folder, num_generations=2)
    if name == "SFT":
        arguments.remove_unused_columns = True
    run(kind, args=arguments, train_dataset=Dataset.from_list(rows), **wanted)


def sft(folder: str) -> None:
    _trl("SFT", [{"text": "a b c d"}] * 4, folder, model=model())


def dpo(folder: str) -> None:
    rows = [{"prompt": "a b", "chosen": "c", "rejected": "d"}] * 4
    _trl("DPO", rows, folder, model=model(), ref_model=model(), beta=0.1, max_length=8, max_prompt_length=4)


def kto(folder: str) -> None:
    rows = [{"prompt": "a b", "completion": "c", "label": at % 2 == 0} for at in range(4)]
    _trl("KTO", rows, folder, model=model(), ref_model=model())


def reward(folder: str) -> None:
    row = {f"{kind}_{side}": [4, 5] if kind == "input_ids" else [1, 1] for kind in ("input_ids", "attention_mask") for side in ("chosen", "rejected")}
    _trl("Reward", [{"chosen": "a b c", "rejected": "a b d", **row}] * 4, folder, model=model("GPT2ForSequenceClassification"))


def grpo(folder: str) -> None:
    _trl("GRPO", [{"prompt": "a b"}] * 4, folder, model=model(), reward_funcs=lambda completions, **rest: [0.0] * len(completions))


def sentences(folder: str) -> None:
    import sentence_transformers as st  # type: ignore[import-not-found]
    from datasets import Dataset

    whole = os.path.join(folder, "model")
    model("GPT2Model").save_pretrained(whole)
    tokenizer().save_pretrained(whole)
    words = st.models.Transformer(whole, max_seq_length=8)
    wrapped = st.SentenceTransformer(modules=[words, st.models.Pooling(words.get_word_embedding_dimension())], device="cpu")
    rows = Dataset.from_list([{"anchor": "a b", "positive": "c d"}] * 4)
    arguments = settings(st.SentenceTransformerTrainingArguments, folder)
    st.SentenceTransformerTrainer(model=wrapped, args=arguments, train_dataset=rows, loss=st.losses.MultipleNegativesRankingLoss(wrapped)).train()


def dispatch(folder: str) -> None:
    """What `device_map` brings about."""
    from transformers import GPT2LMHeadModel

    model().save_pretrained(folder)
    GPT2LMHeadModel.from_pretrained(folder, device_map={"": "cpu"})


if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1", WANDB_DISABLED="true", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="", ACCELERATE_USE_CPU="true")
    globals()[sys.argv[1]](sys.argv[2])
    print("ran")
