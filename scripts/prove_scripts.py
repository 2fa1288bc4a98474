"""Runs small training scripts under releases of transformers: does what is said of their overrides and imports come true?

    python scripts/prove_scripts.py --python ENV/bin/python [--markdown] 4.45.2 4.46.3 4.47.1

ENV is a throwaway environment with torch and accelerate; each release of transformers is installed into it in turn.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Tuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from envcheck import training  # noqa: E402
from envcheck.api import Checker  # noqa: E402
from envcheck.model import Fact, Snapshot  # noqa: E402

METHODS: Dict[str, str] = {
    "compute_loss": "def compute_loss(self, model, inputs, return_outputs=False): return model(**inputs)['loss']",
    "compute_loss, open": "def compute_loss(self, model, inputs, return_outputs=False, **more): return model(**inputs)['loss']",
    "training_step": "def training_step(self, model, inputs): return super().training_step(model, inputs)",
    "log": "def log(self, logs): super().log(logs)",
    "log, passed on": "def log(self, logs, start_time=None): super().log(logs, start_time)",
    "get_batch_samples": "def get_batch_samples(self, iterator, count): return super().get_batch_samples(iterator, count)",
    "_get_train_sampler": "def _get_train_sampler(self): return torch.utils.data.SequentialSampler(self.train_dataset)",
    "_save_checkpoint, passed on": "def _save_checkpoint(self, model, trial, metrics=None): super()._save_checkpoint(model, trial, metrics)",
}
"""What a trainer of the script's own has."""
IMPORTS = ("AdamW", "EncoderDecoderCache", "Qwen2VLConfig", "Qwen2_5_VLConfig", "HybridCache", "BeamScorer", "top_k_top_p_filtering", "TrainingArguments")
"""What a script takes from transformers."""

TRAINER = """
import tempfile
import torch
from transformers import Trainer, TrainingArguments

class Numbers(torch.utils.data.Dataset):
    def __len__(self): return 8
    def __getitem__(self, index): return {"x": torch.ones(2), "labels": torch.ones(1)}

class Line(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(2, 1)
    def forward(self, x, labels=None):
        return {"loss": ((self.line(x) - labels) ** 2).mean()}

class Mine(Trainer):
    METHOD

settings = TrainingArguments(tempfile.mkdtemp(), max_steps=2, logging_steps=1, save_steps=1, report_to=[], use_cpu=True, disable_tqdm=True)
Mine(model=Line(), args=settings, train_dataset=Numbers()).train()
"""


def scripts() -> Dict[str, str]:
    """Name -> source of each script."""
    named = {name: TRAINER.replace("METHOD", method) for name, method in METHODS.items()}
    return {**named, **{f"import {name}": f"from transformers import {name}\n" for name in IMPORTS}}


def said(script: Path, version: str, checker: Checker) -> str:
    """The rule that speaks of a script under a release; nothing where none does."""
    read = training.snapshot([], [], [str(script)], lambda message: None)
    report = checker.report(Snapshot(packages={"transformers": Fact(version, "installed")}, train=read.train))
    ids = [one.id for one in report.findings if one.id in ("override-too-narrow", "argument-not-taken", "script-name-missing")]
    return ", ".join(ids)


def ran(script: Path, python: str) -> str:
    """The last line of the traceback of a run; nothing where it succeeds."""
    done = subprocess.run([python, "-W", "ignore", str(script)], check=False, capture_output=True, text=True, timeout=300)
    last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return last.partition(" (/")[0] if done.returncode else ""


def proven(version: str, python: str, checker: Checker) -> List[Tuple[str, str, str, bool]]:
    """(script, what was said, what came, whether both agree) of one release."""
    subprocess.run([python, "-m", "pip", "install", "-q", f"transformers=={version}"], check=True, capture_output=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in scripts().items():
            script = Path(folder) / "train.py"
            script.write_text(text, encoding="utf-8")
            told, came = said(script, version, checker), ran(script, python)
            kind = "ImportError" if name.startswith("import ") else "TypeError"
            rows.append((name, told, came, came.startswith(kind) if told else not came))
    return rows


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", required=True)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("releases", nargs="+")
    given = parser.parse_args()
    checker, total, right = Checker(rules_only=True), 0, 0
    for version in given.releases:
        for name, told, came, agrees in proven(version, given.python, checker):
            total, right = total + 1, right + agrees
            cells = (version, name, told or "nothing", came[:110] or "runs", "yes" if agrees else "NO")
            sys.stdout.write(("| " + " | ".join(cells) + " |" if given.markdown else "  ".join(cells)) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{right} of {total} predictions came true\n")
    return int(right < total)


if __name__ == "__main__":
    sys.exit(main())
