"""The guard where a framework owns the loop, the optimizer or the weights; `scripts/try_guard.py` tries more of them."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest
import torch
from nets import adam, batches, finite, guarded, loss_of, net, weights

from envcheck.guard import SickStep, scene

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import try_guard


@pytest.mark.parametrize(
    ("loop", "kind"), [("accelerate", "healthy"), ("accelerate", "nan"), ("fsdp2", "healthy"), ("fsdp2", "nan"), ("fsdp2", "rate"), ("fsdp1", "rate")]
)
def test_two_processes(loop: str, kind: str) -> None:
    right, said = try_guard.run(sys.executable, loop, 2, kind)
    assert right, said


def test_a_closure_makes_the_gradients_inside_the_step(tmp_path: Path) -> None:
    model = net()
    guard, optimizer = guarded(tmp_path, model)
    before = weights(model)

    def train(poison: bool) -> None:
        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = loss_of(model, next(batches(1)))
            (loss * float("nan") if poison else loss).backward()
            return loss

        optimizer.step(closure)

    for _ in range(4):  # beyond the steps after which the weights are looked at too
        train(poison=False)
    assert (guard.step, guard.sick) == (4, None)
    assert not all(torch.equal(a, b) for a, b in zip(before, weights(model)))
    before = weights(model)
    with pytest.raises(SickStep, match="gradient norm is nan"):
        train(poison=True)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(model)))


def test_an_optimizer_that_calls_its_closure_often_is_looked_at_once_a_step(tmp_path: Path) -> None:
    model = net()
    guard, optimizer = guarded(tmp_path, model, optimizer=torch.optim.LBFGS(model.parameters(), max_iter=4))
    calls = 0

    def closure() -> torch.Tensor:
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = loss_of(model, next(batches(1)))
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure=closure)
    assert (guard.step, guard.sick) == (3, None)
    assert calls > 3


class Engine:
    """What the guard sees of DeepSpeed: an optimizer around torch's that leaves steps out and says so."""

    def __init__(self, inner: torch.optim.Optimizer, dynamic: bool = False) -> None:
        self.optimizer, self.overflow, self.dynamic_loss_scale = inner, False, dynamic
        self.param_groups = inner.param_groups

    def step(self) -> None:
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        self.overflow = not all(bool(torch.isfinite(p.grad).all()) for p in parameters)
        if not self.overflow:
            self.optimizer.step()
        self.optimizer.zero_grad()


def engined(tmp_path: Path, sick: tuple[int, ...], counted: bool, **given: object) -> tuple[object, torch.nn.Module]:
    """Eight steps of which DeepSpeed leaves some out; with `counted` the model is its engine."""
    model = net()
    engine = Engine(adam(model), dynamic=bool(given.pop("dynamic", False)))
    if counted:
        model.skipped_steps = 0
    guard, _ = guarded(tmp_path, model, optimizer=engine, **given)
    try:
        for number, tokens in enumerate(batches(8), 1):
            loss = loss_of(model, tokens) * (float("nan") if number in sick else 1.0)
            guard.look(loss, tokens)
            loss.backward()
            engine.step()
            if counted:
                model.skipped_steps += engine.overflow
    except SickStep:
        pass
    return guard, model


@pytest.mark.parametrize("counted", [True, False], ids=["engine", "optimizer alone"])
def test_a_step_that_deepspeed_leaves_out_is_sick(tmp_path: Path, counted: bool) -> None:
    guard, model = engined(tmp_path, (5,), counted)
    assert guard.sick is not None  # type: ignore[attr-defined]
    assert (guard.sick.step, guard.sick.sign.id) == (5, "gradient-not-finite")  # type: ignore[attr-defined]
    assert len(scene.read(str(tmp_path))[0]["batches"]) == 1
    assert finite(model)


def test_with_a_dynamic_loss_scale_it_is_not(tmp_path: Path) -> None:
    guard, _ = engined(tmp_path, (2, 5), True, dynamic=True)
    assert (guard.step, guard.sick) == (6, None)  # type: ignore[attr-defined]


def test_left_out_steps_are_counted_where_they_are_allowed(tmp_path: Path) -> None:
    with pytest.warns(RuntimeWarning, match="DeepSpeed left the step out"):
        guard, _ = engined(tmp_path, (2, 5), True, on_sick="skip")
    assert guard.step == 8  # type: ignore[attr-defined]


def test_weights_that_the_optimizer_holds_in_another_precision_are_put_back_too(tmp_path: Path) -> None:
    model = net(torch.bfloat16)
    masters = [torch.nn.Parameter(weight.detach().float()) for weight in model.parameters()]
    before = weights(model)
    guard, optimizer = guarded(tmp_path, model, optimizer=torch.optim.AdamW(masters, lr=1e6))

    def train() -> None:
        for tokens in batches(8):
            loss = loss_of(model, tokens)
            guard.look(loss, tokens)
            loss.backward()
            for weight, master in zip(model.parameters(), masters):
                master.grad, weight.grad = weight.grad.float(), None
            optimizer.step()
            with torch.no_grad():
                for weight, master in zip(model.parameters(), masters):
                    weight.copy_(master)

    with pytest.raises(SickStep):
        train()
    assert all(torch.equal(a, b) for a, b in zip(before, weights(model)))
    assert all(torch.equal(a.float(), b) for a, b in zip(before, masters))


class TestLightning:
    """Lightning makes the gradients inside the optimizer's step."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> types.ModuleType:
        pytest.importorskip("pytorch_lightning")
        import fitted

        self.fitted = fitted.fitted
        return fitted

    def test_a_healthy_fit_is_left_alone(self, tmp_path: Path) -> None:
        module, guard, trainer = self.fitted(tmp_path, "healthy")
        assert (guard.sick, guard.guards[0].step, trainer.global_step) == (None, 8, 8)
        assert guard.guards[0].loss is not None

    def test_fitting_ends_at_the_sick_step_with_the_weights_of_the_last(self, tmp_path: Path) -> None:
        module, guard, trainer = self.fitted(tmp_path, "nan", min_epochs=3)
        assert (guard.sick.step, guard.sick.sign.id) == (5, "gradient-not-finite")
        assert trainer.global_step < 8
        assert finite(module)
        assert len(scene.read(str(tmp_path))[0]["batches"]) == 1

    def test_it_can_be_raised_or_left_out(self, tmp_path: Path) -> None:
        with pytest.raises(SickStep, match="step 5"):
            self.fitted(tmp_path, "nan", on_sick="raise")
        module, guard, trainer = self.fitted(tmp_path, "nan", on_sick="skip")
        assert (trainer.global_step, guard.guards[0].step) == (8, 8)
        assert finite(module)

    def test_without_it_the_weights_are_lost(self, tmp_path: Path) -> None:
        module, _, _ = self.fitted(tmp_path, "bare")
        assert not finite(module)
