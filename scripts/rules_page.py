"""Writes `docs/rules.md`: each rule, what it says, how loud it is; with a case file also how often it speaks, to standard output.

    python scripts/rules_page.py              # rewrites docs/rules.md
    python scripts/rules_page.py --check      # exit status 1 where it is out of date
    python scripts/rules_page.py CASES.jsonl  # hits on bad and good cases, one JSON object with `kind` and `snapshot` a line

Hits are not part of the page: they depend on the cases that somebody has.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, List, Tuple

from envcheck import wire
from envcheck.api import Checker
from envcheck.model import SEVERITIES
from envcheck.rules import RULES, unpinned
from envcheck.rules.rule import Rule

PAGE = Path(__file__).resolve().parent.parent / "docs" / "rules.md"
HEAD = """# Rules

What code computes from facts and tables, where entries carry what no table can say. A finding of a rule has the rule's id; `envcheck explain ID`
shows its whole page, `envcheck --rules-only` leaves the entries out. A rule speaks only of what is certain: an open requirement, an unknown
version or a release that no table names makes it silent.

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
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The text of docs/rules.md."""
    return "\n".join([HEAD, *(_section(rule) for rule in RULES.values()), _unpinned()])


def _section(rule: Rule) -> str:
    facts = [", ".join(rule.severities or _named(rule)), ", ".join(rule.page.symptom)]
    lines = [f"## {rule.id}", "", f"{rule.title}.{''.join(f' *{fact}*.' for fact in facts if fact)}", "", rule.page.cause, ""]
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


def hits(path: Path) -> str:
    """How many bad and good cases each rule speaks on, by severity."""
    checker = Checker(rules_only=True)
    counted: Dict[str, Counter[Tuple[str, str]]] = {id: Counter() for id in RULES}
    cases: Counter[str] = Counter()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        case = json.loads(line)
        cases[case["kind"]] += 1
        found = checker.report(wire.read(case["snapshot"], f"{path}:{number}")).findings
        for id, severity in {(one.id, one.severity) for one in found}:
            if id in counted:
                counted[id][case["kind"], severity] += 1
    lines = [f"{cases['bad']} bad cases, {cases['good']} good ones", "", "| rule | bad: error, warning, note | good: error, warning, note |", "|---|---|---|"]
    lines += [f"| {id} | {_three(count, 'bad')} | {_three(count, 'good')} |" for id, count in counted.items()]
    return "\n".join(lines)


def _three(count: Counter[Tuple[str, str]], kind: str) -> str:
    numbers: List[int] = [count[kind, severity] for severity in ("error", "warning", "note")]
    return ", ".join(map(str, numbers))


if __name__ == "__main__":
    sys.exit(main())
