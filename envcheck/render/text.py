"""Report -> text for a person: what was found, why, what to change, where it was seen, what could not be decided."""

from __future__ import annotations

import io
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from envcheck.model import SEVERITIES, Finding, Nearest, Report, Snapshot, Undecided
from envcheck.render.escape import visible
from envcheck.render.words import plural, subject

_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan", "bad": "bold red", "caution": "yellow", "known-good": "green", "untested": "cyan"}
_MOST_POSSIBLE = 3
"""Findings that a requirement merely allows, shown in full; the rest is one line."""
_MOST_UNDECIDED = 3
"""Questions shown; `--format json` has them all."""
_MOST_DIFFERENCES = 6
_DEFAULT_WIDTH = 100


def render(report: Report, *, color: bool = False, width: int = _DEFAULT_WIDTH) -> str:
    """The report as text of at most `width` columns, ending with a line break; escape sequences only with `color`."""
    console = _console(width, color)
    _findings(console, [finding for finding in report.findings if finding.kind != "good"])
    _undecided(console, report.undecided, report.snapshot, quiet=any(f.severity == "error" for f in report.findings))
    _selftest(console, report.selftest)
    _verdict(console, report)
    return _written(console)


def render_selftest(report: Report, *, color: bool = False, width: int = _DEFAULT_WIDTH) -> str:
    """The rows of the self-test and what they mean, without a verdict on the environment."""
    console = _console(width, color)
    _findings(console, report.findings)
    _selftest(console, report.selftest, settings=True)
    return _written(console)


def _console(width: int, color: bool) -> Console:
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        emoji=False,
        markup=False,
        legacy_windows=False,
        _environ={},
    )


def _written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def _findings(console: Console, findings: Sequence[Finding]) -> None:
    """As they are ranked, but of the possible ones only the first few; what only open requirements allow is one line a package."""
    known = [finding for finding in findings if finding.waiver and not finding.waiver.until]
    findings = [finding for finding in findings if not (finding.waiver and not finding.waiver.until)]
    possible = [finding for finding in findings if finding.certainty == "possible" and finding.severity != "note"]
    shown = {id(finding) for finding in possible[:_MOST_POSSIBLE]}
    for finding in findings:
        if finding.certainty == "certain" or id(finding) in shown:
            _finding(console, finding)
    _known(console, known)
    more = len(possible) - _MOST_POSSIBLE
    if more > 0:
        console.print(Text(f"{plural(more, 'more possible finding is', 'more possible findings are')} left out here; `--format json` has them all"))
        console.print()
    _open_requirements(console, [finding for finding in findings if finding.id.startswith("unpinned-")])


def _known(console: Console, findings: Sequence[Finding]) -> None:
    """What the baseline holds: a project that adopted it asked to see only what is new."""
    if findings and findings[0].waiver:
        told = plural(len(findings), "finding is known", "findings are known")
        console.print(Text(visible(f"{told} since the baseline ({findings[0].waiver.origin}); `--format json` has them all")))
        console.print()


def _open_requirements(console: Console, findings: Sequence[Finding]) -> None:
    if findings:
        console.print(Text.assemble(("note", _COLOURS["note"]), "  open requirements: pin what was tried, and check the pins"))
        console.print(Padding(Text("\n".join(visible(f"{one.facts[0].origin}  {one.title}") for one in findings)), (0, 0, 1, 2)))


def _finding(console: Console, finding: Finding) -> None:
    label = finding.severity if finding.certainty == "certain" else f"{finding.severity}, possible"
    label += ", waived" if finding.waiver else ""
    head = Text.assemble((label, _COLOURS[finding.severity]), "  ", (visible(finding.title), "bold"), "  ", (f"[{finding.id}]", "dim"))
    console.print(head)
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for number, used in enumerate(finding.facts):
        rows.add_row(_label("" if number else "found"), _fact(used.key, used.value, used.origin))
    if finding.severity == "note":
        _remedies(rows, finding.page.fix[:1])
    else:
        _explanation(rows, finding)
    console.print(Padding(rows, (0, 0, 1, 2)))


def _explanation(rows: Table, finding: Finding) -> None:
    """Why, what to do, where it was seen; of a note, which is only good to know, `envcheck explain` shows it."""
    page = finding.page
    if finding.waiver:
        rows.add_row(_label("waived"), Text(visible(finding.waiver.text)))
    if finding.needs:
        rows.add_row(_label("if"), Text(visible(f"{_depends(finding.needs)} {page.unstated}")))
    if page.cause:
        rows.add_row(_label("why"), Text(visible(page.cause)))
    if page.disputed:
        rows.add_row(_label(""), Text(visible(f"caveat: {page.disputed}")))
    _remedies(rows, page.fix)
    if page.links:
        rows.add_row(_label("seen"), Text(visible("  ".join(page.links[:2])) + (f"  ({page.level})" if page.level else "")))


def _remedies(rows: Table, fixes: Sequence[str]) -> None:
    for number, fix in enumerate(fixes):
        rows.add_row(_label("or" if number else "fix"), Text(visible(fix), style="green"))


def _label(text: str) -> str:
    """Padded here, because releases of rich disagree on whether a column's width holds its padding."""
    return f"{text:5}"


def _fact(key: str, value: object, origin: str) -> Text:
    shown = "not installed" if value == "absent" else "without a version" if value == ">=0" else visible(str(value))
    detail = f"{shown}" if str(value).startswith(f"`{key}`") or key == "gpu" else f"{key} {shown}"
    return Text.assemble(detail, (f"  {visible(origin)}" if origin else "", "dim"))


