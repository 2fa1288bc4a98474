"""What is sick and what is not, in numbers."""

from __future__ import annotations

import math

import pytest

from envcheck.guard.signs import Limits, Sign, Watch

NAN, INF = float("nan"), float("inf")


def judged(steps: list[tuple[float | None, float | None]], *, vocabulary: int | None = None, rate: float = 1e-4, exact: bool = True) -> list[tuple[int, str]]:
    watch = Watch(Limits(), vocabulary)
    signs: list[Sign | None] = [watch.before(norm, loss, rate, exact) for norm, loss in steps]
    return [(number, sign.id) for number, sign in enumerate(signs, 1) if sign]


@pytest.mark.parametrize("norm", [NAN, INF])
def test_a_norm_that_is_not_finite_is_sick_at_once(norm: float) -> None:
    assert judged([(1.0, 2.0), (norm, 2.0)]) == [(2, "gradient-not-finite")]


def test_a_batch_without_labels_or_with_equal_rewards_is_healthy() -> None:
    assert judged([(1.0, 2.0), (0.0, 0.0), (0.0, 0.0), (1.0, 2.1), (0.0, NAN), (1.0, 2.2)]) == []


def test_a_norm_of_0_that_stays_is_sick() -> None:
    assert judged([(0.0, 0.0)] * 10) == [(10, "gradient-zero")]
    assert judged([(None, None)] * 10) == [(10, "gradient-zero")]


def test_chance_with_a_norm_of_0_is_sick_at_once() -> None:
    assert judged([(0.0, math.log(64))], vocabulary=64) == [(1, "dead-at-chance")]


def test_chance_with_a_gradient_is_the_first_step_of_a_new_net() -> None:
    assert judged([(0.3, math.log(64) + 1e-4)], vocabulary=64) == []


def test_chance_of_a_vocabulary_nobody_told_is_no_sign() -> None:
    assert judged([(0.0, math.log(64))]) == []


def test_a_loss_of_0_with_a_gradient_is_healthy_for_policies() -> None:
    assert judged([(0.5, 0.0)] * 50) == []


def test_a_loss_that_never_changes_is_sick() -> None:
    assert judged([(0.5, 2.25)] * 21) == [(21, "loss-stuck")]


def test_but_not_at_rate_0_nor_in_16_bits() -> None:
    assert judged([(0.5, 2.25)] * 50, rate=0.0) == []
    assert judged([(0.5, 2.25)] * 50, exact=False) == []


def test_a_loss_that_stays_not_finite_is_sick_though_the_gradients_are_finite() -> None:
    assert judged([(0.5, NAN), (0.5, 1.0), (0.5, NAN), (0.5, NAN), (0.5, NAN)]) == [(5, "loss-not-finite")]


@pytest.mark.parametrize(("norm", "loss"), [(1.0, 0.0), (math.sqrt(2), 3.1), (1.7320508, 3.1)])
def test_the_known_signatures_of_reported_norms(norm: float, loss: float) -> None:
    watch = Watch(Limits())
    signs = [watch.reported(norm, loss) for _ in range(3)]
    assert [sign and sign.id for sign in signs] == [None, None, "norm-signature"]


@pytest.mark.parametrize("norms", [[(1.0, 2.3)] * 9, [(1.41, 2.0)] * 9, [(1.4142135, 2.0), (1.3, 2.0)] * 5, [(None, 0.0)] * 5])
def test_other_reported_norms_are_healthy(norms: list[tuple[float | None, float]]) -> None:
    watch = Watch(Limits())
    assert [watch.reported(*one) for one in norms] == [None] * len(norms)
