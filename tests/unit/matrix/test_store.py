from __future__ import annotations

from pathlib import Path

import pytest
from build import snap
from test_schema import SOUND, write

from envcheck.errors import InputError, MatrixError, UnableError
from envcheck.matrix import load, store
from envcheck.matrix.index import Index, compile_index
from envcheck.matrix.sieve import Sieve
from envcheck.matrix.slabs import anchors


def index_of(*paths: Path) -> Index:
    return Index(compile_index(load.drafts(paths), {"gpus": [["A", "8.0"]]}, "f"), "test")


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    [draft] = load.drafts([write(tmp_path, SOUND)])
    index = index_of(write(tmp_path, SOUND))
    [located] = Sieve(index).left_over(snap(deepspeed="0.14.3"))
    assert located.entry == draft.entry
    assert index.page(located.page) == draft.page
    assert index.table("gpus") == [["A", "8.0"]]
    assert index.table("none") is None


def test_the_same_entries_give_the_same_bytes(tmp_path: Path) -> None:
    drafts = load.drafts([write(tmp_path, SOUND)])
    assert compile_index(drafts, {}, "f") == compile_index(drafts, {}, "f")


def test_a_withdrawn_entry_is_explained_and_does_not_fire(tmp_path: Path) -> None:
    index = index_of(write(tmp_path, SOUND + "withdrawn: it was another package\n"))
    assert list(Sieve(index).left_over(snap(deepspeed="0.14.3"))) == []
    assert index.all()["sound-entry"][1]


@pytest.mark.parametrize(
    ("when", "found_through"),
    [
        ({"python": ">=3.8", "torch": "<2"}, ("torch",)),
        ({"python": "<3.8"}, ("python",)),
        ({"any": [{"torch": "<2"}, {"numpy": ">=2"}], "os": "windows"}, ("torch", "numpy")),
        ({"torch": "<2", "not": {"apex": "installed"}}, ("torch",)),
    ],
)
def test_an_entry_is_found_through_what_is_special_about_it(when: dict[str, object], found_through: tuple[str, ...]) -> None:
    assert anchors(when) == found_through


@pytest.mark.parametrize("raw", [b"", b"\0" * 40, b"envcheck-index 3 5\n{}", b"envcheck-index 2 2\n{}", b"envcheck-index 3 x\n"])
def test_what_is_no_index_is_refused(raw: bytes) -> None:
    with pytest.raises(UnableError):
        Index(raw, "damaged")


def test_private_entries_join_the_matrix(tmp_path: Path) -> None:
    write(tmp_path, SOUND.replace("deepspeed", "our-own-package"))
    matrix = store.open_matrix([tmp_path])
    assert {located.entry.id for located, _ in matrix.candidates(snap(our_own_package="0.14.3"))} == {"sound-entry"}
    assert matrix.table("gpus")


def test_a_private_id_may_not_shadow_a_public_one(tmp_path: Path) -> None:
    taken = next(iter(store.open_matrix().all()))
    write(tmp_path, SOUND.replace("sound-entry", taken), f"{taken}.yaml")
    with pytest.raises(MatrixError, match="1 problem"):
        store.open_matrix([tmp_path])


def test_a_private_folder_must_hold_entries(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(InputError):
            store.open_matrix([folder])


def test_a_changed_file_is_compiled_again(tmp_path: Path) -> None:
    path = write(tmp_path, SOUND)
    assert store.open_matrix([tmp_path]).explain("sound-entry")[0].entry.title == "A sound entry"
    path.write_text(SOUND.replace("A sound entry", "A changed entry"))
    assert store.open_matrix([tmp_path]).explain("sound-entry")[0].entry.title == "A changed entry"


def test_a_damaged_cache_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    entries = tmp_path / "entries"
    entries.mkdir()
    write(entries, SOUND)
    store.open_matrix([entries])
    kept = sorted((cache / "envcheck").iterdir())
    assert kept
    for path in kept:
        path.write_bytes(b"envcheck-index 3 999\n{")
    assert store.open_matrix([entries]).explain("sound-entry")


def test_a_home_that_cannot_be_written_costs_only_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    write(tmp_path, SOUND)
    assert store.open_matrix([tmp_path]).explain("sound-entry")


def test_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        store.open_matrix().explain("numpy-2-torch-before-2.4")
    assert "numpy-2-torch-before-2.3" in caught.value.hint


def test_the_answer_does_not_depend_on_what_was_asked_before() -> None:
    from envcheck.api import Checker

    def ids(checker: Checker, value: object) -> set[str]:
        return {one.id for one in checker.report(snap(deepspeed="0.13.1", train={"zero_stage": 2, "overlap_comm": value})).findings}

    alone = ids(Checker(), True)
    after = Checker()
    ids(after, 1)
    assert "deepspeed-0.12.4-zero12-overlap" in alone
    assert ids(after, True) == alone


def test_a_truncated_cache_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    entries = tmp_path / "entries"
    entries.mkdir()
    write(entries, SOUND)
    store.open_matrix([entries])
    for path in (tmp_path / "cache" / "envcheck").iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    assert store.open_matrix([entries]).explain("sound-entry")[1].cause == "Because."
