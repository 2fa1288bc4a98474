"""Real checkpoints, written by torch and safetensors: what is sick is named, what is sound is left alone."""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from envcheck.weights import Scan, scan, tensors


def kinds(found: Scan) -> dict[str, str]:
    return {one.kind: one.severity for one in found.sick}


def model(layers: int = 24) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {f"model.layers.{number}.mlp.down_proj.weight": torch.randn(32, 64).bfloat16() for number in range(layers)}


def poisoned() -> dict[str, torch.Tensor]:
    state = model()
    for number in (21, 22, 23):
        state[f"model.layers.{number}.mlp.down_proj.weight"][3, 5:9] = float("nan")
        state[f"model.layers.{number}.mlp.down_proj.weight"][4, 0] = float("-inf")
    return state


def write(state: dict[str, torch.Tensor], path: Path) -> str:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=path.suffix != ".pt")  # torch before 1.6 wrote no zip
    return str(path)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "old.pt"])
def test_a_poisoned_base_checkpoint_is_named_by_layer(tmp_path: Path, name: str) -> None:
    write(poisoned(), tmp_path / name)
    found = scan([str(tmp_path)])
    assert found.verdict == "sick"
    (nan,) = found.sick
    assert (nan.kind, nan.severity, nan.layers, len(nan.tensors)) == ("nan", "error", "model.layers 21-23", 3)
    assert "model.layers.21.mlp.down_proj.weight  bfloat16 [32, 64]: NaN 4, Inf 1 of 2,048" in nan.tensors[0]


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "old.pt"])
def test_a_sound_one_has_no_findings(tmp_path: Path, name: str) -> None:
    found = scan([write(model(), tmp_path / name)])
    assert (found.verdict, found.sick, found.problems, len(found.counts)) == ("sound", [], [], 24)


def test_counts_do_not_depend_on_how_the_work_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(poisoned(), tmp_path / "model.safetensors")
    module = sys.modules["envcheck.weights.scan"]
    whole = scan([path], threads=1)
    monkeypatch.setattr(module, "_JOB_BYTES", 1000)
    monkeypatch.setattr(module, "_CHUNK_BYTES", 256)
    seen: list[tuple[int, int, str]] = []
    cut = scan([path], lambda *one: seen.append(one), threads=3)
    assert cut.counts == whole.counts
    assert seen[-1] == (whole.nbytes, whole.nbytes, "model.safetensors")
    assert isinstance(next(iter(cut.counts)), tensors.Tensor)


def test_an_inf_in_a_mask_is_meant(tmp_path: Path) -> None:
    mask = torch.full((8, 8), float("-inf")).triu(1)
    found = scan([write({**model(2), "text.attn_mask": mask}, tmp_path / "m.safetensors")])
    assert kinds(found)["inf"] == "note"
    assert found.verdict == "sound"
    assert kinds(scan([write({"w": mask}, tmp_path / "w.safetensors")]))["inf"] == "error"


def test_zero_weights(tmp_path: Path) -> None:
    zeros = {name: torch.zeros_like(weight) for name, weight in model(3).items()}
    assert kinds(scan([write(zeros, tmp_path / "all.safetensors")])) == {"all-zero": "error"}
    one = {**model(3), "model.layers.7.up_proj.weight": torch.zeros(8, 8).bfloat16(), "model.bias": torch.zeros(64).bfloat16()}
    found = scan([write(one, tmp_path / "one.safetensors")])
    assert kinds(found) == {"all-zero": "warning"}
    assert len(found.sick[0].tensors) == 1


def test_an_adapter_that_was_never_trained(tmp_path: Path) -> None:
    state = {"q.lora_A.weight": torch.randn(4, 64), "q.lora_B.weight": torch.zeros(64, 4)}
    assert kinds(scan([write(state, tmp_path / "adapter_model.safetensors")])) == {"all-zero": "note"}


def test_values_stopped_or_gone_under(tmp_path: Path) -> None:
    state = {"a": torch.full((8, 8), 65504.0).half(), "b": torch.full((8, 8), 1e-7).half(), "c": torch.randn(8, 8).half()}
    assert kinds(scan([write(state, tmp_path / "m.safetensors")])) == {"at-limit": "warning", "subnormal": "warning"}


def test_tied_copied_and_mixed(tmp_path: Path) -> None:
    tied = torch.randn(64, 64)
    state = {"embed.weight": tied, "head.weight": tied, "copy.weight": tied.clone(), "other.weight": torch.randn(64, 64), "norm.weight": torch.ones(4).half()}
    found = scan([write(state, tmp_path / "m.bin")])
    assert kinds(found) == {"shared": "note", "duplicate": "note", "mixed-dtypes": "note"}
    assert {one.kind: one.tensors for one in found.sick}["shared"] == ("embed.weight = head.weight",)


