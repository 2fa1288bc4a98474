"""What a training script's source tells; the same loop written right tells nothing."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from envcheck import training
from envcheck.errors import InputError
from envcheck.model import Anomaly, Fact
from envcheck.training import source

RIGHT = """
    import torch
    from torch.cuda.amp import GradScaler, autocast

    def train(model, loader, args):
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        scaler = GradScaler()
        for batch in loader:
            with autocast(dtype=torch.float16):
                loss = model(batch)
            loss = (loss * loss_mask).sum() / loss_mask.sum().clamp(min=1)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
"""


def read(folder: Path, text: str) -> source.Source:
    path = folder / "t.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return source.read(str(path))


def kinds(folder: Path, text: str) -> list[str]:
    return [odd.kind for odd in read(folder, text).anomalies]


def test_a_loop_written_right(tmp_path: Path) -> None:
    assert read(tmp_path, RIGHT) == source.Source({}, ())


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        pytest.param("            scaler.unscale_(optimizer)\n", "", "clip-before-unscale", id="no-unscale"),
        pytest.param("dtype=torch.float16", "dtype=torch.bfloat16", "scaler-with-bf16", id="bf16-scaler"),
        pytest.param(".clamp(min=1)", "", "mask-sum-divisor", id="mask"),
        pytest.param("            optimizer.zero_grad()\n", "            optimizer.step()\n", "gradients-never-cleared", id="no-zero-grad"),
        pytest.param("        scaler = GradScaler()\n", "        scaler = GradScaler()\n        model.half()\n", "half-parameters-with-adam", id="half"),
        pytest.param(
            "        scaler = GradScaler()\n",
            "        scaler = GradScaler()\n        model.to(dtype=torch.float16)\n",
            "half-parameters-with-adam",
            id="to-half",
        ),
    ],
)
def test_one_thing_wrong(tmp_path: Path, old: str, new: str, kind: str) -> None:
    assert old in RIGHT
    assert kinds(tmp_path, RIGHT.replace(old, new)) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x.half()\nloss.backward()\ntorch.optim.AdamW(p)", id="half-of-an-input"),
        pytest.param("model.half()\ntorch.optim.AdamW(p, fused=True)\nloss.backward()\noptimizer.zero_grad()", id="fused"),
        pytest.param("model.half()\ntorch.optim.AdamW(p, eps=1e-6)\nloss.backward()\noptimizer.zero_grad()", id="eps"),
        pytest.param("import deepspeed\nengine.backward(loss)\noptimizer.step()", id="deepspeed-clears"),
        pytest.param("loss.backward()\noptimizer.step()\nfor p in ps: p.grad = None", id="cleared-by-hand"),
        pytest.param("accelerator.clip_grad_norm_(ps, 1)\nscaler = GradScaler()\nscaler.step(o)", id="accelerate-unscales"),
        pytest.param("with torch.autocast('cpu'): pass\np.add_argument('--dtype', default='bfloat16')", id="cpu-autocast"),
        pytest.param("with torch.autocast(**kw): pass\np.add_argument('--dtype', default='bfloat16')", id="unknown-arguments"),
        pytest.param("with autocast(): pass\np.add_argument('--dtype', default='float16')", id="fp16-declared"),
        pytest.param("x = mask.sum() / 2\ny = x / (mask.sum() + 1e-8)", id="guarded"),
    ],
)
def test_what_is_right_or_not_to_be_seen(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == source.Source({}, ())


@pytest.mark.parametrize("call", ["torch.cuda.amp.autocast()", "autocast()", "torch.autocast('cuda')", "torch.autocast(device_type=kind)"])
def test_bf16_declared_and_fp16_computed(tmp_path: Path, call: str) -> None:
    found = read(tmp_path, f"p.add_argument('--dtype', default='bfloat16')\nctx = nullcontext() if cpu else {call}\n").train
    assert found == {"declared_precision": Fact("bf16", f"{tmp_path}/t.py:1"), "precision": Fact("fp16", f"autocast without a dtype, {tmp_path}/t.py:2")}


def test_the_script_a_command_starts_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.py").write_text("loss = x.sum() / loss_mask.sum()\nraise SystemExit(1)\n")
    snapshot = training.snapshot((), ("python", "t.py", "--learning_rate", "1e-4"), (), str)
    assert snapshot.anomalies == (Anomaly("mask-sum-divisor", ("config",), "the loss is divided by `loss_mask.sum()`, which can be 0", "t.py:1"),)


def test_what_the_options_believe_is_kept_beside_what_the_loop_computes(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("output_dir: o\nbf16: true\n")
    (tmp_path / "t.py").write_text("dtype = 'bf16'\nwith autocast(): pass\n")
    train = training.snapshot((str(tmp_path / "c.yaml"),), (), (str(tmp_path / "t.py"),), str).train
    assert (train["precision"].value, train["declared_precision"]) == ("fp16", Fact("bf16", f"{tmp_path}/c.yaml:2"))


@pytest.mark.parametrize("text", ["def f(:\n", "x = \0", "print 1", "(" * 5000])
def test_no_python(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError):
        read(tmp_path, text)


def test_a_script_that_is_only_started_may_be_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.py").write_text("print 1\n")
    said: list[str] = []
    training.snapshot((), ("python", "t.py", "--fp16"), (), said.append)
    assert [one.partition(":")[0] for one in said] == ["t.py"]


PADDED = """
    tokenizer.pad_token = tokenizer.eos_token

    def encode(batch):
        found = tokenizer(batch["text"], truncation=True, padding="max_length")
        found["labels"] = found["input_ids"].copy()
        return found

    Trainer(model, args, train_dataset=data.map(encode))