def _depends(needs: Sequence[str]) -> str:
    ways = dict.fromkeys(way for way in map(way_to_tell, needs) if way)
    return f"it depends on {' and '.join(needs)}, which nobody stated" + (f" (tell it with {' and '.join(ways)})." if ways else ".")


# How each missing fact can be given. A package or a variable that nobody spoke of is no question worth asking.
_WAYS = {
    "train": "`--config FILE`, or `--set KEY=VALUE`",
    "gpu_count": "`--gpu NAMExCOUNT`, such as `--gpu A800x8`",
    "gpu": "`--gpu NAME`, such as `--gpu A800`",
    "driver": "`--driver VERSION`",
    "torch_cuda": "`--cuda VERSION`",
    "python": "`--python-version VERSION`",
}

# Facts that `--set` takes under their own names (`inputs.target.FACTS`) and that nobody knows who is not at the machine.
_SETTABLE = ("cuda_toolkit", "fabric_manager", "cuda_compat", "cann")


def way_to_tell(key: str) -> Optional[str]:
    """The option that gives a missing fact; None where there is none but a fuller listing."""
    return _WAYS.get(key.partition(".")[0]) or (f"`--set {key}=VERSION`" if key in _SETTABLE else None)


def _question(item: Undecided, snapshot: Snapshot) -> Optional[str]:
    """The one option that would settle an entry; None where it takes more than one, or where an open requirement is among
    its culprits, for which a pin was asked already.
    """
    ways = {way_to_tell(key) for key in item.needs}
    if item.severity == "note" or len(ways) != 1 or any(snapshot.package(name).is_open for name in item.culprit):
        return None
    return ways.pop()


def _worth(group: Tuple[Tuple[str, ...], List[Undecided]]) -> Tuple[int, bool, int, Tuple[str, ...]]:
    """The order of questions: by severity, those about one family of models last, and what settles more before what settles less."""
    needs, items = group
    return min(SEVERITIES.index(item.severity) for item in items), not {"train.model", "train.model_type"}.isdisjoint(needs), -len(items), needs


def _undecided(console: Console, undecided: Sequence[Undecided], snapshot: Snapshot, quiet: bool) -> None:
    """The few open questions that one option each would settle, those about errors first."""
    groups: Dict[Tuple[str, ...], List[Undecided]] = {}
    for item in undecided:
        if _question(item, snapshot) is not None:
            groups.setdefault(item.needs, []).append(item)
    ranked = sorted(groups.items(), key=_worth)
    if not ranked or quiet:
        return
    console.print(Text("not decided", style="bold"))
    rows = Table.grid(padding=(0, 2))
    rows.add_column(overflow="fold")
    for needs, items in ranked[:_MOST_UNDECIDED]:
        rows.add_row(Text(visible(items[0].title) + (f" (and {len(items) - 1} more)" if len(items) > 1 else "")))
        told = " and ".join(visible(key) for key in needs)
        rows.add_row(Padding(Text(f"depends on {told}: tell it with {_question(items[0], snapshot)}", style="dim"), (0, 0, 0, 2)))
    more = sum(len(items) for _, items in ranked[_MOST_UNDECIDED:])
    if more:
        rows.add_row(Text(f"{plural(more, 'more question is', 'more questions are')} left out here; `--format json` has them all"))
    console.print(Padding(rows, (0, 0, 1, 2)))


def _selftest(console: Console, rows: Sequence[Mapping[str, Any]], *, settings: bool = False) -> None:
    if rows:
        from envcheck.render.selftest import lines

        for line in lines(rows, settings=settings):
            console.print(Text(line))
        console.print()


_SENTENCES = {
    "bad": "known to break",
    "caution": "may go wrong, see above",
    "known-good": "published as working",
    "untested": "nothing known against it, and nobody vouches for it",
}


def _verdict(console: Console, report: Report) -> None:
    good = [finding for finding in report.findings if finding.kind == "good"]
    sentence = _SENTENCES[report.verdict] if not good or report.verdict != "known-good" else f"published as working: {visible(good[0].title)}  [{good[0].id}]"
    console.print(Text.assemble((report.verdict, _COLOURS[report.verdict]), "  ", sentence + _waived(report)))
    console.print(Text("  " + subject(report.snapshot), style="dim"))
    if report.snapshot.complete and report.snapshot.package("torch").value == "absent":
        console.print(Text("  torch is not installed here; `--python PATH` checks another environment", style="dim"))
    if report.verdict == "untested" and report.nearest is not None:
        console.print(Padding(Text(_nearest(report.nearest)), (0, 0, 0, 2)))


def _waived(report: Report) -> str:
    """What the verdict leaves open: that it does not fail the run."""
    loud = [finding for finding in report.findings if finding.kind != "good" and finding.severity != "note"]
    return " (all of it is waived)" if loud and all(finding.waiver for finding in loud) else ""


def _nearest(nearest: Nearest) -> str:
    parts = []
    for one in nearest.differs[:_MOST_DIFFERENCES]:
        yours, known = "not installed" if one.yours == "absent" else one.yours or "unknown", one.known_good
        parts.append(f"{one.key} {yours} (there {known})" if known else f"{one.key} {yours} (not part of it)")
    more = len(nearest.differs) - _MOST_DIFFERENCES
    rest = f", and {more} more" if more > 0 else ""
    return visible(f"nearest known-good: {nearest.title}  [{nearest.id}]") + "\n" + visible(f"differs in {', '.join(parts)}{rest}")


def page_lines(pairs: Iterable[Tuple[str, str]], width: int, color: bool) -> str:
    """Label and text in two columns: how `envcheck explain` shows an entry."""
    console = _console(width, color)
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    for label, text in pairs:
        rows.add_row(Text(visible(label)), Text(visible(text)))
    console.print(rows)
    return _written(console)