def test_what_torch_saves_beside_plain_tensors(tmp_path: Path) -> None:
    base = torch.randn(10, 10)
    state = {
        "parameter": torch.nn.Parameter(torch.randn(4, 4)),
        "transposed": torch.randn(8, 4).t(),
        "slice": base[2:4, 3:5],
        "expanded": torch.zeros(1).expand(10),
        "scalar": torch.tensor(3.0),
        "empty": torch.zeros(0),
        "fp8": torch.randn(4, 4).to(torch.float8_e4m3fn),
        "nested": [{"deep": torch.tensor([float("nan")])}],
    }
    found = scan([write(state, tmp_path / "odd.pt")])
    assert {tensor.name for tensor in found.counts} == {*state} - {"empty", "nested"} | {"nested.0.deep"}
    assert next(one for one in found.sick if one.kind == "nan").tensors[0].startswith("nested.0.deep")


def test_tensors_that_share_a_storage_before_torch_1_6(tmp_path: Path) -> None:
    base = torch.arange(24, dtype=torch.float64).reshape(4, 6)
    state = {"whole": base, "row": base[1], "other": torch.ones(3, dtype=torch.int16), "weight": torch.nn.Parameter(torch.full((2,), float("inf")))}
    found = scan([write(state, tmp_path / "old.pt")])
    assert (found.problems, kinds(found)["inf"]) == ([], "error")
    values = {tensor.name: count for tensor, count in found.counts.items()}
    assert (values["row"].low, values["row"].high) == (6.0, 11.0)
    assert (values["other"].low, values["other"].high) == (1.0, 1.0)


def test_a_whole_module_and_an_optimizer(tmp_path: Path) -> None:
    module = torch.nn.Linear(8, 8)
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.full((2, 8), float("inf"))).sum().backward()
    optimizer.step()
    torch.save(module, tmp_path / "whole.pt")
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    found = scan([str(tmp_path)])
    names = {tensor.name for tensor in found.counts}
    assert {"_parameters.weight", "state.0.exp_avg", "state.1.exp_avg_sq"} <= names
    assert found.verdict == "sick"
    assert found.problems == []


def test_a_distributed_checkpoint(tmp_path: Path) -> None:
    import torch.distributed.checkpoint as dcp

    state = {"model": {"w": torch.tensor([[1.0, float("nan")], [2.0, 3.0]]), "v": torch.randn(4, 4)}, "step": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(state, checkpoint_id=tmp_path / "dcp")
    found = scan([str(tmp_path / "dcp")])
    assert {tensor.name for tensor in found.counts} == {"model.w", "model.v"}
    assert [one.tensors[0].split()[0] for one in found.sick] == ["model.w"]
    part = next((tmp_path / "dcp").glob("*.distcp"))
    os.truncate(part, part.stat().st_size // 2)
    assert scan([str(tmp_path / "dcp")]).problems


def shards(folder: Path) -> dict[str, str]:
    """Two shards and their index; tensor -> shard."""
    state = model(4)
    names = sorted(state)
    mapped = {name: f"model-0000{1 + at // 2}-of-00002.safetensors" for at, name in enumerate(names)}
    for shard in sorted(set(mapped.values())):
        save_file({name: state[name] for name in names if mapped[name] == shard}, folder / shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": mapped}))
    return mapped


def test_shards_are_found_through_their_index(tmp_path: Path) -> None:
    shards(tmp_path)
    for path in (tmp_path, tmp_path / "model.safetensors.index.json"):
        found = scan([str(path)])
        assert (found.verdict, len(found.counts), found.problems) == ("sound", 4, [])


def test_missing_shards_and_tensors(tmp_path: Path) -> None:
    mapped = shards(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {**mapped, "lm_head.weight": "model-00001-of-00002.safetensors"}}))
    (problem,) = scan([str(tmp_path)]).problems
    assert "lacks 1 tensors" in problem.message
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    index.write_text(json.dumps({"weight_map": mapped}))
    found = scan([str(tmp_path)])
    assert [problem.message for problem in found.problems] == ["1 of 2 shards are missing: `model-00002-of-00002.safetensors`"]
    assert (found.verdict, len(found.counts)) == ("incomplete", 2)
    index.unlink()
    assert "1 of 2 are missing: `2`" in scan([str(tmp_path)]).problems[0].message


def test_a_rank_that_is_missing(tmp_path: Path) -> None:
    for rank in (0, 2):
        torch.save({"optimizer_state_dict": {"fp32": torch.randn(4)}}, tmp_path / f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")
    found = scan([str(tmp_path)])
    assert "1 of 3 are missing: `1`" in found.problems[0].message
    assert len(found.counts) == 2
