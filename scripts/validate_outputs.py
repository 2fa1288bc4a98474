"""Makes real reports in every format and gives each to a tool that reads it, or to its official schema; prints a table.

    python scripts/validate_outputs.py --into FOLDER [--no-network]

FOLDER gets a virtual environment with the consumers (kept for the next run) and everything that is written. The reports are one of a bad
environment, of a published one, of one that leaves something open, and of an entry that is hostile to every format, in a file whose name is too.
`--no-network` leaves out what needs a package index: resolving under a constraints file and a pre-commit hook's own environment.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parent.parent
CONSUMERS = ("sarif-tools", "pydantic-sarif", "junitparser", "jsonschema", "check-jsonschema", "markdown-it-py", "pre-commit", "uv")
NUMPY = "numpy-2-torch-before-2.3"
"""The entry that the bad environment is told by."""
HOSTILE = "::error::x %0A ##[group] <script>alert(1)</script> <img src=x onerror=y> | `a` ]]> &amp; \\u0001\\e[31m\\u202e @all =cmd() [b](javascript:c)"
ENTRY = f"""id: hostile
kind: bad
severity: error
title: "{HOSTILE}"
culprit: [hostile-package]
when: {{hostile-package: "==1.0.0"}}
cause: "{HOSTILE}"
fix:
  - do: "{HOSTILE}"
evidence:
  level: maintainer
  reviewed: 2026-11-22
  links: ["https://index.example/1"]
examples:
  hit: [{{packages: {{hostile-package: "1.0.0"}}}}]
  miss: [{{packages: {{hostile-package: "2.0.0"}}}}]
  unknown: [{{packages: {{other-package: "1.0.0"}}}}]
"""
FILES = {
    "bad.txt": "torch==2.2.0\nnumpy==2.0.0\n",
    "good.json": """{"python": "3.10.14", "complete": true, "packages":
  {"torch": "2.5.1", "transformers": "4.48.2", "deepspeed": "0.16.3", "flash-attn": "2.7.0.post2", "vllm": "0.7.2"}}\n""",
    "open.txt": "torch>=2.0\nnumpy\ndeepspeed>=0.12\n",
    "-h %0A::error:: ##[group]<b>'\",.txt": "hostile-package==1.0.0\n",
}
SUFFIXES = {"sarif": "sarif", "junit": "xml", "json": "jsonl", "csv": "csv", "markdown": "md", "github": "log", "gitlab": "json", "text": "txt"}

# What follows runs in the environment with the consumers: the reader gets the file as its argument, and what it prints is the table's last column.
READERS: Dict[str, Sequence[str]] = {
    "docs/report.schema.json": (
        "json",
        """import json, jsonschema
schema = json.load(open(sys.argv[2]))
jsonschema.Draft202012Validator.check_schema(schema)
rows = [json.loads(line) for line in text.splitlines()]
[jsonschema.Draft202012Validator(schema).validate(row) for row in rows]
print(len(rows), "reports")""",
    ),
    "pydantic-sarif (the official schema)": (
        "sarif",
        """from pydantic_sarif.model import StaticAnalysisResultsFormatSarifVersion210JsonSchema as Log
log = Log.model_validate_json(text)
print(len(log.runs), "runs,", sum(len(run.results or ()) for run in log.runs), "results")""",
    ),
    "sarif-tools": (
        "sarif",
        """from sarif import loader
log = loader.load_sarif_file(sys.argv[1])
print(len(log.get_records()), "records,", log.get_report().get_issue_count_for_severity("error"), "of them errors")""",
    ),
    "junitparser": (
        "junit",
        """from junitparser import Failure, JUnitXml, Skipped
xml = JUnitXml.fromfile(sys.argv[1])
for suite in xml:
    cases = list(suite)
    kinds = [[type(one) for one in case.result] for case in cases]
    failed, skipped = sum(Failure in one for one in kinds), sum(Skipped in one for one in kinds)
    assert (suite.tests, suite.failures, suite.skipped) == (len(cases), failed, skipped), suite.name
print(len(list(xml)), "suites, their sums hold")""",
    ),
    "markdown-it-py": (
        "markdown",
        """import re
