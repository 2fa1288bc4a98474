"""That an entry reached through the slabs is an entry reached by reading all of them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from build import snap

from envcheck import conditions
from envcheck.match import match
from envcheck.matrix import files, load, slabs, store
from envcheck.matrix.index import Index, compile_index
from envcheck.matrix.schema import Draft
from envcheck.matrix.sieve import Sieve, known_facts
from envcheck.model import Entry, Fact, Page, Snapshot, Truth, merge

DRAFTS = load.drafts(files.below(store.CHECKOUT / "entries"))
LIVE = [draft for draft in DRAFTS if draft.entry.kind != "good" and not draft.page.withdrawn]


def snapshots() -> Iterator[Snapshot]:
    """Every example of every entry, alone and two laid over each other, as a complete listing too."""
    chance = random.Random(7)
    examples = [snapshot for draft in LIVE for kind in draft.examples for snapshot in draft.examples[kind]]
    yield from examples
    for _ in range(1500):
        both = merge(chance.choice(examples), chance.choice(examples))
        yield both
        yield Snapshot(both.facts, both.packages, True, both.gpus, both.env, True, both.train)
    yield from (snap(torch=version) for version in (">=2.0", "2.4.0a0+f70bd71a48.nv24.06", "2", "no version", "absent", "==2.*", "2.1.2+cu121"))
    yield Snapshot(packages={"torch": Fact(None, "", "no version in its metadata")}, complete=True)


def test_what_is_left_over_matches_as_all_entries_do() -> None:
    entries = [(draft.entry, frozenset(slabs.anchors(draft.entry.when))) for draft in LIVE]
    sieve = Sieve(Index(compile_index(DRAFTS, {}, "f"), "test"))
    for snapshot in snapshots():
        left = [located.entry for located in sieve.left_over(snapshot)]
        assert len({entry.id for entry in left}) == len(left)
        known = dict(known_facts(snapshot)).keys()
        assert match(snapshot, left) == match(snapshot, [entry for entry, anchors in entries if not anchors.isdisjoint(known)]), snapshot
        assert all(conditions.truth_of(key, entry.when[key], snapshot) is not Truth.NO for entry in left for key in entry.when if key in snapshot.packages)


@pytest.mark.parametrize(
    ("when", "main"),
    [
        ({"torch": ">=2", "numpy": "<2"}, "numpy"),
        ({"torch": "installed", "numpy": ">=2"}, "numpy"),
        ({"torch": "<2.3", "deepspeed": ">=0.12,<0.13"}, "deepspeed"),
        ({"os": "windows", "torch": "installed"}, "torch"),
        ({"apex": "absent", "os": "linux"}, None),
        ({"apex": ["absent", "<1"], "torch": ">=2"}, "torch"),
        ({"any": [{"torch": "<2"}, {"numpy": ">=2"}]}, None),
        ({"train.precision": "fp16"}, "train.precision"),
    ],
)
def test_the_primary_key_is_the_narrowest_that_must_hold(when: dict[str, object], main: str | None) -> None:
    assert slabs.primary(when) == main


def test_a_version_opens_only_what_is_near_it() -> None:
    """The point of the layout: among hundreds of entries about other releases, a handful of rows is read."""
    drafts = [Draft(Entry(f"e{n}", "bad", "warning", "t", ("torch",), {"torch": f">=1.{n},<1.{n + 1}"}), Page(), {}, f"e{n}.yaml") for n in range(400)]
    read = Sieve(Index(compile_index(drafts, {}, "f"), "test"))
    assert [located.entry.id for located in read.left_over(snap(torch="1.77"))] == ["e77"]
    assert len(read._ways) < 20


BRANCHES = {"torch": ">=2", "any": [{"numpy": "<2", "train.precision": "bf16"}, {"apex": "installed"}, {"env.NCCL_ALGO": "ring"}]}


@pytest.mark.parametrize(
    ("snapshot", "is_left"),
    [
        (snap(torch="2.1", numpy="1.26"), True),
        (snap(torch="2.1", numpy="2.0"), True),
        (snap(torch="1.13", numpy="1.26"), False),
        (Snapshot(packages={"torch": Fact("2.1"), "numpy": Fact("2.0")}, complete=True), True),
        (Snapshot(packages={"torch": Fact("2.1"), "numpy": Fact("2.0")}, complete=True, env_complete=True), False),
        (Snapshot(packages={"torch": Fact("2.1"), "numpy": Fact("1.26")}, train={"precision": Fact("fp16")}, complete=True, env_complete=True), False),
        (Snapshot(packages={"torch": Fact("2.1"), "apex": Fact("0.1")}, complete=True, env_complete=True), True),
        (Snapshot(packages={"torch": Fact("2.1"), "numpy": Fact("2.0")}, env={"NCCL_ALGO": Fact("Tree")}, complete=True), False),
    ],
)
def test_an_entry_goes_with_the_last_of_its_branches(snapshot: Snapshot, is_left: bool) -> None:
    drafts = [Draft(Entry("branches", "bad", "warning", "t", ("torch",), BRANCHES), Page(), {}, "branches.yaml")]
    sieve = Sieve(Index(compile_index(drafts, {}, "f"), "test"))
    for _ in range(2):  # the second time from memory
        assert [located.entry.id for located in sieve.left_over(snapshot)] == ["branches"] * is_left
