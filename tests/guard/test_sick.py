"""Each sick run is stopped at its first sick step, and nothing is lost."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from nets import WORDS, adam, batches, finite, guarded, loss_of, net, run, weights

from envcheck.cli import group
from envcheck.guard import Limits, SickStep, scene


def test_a_nan_at_step_2_never_reaches_the_weights(tmp_path: Path) -> None:
    bare = net()
    optimizer = adam(bare)
    for number, tokens in enumerate(batches(3), 1):
        loss_of(bare, tokens).backward()
        if number == 2:
            bare[3].weight.grad[1, 2] = float("nan")
        optimizer.step()
        optimizer.zero_grad()
    assert not finite(bare)  # without the guard

    model = net()
    guard, optimizer = guarded(tmp_path, model)
    run(model, guard, optimizer, steps=1)
    before = weights(model)
    with pytest.raises(SickStep, match="gradient norm is nan") as caught:
        run(model, guard, optimizer, steps=2, poison=1)
    assert (caught.value.step, caught.value.sign.id) == (2, "gradient-not-finite")
    assert all(torch.equal(a, b) for a, b in zip(before, weights(model)))
    assert all(weight.grad is None for weight in model.parameters())


def test_an_infinite_weight_is_named_before_the_first_step(tmp_path: Path) -> None:
    model = net()
    with torch.no_grad():
        model[1].weight[3, 4] = float("inf")
    with pytest.raises(SickStep) as caught:
        guarded(tmp_path, model)
    [kept] = scene.read(str(tmp_path))
    assert caught.value.step == 0
    assert kept["weights"]["first"] == [{"name": "1.weight", "shape": [16, 16], "dtype": "float32", "nan": 0, "inf": 1}]


def test_a_step_that_spoils_the_weights_is_undone(tmp_path: Path) -> None:
    # eps rounds to 0 in fp16, and words that do not occur have a second moment of 0: 0/0.
    model = net(torch.float16)
    before = weights(model)
    guard, optimizer = guarded(tmp_path, model, optimizer=adam(model, eps=1e-8, foreach=True))
    with pytest.raises(SickStep) as caught:
        run(model, guard, optimizer)
    assert (caught.value.step, caught.value.sign.id) == (1, "weight-spoiled")
    assert all(torch.equal(a, b) for a, b in zip(before, weights(model)))


def test_without_rescue_it_stops_all_the_same(tmp_path: Path) -> None:
    model = net(torch.float16)
    guard, optimizer = guarded(tmp_path, model, optimizer=adam(model), rescue=False)
    with pytest.raises(SickStep):
        run(model, guard, optimizer)
    assert not finite(model)
    assert scene.read(str(tmp_path))[0]["restored"] is False


def test_a_rate_far_too_high_costs_nothing_but_the_first_steps(tmp_path: Path) -> None:
    model = net()
    before = weights(model)
    guard, optimizer = guarded(tmp_path, model, optimizer=adam(model, lr=1e30))
    with pytest.raises(SickStep):
        run(model, guard, optimizer)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(model)))


def test_a_sick_step_can_be_left_out(tmp_path: Path) -> None:
    model = net()
    guard, optimizer = guarded(tmp_path, model, on_sick="skip")
    with pytest.warns(RuntimeWarning, match="left out, step 2"):
        run(model, guard, optimizer, steps=6, poison=2)
    assert finite(model)
    assert guard.step == 6
    assert len(list(tmp_path.iterdir())) == 1


def test_but_not_for_ever(tmp_path: Path) -> None:
    model = net()
    guard, optimizer = guarded(tmp_path, model, on_sick="skip", limits=Limits(skips=2))
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match="left out"):
            run(model, guard, optimizer, steps=1, poison=1)
    with pytest.raises(SickStep):
        run(model, guard, optimizer, steps=1, poison=1)
    assert guard.step == 3


def test_an_optimizer_that_does_not_hold_the_models_weights(tmp_path: Path) -> None:
    model, other = net(), net()
    for weight in model.parameters():
        weight.requires_grad = False
    optimizer = adam(other)
    guard, _ = guarded(tmp_path, model, optimizer=optimizer, limits=Limits(zero_norm=2))
    optimizer.step()
    with pytest.raises(SickStep, match="no parameter has a gradient, 2 steps in a row"):
        optimizer.step()


def test_updates_that_round_away(tmp_path: Path) -> None:
    model = torch.nn.Linear(4, 4).bfloat16()
    torch.nn.init.constant_(model.weight, 1.0)
    torch.nn.init.constant_(model.bias, 1.0)
    optimizer = adam(model, lr=1e-5, weight_decay=0)
    guard, _ = guarded(tmp_path, model, optimizer=optimizer)

    def train(steps: int) -> None:
        for _ in range(steps):
            model(torch.ones(2, 4, dtype=torch.bfloat16)).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()

    train(2)
    with pytest.raises(SickStep, match="no weight moved in 3 steps"):
        train(1)


def test_a_scaler_that_gave_up(tmp_path: Path) -> None:
    model = net()
    optimizer = adam(model)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    guard, _ = guarded(tmp_path, model, optimizer=optimizer, scaler=scaler)

    def train() -> None:
        for tokens in batches(40):
            loss = loss_of(model, tokens)
            guard.look(loss)
            scaler.scale(loss * float("inf")).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()

    with pytest.raises(SickStep, match="loss scale fell to"):
        train()
    assert guard.step == 0


@pytest.mark.usefixtures("reported")
def test_the_scene_names_the_tensors_and_the_batch_without_its_contents(tmp_path: Path) -> None:
    model = net()
    guard, optimizer = guarded(tmp_path, model, config={"training_args.json": json.dumps({"output_dir": "out", "learning_rate": 1e-3, "fp16": True})})
    with pytest.raises(SickStep) as caught:
        run(model, guard, optimizer, poison=2)
    [kept] = scene.read(str(tmp_path))
    assert [one["name"] for one in kept["gradients"]["first"]] == ["3.weight"]
    assert (kept["step"], kept["rank"], kept["sign"]["symptom"]) == (2, 0, "nan-grad")
    assert kept["batches"][0]["shapes"] == {"batch": "int64[4, 9]"}
    assert kept["observed"] == {"param_dtype": "fp32", "method": "full"}
    assert kept["report"]["snapshot"]["train"]["precision"] == "fp16"
    assert kept["report"]["verdict"] in ("untested", "caution", "known-good", "bad")
    assert torch.load(caught.value.scene / "rng.pt", weights_only=True)["torch"].numel() > 0  # type: ignore[operator]
    shown = CliRunner().invoke(group, ["explain", str(caught.value.scene)])
    assert shown.exit_code == 0
    for part in ("gradient-not-finite", "3.weight float32[32, 16]: 1 NaN, 0 Inf", "int64[4, 9]", "as they were before this step"):
        assert part in shown.output


def test_the_same_batch_has_the_same_fingerprint() -> None:
    from envcheck.guard.tensors import fingerprint

    one = {"input_ids": torch.arange(6).reshape(2, 3), "mask": [torch.ones(2), None], "text": "x"}
    assert fingerprint(one) == fingerprint({key: one[key] for key in reversed(one)})
    assert fingerprint(one)["sha256"] != fingerprint({**one, "input_ids": torch.zeros(2, 3)})["sha256"]


def test_a_folder_that_cannot_be_written_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    model = net()
    guard, optimizer = guarded(tmp_path / "file" / "scenes", model)
    with pytest.raises(SickStep) as caught:
        run(model, guard, optimizer, poison=2)
    assert caught.value.scene is None
    assert finite(model)


@pytest.mark.parametrize(("written", "said"), [(None, "there is no scene"), ("{", "cannot be read"), ("[]", "is one JSON object")])
def test_a_folder_that_is_no_scene_is_one_error(tmp_path: Path, written: str | None, said: str) -> None:
    from envcheck.errors import InputError

    if written is not None:
        (tmp_path / "scene.json").write_text(written)
    with pytest.raises(InputError, match=said):
        scene.read(str(tmp_path))


@pytest.mark.parametrize(
    "row", [{}, {"sign": 3, "gradients": [], "batches": {"a": 1}, "report": 7}, {"weights": {"first": [1]}, "report": {"verdict": "x", "findings": [1]}}]
)
def test_a_scene_of_another_shape_is_shown_as_far_as_it_goes(row: dict[str, object]) -> None:
    from envcheck.render import scene as page

    assert "environment" in page.render(row)


def test_chance_is_the_logarithm_of_the_vocabulary(tmp_path: Path) -> None:
    model = net()
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    model.config = type("Config", (), {"vocab_size": WORDS})()
    guard, optimizer = guarded(tmp_path, model)
    tokens = next(batches(1))
    loss = loss_of(model, tokens)
    assert math.isclose(loss.item(), math.log(WORDS), rel_tol=1e-5)
    guard.look(loss, tokens)
    (loss * 0).backward()
    with pytest.raises(SickStep, match=r"ln\(32\)"):
        optimizer.step()


@pytest.mark.usefixtures("reported")
def test_a_config_that_is_not_understood_does_not_cost_the_report(tmp_path: Path) -> None:
    model = net()
    guard, optimizer = guarded(tmp_path, model, config={"mine.json": "{"})
    with pytest.raises(SickStep):
        run(model, guard, optimizer, poison=1)
    assert "verdict" in scene.read(str(tmp_path))[0]["report"]
