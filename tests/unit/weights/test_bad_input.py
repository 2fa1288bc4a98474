"""Files that lie, are cut off, vanish or would run code: one clear problem each, and the rest of the scan goes on."""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from safetensors.torch import save_file

from envcheck.errors import UnableError
from envcheck.weights import Scan, scan


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A good file, which every scan here must still reach."""
    save_file({"good.weight": torch.randn(8, 8)}, tmp_path / "zz_good.safetensors")
    return tmp_path


def problem(folder: Path) -> str:
    """The one problem of a folder, whose good file was counted all the same."""
    found: Scan = scan([str(folder)])
    assert "good.weight" in {tensor.name for tensor in found.counts}
    assert found.verdict == "incomplete"
    (one,) = found.problems
    return f"{one.where}: {one.message}"


def lying(folder: Path, header: Any, data: bytes = b"", length: int | None = None) -> None:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    (folder / "bad.safetensors").write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)


def row(shape: Any, offsets: Any, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("header", "data", "length", "said"),
    [
        ({"a": row([4], [0, 16])}, bytes(8), None, "is truncated: it ends 8 bytes too early; 1 of 1 tensors are not whole, first `a`"),
        ({"a": row([4], [0, 16])}, bytes(24), None, "8 bytes after its last tensor"),
        ({"a": row([4], [0, 8])}, bytes(8), None, "needs 16 bytes, its offsets give it 8"),
        ({"a": row([2**62, 4], [0, 16])}, bytes(16), None, "bytes, its offsets give it 16"),
        ({"a": row([4], [0, 16]), "b": row([4], [8, 24])}, bytes(24), None, "`a` and `b` overlap"),
        ({"a": row([-4], [0, 16])}, bytes(16), None, "not whole numbers from 0 on"),
        ({"a": row([4], [16, 0])}, bytes(16), None, "needs 16 bytes, its offsets give it -16"),
        ({"a": row([4], [0, 16], "F99")}, bytes(16), None, "`F99` is not known"),
        ({"a": 3}, b"", None, "no sound `dtype`"),
        (b'{"a": 1, "a": 2}', b"", None, "stands twice"),
        (b"[1]", b"", None, "no mapping"),
        (b"\xff\xfe{}", b"", None, "is not text"),
        (b"[" * 100_000, b"", None, "nested too deeply"),
        ({}, b"", 100 << 30, "its header should have 107,374,182,400 bytes"),
        (b"", b"", None, "JSON"),
    ],
)
def test_a_header_that_lies(sound: Path, header: Any, data: bytes, length: int | None, said: str) -> None:
    lying(sound, header, data, length)
    assert said in problem(sound)


def test_a_header_larger_than_the_format_allows(sound: Path) -> None:
    path = sound / "bad.safetensors"
    path.write_bytes(struct.pack("<Q", 200_000_000))
    os.truncate(path, 300_000_000)
    assert "more than the format allows" in problem(sound)


class _Runs:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "plain.pt"])
def test_a_pickle_that_would_run_code_is_named_and_not_run(sound: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sound)
    if name == "plain.pt":
        (sound / name).write_bytes(pickle.dumps(_Runs()))
    else:
        torch.save({"w": torch.randn(2, 2), "x": _Runs()}, name)
    said = problem(sound)
    assert f"would call `{os.mkdir.__module__}.mkdir`" in said
    assert not (sound / "ran").exists()


@pytest.mark.parametrize(
    "call", [b"cbuiltins\neval\n(S'1'\ntR.", b"cos\nsystem\n(S'true'\ntR.", b"ctorch.hub\nload\n(tR.", b"\x80\x02cruntime\nx\n0cfunctools\nreduce\n(tR."]
)
def test_each_way_to_run_code(sound: Path, call: bytes) -> None:
    with zipfile.ZipFile(sound / "bad.pt", "w") as archive:
        archive.writestr("x/data.pkl", call)
    assert "would call `" in problem(sound)


def test_names_of_other_packages_are_told_not_imported(sound: Path) -> None:
    with zipfile.ZipFile(sound / "m.pt", "w") as archive:
        archive.writestr("x/data.pkl", b"cnot_there_at_all\nConfig\n(tR.")
    found = scan([str(sound)])
    assert [(one.kind, one.severity, one.tensors) for one in found.sick] == [("imports", "note", ("not_there_at_all.Config",))]
    assert "not_there_at_all" not in sys.modules


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_truncated_torch_file(sound: Path, keep: float) -> None:
    path = sound / "pytorch_model.bin"
    torch.save({"w": torch.randn(64, 64)}, path)
    os.truncate(path, int(path.stat().st_size * keep))
    assert "pytorch_model.bin" in problem(sound)
    assert "truncated" in problem(sound)


def rewritten(path: Path, change: Any) -> None:
    """The archive again, each member through `change(name, bytes)`."""
    with zipfile.ZipFile(path) as archive:
        members = [(one.filename, archive.read(one)) for one in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            new = change(name, data)
            if new is not None:
                archive.writestr(name, new)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda name, data: None if name.endswith("data/0") else data, "storage `0` is missing"),
        (lambda name, data: data[:100] if name.endswith("data/0") else data, "needs 16,384 bytes, its storage has 100"),
        (lambda name, data: b"big" if name.endswith("byteorder") else data, "big-endian"),
        (lambda name, data: None if name.endswith("data.pkl") else data, "without `data.pkl`"),
        (lambda name, data: data[:60] if name.endswith("data.pkl") else data, "cannot be followed"),
        (lambda name, data: b"\x80\x02\x8a\xff" if name.endswith("data.pkl") else data, "cannot be followed"),
    ],
)
def test_a_torch_file_that_lies(sound: Path, change: Any, said: str) -> None:
    path = sound / "pytorch_model.bin"
    torch.save({"w": torch.randn(64, 64)}, path)
    rewritten(path, change)
    assert said in problem(sound)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "nothing that torch.save wrote"),
        (pickle.dumps({"a": 1}), "plain pickle"),
        (b"GGUF" + struct.pack("<I", 1), "GGUF version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "tensors and"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 2**40), "is truncated"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 8, 2**60), "is truncated"),
    ],
)
def test_what_is_no_checkpoint(sound: Path, raw: bytes, said: str) -> None:
    (sound / "pytorch_model.bin").write_bytes(raw)
    assert said in problem(sound)


def before_1_6(state: object, path: Path) -> Path:
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


def test_a_pickle_before_torch_1_6_that_would_run_code(sound: Path) -> None:
    before_1_6({"w": torch.randn(2, 2), "x": _Runs()}, sound / "old.pt")
    assert f"would call `{os.mkdir.__module__}.mkdir`" in problem(sound)


def test_what_torch_before_1_6_wrote_is_cut_off(sound: Path) -> None:
    path = before_1_6({"w": torch.randn(64, 64), "v": torch.randn(64)}, sound / "old.pt")
    os.truncate(path, path.stat().st_size - 100)
    assert "behind the end of the file" in problem(sound)
    os.truncate(path, 60)
    assert "cannot be followed" in problem(sound) or "is damaged" in problem(sound)


def test_storages_before_torch_1_6_that_lie_about_their_size(sound: Path) -> None:
    path = before_1_6({"w": torch.zeros(4)}, sound / "old.pt")
    raw = path.read_bytes()
    assert raw[-24:-16] == struct.pack("<q", 4)
    for count in (-1, 2**62, 3):
        path.write_bytes(raw[:-24] + struct.pack("<q", count) + raw[-16:])
        assert "`w`" in problem(sound)


def test_a_shard_that_vanishes_or_shrinks_while_it_is_read(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from envcheck.weights import files

    path = sound / "m.safetensors"
    opened = files.contents
    for act in (lambda: path.unlink(), lambda: os.truncate(path, 200)):
        save_file({"w": torch.randn(64, 64)}, path)

        def then(name: str, act: Any = act) -> Any:
            held = opened(name)
            if name == str(path):
                act()
            return held

        monkeypatch.setattr(files, "contents", then)
        assert "m.safetensors: " in problem(sound)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no symbolic links here")
def test_links_that_lead_back(sound: Path) -> None:
    (sound / "loop").symlink_to(sound, target_is_directory=True)
    (sound / "again.safetensors").symlink_to(sound / "zz_good.safetensors")
    found = scan([str(sound), str(sound / "zz_good.safetensors")])
    assert (len(found.counts), found.problems) == (1, [])
    (sound / "self.safetensors").symlink_to("self.safetensors")
    assert "self.safetensors: cannot be read" in problem(sound)


def test_an_index_that_leads_outside(sound: Path) -> None:
    (sound / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../../secret.safetensors"}}))
    assert "shards are missing" in problem(sound)


def test_nothing_to_read(tmp_path: Path) -> None:
    assert "holds no weights" in scan([str(tmp_path)]).problems[0].message
    assert scan([str(tmp_path / "no")]).problems[0].message.startswith("cannot be read")


def gguf(tensors: list[tuple[str, list[int], int, bytes]]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 2)
    for key, kind, value in ((b"general.name", 8, struct.pack("<Q", 1) + b"x"), (b"tokens", 9, struct.pack("<IQ", 8, 1) + struct.pack("<Q", 2) + b"hi")):
        head += struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value
    data = b""
    for name, shape, kind, raw in tensors:
        head += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", kind, len(data))
        data += raw + bytes(-len(raw) % 32)
    return head + bytes(-len(head) % 32) + data


def test_gguf(tmp_path: Path) -> None:
    sick = (numpy.float16("nan").tobytes() + bytes(32)) * 2
    whole = gguf([("blk.3.ffn_up.weight", [32, 2], 8, sick), ("blk.0.norm", [4], 0, struct.pack("<4f", 1, 2, 3, 4))])
    path = tmp_path / "m.gguf"
    path.write_bytes(whole)
    found = scan([str(path)])
    assert [(one.kind, one.layers) for one in found.sick] == [("nan", "blk 3")]
    assert {tensor.name: counts.high for tensor, counts in found.counts.items()}["blk.0.norm"] == 4
    path.write_bytes(whole[:-30])
    assert "is truncated" in scan([str(path)]).problems[0].message


def test_without_numpy_it_says_what_to_install(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UnableError, match="numpy is not installed"):
        scan([str(sound)])
