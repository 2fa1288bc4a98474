"""The guard is silent on healthy runs, and leaves them as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from nets import adam, batches, guarded, loss_of, net, run, weights
from torch import nn


def test_fp32_and_the_weights_are_those_of_a_run_without_it(tmp_path: Path) -> None:
    plain, watched = net(), net()
    optimizer = adam(plain)
    for tokens in batches(30):
        loss_of(plain, tokens).backward()
        optimizer.step()
        optimizer.zero_grad()
    guard, optimizer = guarded(tmp_path, watched)
    run(watched, guard, optimizer, steps=30)
    assert guard.sick is None
    assert guard.step == 30
    assert all(torch.equal(a, b) for a, b in zip(weights(plain), weights(watched)))
    assert list(tmp_path.iterdir()) == []


def test_bf16_autocast(tmp_path: Path) -> None:
    model = net()
    guard, optimizer = guarded(tmp_path, model)
    for tokens in batches(10):
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(model, tokens)
        guard.look(loss, tokens)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert (guard.step, guard.sick) == (10, None)


def test_bf16_weights_at_a_usual_rate(tmp_path: Path) -> None:
    model = net(torch.bfloat16)
    guard, optimizer = guarded(tmp_path, model, optimizer=adam(model, lr=1e-5))
    run(model, guard, optimizer, steps=10)
    assert guard.sick is None


def test_steps_that_a_loss_scaler_leaves_out_are_not_sick(tmp_path: Path) -> None:
    model = net()
    optimizer = adam(model)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=1000)
    guard, _ = guarded(tmp_path, model, optimizer=optimizer, scaler=scaler)
    for tokens in batches(40):
        loss = loss_of(model, tokens) * 1000
        guard.look(loss)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    assert guard.sick is None
    assert 0 < guard.step < 40  # some were left out


def test_accumulation_over_micro_batches(tmp_path: Path) -> None:
    model = net()
    guard, optimizer = guarded(tmp_path, model)
    for number, tokens in enumerate(batches(40), 1):
        loss = loss_of(model, tokens) / 4
        guard.look(loss, tokens)
        loss.backward()
        if number % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
    assert (guard.step, guard.sick) == (10, None)
    assert guard.loss is not None
    assert guard.loss > 1  # the sum of the four


def test_frozen_layers_and_an_adapter_that_starts_at_zero(tmp_path: Path) -> None:
    model = net()
    for weight in model.parameters():
        weight.requires_grad = False
    adapter = nn.Linear(16, 16, bias=False)
    nn.init.zeros_(adapter.weight)
    model[1].register_forward_hook(lambda module, given, output: output + adapter(given[0]))
    model.lora_A = adapter
    guard, optimizer = guarded(tmp_path, model)
    for tokens in batches(10):
        loss = loss_of(model[:4], tokens)
        guard.look(loss, tokens)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert (guard.step, guard.sick) == (10, None)


def test_a_warm_up_that_begins_at_rate_0(tmp_path: Path) -> None:
    model = net()
    optimizer = adam(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, max(0, step - 5) / 10))
    guard, _ = guarded(tmp_path, model, optimizer=optimizer)
    for tokens in batches(20):
        loss_of(model, tokens).backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    assert (guard.step, guard.sick) == (20, None)


def test_fp16_gradients_whose_norm_is_above_the_largest_fp16(tmp_path: Path) -> None:
    model = nn.Linear(8, 8, bias=False).half()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    guard, _ = guarded(tmp_path, model, optimizer=optimizer)
    model.weight.grad = torch.full_like(model.weight, 60000.0)
    optimizer.step()
    assert guard.sick is None
    assert guard.norm == pytest.approx(480000, rel=1e-6)


def test_a_mask_buffer_of_minus_infinity_and_a_quantised_weight_are_no_sick_weights(tmp_path: Path) -> None:
    model = net()
    model.register_buffer("mask", torch.full((4, 4), float("-inf")))
    model.register_parameter("packed", nn.Parameter(torch.zeros(4, dtype=torch.uint8), requires_grad=False))
    guard, optimizer = guarded(tmp_path, model)
    run(model, guard, optimizer)
    assert guard.sick is None


def test_closed_it_looks_at_nothing(tmp_path: Path) -> None:
    model = net()
    guard, optimizer = guarded(tmp_path, model)
    guard.close()
    run(model, guard, optimizer, poison=2)
    assert guard.step == 0
