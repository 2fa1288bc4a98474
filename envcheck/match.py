"""(Snapshot, entries) -> findings and what could not be decided. Pure, total, deterministic."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from envcheck.conditions import BACKGROUND, Outcome, evaluate, is_package
from envcheck.model import KINDS, SEVERITIES, Entry, Finding, Snapshot, Truth, Undecided, UsedFact

MOST_MISSING = 2
"""An entry that more facts are missing for is too far away to be worth a person's attention."""


COMPANIONS = frozenset(("torch", "numpy", "transformers", "tokenizers", "huggingface-hub", "accelerate", "setuptools", "triton"))
"""Packages that a training environment has even where a report does not name them."""

_SPOKEN_OF = {
    "deepspeed": ("train.zero_stage", "train.overlap_comm", "train.deepspeed"),
    "liger-kernel": ("train.use_liger_kernel", "train.use_liger_loss"),
    "flash-attn": ("train.attn_implementation",),
    "bitsandbytes": ("train.quantization",),
    "peft": ("train.method",),
}
"""Settings that only a package has: an entry that used one of them speaks of a package that is there, though nobody named it."""


COMMON_SETTINGS = frozenset(
    ("precision", "param_dtype", "zero_stage", "overlap_comm", "offload", "world_size", "gradient_accumulation_steps", "gradient_checkpointing")
    + ("attn_implementation", "method", "quantization", "optimizer", "torch_compile", "deepspeed_bf16", "deepspeed_fp16", "trainer_precision")
)
"""Training settings that every run decides one way or the other."""

_NEVER_ASKED = frozenset(
    ("python", "os", "arch")
    # Whoever uses a framework gives its config or its command, which say so.
    + ("train.framework",)
    + tuple(f"train.{name}" for name in ("auto_find_batch_size", "label_smoothing_factor", "neftune_noise_alpha", "group_by_length"))
    + ("train.load_best_model_at_end", "train.save_only_model")
)
"""What is one way in nearly every run, so that who does not speak of it need not be asked: the usual Python, system and processor, switches that are off."""

