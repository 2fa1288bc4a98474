"""Mutates real files and holds every reader of `envcheck.inputs` to its promise: an answer or `InputError`, soon and in little memory.

    python scripts/fuzz_readers.py --runs 20000 [--kind uv-lock] [--seed 1]

Each run takes one of the files in tests/raw for its kind, changes some of its bytes, lines or tokens, and reads it as that kind and
as what it looks like. The exit status is 1 where a reader raised something else, took longer than two seconds of processor
time, or the process grew over 500 MB.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Callable, Dict, List, Sequence

from envcheck.errors import InputError
from envcheck.facts import tables
from envcheck.inputs import kinds
from envcheck.inputs.choice import Choice
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.marking import Markers

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 2.0
MEGABYTES = 500
HOSTILE = (
    *(
        "",
        "\0",
        "\n",
        "\\",
        "\\\n",
        '"',
        "'",
        '"""',
        "[",
        "]",
        "[[",
        "{",
        "}",
        "(",
        ")",
        "=",
        "==",
        "===",
        "#",
        ";",
        ",",
        ":",
        "- ",
        "\t",
        "$",
        "${",
        "$(",
        "`",
        "<<EOF",
    ),
    *(
        "@",
        "@ file:",
        "git+",
        "-r ",
        "-c ",
        "--",
        "&&",
        "||",
        "|",
        "*",
        "~",
        "^",
        "!",
        "..",
        "../",
        "/",
        "\u202e",
        "\ud7ff",
        "é",
        "𝟙",
        "9" * 5000,
        "[" * 3000,
        "(" * 3000,
    ),
    *(
        "1e999",
        "-0",
        "null",
        "None",
        "true",
        "NaN",
        "{{ x }}",
        "&a [*a]",
        "*a",
        "!!python/object:os.system",
        "\x1b[31m",
        "[[package]]\n",
        "[package.source]\n",
        "FROM x\n",
    ),
    *(
        'marker = "',
        " and ".join(["python_version > '3'"] * 300),
        "extra == ''",
        ">=1,<0",
        "==1.*.*",
        "===",
        "~=1",
        "%2B",
        "#egg=",
        "name = 1\n",
        "version = []\n",
        "dependencies = 3\n",
    ),
)


def samples() -> Dict[str, List[str]]:
    """Kind -> texts of the files that the tests read."""
    found: Dict[str, List[str]] = {}
    for path in sorted((ROOT / "tests" / "raw").rglob("*")):
        if path.is_file() and path.parent.name != "training":
            text = path.read_text(encoding="utf-8")
            found.setdefault(kinds.kind_of(text, path.name) or "requirements", []).append(text)
    found.setdefault("snapshot", []).append('{"packages": {"torch": "2.1.2"}, "gpus": [{"name": "A800", "count": 8}], "train": {"precision": "bf16"}}')
    found.setdefault("pip-freeze", []).append("MarkupSafe==3.0.2\nmpmath==1.3.0\ntorch @ https://index.example/torch-2.1.2-cp310-cp310-linux_x86_64.whl\n")
    return found


def mutated(text: str, others: Sequence[str], random_: random.Random) -> str:
    """`text` with one to six changes."""
    for _ in range(random_.randint(1, 6)):
        text = random_.choice(CHANGES)(text, others, random_)
    return text


def _insert(text: str, others: Sequence[str], random_: random.Random) -> str:
    at = random_.randint(0, len(text))
    return text[:at] + random_.choice(HOSTILE) + text[at:]


def _replace(text: str, others: Sequence[str], random_: random.Random) -> str:
    at, length = random_.randint(0, len(text)), random_.choice((1, 1, 2, 10, 100))
    return text[:at] + random_.choice(HOSTILE) + text[at + length :]


def _cut(text: str, others: Sequence[str], random_: random.Random) -> str:
    at, length = random_.randint(0, len(text)), random_.choice((1, 3, 30, 300))
    return text[:at] + text[at + length :]


def _end(text: str, others: Sequence[str], random_: random.Random) -> str:
    return text[: random_.randint(0, len(text))]


def _lines(text: str, others: Sequence[str], random_: random.Random) -> str:
    """Lines dropped, doubled and put elsewhere."""
    lines = text.split("\n")
    taken = lines.pop(random_.randrange(len(lines)))
    for _ in range(random_.choice((0, 1, 1, 2, 50))):
        lines.insert(random_.randint(0, len(lines)), taken)
    return "\n".join(lines)


def _splice(text: str, others: Sequence[str], random_: random.Random) -> str:
    other = random_.choice(others)
    return text[: random_.randint(0, len(text))] + other[random_.randint(0, len(other)) :]


CHANGES: Sequence[Callable[[str, Sequence[str], random.Random], str]] = (_insert, _replace, _cut, _end, _lines, _splice)


def attempt(text: str, kind: str, rows: Dict[str, object]) -> str:
    """Read a text as a kind; what went wrong, or an empty text."""
    talk: List[str] = []
    gathered = Gathered(Markers({"python": "3.11"}, talk.append), talk.append, Choice(("dev",), False, ("new",)), rows.get)
    began = time.process_time()
    try:
        kinds.reader(kind)(text, kind, gathered)
        gathered.markers.say()
        gathered.snapshot()
        kinds.kind_of(text, kind)
    except InputError:
        pass
    except Exception:  # noqa: BLE001 - that is what is looked for
        return traceback.format_exc()
    spent = time.process_time() - began
    return f"took {spent:.1f} s" if spent > SECONDS else ""


def run(kind: str, texts: Sequence[str], runs: int, random_: random.Random, rows: Dict[str, object]) -> int:
    """The number of failures, each of them printed with the text that led to it."""
    failures = 0
    others = [text for one in samples().values() for text in one]
    for number in range(runs):
        text = mutated(random_.choice(texts), others, random_)
        wrong = attempt(text, kind, rows)
        if wrong:
            failures += 1
            print(f"{kind} run {number}: {wrong}\n{text[:2000]!r}\n")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=20_000, help="mutated inputs for each reader")
    parser.add_argument("--kind", action="append", choices=list(kinds.KINDS), help="only this reader")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    os.chdir(ROOT / "tests" / "raw" / "inputs" / "images")
    rows: Dict[str, object] = dict(tables.load([ROOT / "matrices" / "facts" / "images.yaml"]))
    failures = 0
    for kind, texts in samples().items():
        if chosen.kind and kind not in chosen.kind:
            continue
        began = time.time()
        found = run(kind, texts, chosen.runs, random.Random(f"{chosen.seed} {kind}"), rows)
        print(f"{kind}: {chosen.runs} runs, {found} failures, {time.time() - began:.0f} s", flush=True)
        failures += found
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)
    print(f"peak memory {peak} MB")
    return int(failures > 0 or peak > MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
