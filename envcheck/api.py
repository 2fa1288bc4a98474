"""The pipeline as a few functions: sources -> Snapshot -> findings -> Report. Nothing here prints."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from envcheck.derive import derive
from envcheck.good import GoodCombinations
from envcheck.inputs.choice import Choice
from envcheck.inputs.target import Target
from envcheck.match import match, undecided_rank, unpinned
from envcheck.matrix.index import Index, Located
from envcheck.matrix.store import Matrix, open_matrix
from envcheck.model import NOTEBOOK, SEVERITIES, Entry, Finding, Nearest, Page, Report, Snapshot, merge
from envcheck.rules.rule import Tables

Warn = Callable[[str], None]


def _silent(message: str) -> None:
    """What `warn` does where the caller wants no talk."""


@dataclass(frozen=True)
class Sources:
    """Where the facts come from; the later ones are laid over the earlier ones."""

    python: Optional[str] = None
    """An interpreter or a virtual environment's folder; None is the running interpreter."""
    snapshot: Optional[str] = None
    """A saved snapshot instead of the live machine."""
    files: Tuple[str, ...] = ()
    """Files that describe one environment together, instead of the live machine; `inputs.kinds` lists what is understood."""
    kind: Optional[str] = None
    """What all of `files` are, a key of `inputs.kinds.KINDS`; None where their content tells."""
    choice: Choice = Choice()
    """Which extras and groups of the files are meant."""
    config: Tuple[str, ...] = ()
    """Training configs, launch scripts and pasted commands."""
    target: Target = field(default_factory=Target)
    launch: Tuple[str, ...] = ()
    """The command that will start the training, word by word."""
    scripts: Tuple[str, ...] = ()
    """Training scripts whose source is looked at."""


class Checker:
    """The matrix, opened once, and what it says of snapshots."""

    def __init__(self, private: Sequence[Path] = (), warn: Warn = _silent, *, rules_only: bool = False, base: Optional[Path] = None) -> None:
        """Open the matrix, or that of another checkout's `base` folder, with the private folders added; with `rules_only` its tables
        count and its entries do not.

        Raises `InputError` and `MatrixError`.
        """
        self._rules_only = rules_only
        self.matrix: Matrix = open_matrix(private, warn, base)
        self._stack: FrozenSet[str] = frozenset(self.matrix.table("stack") or ())
        self._tables: Optional[Tables] = None
        self._gpu_rows: Optional[List[Sequence[str]]] = None
        self._good: Optional[GoodCombinations] = None
        self._published: Dict[str, Tuple[Located, Index]] = {}

    def gpu_rows(self) -> Sequence[Sequence[str]]:
        """The GPU table, read when it is first needed."""
        if self._gpu_rows is None:
            self._gpu_rows = self.matrix.table("gpus") or []
        return self._gpu_rows

    def tables(self) -> Tables:
        """The fact tables of the rules; each is read when a rule first needs it."""
        if self._tables is None:
            self._tables = Tables(self._stack, self.matrix.table, self.matrix.table_keys)
        return self._tables

    def report(self, snapshot: Snapshot) -> Report:
        """Everything there is to say about a snapshot."""
        from envcheck import rules
        from envcheck.rules.torch_libraries import completed

        snapshot = derive(snapshot, self.gpu_rows)
        whole = completed(snapshot, self.tables())
        if whole is not snapshot:
            whole = derive(whole, self.gpu_rows)
        candidates = () if self._rules_only else self.matrix.candidates(whole)
        found = {located.entry.id: (located, index) for located, index in candidates}
        entries = (located.entry for located, _ in found.values())
        matches = match(whole, entries, lambda: self.tables().once(whole, rules.likely.chosen))
        computed = rules.judge(whole, self.tables())
        findings = rules.once.said_once(_with_pages(matches.findings, found), computed.findings)
        findings += rules.unpinned.findings(snapshot, unpinned(snapshot, matches))
        good, nearest = self._known_good(snapshot)
        undecided = tuple(sorted((*matches.undecided, *computed.undecided), key=undecided_rank))
        return Report(snapshot, tuple(sorted(findings, key=_severity)) + good, undecided, nearest)

    def _known_good(self, snapshot: Snapshot) -> Tuple[Tuple[Finding, ...], Optional[Nearest]]:
        if self._good is None:
            self._published = {located.entry.id: (located, index) for located, index in self.matrix.good()}
            self._good = GoodCombinations((located.entry for located, _ in self._published.values()), self._stack)
        good, nearest = self._good.judge(snapshot)
        return _with_pages(good, self._published), nearest