from markdown_it import MarkdownIt
tokens = MarkdownIt("commonmark").enable("table").parse(text)
inner = [one for token in tokens for one in (token.children or [token])]
raw = [one.content for one in inner if one.type in ("html_inline", "html_block") and not one.content.startswith("<!--")]
links = [one.attrs["href"] for one in inner if one.type == "link_open"]
tags = {tag.lower() for one in raw for tag in re.findall(r"<[/!]?([A-Za-z][^\\s/>]*)", one)}
assert tags <= {"br", "details", "summary", "sub", "code"}, tags
assert all(one.startswith("https://") for one in links), links
print(sum(token.type == "tr_open" for token in tokens), "rows of tables,", len(links), "links")""",
    ),
    "the csv module": (
        "csv",
        """import csv
rows = list(csv.reader(text.splitlines(True), strict=True))
assert {len(row) for row in rows} == {len(rows[0])} and not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@")]
print(len(rows) - 1, "rows, no formula")""",
    ),
    "GitHub's documented workflow commands": (
        "github",
        """import re
lines = text.split("\\n")
commands = [line for line in lines if line.startswith("::")]
wrong = [line for line in commands if not re.fullmatch(r"::(error|warning|notice)( [a-zA-Z]+=[^:,]*(,[a-zA-Z]+=[^:,]*)*)?::.*", line)]
assert not wrong and sum(map(len, commands)) and not [line for line in lines if line.strip().startswith("::") and line not in commands], wrong
assert not [line for line in lines if line not in commands and "##[" in line], "a command of the older form"
print(len(commands), "commands")""",
    ),
    "GitLab's documented Code Quality fields": (
        "gitlab",
        """import json
rows = json.loads(text)
for row in rows:
    assert row["description"] and row["check_name"] and row["severity"] in ("info", "minor", "major", "critical", "blocker"), row
    assert row["location"]["path"] and row["location"]["lines"]["begin"] >= 1, row
