"""`training_args.bin`: read without unpickling; what a load would run is named and not run."""

from __future__ import annotations

import enum
import os
import pickle
import sys
import types
import zipfile
from pathlib import Path
from typing import Any

import pytest

from envcheck import training
from envcheck.errors import InputError

IMPORTS = "transformers.training_args"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> type:
    """A class that pickles as transformers' own, with an enumeration as transformers has them."""
    module = types.ModuleType(IMPORTS)

    class TrainingArguments:
        def __init__(self, **given: Any) -> None:
            self.__dict__.update(given)

    class OptimizerNames(str, enum.Enum):
        FUSED = "adamw_torch_fused"

    for one in (TrainingArguments, OptimizerNames):
        one.__module__, one.__qualname__ = IMPORTS, one.__name__
        setattr(module, one.__name__, one)
    monkeypatch.setitem(sys.modules, "transformers", types.ModuleType("transformers"))
    monkeypatch.setitem(sys.modules, IMPORTS, module)
    return TrainingArguments


def archived(path: Path, data: bytes) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("training_args/data.pkl", data)
        archive.writestr("training_args/version", "3\n")
    return str(path)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_the_arguments_of_a_run(tmp_path: Path, made: type, protocol: int) -> None:
    optim = sys.modules[IMPORTS].OptimizerNames.FUSED
    arguments = made(
        output_dir="out",
        learning_rate=2e-5,
        bf16=True,
        fp16=False,
        optim=optim,
        max_grad_norm=0.3,
        deepspeed=None,
        gradient_checkpointing_kwargs={"use_reentrant": False},
    )
    path = archived(tmp_path / "training_args.bin", pickle.dumps(arguments, protocol))
    found = training.read(path, str)
    assert {key: found[key].value for key in ("precision", "learning_rate", "optimizer", "max_grad_norm", "use_reentrant")} == {
        "precision": "bf16",
        "learning_rate": 2e-5,
        "optimizer": "adamw_torch_fused",
        "max_grad_norm": 0.3,
        "use_reentrant": "false",
    }


def test_the_form_before_torch_1_6(tmp_path: Path, made: type) -> None:
    path = tmp_path / "training_args.bin"
    path.write_bytes(b"".join(pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, made(output_dir="o", fp16=True))))
    assert training.read(str(path), str)["precision"].value == "fp16"


class Harmful:
    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_pickle_that_would_run_code_is_named_and_not_run(tmp_path: Path, made: type, wrapped: bool) -> None:
    marker = tmp_path / "ran"
    harmful = Harmful(str(marker))
    data = pickle.dumps(made(output_dir="o", learning_rate=1.0, extra=harmful) if wrapped else harmful)
    with pytest.raises(InputError, match=r"would call `(posix|nt)\.system`"):
        training.read(archived(tmp_path / "training_args.bin", data), str)
    assert not marker.exists()


@pytest.mark.parametrize("opcode", [b"cbuiltins\neval\n(Vprint(1)\ntR.", b"(S'x'\nios\nsystem\n.", b"(cos\nsystem\nS'x'\no."])
def test_other_ways_to_call(tmp_path: Path, opcode: bytes) -> None:
    with pytest.raises(InputError, match="would call"):
        training.read(archived(tmp_path / "training_args.bin", b"\x80\x02" + opcode), str)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"PK\x03\x04 cut", id="no-zip"),
        pytest.param(b"\x80\x04", id="cut"),
        pytest.param(b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff", id="length-lies"),
        pytest.param(b"\x80\x02h\x05.", id="no-such-memo"),
        pytest.param(b"\x80\x02s.", id="empty-stack"),
        pytest.param(pickle.dumps([1, 2]), id="no-arguments"),
    ],
)
def test_damaged(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "training_args.bin"
    path.write_bytes(data)
    with pytest.raises(InputError):
        training.read(str(path), str)


def test_every_way_to_cut_one_short(tmp_path: Path, made: type) -> None:
    whole = pickle.dumps(made(output_dir="out", learning_rate=2e-5, bf16=True), 4)
    path = tmp_path / "training_args.bin"
    for size in range(4, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError):
            training.read(str(path), str)
