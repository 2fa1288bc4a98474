"""Trainers that a script derives from transformers' own: what they override too narrowly, and what they pass on."""

from __future__ import annotations

from pathlib import Path

import pytest
from build import snap

from envcheck import training
from envcheck.api import Checker
from envcheck.rules import argument, override

TABLES = Checker().tables()
HEAD = "from transformers import Trainer\nclass Mine(Trainer):\n"


def written(folder: Path, text: str) -> list[str]:
    script = folder / "t.py"
    script.write_text(text)
    fact = training.snapshot([], [], [str(script)], lambda message: None).train.get("arguments")
    return str(fact.value).split() if fact else []


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("def compute_loss(self, model, inputs, return_outputs=False): ...", ["Trainer.compute_loss-num_items_in_batch"]),
        ("def compute_loss(self, model, inputs, return_outputs=False, *rest): ...", ["Trainer.compute_loss-num_items_in_batch"]),
        ("def compute_loss(self, model, inputs, return_outputs=False, **more): ...", []),
        ("def compute_loss(self, model, inputs, *, num_items_in_batch=None): ...", []),
        ("def training_step(self, model, inputs): ...", ["Trainer.training_step-num_items_in_batch"]),
        ("def training_step(self, model, inputs, n=None): ...", []),
        ("def training_step(self, *args, **kwargs): ...", []),
        ("def log(self, logs): ...", ["Trainer.log-start_time"]),
        ("def _get_train_sampler(self): ...", ["Trainer._get_train_sampler-train_dataset"]),
        ("@staticmethod\n    def log(logs): ...", []),
        ("def compute_metrics(self): ...", []),
        ("def _save_checkpoint(self, model, trial, metrics=None): super()._save_checkpoint(model, trial, metrics)",
         ["Trainer._save_checkpoint.metrics", "Trainer._save_checkpoint.model", "Trainer._save_checkpoint.trial"]),
        ("def log(self, logs, start_time=None): super(Mine, self).log(logs, start_time)", ["Trainer.log.logs", "Trainer.log.start_time"]),
        ("def log(self, logs, t=None):\n        if NEW_VERSION: super().log(logs, t)\n        else: super().log(logs)", []),
        ("def log(self, *args): super().log(*args)", []),
        ("def __init__(self, tokenizer): super().__init__(tokenizer=tokenizer)", ["Trainer.tokenizer"]),
    ],
)  # fmt: skip
def test_one_method(tmp_path: Path, method: str, words: list[str]) -> None:
    assert written(tmp_path, f"{HEAD}    {method}\n") == words


def test_only_what_is_derived_from_a_trainer_counts(tmp_path: Path) -> None:
    narrow = "(self, model, inputs): ...\n"
    assert written(tmp_path, f"from mine import Trainer\nclass A(Trainer):\n    def training_step{narrow}") == []
    assert written(tmp_path, f"class A:\n    def training_step{narrow}") == []
    further = f"import trl\nclass A(trl.SFTTrainer): pass\nclass B(A):\n    def training_step{narrow}\nB(tokenizer=t)\n"
    assert written(tmp_path, further) == ["SFTTrainer.tokenizer", "Trainer.training_step-num_items_in_batch"]


def test_a_trainer_that_calls_its_method_itself_is_left_alone(tmp_path: Path) -> None:
    narrow = f"{HEAD}    def _get_train_sampler(self): ...\n"
    assert written(tmp_path, f"{narrow}    def get_train_dataloader(self): return make(self._get_train_sampler())\n") == []
    assert written(tmp_path, f"{narrow}    def get_train_dataloader(self): return super().get_train_dataloader()\n") != []


