"""Training configs: how a file is recognised, and what is refused whatever its format."""

from __future__ import annotations

from pathlib import Path

import pytest

from envcheck import training
from envcheck.errors import InputError
from envcheck.settings import TRAIN_KEYS

RAW = Path(__file__).parents[2] / "raw" / "training"
READABLE = (
    *("zero2_auto.json", "zero2.json", "texts.json", "trainer.yaml", "gone.yaml", "sft.yaml", "arguments.json", "accelerate.yaml", "axolotl.yml"),
    *("llamafactory.yaml", "swift.yaml", "torchtune.yaml", "titan.toml", "config.json"),
)


@pytest.fixture(autouse=True)
def _there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RAW)


@pytest.mark.parametrize("name", READABLE)
def test_every_fact_is_known_by_name_and_place(name: str) -> None:
    facts = training.read(name, str)
    assert set(facts) <= set(TRAIN_KEYS)
    assert all(fact.origin for fact in facts.values())
    assert all(fact.is_known or fact.reason for fact in facts.values())


@pytest.mark.parametrize("reader", training.READERS.values(), ids=training.READERS)
def test_each_reader_fits_a_file_that_no_earlier_one_does(reader: training.Reader) -> None:
    fitting = [
        next(one for one in training.READERS.values() if one.fits(training._settings(name, Path(name).read_text(encoding="utf-8")))) for name in READABLE
    ]
    assert reader in fitting


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param("# only a comment", "is empty", id="comment"),
        pytest.param("{}", "is empty", id="empty-object"),
        pytest.param("[1, 2]", "holds a list, not settings", id="list"),
        pytest.param("- a\n- b", "holds a list, not settings", id="yaml-list"),
        pytest.param("torch==2.1.2", "holds one text, not settings", id="scalar"),
        pytest.param('{"packages": {"torch": "2.1.2"}}', "is no training config that envcheck knows", id="snapshot"),
        pytest.param("learning_rate: 1e-4\nlr: 1", "is no training config that envcheck knows", id="one-name-only"),
        pytest.param("hydra:\n  bf16: true\n  output_dir: x", "is no training config that envcheck knows", id="nested"),
    ],
)
def test_no_training_config(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        training.read(_file(tmp_path, text), str)
    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"zero_optimization": {"stage": 2,}}', id="trailing-comma"),
        pytest.param(b'{"zero_optimization": {}, "zero_optimization": {}}', id="key-twice"),
        pytest.param(b"bf16: true\nfp16: [", id="open-bracket"),
        pytest.param(b"bf16: true\nbf16: false", id="yaml-key-twice"),
        pytest.param(b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (97 + i, 97 + i, 96 + i, 96 + i) for i in range(1, 25)), id="alias-bomb"),
        pytest.param(b"[" * 100_000, id="deep-json"),
        pytest.param(b'{"a":' * 100_000, id="deep-object"),
        pytest.param(b"\0\1\2", id="binary"),
        pytest.param("output_dir: 输出".encode("gb18030"), id="not-utf-8"),
    ],
)
def test_malformed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(data)
    with pytest.raises(InputError):
        training.read(str(path), str)


def test_a_missing_file() -> None:
    with pytest.raises(InputError, match="cannot be read"):
        training.read("no/such.yaml", str)


def test_the_name_of_a_file_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bf16_zero3.yaml"
    path.write_bytes('{"zero_optimization": {"stage": 1}}'.encode("utf-16"))
    assert training.read(str(path), str)["zero_stage"].value == 1


def _file(folder: Path, text: str) -> str:
    path = folder / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)
