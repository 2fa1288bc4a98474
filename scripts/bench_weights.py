"""Times `envcheck weights` side by side with reading and summing the same bytes, and with torch's own way.

    python scripts/bench_weights.py --into FOLDER --gib 4 --rounds 5

A sharded bfloat16 checkpoint is made in FOLDER (kept for the next run). Whole processes, which take turns; ratios are taken within a
round. Each has read the files once before, so that the disk is not what is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List, Tuple

SHARD_GIB = 1
_SUM = """
import sys, numpy
buffer = bytearray(1 << 20)
total = 0
for path in sys.argv[1:]:
    with open(path, "rb", buffering=0) as stream:
        while taken := stream.readinto(buffer):
            total += int(numpy.frombuffer(buffer, "<u8", taken // 8).sum(dtype="u8"))
"""
_TORCH = """
import sys, torch
from safetensors.torch import load_file
for path in sys.argv[1:]:
    for name, weight in load_file(path).items():
        if torch.isnan(weight).any() or torch.isinf(weight).any():
            print(name)
"""
_WHOLE = """
import sys, torch
from safetensors.torch import load_file
state = {}
for path in sys.argv[1:]:
    state.update(load_file(path))
for name, weight in state.items():
    if torch.isnan(weight).any() or torch.isinf(weight).any():
        print(name)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--into", required=True, metavar="FOLDER", type=Path, help="where the checkpoint is made")
    parser.add_argument("--gib", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--make", action="store_true", help="only make the checkpoint")
    chosen = parser.parse_args()
    if chosen.make:
        make(chosen.into, chosen.gib)
        return 0
    # In a process of its own: what this one once held would count as the peak of every child.
    subprocess.run([sys.executable, __file__, "--make", "--into", str(chosen.into), "--gib", str(chosen.gib)], check=True)
    shards = [str(path) for path in sorted(chosen.into.glob("*.safetensors"))]
    commands = {
        "read and sum": [sys.executable, "-c", _SUM, *shards],
        "`envcheck weights`": [sys.executable, "-m", "envcheck", "weights", str(chosen.into)],
        "torch, shard by shard": [sys.executable, "-c", _TORCH, *shards],
        "torch, whole": [sys.executable, "-c", _WHOLE, *shards],
    }
    show(compare(commands, chosen.rounds), sum(os.path.getsize(path) for path in shards))
    return 0


def make(folder: Path, gib: int) -> None:
    """A checkpoint of layers with a matrix of 64 MiB and a norm each, and its index."""
    import numpy

    if (folder / "model.safetensors.index.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(0)
    weight_map: Dict[str, str] = {}
    for shard in range(gib // SHARD_GIB):
        name = f"model-{shard + 1:05d}-of-{gib // SHARD_GIB:05d}.safetensors"
        names = [f"model.layers.{shard * 16 + number}.mlp.down_proj.weight" for number in range(16)]
        write(folder / name, names, random)
        weight_map.update(dict.fromkeys(names, name))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def write(path: Path, names: List[str], random: object) -> None:
    """One shard, values normally distributed."""
    import numpy

    size = 1 << 26
    header: Dict[str, object] = {name: {"dtype": "BF16", "shape": [8192, 4096], "data_offsets": [at * size, (at + 1) * size]} for at, name in enumerate(names)}
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    with path.open("wb") as stream:
        stream.write(len(raw).to_bytes(8, "little") + raw)
        for _ in names:
            values = random.standard_normal(size // 2, dtype="f4") * numpy.float32(0.02)  # type: ignore[attr-defined]
            stream.write((values.view("u4") >> 16).astype("u2").tobytes())


def compare(commands: Dict[str, List[str]], rounds: int) -> Dict[str, List[Tuple[float, float]]]:
    """Seconds and peak MiB of each command in each round; the first round only warms the page cache."""
    taken: Dict[str, List[Tuple[float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            one = once(command)
            if number:
                taken[name].append(one)
    return taken


def once(command: List[str]) -> Tuple[float, float]:
    """Seconds and peak MiB of one process."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[:4]} ended with {process.returncode}")
    return seconds, peak(usage)


def peak(usage: resource.struct_rusage) -> float:
    """MiB; Linux counts in KiB, macOS in bytes."""
    return usage.ru_maxrss / (1 << 10 if sys.platform != "darwin" else 1 << 20)


def show(taken: Dict[str, List[Tuple[float, float]]], nbytes: int) -> None:
    base = taken["read and sum"]
    print("| command | median s | GB/s | x read and sum | peak MiB |\n|---|---|---|---|---|")
    for name, rows in taken.items():
        seconds = statistics.median(row[0] for row in rows)
        ratio = statistics.median(read[0] / row[0] for read, row in zip(base, rows))
        print(f"| {name} | {seconds:.2f} | {nbytes / seconds / 1e9:.2f} | {ratio:.2f} | {max(row[1] for row in rows):.0f} |")


if __name__ == "__main__":
    sys.exit(main())