assert not text.startswith("\\ufeff") and len({row["fingerprint"] for row in rows}) == len(rows)
print(len(rows), "issues, each with its own fingerprint")""",
    ),
}


class Proof(NamedTuple):
    """One row of the table."""

    what: str
    consumer: str
    passed: bool
    said: str


class Bench(NamedTuple):
    """Where the consumers are and where files are written."""

    folder: Path

    def tool(self, name: str) -> str:
        return str(self.folder / "consumers" / "bin" / name)

    def run(self, command: Sequence[str], where: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)

    def proof(self, what: str, consumer: str, command: Sequence[str], where: Path, said: str = "") -> Proof:
        """Whether a command succeeds; `said` where what it prints is of no use."""
        done = self.run(command, where)
        last = (done.stdout if done.returncode == 0 else done.stdout + done.stderr).strip().splitlines()[-1:] or [""]
        return Proof(what, consumer, done.returncode == 0, said if done.returncode == 0 and said else last[0])


def install(bench: Bench) -> None:
    bench.folder.mkdir(parents=True, exist_ok=True)
    if not Path(bench.tool("python")).exists():
        subprocess.run([sys.executable, "-m", "venv", str(bench.folder / "consumers")], check=True)
    subprocess.run([bench.tool("python"), "-m", "pip", "install", "--quiet", *CONSUMERS], check=True, stderr=subprocess.DEVNULL)


def envcheck(*arguments: str) -> List[str]:
    return [sys.executable, "-m", "envcheck", *arguments]


def reports(bench: Bench) -> Path:
    """A folder with the reports of all files in every format."""
    folder = bench.folder / "reports"
    (folder / "entries").mkdir(parents=True, exist_ok=True)
    (folder / "entries" / "hostile.yaml").write_text(ENTRY, encoding="utf-8")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    outputs = [f"--output={name}=all.{suffix}" for name, suffix in SUFFIXES.items()]
    options = ("--no-config", "--python-version", "3.10", "--platform", "linux", "--matrix", "entries", "--each")
    done = bench.run(envcheck("check", *options, *outputs, *("./" + name for name in FILES)), folder)
    if done.returncode != 1:
        sys.exit(f"envcheck check: exit status {done.returncode}\n{done.stderr}")
    return folder


def read(bench: Bench) -> Iterator[Proof]:
    folder = reports(bench)
    rows = [json.loads(line) for line in (folder / "all.jsonl").read_text(encoding="utf-8").splitlines()]
    ids = [[one["id"] for one in row["findings"]] for row in rows]
    kinds = [row["verdict"] for row in rows]
    fits = kinds[:2] == ["bad", "known-good"] and kinds[3] == "bad" and NUMPY in ids[0] and "hostile" in ids[3] and bool(rows[2]["undecided"] or ids[2])
    yield Proof("the reports", "are what they should be", fits, ", ".join(kinds))
    for consumer, (name, code) in READERS.items():
        head = "import sys\ntext = open(sys.argv[1], encoding='utf-8', newline='').read()\n"
        path = f"all.{SUFFIXES[name]}"
        yield bench.proof(name, consumer, [bench.tool("python"), "-c", head + code, path, str(ROOT / "docs" / "report.schema.json")], folder)


def integrations(bench: Bench) -> Iterator[Proof]:
    schema = (bench.tool("check-jsonschema"), "--builtin-schema")
    yield bench.proof("action.yml", "check-jsonschema, GitHub's schema", [*schema, "vendor.github-actions", "action.yml"], ROOT)
    gitlab = [*schema, "vendor.gitlab-ci", "--data-transform", "gitlab-ci", "docs/ci/gitlab.yml"]
    yield bench.proof("docs/ci/gitlab.yml", "check-jsonschema, GitLab's schema", gitlab, ROOT)
    manifest = [bench.tool("pre-commit"), "validate-manifest", ".pre-commit-hooks.yaml"]
    yield bench.proof(".pre-commit-hooks.yaml", "pre-commit validate-manifest", manifest, ROOT, "valid")


def constraints(bench: Bench) -> Iterator[Proof]:
    folder = bench.folder / "constraints"
    folder.mkdir(exist_ok=True)
    made = bench.run(envcheck("constraints", "--gpu", "A100", "--python-version", "3.11", "-o", "known-bad.txt"), folder)
    if made.returncode != 0:
        yield Proof("constraints", "envcheck constraints", False, made.stderr.strip())
        return
    (folder / "in.txt").write_text("transformers\ndeepspeed\nnumpy\n", encoding="utf-8")
    compile_ = [bench.tool("uv"), "pip", "compile", "--quiet", "--python-version", "3.11", "--no-deps", "-c", "known-bad.txt", "in.txt", "-o", "out.txt"]
    yield bench.proof("constraints", "uv pip compile -c", compile_, folder, f"{len((folder / 'known-bad.txt').read_text().splitlines())} lines taken")


def hook(bench: Bench) -> Iterator[Proof]:
    """The hook as `pre-commit` builds and runs it: it must fail on the bad file, and name the entry."""
    folder = bench.folder / "hooked"
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text(FILES["bad.txt"], encoding="utf-8")
    for command in (("git", "init", "-q"), ("git", "add", "requirements.txt")):
        bench.run(command, folder)
    done = bench.run((bench.tool("pre-commit"), "try-repo", str(ROOT), "envcheck", "--all-files"), folder)
    wanted = done.returncode == 1 and f"[{NUMPY}]" in done.stdout
    yield Proof(
        "the hook `envcheck`", "pre-commit try-repo", wanted, f"fails on requirements.txt with {NUMPY}" if wanted else done.stdout[-300:] + done.stderr[-300:]
    )


OFFLINE: Sequence[Callable[[Bench], Iterator[Proof]]] = (read, integrations)
ONLINE: Sequence[Callable[[Bench], Iterator[Proof]]] = (constraints, hook)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--into", required=True, type=Path, help="a folder for the consumers and the files")
    parser.add_argument("--no-network", action="store_true", help="only what needs no package index, with consumers installed before")
    chosen = parser.parse_args()
    bench = Bench(chosen.into.resolve())
    os.environ.pop("PYTHONPATH", None)
    if not chosen.no_network:
        install(bench)
    failed = False
    print("| output | read by | | |\n|---|---|---|---|")
    for check in OFFLINE if chosen.no_network else (*OFFLINE, *ONLINE):
        for proof in check(bench):
            failed |= not proof.passed
            print(f"| {proof.what} | {proof.consumer} | {'passes' if proof.passed else 'FAILS'} | {proof.said} |", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
