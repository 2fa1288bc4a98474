"""Tokenised data: each fault is found where it is, by its first row, and sound data of every kind is left alone."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from envcheck.cli import batch
from envcheck.errors import InputError
from envcheck.tokens import Bounds, Fault, count, judge, rows

SOUND = {"input_ids": [5, 6, 7, 8], "labels": [-100, -100, 7, 8], "attention_mask": [1, 1, 1, 1]}


def faults(*given: dict[str, Any], **bounds: int) -> list[Fault]:
    return judge(count(enumerate(given, 1), Bounds(**bounds)))


def write(path: Path, given: list[dict[str, Any]]) -> Path:
    table = pyarrow.Table.from_pylist(given)
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in given))
    else:
        opened = pyarrow.ipc.new_file if path.suffix == ".feather" else pyarrow.ipc.new_stream
        with opened(str(path), table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.mark.parametrize(
    ("row", "bounds", "kind", "severity"),
    [
        ({"labels": [-100] * 4}, {}, "all-masked", "warning"),
        ({"labels": [5, -100, -100, -100]}, {}, "all-masked", "warning"),
        ({"labels": [-100, 5, 6, 10]}, {"vocab_size": 10}, "label-outside", "error"),
        ({"labels": [-100, 5, 6, -1]}, {}, "label-outside", "error"),
        ({"input_ids": [5, 6, 7, 10]}, {"vocab_size": 10}, "id-outside", "error"),
        ({"input_ids": [5, 6, 7, -1]}, {}, "id-outside", "error"),
        ({"input_ids": [], "labels": [], "attention_mask": []}, {}, "empty", "error"),
        ({"attention_mask": [0, 0, 0, 0]}, {}, "mask-zero", "error"),
        ({"attention_mask": [1, 1]}, {}, "lengths-differ", "error"),
        ({"labels": [-100, 5, 6, 7, 8]}, {}, "labels-of-own-length", "note"),
        ({"pixel_values": [[1.0, 2.0], [0.5, float("nan")]]}, {}, "not-finite", "error"),
        ({"features": [1, float("inf")]}, {}, "not-finite", "error"),
        ({"score": float("inf")}, {}, "not-finite", "error"),
        ({"input_ids": [5, None, 7, 8]}, {}, "not-whole-numbers", "error"),
        ({"input_ids": [5, 6, 0, 0], "labels": [-100, 6, 0, 0]}, {"pad_token": 0}, "padding-trained", "note"),
    ],
)
def test_a_fault_is_found_and_its_first_row_named(row: dict[str, Any], bounds: dict[str, int], kind: str, severity: str) -> None:
    (found,) = faults(SOUND, {**SOUND, **row}, SOUND, {**SOUND, **row}, **bounds)
    assert (found.kind, found.severity, found.rows, found.first) == (kind, severity, 2, 2)


@pytest.mark.parametrize(
    ("row", "bounds"),
    [
        (SOUND, {"vocab_size": 9, "max_length": 4, "pad_token": 0}),
        ({"input_ids": [5, 6, 7], "attention_mask": [1, 1, 1]}, {"vocab_size": 9}),
        ({"input_ids": [5, 6, 7], "labels": 1}, {}),
        ({"input_ids": [5, 6, 7], "labels": [0.5, 1.5]}, {}),
        ({"input_ids": [5, 6, 0], "labels": [5, 6, 0]}, {"pad_token": 0}),
        ({"input_ids": [[5, 6], [7, 8]], "labels": [[-100, 6], [7, 8]], "attention_mask": [[1, 1], [1, 1]]}, {}),
        ({**SOUND, "pixel_values": [[0.5, 1e30]], "text": "nan", "meta": {"score": 0.1}}, {}),
    ],
)
def test_sound_rows_have_no_faults(row: dict[str, Any], bounds: dict[str, int]) -> None:
    assert faults(row, **bounds) == []


def test_an_answer_behind_the_cut() -> None:
    behind = {"input_ids": [5] * 8, "labels": [-100] * 6 + [5, 5]}
    already = {"input_ids": [5] * 4, "labels": [-100] * 4}
    assert [(one.kind, one.severity, one.rows) for one in faults(SOUND, behind, already, max_length=4)] == [
        ("cut-before-answer", "warning", 2),
        ("too-long", "note", 1),
    ]
    assert faults(SOUND, behind) == []


def test_data_in_which_nothing_trains_is_an_error() -> None:
    masked = {**SOUND, "labels": [-100] * 4}
    assert [one.severity for one in faults(masked, masked)] == ["error"]


def test_a_single_label_of_a_decoder_trains() -> None:
    assert [one.kind for one in faults({"input_ids": [5, 6, 7], "labels": [9, -100]})] == ["labels-of-own-length"]


def test_the_share_of_labels_that_train() -> None:
    tally = count([(1, SOUND), (2, SOUND)], Bounds())
    assert (tally.rows, tally.tokens, tally.trained, tally.labelled, tally.longest) == (2, 8, 4, 8, 4)


@pytest.mark.parametrize("name", ["d.jsonl", "d.parquet", "d.arrow", "d.feather"])
def test_each_format_gives_the_same_rows(tmp_path: Path, name: str) -> None:
    given = [{**SOUND, "labels": [-100, number, 7, 8]} for number in range(600)]
    read = list(rows(str(write(tmp_path / name, given)), print))
    assert read == list(enumerate(given, 1))
    renamed = (tmp_path / name).rename(tmp_path / "data")
    assert list(rows(str(renamed), print)) == read, "the content tells the format"


@pytest.mark.parametrize("name", ["d.parquet", "d.arrow", "d.feather"])
def test_a_truncated_file_is_one_problem(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [SOUND] * 2000)
    os.truncate(path, path.stat().st_size // 2)
    problems: list[InputError] = []
    list(rows(str(path), problems.append))
    assert ["damaged or truncated" in one.message for one in problems] == [True]


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(batch.command, arguments, standalone_mode=False)
    return done.return_value if done.exception is None else done.exception, done.stdout, done.stderr  # type: ignore[return-value]


def test_a_line_that_cannot_be_read_does_not_end_the_scan(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps(SOUND) + "\n{\n[1]\n\n" + json.dumps({**SOUND, "labels": [-100] * 4}) + "\n")
    status, shown, talk = run(str(path))
    assert status == 2
    assert "row 5" in shown
    assert [line.split(": ")[1] for line in talk.splitlines() if line.startswith("error")] == [f"{path}:2", f"{path}:3"]


def test_json_and_exit_status(tmp_path: Path) -> None:
    path = str(write(tmp_path / "d.jsonl", [SOUND]))
    status, shown, _ = run(path, "--format", "json", "--vocab-size", "9")
    assert (status, json.loads(shown)["verdict"], json.loads(shown)["trained_share"]) == (0, "sound", 0.5)
    assert run(path, "--vocab-size", "8")[0] == 1
    assert run(path, "--vocab-size", "8", "--fail-on", "never")[0] == 0


@pytest.mark.parametrize("config", [{"vocab_size": 8}, {"vocab_size": 99, "text_config": {"vocab_size": 8}}, {"text_config": {"vocab_size": 8}}])
def test_the_vocabulary_of_a_models_config(tmp_path: Path, config: dict[str, Any]) -> None:
    held = tmp_path / "config.json"
    held.write_text(json.dumps(config))
    status, shown, _ = run(str(write(tmp_path / "d.jsonl", [SOUND])), "--model-config", str(held))
    assert status == 1
    assert "`labels` holds 8, the vocabulary has 8" in shown


@pytest.mark.parametrize(("content", "said"), [(b"", "is empty"), (b'{"text": "a"}\n', "neither `input_ids` nor `labels`"), (None, "cannot be read")])
def test_what_is_no_tokenised_data(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "d.jsonl"
    if content is not None:
        path.write_bytes(content)
    error = run(str(path))[0]
    assert isinstance(error, InputError)
    assert said in error.message
