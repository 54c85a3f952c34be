"""Test vectors M1 to M4 of the method specification, and the edge cases of the four metrics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from syncline.evaluation import (
    kendall_tau,
    metrics_reference,
    phase_classification,
    phase_progression,
    retrieval_precision,
)
from syncline.evaluation.kendall import tau_b
from syncline.evaluation.progression import progress_targets
from syncline.evaluation.retrieval import retrieval_precisions

TAUS = {
    (0, 1, 2, 3): 1.0,
    (0, 2, 1, 3): 0.6666667,
    (0, 0, 1, 1): 0.8164966,
    (3, 2, 1, 0): -1.0,
    (2, 2, 2, 2): math.nan,
    (0, 1, 1, 3, 2): 0.7378648,
}
E = [np.array([values]).T for values in ([0.0, 1, 2, 3], [0.1, 2.25, 1.05, 2.8, 4.1], [3.03, 2.07, 0.98, -0.04])]
L = [np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1, 1]), np.array([1, 1, 0, 0])]


@pytest.mark.parametrize("order", TAUS)
def test_m1_tau_of_nearest_frames(order: tuple[int, ...]) -> None:
    assert tau_b(np.array(order)) == pytest.approx(TAUS[order], abs=1e-7, nan_ok=True)
    assert metrics_reference.tau_b(order) == pytest.approx(TAUS[order], abs=1e-7, nan_ok=True)


def test_m2_tau() -> None:
    taus = {(0, 1): 2 / 3, (0, 2): -1, (1, 2): -0.737865}
    for (i, j), tau in taus.items():
        assert kendall_tau([E[i], E[j]]) == pytest.approx(
            (tau + {(0, 1): -0.737865 * -1, (0, 2): -1, (1, 2): -2 / 3}[i, j]) / 2, abs=1e-6
        )
    assert kendall_tau(E) == pytest.approx(-1 / 3, abs=1e-6)
    assert kendall_tau(E, stride=2) == pytest.approx(-0.2, abs=1e-6)
    assert metrics_reference.kendall_tau(E) == pytest.approx(-1 / 3, abs=1e-6)


def test_m2_retrieval() -> None:
    expected = {1: 1.0, 2: 1.0, 3: 0.9777778, 5: 0.8033333, 20: 0.5}
    assert retrieval_precisions(E, L, tuple(expected)) == pytest.approx(expected, abs=1e-7)
    for k, value in expected.items():
        assert retrieval_precision(E, L, k) == pytest.approx(value, abs=1e-7)
        assert metrics_reference.retrieval_precision(E, L, k) == pytest.approx(value, abs=1e-7)


def test_m3_targets() -> None:
    t = np.arange(6)
    np.testing.assert_allclose(progress_targets(np.array([0, 0, 1, 1, 1, 2]), 3), np.stack([t - 1, t - 4], 1) / 6)
    t = np.arange(4)
    np.testing.assert_allclose(progress_targets(np.array([0, 0, 2, 2]), 3), np.stack([t - 1, t - 2], 1) / 4)
    with pytest.raises(ValueError, match="no frame of phase 1"):
        progress_targets(np.array([0, 0, 2, 2]), 3, strict=True)


def test_m3_regression() -> None:
    train_x = [np.arange(6.0)[:, None], np.array([[0.0], [2], [3], [5]])]
    train_y = [np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 2])]
    val_x, val_y = [np.array([[0.0], [1], [3], [4], [5]])], [np.array([0, 1, 1, 2, 2])]
    arguments = (train_x, train_y, val_x, val_y)
    assert phase_progression(*arguments) == pytest.approx(0.7229267, abs=1e-7)
    assert phase_progression(*arguments, fraction=0.1) == pytest.approx(0.5208333, abs=1e-7)
    assert phase_progression(*arguments, fraction=0.5) == pytest.approx(0.5208333, abs=1e-7)
    assert phase_progression(*arguments, num_phases=2) == pytest.approx(0.8902765, abs=1e-7)
    assert metrics_reference.phase_progression(*arguments, num_phases=3) == pytest.approx(0.7229267, abs=1e-7)
    assert phase_progression(*arguments, ridge=1e-9) == pytest.approx(0.7229267, abs=1e-6)
    assert phase_progression(*arguments, ridge=100.0) < 0.6


def test_m4_classification() -> None:
    random = np.random.RandomState(0)
    x, y = [], []
    for _ in range(14):
        labels = np.sort(random.randint(0, 3, 20))
        labels[0], labels[-1] = 0, 2
        x.append(np.stack([np.cos(labels), np.sin(labels)], 1) + 0.5 * random.randn(20, 2))
        y.append(labels)
    assert sum(video.sum() for video in x[:10]) == pytest.approx(199.974101, abs=1e-6)
    assert sum(video.sum() for video in x[10:]) == pytest.approx(69.601712, abs=1e-5)
    arguments = (x[:10], y[:10], x[10:], y[10:])
    svm = [phase_classification(*arguments, fraction=f) for f in (0.1, 0.5, 1.0)]
    logreg = [phase_classification(*arguments, fraction=f, probe="logreg") for f in (0.1, 0.5, 1.0)]
    assert svm == pytest.approx([0.7125, 0.725, 0.775])
    assert logreg == pytest.approx([0.7375, 0.7625, 0.825])
    assert phase_classification(*arguments, svm_gamma="auto") == pytest.approx(0.775, abs=0.05)


def test_classification_edge_cases() -> None:
    x, one = [np.array([[0.0], [1.0]])], [np.array([1, 1])]
    assert phase_classification(x, one, x, [np.array([0, 1])]) == 0.5  # one class: the constant predictor
    assert phase_classification(x, [np.array([0, 1])], x, [np.array([0, 7])]) == 0.5  # unseen class: an error
    assert phase_classification(x, [np.array([0, 1])], x, [np.array([-1, 1])]) == 1.0  # unknown labels: left out
    assert math.isnan(phase_classification([], [], x, one))
    assert math.isnan(phase_classification(x, one, x, [np.array([-1, -1])]))


def test_progression_edge_cases() -> None:
    x, y = [np.arange(4.0)[:, None]], [np.array([0, 0, 1, 1])]
    with pytest.warns(UserWarning, match="single validation frame"):
        assert math.isnan(phase_progression(x, y, [np.zeros((1, 1))], [np.array([0])]))
    assert math.isnan(phase_progression(x, [np.zeros(4, int)], x, [np.zeros(4, int)]))  # one phase: no target
    assert math.isnan(phase_progression([], [], x, y))
    # a constant target: two videos of one frame each, exactly predicted or not
    flat: Any = ([np.zeros((1, 1)), np.zeros((1, 1))], [np.array([0]), np.array([0])])
    assert phase_progression(*flat, *flat, num_phases=2) == 1.0
    assert phase_progression(x, y, *flat, num_phases=2) == 0.0
    with pytest.raises(ValueError, match="no frame of phase"):
        phase_progression(x, [np.array([0, 0, 2, 2])], x, y, strict=True)


def test_undefined_and_grouped() -> None:
    one = [np.arange(4.0)[:, None]]
    assert math.isnan(kendall_tau(one))
    assert math.isnan(retrieval_precision(one, [np.zeros(4, int)]))
    assert math.isnan(kendall_tau(one * 2, groups=["a", "a"]))
    assert math.isnan(kendall_tau([np.zeros((3, 2))] * 2))  # all nearest frames the same
    # a copy of the query's own source would be a perfect neighbour; grouped, it is none
    x = [np.array([[0.0], [1.0]]), np.array([[0.0], [1.0]]), np.array([[0.9], [0.1]])]
    y = [np.array([0, 1])] * 3
    assert retrieval_precision(x, y, k=1) > 0.6
    assert retrieval_precision(x, y, k=1, groups=["a", "a", "b"]) == 0.0


def test_tensors_with_gradient_are_welcome() -> None:
    assert kendall_tau([torch.tensor(video, requires_grad=True) for video in E]) == kendall_tau(E)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: kendall_tau([np.zeros(3)]), r"x\[0\] has shape \(3,\)"),
        (lambda: kendall_tau([np.zeros((3, 2)), np.zeros((3, 4))]), "4 wide"),
        (lambda: kendall_tau([np.full((3, 2), np.nan)]), "not finite"),
        (lambda: kendall_tau(E, stride=0), "stride"),
        (lambda: kendall_tau(E, groups=["a"]), "1 groups"),
        (lambda: retrieval_precision(E, L, k=0), "at least one neighbour"),
        (lambda: retrieval_precision(E, L[:2]), "2 of labels"),
        (lambda: retrieval_precision(E, [*L[:2], np.zeros(3, int)]), r"y\[2\]"),
        (lambda: retrieval_precision(E, [*L[:2], np.full(4, 0.5)]), "whole numbers"),
        (lambda: phase_classification(E, L, E, L, fraction=0.0), "fraction"),
        (lambda: phase_classification(E, L, E, L, probe="tree"), "probe"),  # type: ignore[arg-type]
        (lambda: phase_progression(E, L, E, L, ridge=-1.0), "ridge"),
    ],
)
def test_bad_input_is_named(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
