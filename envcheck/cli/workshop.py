"""`envcheck matrix lint, fmt, test, coverage, effect, new`: for those who write entries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import click

from envcheck.cli import talk
from envcheck.errors import InputError
from envcheck.model import EVIDENCE_LEVELS

PATHS = click.argument("paths", nargs=-1, metavar="[PATH]...")


def _folder(paths: Sequence[str]) -> Path:
    """The folder of entries: the first path's, else this checkout's."""
    from envcheck.matrix.store import CHECKOUT

    usual = next((place for place in (Path("matrices/entries"), CHECKOUT / "entries") if place.is_dir()), None)
    if paths:
        named = Path(paths[0]) if Path(paths[0]).is_dir() else Path(paths[0]).parent
        return usual if usual and usual.resolve() in named.resolve().parents else named
    if usual is not None:
        return usual
    raise InputError("no folder of entries here", hint="name it, or work in a checkout of envcheck: `matrices/entries`")


def _bench(paths: Sequence[str]) -> Any:
    from envcheck.matrix.store import tables
    from envcheck.workshop.work import Workbench

    missing = [path for path in paths if not Path(path).exists()]
    if missing:
        raise InputError("no such file or folder", where=missing[0])
    return Workbench(_folder(paths), tables())


def _chosen(paths: Sequence[str]) -> Callable[[Path], bool]:
    """Whether a file is one of those that were named, or lies below a folder that was."""
    named = [Path(path).resolve() for path in paths]
    return lambda path: not named or any(one == path.resolve() or one in path.resolve().parents for one in named)


@click.command(short_help="Say what is wrong with entries.")
@PATHS
@click.option("--list", "listed", is_flag=True, help="Show the numbered lints.")
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--format", "output_format", type=click.Choice(["text", "json"]), default="text", show_default=True)
def lint(paths: Tuple[str, ...], listed: bool, strict: bool, output_format: str) -> int:
    """Say what is wrong with the entries in PATH (default: the checkout's), with file, line and the lint's number.

    The exit status is 1 where something must be changed.
    """
    from envcheck.workshop import lint as lints

    if listed:
        talk.show("".join(f"{code}  {one.level:7}  {one.about}\n" for code, one in lints.LINTS.items()))
        return 0
    bench = _bench(paths)
    chosen = _chosen(paths)
    shown = {work.shown for work in bench.works if chosen(work.path)}
    found = [one for one in lints.run(bench) if one.problem.path in shown]
    failing = [one for one in found if strict or one.level == "error"]
    if output_format == "json":
        talk.show("".join(json.dumps({"code": one.code, "level": one.level, **_place(one)}) + "\n" for one in found))
    else:
        talk.show("".join(f"{one}\n" for one in found))
        talk.say(f"{len(shown)} file{'' if len(shown) == 1 else 's'}, {len(failing)} to change, {len(found) - len(failing)} to think about")
    return 1 if failing else 0


def _place(complaint: Any) -> Dict[str, Any]:
    return {"path": complaint.problem.path, "line": complaint.problem.line, "message": complaint.problem.message}


@click.command(short_help="Lay entry files out alike.")
@PATHS
@click.option("--check", "only_check", is_flag=True, help="Change nothing; fail where a file would change.")
def fmt(paths: Tuple[str, ...], only_check: bool) -> int:
    """Lay the entry files in PATH out alike: order of keys, ends of lines. Comments and the author's line breaks stay."""
    from envcheck.workshop.layout import formatted

    chosen = _chosen(paths)
    touched = [work for work in _bench(paths).works if chosen(work.path) and work.text and formatted(work.text) != work.text]
    for work in touched:
        if not only_check:
            work.path.write_text(formatted(work.text), encoding="utf-8", newline="\n")
        talk.show(f"{work.shown}\n")
    talk.say(f"{len(touched)} {'would change' if only_check else 'changed'}")
    return 1 if only_check and touched else 0


@click.command(short_help="Run the examples of entries through the whole pipeline.")
@PATHS
def test(paths: Tuple[str, ...]) -> int:
    """Run every example in PATH through a check of its own: a hit must be found, a miss must not, and the unknown must stay open."""
    from envcheck.workshop.trial import failures

    bench = _bench(paths)
    chosen = _chosen(paths)
    shape = [problem for work in bench.works if chosen(work.path) for problem in work.problems]
    tried, failed = failures([work.draft for work in bench.works if chosen(work.path) and work.draft is not None and not work.draft.page.withdrawn], bench)
    talk.show("".join(f"{one}\n" for one in [*shape, *failed]))
    talk.say(f"{tried} examples, {len(failed)} do not do what they say" + (f"; {len(shape)} problems of shape" if shape else ""))
    return 1 if failed or shape else 0


@click.command(short_help="Say what the matrix covers.")
@PATHS
@click.option("--format", "output_format", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True)
def coverage(paths: Tuple[str, ...], output_format: str) -> int:
    """Count entries by package, symptom, severity, evidence and version, the open bounds and the age of the reviews."""
    from envcheck.workshop import coverage as figures

    rows = figures.counted(_bench(paths))
    talk.show(json.dumps(rows, indent=1) + "\n" if output_format == "json" else figures.markdown(rows))
    return 0


@click.command(short_help="What the matrix says of recorded environments.")
@click.argument("cases", nargs=-1, required=True, metavar="CASES...")
@click.option("--before", metavar="DIR", help="Another checkout's `matrices`: show which environments change their verdict.")
@click.option("--format", "output_format", type=click.Choice(["markdown", "json"]), default="markdown", show_default=True)
def effect(cases: Tuple[str, ...], before: Optional[str], output_format: str) -> int:
    """Say what the matrix finds in recorded environments (`.jsonl` files or folders of them), and what changed against another one.

    The exit status is 1 where a good environment is refused, or with `--before` where one turns bad or a bad one is lost.
    """
    from envcheck.api import Checker
    from envcheck.workshop import effect as effects

    read = effects.read([Path(one) for one in cases])
    now = effects.judge(read, Checker(warn=talk.say))
    old = effects.judge(read, Checker(warn=talk.say, base=Path(before))) if before else now
    counted, changed = effects.figures(now), effects.changes(old, now)
    talk.show(json.dumps(counted) + "\n" if output_format == "json" else effects.markdown(counted, changed) + effects.samples(now))
    return 1 if effects.worse(changed) or not before and counted["false_alarms"] else 0


@click.command(short_help="Write a new entry from a few answers.")
@click.option("--package", help="The package that breaks.")
@click.option("--since", help="Its first bad version; empty for every one before the fix.")
@click.option("--fixed", help="The first version that is good again; empty where there is none.")
@click.option("--with", "beside", multiple=True, metavar="CONDITION", help="What else must hold: `torch<2.3`, `train.zero_stage=2`. May be repeated.")
@click.option("--symptom", help="What the user sees: nan-loss, crash, import-error …")
@click.option("--title", help="One line.")
@click.option("--cause", help="One sentence, own words.")
@click.option("--link", help="Where it was seen.")
@click.option("--level", type=click.Choice(EVIDENCE_LEVELS[:-1]), help="Whose word it is.")
@click.option("--from-machine", is_flag=True, help="Take the package's version from the environment that envcheck runs in.")
@click.option("--from-file", metavar="FILE", help="Take it from a snapshot, a report, a lock file: anything that `envcheck check` reads.")
@click.option("--out", metavar="DIR", help="The folder of entries to write to; default: the checkout's.")
def new(out: Optional[str], from_machine: bool, from_file: Optional[str], beside: Tuple[str, ...], **given: Any) -> int:
    """Ask what a new entry needs and write its file with examples; what an option gives is not asked."""
    from envcheck.workshop import new as entries

    folder = _folder([out] if out else [])
    seen = _seen(from_machine, from_file)
    answers = entries.Answers(beside=dict(_conditions(beside)), **_asked(given, seen))
    path = folder / answers.package / f"{answers.id}.yaml"
    if path.exists():
        raise InputError("is already there", where=str(path), hint="extend it, or narrow the new one with `--with`")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(entries.text(answers, _bench([str(folder)])), encoding="utf-8")
    talk.show(f"{path}\n")
    talk.say(f"now read it, complete what says TODO, and run `envcheck matrix lint {path}`")
    return 0


def _conditions(beside: Sequence[str]) -> Sequence[Tuple[str, str]]:
    from envcheck.workshop.new import conditions

    try:
        return conditions(beside)
    except ValueError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None


def _seen(from_machine: bool, from_file: Optional[str]) -> Dict[str, str]:
    """The versions of an environment in which it was seen."""
    if not from_machine and from_file is None:
        return {}
    from envcheck import api

    snapshot = api.snapshot_of(api.Sources(files=(from_file,) if from_file else ()), api.Checker(warn=talk.say), talk.say)
    return {name: str(fact.value) for name, fact in snapshot.packages.items() if fact.is_known}


_QUESTIONS = {
    "package": "Which package breaks",
    "since": "Its first bad version (empty: every one before the fix)",
    "fixed": "The first version that is good again (empty: none yet)",
    "symptom": "What the user sees (nan-loss, wrong-numerics, crash, import-error, hang …)",
    "title": "In one line",
    "cause": "Why, in one sentence of your own",
    "link": "Where it was seen (https://…)",
    "level": f"Whose word is it ({', '.join(EVIDENCE_LEVELS[:-1])})",
}


def _asked(given: Dict[str, Any], seen: Dict[str, str]) -> Dict[str, str]:
    """Every answer: given, or asked for where somebody can answer."""
    missing: List[str] = [key for key in _QUESTIONS if given[key] is None and key not in ("since", "fixed")]
    if missing and not talk.can_ask():
        raise click.UsageError(f"nobody is there to be asked for {', '.join(f'`--{key}`' for key in missing)}", click.get_current_context())
    answers: Dict[str, str] = {}
    for key, question in _QUESTIONS.items():
        default = seen.get(answers["package"], "").partition("+")[0] if key == "since" else ""
        if given[key] is not None:
            answers[key] = given[key]
        elif not talk.can_ask():
            answers[key] = default
        else:
            answers[key] = click.prompt(question, default=default if key in ("since", "fixed") else None, show_default=bool(default), err=True)
    return answers