def _severity(finding: Finding) -> Tuple[int, bool]:
    return SEVERITIES.index(finding.severity), finding.certainty != "certain"


def _with_pages(findings: Iterable[Finding], found: Mapping[str, Tuple[Located, Index]]) -> Tuple[Finding, ...]:
    return tuple(replace(finding, page=found[finding.id][1].page(found[finding.id][0].page)) for finding in findings)


def snapshot_of(sources: Sources, checker: Checker, warn: Warn = _silent) -> Snapshot:
    """The one Snapshot that the sources describe. Raises `InputError`."""
    lay = overlay(sources, checker, warn)
    return lay(_base(sources, checker, warn))


def project_where_idle(sources: Sources, warn: Warn = _silent) -> Sources:
    """`sources`, or, where nothing is named and the running environment has no torch, the file of the project in this folder.

    One file is chosen, the one that tells most; `warn` is told which, and which others lie there.
    """
    from envcheck.inputs import kinds

    if sources.python is not None or sources.snapshot is not None or sources.files:
        return sources
    found = kinds.found_in(".")
    if not found or _has_torch():
        return sources
    others = f"; {', '.join(f'`{name}`' for name in found[1:])} can be named too" if found[1:] else ""
    warn(f"there is no torch in the environment that envcheck runs in, so this is what `{found[0]}` asks for{others}")
    return replace(sources, files=(found[0],))


def _has_torch() -> bool:
    from importlib.util import find_spec

    # The top package alone: its module is found and not loaded.
    return find_spec("torch") is not None


def overlay(sources: Sources, checker: Checker, warn: Warn = _silent) -> Callable[[Snapshot], Snapshot]:
    """What lays the training configs and the declared target over a Snapshot. Raises `InputError` at once."""
    declared = _declared(sources, checker)
    train = _training(sources, warn)
    return lambda snapshot: merge(merge(snapshot, train), declared)


def _declared(sources: Sources, checker: Checker) -> Snapshot:
    from envcheck.inputs import target

    return target.read(sources.target, checker.gpu_rows)


def _base(sources: Sources, checker: Checker, warn: Warn) -> Snapshot:
    if sources.snapshot is not None:
        from envcheck.inputs import snapshot

        return snapshot.read(sources.snapshot, warn)
    if sources.files:
        return _of_files(sources, checker, warn)
    from envcheck.probe import probe

    return probe(sources.python)


def _of_files(sources: Sources, checker: Checker, warn: Warn) -> Snapshot:
    from envcheck.inputs import kinds
    from envcheck.inputs.gathered import Gathered
    from envcheck.inputs.marking import Markers

    declared = _declared(sources, checker)
    target = {key: str(declared.fact(key).value) for key in ("python", "os", "arch") if declared.fact(key).is_known}
    gathered = Gathered(Markers(target, warn), warn, sources.choice, checker.matrix.table)
    return kinds.read(sources.files, gathered, sources.kind)


def _training(sources: Sources, warn: Warn) -> Snapshot:
    if not (sources.config or sources.launch or sources.scripts):
        return Snapshot()
    from envcheck import training

    return training.snapshot(sources.config, sources.launch, sources.scripts, warn)


def check(sources: Sources = Sources(), *, matrix: Sequence[Path] = (), warn: Warn = _silent) -> Report:
    """The Report on one environment, without the numeric self-test.

    Raises `InputError` for what cannot be read or understood, `MatrixError` for a broken matrix, `UnableError` where
    envcheck itself is damaged.
    """
    checker = Checker(matrix, warn)
    return checker.report(snapshot_of(sources, checker, warn))


class Explanation(NamedTuple):
    """What an entry or a rule says."""

    id: str
    title: str
    page: Page
    entry: Optional[Entry] = None
    """The conditions under which it holds; None of a rule, which code decides."""


def explain(id: str, *, matrix: Sequence[Path] = (), warn: Warn = _silent) -> Explanation:
    """The page of an entry or a rule by the id that its findings carry. Raises `InputError` naming the nearest id."""
    from envcheck import rules

    of_rule = rules.page(id)
    if of_rule is not None:
        return Explanation(id, *of_rule)
    located, page = open_matrix(matrix, warn).explain(id, rules.RULES)
    return Explanation(id, located.entry.title, page, located.entry)


def _html(report: Report) -> str:
    from envcheck.render import html

    return html.render(report)


NOTEBOOK[:] = [_html]
