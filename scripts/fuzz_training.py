"""Mutates real training configs, scripts and saved arguments and reads them: nothing but `InputError` may come out, soon and in little memory.

usage: python scripts/fuzz_training.py [--inputs 20000] [--seed 0]
"""

from __future__ import annotations

import argparse
import pickle
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from envcheck import training
from envcheck.errors import InputError
from envcheck.training import source

RAW = Path(__file__).parents[1] / "tests" / "raw" / "training"
PYTHON = b"with autocast():\n    loss = x / loss_mask.sum()\nscaler = GradScaler()\nscaler.step(opt)\np.add_argument('--dtype', default='bfloat16')\n"
PRINTED = b"TrainingArguments(\nbf16=True,\nfsdp=[],\noptim=OptimizerNames.ADAMW_TORCH,\noutput_dir='x',\n)\n"
TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"'",
    b"\\\n",
    b"$(",
    b"${",
    b"))",
    b"&a",
    b"*a",
    b": ",
    b"\n",
    b"auto",
    b"null",
    b"1e999",
    b"--",
    b"=",
    b"\x00",
    b"\xff",
    b"<<EOF",
)
SLOW_SECONDS = 2.0


def seeds() -> list[bytes]:
    found = [path.read_bytes() for path in sorted(RAW.iterdir()) if path.is_file()]
    saved = [pickle.dumps({"output_dir": "o", "learning_rate": 1e-4, "bf16": True, "kwargs": {"a": [1, (2, None)]}}, protocol) for protocol in (2, 4, 5)]
    return [*found, *saved, PYTHON, PRINTED]


def mutated(data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 6)):
        at, to = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
        kind = rng.randrange(6)
        if kind == 0:
            data = data[:at] + data[to:]
        elif kind == 1:
            data = data[:at] + data[at:to] * rng.randint(2, 4) + data[to:]
        elif kind == 2:
            data = data[:at] + rng.choice(TOKENS) * rng.choice((1, 1, 2, 500)) + data[at:]
        elif kind == 3:
            other = rng.choice(others)
            data = data[:at] + other[: rng.randint(0, len(other))] + data[to:]
        elif kind == 4 and data:
            data = data[: at - 1] + bytes((rng.randrange(256),)) + data[at:]
        else:
            data = data[:to]
    return data[: 1 << 20]


def run(inputs: int, seed: int) -> int:
    rng, start = random.Random(seed), time.perf_counter()
    originals = seeds()
    slowest, refused = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c"
        for number in range(inputs):
            data = mutated(rng.choice(originals), originals, rng)
            path.write_bytes(data)
            for read in (lambda name: training.picture([name]), source.read):
                begin = time.perf_counter()
                try:
                    read(str(path))
                except InputError:
                    refused += 1
                except BaseException:
                    sys.stderr.write(f"input {number} of seed {seed}: {data!r}\n")
                    raise
                slowest = max(slowest, time.perf_counter() - begin)
                if slowest > SLOW_SECONDS:
                    sys.stderr.write(f"input {number} of seed {seed} took {slowest:.1f} s: {data[:2000]!r}\n")
                    return 1
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    sys.stdout.write(f"{inputs} inputs, {refused} refusals, slowest {slowest:.3f} s, {memory} MiB, {time.perf_counter() - start:.0f} s\n")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.exit(run(given.inputs, given.seed))
