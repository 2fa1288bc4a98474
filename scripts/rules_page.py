"""Writes `docs/rules.md`: each rule, what it says, how loud it is; with a case file also how often it speaks, to standard output.

    python scripts/rules_page.py              # rewrites docs/rules.md
    python scripts/rules_page.py --check      # exit status 1 where it is out of date
    python scripts/rules_page.py CASES.jsonl  # the same figures for other cases, one JSON object with `kind` and `snapshot` a line

The page counts on the recorded environments of `tests/cases`; with CASES.jsonl the same is counted on other ones.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

from envcheck import wire
from envcheck.api import Checker
from envcheck.derive import derive
from envcheck.model import SEVERITIES
from envcheck.rules import RULES, judge, unpinned
from envcheck.rules.rule import Rule

ROOT = Path(__file__).resolve().parent.parent
PAGE, CASES = ROOT / "docs" / "rules.md", ROOT / "tests" / "cases"
Hits = Dict[str, Counter[Tuple[str, str]]]
HEAD = """# Rules

What code computes from facts and tables, where entries carry what no table can say. A finding of a rule has the rule's id; `envcheck explain ID`
shows its whole page, `envcheck --rules-only` leaves the entries out. A rule speaks only of what is certain: an open requirement, an unknown
version or a release that no table names makes it silent, or, of few, a question.

How often each spoke on the recorded environments (`tests/cases`) stands with it; `tests/unit/rules/pairs.jsonl` holds for each rule an environment on
which it speaks and a near one on which it does not, and `envcheck matrix effect` the whole of it.

Written by `python scripts/rules_page.py`; change the rule, not this file.
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("cases", nargs="?", type=Path, metavar="CASES.jsonl")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 where the page is out of date")
    chosen = parser.parse_args()
    if chosen.cases:
        print(hits(chosen.cases))
        return 0
    if chosen.check:
        # The figures follow tables and cases, which change with every entry; they are brought up to date when the page is written again.
        written, now = (_FIGURES.sub("", text) for text in (PAGE.read_text(encoding="utf-8"), page()))
        return 0 if written == now else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The text of docs/rules.md."""
    counted, cases = count([CASES / "bad.jsonl", CASES / "good.jsonl"])
    return "\n".join([HEAD, *(_section(rule, _spoken(counted[rule.id], cases)) for rule in RULES.values()), _unpinned()])


def _section(rule: Rule, spoken: str) -> str:
    facts = [", ".join(rule.severities or _named(rule)), ", ".join(rule.page.symptom)]
    lines = [f"## {rule.id}", "", f"{rule.title}.{''.join(f' *{fact}*.' for fact in facts if fact)} {spoken}", "", rule.page.cause, ""]
    lines += [f"- fix: {fix}" for fix in rule.page.fix]
    lines += [f"- see: <{link}>" for link in rule.page.links]
    return "\n".join([*lines, ""])


def _named(rule: Rule) -> List[str]:
    """The severities that the file of a rule's function names."""
    tree = ast.parse(Path(str(sys.modules[rule.find.__module__].__file__)).read_text(encoding="utf-8"))
    named = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return [severity for severity in SEVERITIES if severity in named]


def _unpinned() -> str:
    lines = [f"## {unpinned.PREFIX}PACKAGE", "", f"{unpinned.TITLE}. *note*.", "", unpinned.PAGE.cause, ""]
    return "\n".join([*lines, *(f"- fix: {fix}" for fix in unpinned.PAGE.fix), ""])


def count(paths: Sequence[Path]) -> Tuple[Hits, Counter[str]]:
    """By rule how many bad and good cases it speaks on, by severity (`?` where it asks); and how many cases there are of each kind."""
    checker = Checker(rules_only=True)
    counted: Hits = {id: Counter() for id in RULES}
    cases: Counter[str] = Counter()
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            case = json.loads(line)
            cases[case["kind"]] += 1
            told = judge(derive(wire.read(case["snapshot"], f"{path}:{number}"), checker.gpu_rows), checker.tables())
            said = {(one.id, one.severity) for one in told.findings} | {(one.id, "?") for one in told.undecided}
            for id, severity in said:
                counted[id][case["kind"], severity] += 1
    return counted, cases


def _spoken(counted: Counter[Tuple[str, str]], cases: Counter[str]) -> str:
    """Where a rule spoke, in words."""
    parts = []
    for kind in ("bad", "good"):
        numbers = [f"{counted[kind, severity]} × {word}" for severity, word in _WORDS.items() if counted[kind, severity]]
        parts.append(f"{kind}: {', '.join(numbers) or 'none'}")
    return f"Recorded environments, {parts[0]}; {parts[1]} (of {cases['bad']} and {cases['good']})."


_WORDS = {"error": "error", "warning": "warning", "note": "note", "?": "question"}
_FIGURES = re.compile(r" Recorded environments, bad: .*\)\.$", re.MULTILINE)


def hits(path: Path) -> str:
    """The figures as a table."""
    counted, cases = count([path])
    lines = [f"{cases['bad']} bad cases, {cases['good']} good ones", "", "| rule | bad: error, warning, note | good: error, warning, note |", "|---|---|---|"]
    lines += [f"| {id} | {_three(found, 'bad')} | {_three(found, 'good')} |" for id, found in counted.items()]
    return "\n".join(lines)


def _three(count: Counter[Tuple[str, str]], kind: str) -> str:
    numbers: List[int] = [count[kind, severity] for severity in ("error", "warning", "note")]
    return ", ".join(map(str, numbers))


if __name__ == "__main__":
    sys.exit(main())