"""
COLLATED = """
    tokenizer.pad_token = tokenizer.eos_token
    Trainer(model, args, train_dataset=data, data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False))
"""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param(PADDED, ["padding-in-labels"], id="padding"),
        pytest.param(PADDED.replace("return found", 'found["labels"][found["attention_mask"] == 0] = -100\n        return found'), [], id="masked"),
        pytest.param(PADDED.replace('found["input_ids"].copy()', "mask(found, IGNORE_INDEX)"), [], id="named"),
        pytest.param(PADDED.replace('padding="max_length"', "padding=False"), [], id="not-padded"),
        pytest.param(PADDED.replace("data.map(encode))", "data.map(encode), data_collator=DataCollatorForLanguageModeling(t))"), [], id="collator"),
        pytest.param(COLLATED, ["end-token-masked"], id="end"),
        pytest.param(COLLATED.replace("mlm=False", "mlm=True"), [], id="bert"),
        pytest.param(COLLATED.replace("tokenizer.eos_token", '"<pad>"'), [], id="own-token"),
        pytest.param(COLLATED + '    tokenizer.add_special_tokens({"pad_token": "<pad>"})\n', [], id="added"),
    ],
)
def test_labels(tmp_path: Path, text: str, kind: list[str]) -> None:
    assert kinds(tmp_path, text) == kind


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ('tokenizer.padding_side = "right"', "right"),
        ('tokenizer = AutoTokenizer.from_pretrained(name, padding_side="left")', "left"),
        ('a.padding_side = "right"\nb.padding_side = "left"', None),
        ("a.padding_side = side", None),
    ],
)
def test_padding_side(tmp_path: Path, text: str, side: str | None) -> None:
    fact = read(tmp_path, text).train.get("padding_side")
    assert (fact and fact.value) == side


FROZEN = """
    for p in model.vision_tower.parameters():
        p.requires_grad = False
    model.gradient_checkpointing_enable()
"""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        pytest.param(FROZEN, ["frozen-layers-reentrant"], id="frozen"),
        pytest.param(FROZEN.replace("p.requires_grad = False", "p.requires_grad_(False)"), ["frozen-layers-reentrant"], id="call"),
        pytest.param(
            FROZEN.replace("model.gradient_checkpointing_enable()", "TrainingArguments(o, gradient_checkpointing=True)"), ["frozen-layers-reentrant"], id="args"
        ),
        pytest.param(FROZEN.replace("enable()", 'enable({"use_reentrant": False})'), [], id="said"),
        pytest.param(FROZEN.replace("= False", "= True"), [], id="not-frozen"),
        pytest.param(FROZEN + "    model.enable_input_require_grads()\n", [], id="inputs"),
        pytest.param(FROZEN.replace("    model.gradient_checkpointing_enable()", "    model.train()"), [], id="no-checkpointing"),
    ],
)
def test_frozen_layers(tmp_path: Path, text: str, kind: list[str]) -> None:
    assert kinds(tmp_path, text) == kind
