"""The shape of an entry: one decoded YAML mapping -> Draft, or every problem in it with its line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from envcheck import conditions, settings, wire
from envcheck.documents import line_of
from envcheck.errors import InputError, Problem
from envcheck.matrix import reproducer
from envcheck.matrix.grammar import REMEDIES, check_argument
from envcheck.model import EVIDENCE_LEVELS, KINDS, SEVERITIES, Entry, Page, Snapshot, Truth

SCHEMA = 1
"""The newest entry schema this version reads; entries of a newer one are skipped with a notice."""

REQUIRED = ("id", "kind", "severity", "title", "culprit", "when", "cause", "evidence", "examples")
OPTIONAL = ("schema", "unstated", "stated", "symptom", "signature", "fix", "reproducer", "withdrawn")
EVIDENCE_KEYS = ("level", "reviewed", "links", "disputed")
EXAMPLE_KINDS = ("hit", "miss", "unknown")
_PROMISED = {"hit": Truth.YES, "miss": Truth.NO, "unknown": Truth.UNKNOWN}
_OUTCOME = {Truth.YES: "hit", Truth.NO: "miss", Truth.UNKNOWN: "case of unknown"}
SYMPTOMS = (
    "zero-loss",
    "nan-loss",
    "nan-grad",
    "zero-grad",
    "wrong-numerics",
    "loss-spike",
    "hang",
    "crash",
    "oom",
    "slow",
    "import-error",
    "attribute-error",
    "type-error",
    "undefined-symbol",
    "no-kernel-image",
    "build-failure",
    "install-failure",
    "save-failure",
    "other",
)
SLUG = r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$"
_LINK = re.compile(r"https://[^\s@]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Draft:
    """An entry as its file says it, checked for shape."""

    entry: Entry
    page: Page
    examples: Mapping[str, Tuple[Snapshot, ...]]
    """`hit`, `miss` and `unknown`: what the entry promises about itself."""
    path: str


def read(document: Any, path: str, stem: str) -> Tuple[Optional[Draft], List[Problem]]:
    """The Draft of one decoded file and its problems; a Draft only where there is none."""
    checker = _Checker(path)
    if not isinstance(document, dict):
        return None, [Problem(path, 1, "an entry is one mapping of keys, `envcheck matrix guide` shows it")]
    checker.keys(document, REQUIRED + OPTIONAL, "")
    for key in REQUIRED:
        if key not in document:
            checker.add(document, f"`{key}` is missing")
    draft = checker.draft(document, stem)
    return (None if checker.problems else draft), checker.problems


class _Checker:
    """Collects every problem of one file; its readers return something usable even where they found one."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: List[Problem] = []

    def add(self, at: Any, message: str, code: str = "L01") -> None:
        self.problems.append(Problem(self.path, line_of(at), message, code))

    def draft(self, document: Dict[str, Any], stem: str) -> Draft:
        kind = self.choice(document, "kind", KINDS)
        severity = self.choice(document, "severity", SEVERITIES)
        name = self.text(document, "id")
        if name and (name != stem or not re.fullmatch(SLUG, name)):
            self.add(document["id"], f"`id: {name}` must be a lower-case slug equal to the file name `{stem}`", "L02")
        if kind == "good" and severity and severity != "note":
            self.add(document["severity"], "a good entry has `severity: note`")
        evidence = self.evidence(document.get("evidence"), kind)
        unstated = self.unstated(document, severity)
        entry = Entry(
            name,
            kind,
            severity,
            self.text(document, "title"),
            self.texts(document, "culprit"),
            self.when(document.get("when")),
            self.stated(document, unstated),
        )
        page = Page(
            symptom=self.symptom(document),
            signature=self.signature(document),
            cause=" ".join(self.text(document, "cause").split()),
            fix=self.fix(document, kind),
            links=self.links(evidence),
            level=str(evidence.get("level", "")),
            disputed=" ".join(str(evidence.get("disputed", "")).split()),
            withdrawn=self.text(document, "withdrawn") if "withdrawn" in document else "",
            source=self.path,
            unstated=unstated,
            reproducer=reproducer.read(document["reproducer"], self.add) if "reproducer" in document else None,
        )
        draft = Draft(entry, page, self.examples(document.get("examples")), self.path)
        if not self.problems:
            self.kept_promises(draft, document)
        return draft

    def kept_promises(self, draft: Draft, document: Mapping[str, Any]) -> None:
        """An entry that does not do what its own examples say is as wrong as one of the wrong shape."""
        for kind, snapshots in draft.examples.items():
            for number, snapshot in enumerate(snapshots, 1):
                truth = conditions.evaluate(draft.entry.when, snapshot).truth
                if truth is not _PROMISED[kind]:
                    why = f"{kind} example {number} is a {_OUTCOME[truth]}; a GPU in an example carries its capability, a package its whole version"
                    self.add(_at(document["examples"], kind), why, "L05")

    def unstated(self, document: Mapping[str, Any], severity: str) -> str:
        if "unstated" not in document:
            return ""
        if severity == "note" or not any(not conditions.is_package(key) for key in _named(document.get("when"))):
            self.add(_at(document, "unstated"), "`unstated` says why an error or a warning that names settings or hardware warns without them")
        return " ".join(self.text(document, "unstated").split())

    def stated(self, document: Mapping[str, Any], unstated: str) -> Optional[Tuple[str, ...]]:
        found = self.texts(document, "stated")
        if "stated" in document and (not unstated or not set(found) <= set(_named(document.get("when")))):
            self.add(_at(document, "stated"), "`stated` names keys of `when` without which an entry with `unstated` stays undecided")
        return found if unstated else None

    def keys(self, mapping: Mapping[str, Any], known: Tuple[str, ...], prefix: str) -> None:
        for key in mapping:
            if key not in known:
                near = wire.nearest(key, known)
                self.add(key, f"unknown key `{prefix}{key}`" + (f"; did you mean `{prefix}{near}`?" if near else ""))

    def text(self, document: Mapping[str, Any], key: str) -> str:
        value = document.get(key)
        if key in document and (not isinstance(value, str) or not value.strip()):
            self.add(_at(document, key), f"`{key}` is a text")
        return str(value) if isinstance(value, str) else ""

    def texts(self, document: Mapping[str, Any], key: str) -> Tuple[str, ...]:
        value = document.get(key, [])
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            if key in document:
                self.add(_at(document, key), f"`{key}` is a list of texts with at least one")
            return ()
        return tuple(str(item) for item in value)

    def choice(self, document: Mapping[str, Any], key: str, known: Tuple[str, ...]) -> str:
        value = document.get(key)
        if key in document and value not in known:
            self.add(_at(document, key), f"`{key}` is one of {', '.join(known)}, not `{value}`")
        return str(value or "")

    def symptom(self, document: Mapping[str, Any]) -> Tuple[str, ...]:
        found = self.texts(document, "symptom")
        for word in found:
            if word not in SYMPTOMS:
                self.add(_at(document, "symptom"), f"unknown symptom `{word}`; known: {', '.join(SYMPTOMS)}")
        return found

    def signature(self, document: Mapping[str, Any]) -> Tuple[str, ...]:
        found = self.texts(document, "signature")
        for pattern in found:
            try:
                re.compile(pattern)
            except re.error as error:
                self.add(_at(document, "signature"), f"`{pattern}` is no regular expression: {error}")
        return found

    def evidence(self, evidence: Any, kind: str) -> Mapping[str, Any]:
        if not isinstance(evidence, dict):
            if evidence is not None:
                self.add(evidence, "`evidence` is a mapping with level, reviewed and links")
            return {}
        self.keys(evidence, EVIDENCE_KEYS, "evidence.")
        level = self.choice(evidence, "level", EVIDENCE_LEVELS)
        if "level" not in evidence:
            self.add(evidence, "`evidence.level` is missing")
        if kind == "bad" and level == "reporter":
            self.add(_at(evidence, "level"), "one reporter's word is `kind: caution`, not `bad`", "L08")
        if (kind == "good") != (level == "published") and level not in ("reproduced", "maintainer", "many", "reporter"):
            self.add(_at(evidence, "level"), "`published` goes with `kind: good`", "L08")
        if not _DATE.fullmatch(str(evidence.get("reviewed", ""))):
            self.add(evidence, "`evidence.reviewed` is the date it was last checked, as 2026-11-22")
        return evidence

    def links(self, evidence: Mapping[str, Any]) -> Tuple[str, ...]:
        found = self.texts(evidence, "links")
        if evidence and "links" not in evidence:
            self.add(evidence, "`evidence.links` is missing")
        for link in found:
            if not _LINK.fullmatch(link):
                self.add(_at(evidence, "links"), f"`{link}` is no plain https link", "L09")
        return found

    def fix(self, document: Mapping[str, Any], kind: str) -> Tuple[str, ...]:
        value = document.get("fix", [])
        if not isinstance(value, list):
            self.add(_at(document, "fix"), "`fix` is a list of `change:`, `set:` or `do:`")
            return ()
        if not value and kind != "good":
            self.add(document, "`fix` is missing: every refusal names a way out")
        return tuple(line for item in value for line in self.remedy(item))

    def remedy(self, item: Any) -> List[str]:
        if not isinstance(item, dict) or len(item) != 1 or next(iter(item)) not in REMEDIES:
            self.add(item, f"a fix is one of {', '.join(f'`{name}:`' for name in REMEDIES)}")
            return []
        name, value = next(iter(item.items()))
        if name == "do":
            return [" ".join(str(value).split())] if isinstance(value, str) else []
        if not isinstance(value, dict) or not value:
            self.add(item, f"`{name}` is a mapping")
            return []
        for key, argument in value.items():
            self.argument(str(key), argument, key) if name == "change" else self.setting(key)
        return [REMEDIES[name]({str(k): str(v) for k, v in value.items()})]

    def setting(self, key: str) -> None:
        if not key.startswith(("train.", "env.")):
            self.add(key, f"`set: {key}` names neither `train.KEY` nor `env.NAME`")
        elif key.startswith("train.") and key[6:] not in settings.TRAIN_KEYS:
            self.add(key, f"unknown training setting `{key}`")

    def when(self, when: Any) -> Dict[str, Any]:
        if not isinstance(when, dict) or not when:
            if when is not None:
                self.add(when, "`when` is a mapping with at least one condition")
            return {}
        return {str(key): self.condition(key, argument) for key, argument in when.items()}

    def condition(self, key: str, argument: Any) -> Any:
        if key == "any":
            if not isinstance(argument, list) or not argument:
                self.add(key, "`any` is a list of mappings")
                return []
            return [self.when(branch) for branch in argument]
        if key == "not":
            return self.when(argument)
        if isinstance(argument, list):
            if not argument:
                self.add(key, f"`{key}` has an empty list")
            return [self.argument(str(key), one, key) for one in argument]
        return self.argument(str(key), argument, key)

    def argument(self, key: str, argument: Any, at: Any) -> str:
        if not isinstance(argument, str):
            self.add(at, f'`{key}` wants a text, such as `">=2.1,<2.3"`')
            return ""
        try:
            check_argument(key, argument)
        except ValueError as error:
            self.add(argument, f"`{key}`: {error}", "L03")
        return str(argument)

    def examples(self, examples: Any) -> Mapping[str, Tuple[Snapshot, ...]]:
        if not isinstance(examples, dict):
            if examples is not None:
                self.add(examples, "`examples` is a mapping with hit, miss and unknown")
            return {}
        self.keys(examples, EXAMPLE_KINDS, "examples.")
        for kind in EXAMPLE_KINDS:
            if not examples.get(kind):
                self.add(examples, f"`examples.{kind}` needs at least one snapshot")
        return {kind: tuple(self.example(wire_form) for wire_form in examples.get(kind) or []) for kind in EXAMPLE_KINDS}

    def example(self, wire_form: Any) -> Snapshot:
        try:
            return wire.read(_plain(wire_form), self.path, lambda message: self.add(wire_form, message))
        except InputError as error:
            self.add(wire_form, f"example: {error.message}" + (f" ({error.hint})" if error.hint else ""))
            return Snapshot()


def _named(when: Any) -> List[str]:
    """The condition keys of a `when`, at any depth."""
    if isinstance(when, list):
        return [key for branch in when for key in _named(branch)]
    if not isinstance(when, dict):
        return []
    return [name for key, inner in when.items() for name in (_named(inner) if key in ("any", "not") else [str(key)])]


def _at(document: Mapping[str, Any], key: str) -> Any:
    return next((k for k in document if k == key), document)


def _plain(value: Any) -> Any:
    """A decoded document as JSON would give it, every scalar a text."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value if value is None else str(value)
