from __future__ import annotations

from typing import Any

import pytest
from build import snap
from hypothesis import given
from hypothesis import strategies as st

from envcheck import wire
from envcheck.errors import InputError
from envcheck.model import Fact

names = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?", fullmatch=True)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-5, 10**6), st.text(max_size=12))
snapshots = st.fixed_dictionaries(
    {},
    optional={
        "python": st.sampled_from(["3.10", "3.11.7"]),
        "driver": st.one_of(st.none(), st.just("535.104.05")),
        "complete": st.booleans(),
        "packages": st.dictionaries(names, st.one_of(st.none(), st.text(min_size=1, max_size=12)), max_size=4),
        "gpus": st.lists(
            st.fixed_dictionaries({"name": st.text(min_size=1, max_size=8)}, optional={"count": st.integers(1, 64), "capability": st.just("8.0")}), max_size=3
        ),
        "env": st.dictionaries(names, st.text(max_size=5), max_size=2),
        "train": st.dictionaries(names, scalars, max_size=3),
        "unknown": st.fixed_dictionaries({}, optional={"driver": st.just("NVML not found"), "gpus": st.just("no driver")}),
    },
)


@pytest.mark.property
@given(snapshots)
def test_saving_and_reading_again_changes_nothing(given_wire: dict[str, Any]) -> None:
    once = wire.read(given_wire, "somewhere")
    saved = wire.write(once, origins=True)
    again = wire.read(saved, "elsewhere")
    assert wire.write(again, origins=True) == saved


@pytest.mark.parametrize(
    ("given_wire", "message", "hint"),
    [
        ({"pakages": {}}, "unknown key `pakages`", "did you mean `packages`?"),
        ({"gpus": [{"nmae": "A100"}]}, "unknown key `gpus.nmae`", "did you mean `gpus.name`?"),
        ({"packages": ["torch"]}, "`packages` is a list", "write"),
        ({"python": {"version": "3"}}, "`python` is a mapping", "write"),
        ({"gpus": "A100"}, "`gpus` is a list of objects", "for example"),
        ({"gpus": [{"name": "A100", "count": "many"}]}, "`gpus.count` is a whole number", ""),
        ({"complete": "perhaps"}, "`complete` is true or false", ""),
        ({"anomalies": [1]}, "`anomalies` is a list of objects", ""),
        ({"anomalies": "text"}, "`anomalies` is a list of objects", ""),
        ({"anomalies": [{"kind": "k", "packages": [], "detail": "d"}]}, "`anomalies` is a list of objects", "one name or more"),
        ({"anomalies": [{"kind": "k", "packages": "torch", "detail": "d"}]}, "`anomalies` is a list of objects", ""),
        ({"anomalies": [{"kind": "k", "packages": [["torch"]], "detail": "d"}]}, "`anomalies` is a list of objects", ""),
        ({"gpus": [{"arch": 3}]}, "`gpus.arch` is of type int, not a text", "gfx90a"),
        ({"gpus": [{"name": 3}]}, "`gpus.name` is of type int, not a text", "NVIDIA A800"),
        ({"gpus": [{"name": ["A100"]}]}, "`gpus.name` is a list, not a text", ""),
        ({"gpus": [{"capability": [8, 0]}]}, "`gpus.capability` is a list, not a text", ""),
        ({"gpus": [{"capability": "80"}]}, "`gpus.capability`: `80` is no compute capability", "8.0"),
        ({"gpus": [{"name": "A100", "count": "²"}]}, "`gpus.count` is a whole number", ""),
        ({"gpus": [{"name": "A100", "count": "9" * 5000}]}, "`gpus.count` is a whole number", ""),
        ({"gpus": [{"name": "A100", "memory_mib": [1]}]}, "`gpus.memory_mib` is a whole number", ""),
        ({"packages": {"torch": "2.1.2", "Torch": "2.2.0"}}, "`torch` stands twice in `packages`", "keep one"),
        ([], "a snapshot is one JSON object", "for example"),
    ],
)
def test_a_wrong_shape_is_named(given_wire: Any, message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        wire.read(given_wire, "s.json")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.where == "s.json"


def test_private_keys_are_ignored_and_unknown_settings_warned_of() -> None:
    said: list[str] = []
    found = wire.read({"_comment": "by hand", "train": {"precison": "bf16"}}, "s.json", said.append)
    assert found.train["precison"].value == "bf16"
    assert said == ["s.json: no rule or entry knows the training setting `precison`; did you mean `precision`?"]


@pytest.mark.parametrize(("given_name", "canonical"), [("Flash_Attn", "flash-attn"), ("ruamel.yaml", "ruamel-yaml"), ("a__b", "a-b")])
def test_names_are_canonical(given_name: str, canonical: str) -> None:
    assert wire.canonical_name(given_name) == canonical


@pytest.mark.parametrize(("given_os", "known"), [("Darwin", "macos"), ("win32", "windows"), ("linux", "linux")])
def test_operating_systems_have_one_name(given_os: str, known: str) -> None:
    assert snap(os=given_os).fact("os").value == known


def test_other_vendors_write_their_architecture_as_a_capability() -> None:
    found = snap(gpus=[{"name": "AMD Instinct MI250X", "capability": "gfx90a"}, {"name": "A800", "capability": "sm_80"}]).gpus
    assert found is not None
    assert (found[0].capability, found[0].arch) == (None, "gfx90a")
    assert found[1].capability == "8.0"


def test_unknown_keeps_its_reason() -> None:
    found = snap(driver=None)
    assert not found.fact("driver").is_known
    again = wire.read({"driver": None, "unknown": {"driver": "NVML: driver/library version mismatch"}}, "s")
    assert again.fact("driver").reason == "NVML: driver/library version mismatch"


def test_a_null_variable_is_unknown() -> None:
    assert wire.read({"env": {"X": None}, "env_complete": True}, "s").env["X"] == Fact(None, "s")


def test_many_gpus_keep_their_own_origins() -> None:
    given_wire = {"gpus": [{"name": "A"}, {"name": "B"}], "origins": {"gpus.0": "here", "gpus.1": "there"}}
    found = wire.read(given_wire, "s")
    assert [gpu.origin for gpu in found.gpus or ()] == ["here", "there"]
    assert wire.write(found, origins=True)["origins"] == given_wire["origins"]


def test_settings_have_one_spelling_and_odd_values_are_kept() -> None:
    said: list[str] = []
    train = {"precision": "torch.bfloat16", "overlap_comm": "yes", "zero_stage": 7, "packing": False, "precison": "x"}
    found = wire.read({"train": train}, "s.json", said.append)
    assert {key: fact.value for key, fact in found.train.items()} == {**train, "precision": "bf16", "overlap_comm": "true"}
    assert said[0] == "s.json: no rule or entry knows `7` as a value of the training setting `zero_stage`; known: 0, 1, 2, 3"
    assert len(said) == 2


RECORDED = {
    "gradient_accumulation_steps": ">1",
    "zero_stage": ">=2",
    "fsdp": 1,
    "quantization": "4bit",
    "padding_side": True,
    "trainer": "cudnn",
    "deepspeed_fp16": '"false" (string)',
    "bnb_4bit_compute_dtype": "float16",
    "attn_implementation": "xformers",
    "precision": "fp8",
}


@pytest.mark.parametrize("key", RECORDED)
def test_recorded_values_stay_as_they_are(key: str) -> None:
    said: list[str] = []
    assert wire.read({"train": {key: RECORDED[key]}}, "s", said.append).train[key].value == RECORDED[key]
    assert not said