def test_what_a_class_between_them_or_a_trainer_of_trl_calls_itself_is_left_alone(tmp_path: Path) -> None:
    between = f"{HEAD}    def training_step(self, model, inputs, n=None): return self.compute_loss(model, inputs)\n"
    assert written(tmp_path, f"{between}class Further(Mine):\n    def compute_loss(self, model, inputs): ...\n") == []
    own = "from trl import GRPOTrainer\nclass Mine(GRPOTrainer):\n"
    assert written(tmp_path, f"{own}    def _get_train_sampler(self): ...\n") == []
    assert written(tmp_path, f"{own}    def log(self, logs): ...\n") == ["Trainer.log-start_time"]


def test_a_trainer_in_another_file_counts_where_it_is_made_use_of(tmp_path: Path) -> None:
    (tmp_path / "part.py").write_text(f"{HEAD}    def log(self, logs): ...\nclass Other(Mine): ...\n")
    assert written(tmp_path, "from part import Mine\n") == []
    assert written(tmp_path, "from part import Mine\nclass Further(Mine): ...\n") == []
    assert written(tmp_path, "from part import Mine\nkind = Mine\n") == ["Trainer.log-start_time"]
    assert written(tmp_path, "import part\npart.Other(model=m)\n") == ["Trainer.log-start_time"]


def test_the_files_that_a_script_imports_are_read_too(tmp_path: Path) -> None:
    package = tmp_path / "llava" / "train"
    package.mkdir(parents=True)
    (tmp_path / "llava" / "__init__.py").write_text("")
    (package / "__init__.py").write_text("from .trainer import Mine\nfrom . import train\nimport nowhere\n")
    (package / "trainer.py").write_text(f"{HEAD}    def _get_train_sampler(self): ...\n")
    (package / "train.py").write_text("import llava.train.broken\nfrom ...above import x\n")
    (package / "broken.py").write_text("def (")
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "run.py").write_text("from llava.train import Mine\nMine()\n")
    script = str(tmp_path / "start" / "run.py")
    fact = training.snapshot([], [], [script], lambda message: None).train["arguments"]
    assert fact.value == "Trainer._get_train_sampler-train_dataset"
    assert fact.origin.endswith("trainer.py")


@pytest.mark.parametrize(
    ("word", "fits", "fails"),
    [
        ("Trainer.compute_loss-num_items_in_batch", ("4.45.2", "4.47.0", "4.48.2"), ("4.46.0", "4.46.3", "4.47.1", "4.48.3", "5.23.0")),
        ("Trainer.training_step-num_items_in_batch", ("4.45.2",), ("4.46.0", "4.47.0", "5.0.0")),
        ("Trainer.log-start_time", ("4.46.3",), ("4.47.0",)),
        ("Trainer._get_train_sampler-train_dataset", ("4.51.3",), ("4.52.0", "4.57.6")),
    ],
)
def test_the_release_decides(word: str, fits: tuple[str, ...], fails: tuple[str, ...]) -> None:
    def told(version: str) -> list[str]:
        return [one.title for one in override.find(snap(packages={"transformers": version}, train={"arguments": word}), TABLES)]

    assert [told(version) for version in fits] == [[] for _ in fits]
    method, _, name = word.partition("-")
    begins = [f"transformers {version} passes `{name}` to {method.rpartition('.')[2]}, and" for version in fails]
    assert [told(version)[0][: len(begin)] for version, begin in zip(fails, begins)] == begins


def test_what_is_passed_on_to_a_release_that_does_not_take_it() -> None:
    def told(word: str, version: str) -> int:
        return len(argument.find(snap(packages={"transformers": version}, train={"arguments": word}), TABLES))

    assert [told("Trainer._save_checkpoint.metrics", version) for version in ("4.46.3", "4.47.0")] == [0, 1]
    assert [told("Trainer.compute_loss.num_items_in_batch", version) for version in ("4.45.2", "4.46.0")] == [1, 0]


def test_both_rules_speak_of_one_script() -> None:
    both = snap(packages={"transformers": "5.0.0"}, train={"arguments": "Trainer.tokenizer Trainer.log-start_time"})
    assert {"argument-not-taken", "override-too-narrow"} <= {one.id for one in Checker().report(both).findings}