_USUAL_OPTIMIZERS = ("adam", "adamw", "adamw_torch", "adamw_torch_fused", "adamw_8bit", "adamw_bnb_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "adafactor")
"""The optimizers that most runs have one of."""


class Matches(NamedTuple):
    """What a set of entries, or the rules, say of a snapshot."""

    findings: Tuple[Finding, ...]
    undecided: Tuple[Undecided, ...]


def match(snapshot: Snapshot, entries: Iterable[Entry], likely: Optional[Callable[[], Snapshot]] = None) -> Matches:
    """Findings of the bad and caution entries that hold, certainly or possibly, and the undecided ones, each ranked.

    `likely` gives the snapshot with its open requirements settled as an installer would: what does not hold of that is a note, where no
    training setting takes part.
    """
    findings: List[Finding] = []
    undecided: List[Undecided] = []
    for entry in entries:
        if entry.kind == "good":
            continue
        outcome = evaluate(entry.when, snapshot)
        if outcome.truth is Truth.NO:
            continue
        if outcome.truth is Truth.YES:
            findings.append(finding(entry, outcome, "certain", entry.severity))
        elif _is_usual(entry, outcome):
            findings.append(finding(entry, outcome, "possible", "warning", outcome.missing))
        elif not outcome.missing:
            severity = _possible_severity(entry, outcome)
            # Whoever states a setting that the entry is about has a run, and perhaps an environment made months ago.
            is_spoken_of = any(key.startswith("train.") for key, _ in outcome.used)
            is_unlikely = severity == "warning" and not is_spoken_of and likely is not None and evaluate(entry.when, likely()).truth is Truth.NO
            findings.append(finding(entry, outcome, "possible", "note" if is_unlikely else severity))
        elif _is_near(entry, outcome, snapshot):
            undecided.append(Undecided(entry.id, entry.kind, entry.severity, entry.culprit, entry.title, outcome.missing))
    return Matches(tuple(sorted(findings, key=_finding_rank)), tuple(sorted(undecided, key=undecided_rank)))


def _is_usual(entry: Entry, outcome: Outcome) -> bool:
    """Whether no version is missing or open, only settings and hardware, of an entry that warns without them."""
    stated = entry.warns_unstated
    if stated is None or not outcome.missing or outcome.ranged:
        return False
    return not any(is_package(key) or key in stated for key in outcome.missing)


def _possible_severity(entry: Entry, outcome: Outcome) -> str:
    """Severity where a requirement merely allows what is bad: a warning where something certain (another pin, a setting,
    the GPU) takes part, and a note where every requirement involved is open.
    """
    certain = any(key not in outcome.ranged and key not in BACKGROUND and not fact.is_open for key, fact in outcome.used)
    return "warning" if certain and entry.severity in ("error", "warning") else "note"


def finding(entry: Entry, outcome: Outcome, certainty: str, severity: str, needs: Tuple[str, ...] = ()) -> Finding:
    """What an entry whose conditions hold says, with the facts that fired, the settings nobody stated, and without its page."""
    return Finding(entry.id, entry.kind, severity, certainty, entry.title, entry.culprit, used_facts(outcome), needs=needs)


def used_facts(outcome: Outcome) -> Tuple[UsedFact, ...]:
    """The facts that an outcome rests on, those that a `not` spared last, each once."""
    return tuple(UsedFact(key, fact.value, fact.origin) for key, fact in dict.fromkeys(outcome.used + outcome.spared) if fact.value is not None)


def _is_near(entry: Entry, outcome: Outcome, snapshot: Snapshot) -> bool:
    """Whether everything known fits, at least one fact of its own among it, and little is missing that is worth asking for."""
    if entry.severity == "note":
        return False
    # Of a package that nobody spoke of it is not even known that it is there; only what nearly every run has is worth a question.
    used = {key for key, _ in outcome.used}
    if any(is_package(key) and key not in COMPANIONS and used.isdisjoint(_SPOKEN_OF.get(key, ())) for key in outcome.missing):
        return False
    # Of another vendor's toolkit only where its device is spoken of.
    if "cann" in outcome.missing and not (snapshot.fact("npu").is_known or "torch-npu" in snapshot.packages):
        return False
    # That a version nobody named should be the one release an entry is about is too unlikely to ask.
    if not _NEVER_ASKED.isdisjoint(outcome.missing) or any(is_package(key) and _is_one_release(entry.when.get(key)) for key in outcome.missing):
        return False
    if "train.optimizer" in outcome.missing and not _is_usual_optimizer(entry.when.get("train.optimizer")):
        return False
    if not _may_ask([key[6:] for key in outcome.missing if key.startswith("train.")], "gpu" in outcome.missing, snapshot):
        return False
    # A variable that nobody spoke of is seldom set: alone it is worth a question, beside another missing fact it is not.
    if sum(2 if key.startswith("env.") else 1 for key in outcome.missing) > MOST_MISSING:
        return False
    return any(key not in BACKGROUND for key, _ in outcome.used)


def _may_ask(settings: Sequence[str], asks_gpu: bool, snapshot: Snapshot) -> bool:
    """Whether these settings are worth a question. Of the GPU and a setting one has to be known; FSDP is spoken of where it is used."""
    if asks_gpu and settings:
        return False
    if any(key.startswith("fsdp") for key in settings) and not any(key.startswith("fsdp") for key in snapshot.train):
        return False
    # Where nobody spoke of the training at all, only settings that every run decides are; who gave a config can be asked for the rest.
    return bool(snapshot.train) or all(key in COMMON_SETTINGS for key in settings)


def _is_one_release(argument: Any) -> bool:
    """Whether an argument is one release, or a list of single ones."""
    if isinstance(argument, (list, tuple)):
        return bool(argument) and all(map(_is_one_release, argument))
    return isinstance(argument, str) and argument.startswith("==") and not argument.endswith("*")


def _is_usual_optimizer(argument: Any) -> bool:
    """Whether an entry speaks of an optimizer that most runs may have; who uses another one says so."""
    names = [argument] if isinstance(argument, str) else argument
    return names is None or any(fnmatchcase(usual, str(name).lower()) for name in names for usual in _USUAL_OPTIMIZERS)


def _finding_rank(finding: Finding) -> Tuple[int, int, int, str]:
    return (SEVERITIES.index(finding.severity), finding.certainty != "certain", KINDS.index(finding.kind), finding.id)


def undecided_rank(item: Undecided) -> Tuple[int, int, int, str]:
    """The order in which questions are told: by severity, kind, and how much they ask for."""
    return (SEVERITIES.index(item.severity), KINDS.index(item.kind), len(item.needs), item.id)


def unpinned(snapshot: Snapshot, matches: Matches) -> Dict[str, Tuple[str, ...]]:
    """Package -> ids of the entries that its requirement allows but does not force: what a tighter pin would settle."""
    allowed: Dict[str, List[str]] = {}
    open_ones = [(one.id, one.culprit) for one in matches.findings if one.certainty == "possible"]
    open_ones += [(one.id, one.culprit) for one in matches.undecided]
    for id, culprit in open_ones:
        for name in culprit:
            if name in snapshot.packages and snapshot.packages[name].is_open:
                allowed.setdefault(name, []).append(id)
    return {name: tuple(ids) for name, ids in sorted(allowed.items())}
