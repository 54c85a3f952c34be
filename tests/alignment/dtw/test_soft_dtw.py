"""Soft-DTW and its expected path against all paths there are, published vectors, another library, and differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from every_path import over_warping_paths
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from two_sequences import Z1, Z2

from syncline.alignment import dtw, expected_path, soft_dtw, soft_dtw_divergence, squared_distances
from syncline.alignment.allowed_cells import band_cells
from syncline.alignment.dtw import reference

WEIGHTS = [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (1.0, 1.5, 0.7)]


@pytest.fixture(params=["vector", "scalar", "torch"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", request.param)
    return str(request.param)


def costs(seed: int, b: int = 1, n: int = 4, m: int = 5) -> Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("subsequence", [False, True])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("closed", [0.0, 0.25])
def test_value_path_and_gradient_are_sums_over_all_paths(
    subsequence: bool, weights: tuple[float, float, float], closed: float
) -> None:
    for seed in range(3):
        cost = costs(seed)
        cost[costs(seed + 50) < closed] = math.inf
        options: dict[str, Any] = {"subsequence": subsequence, "step_weights": weights}
        want = over_warping_paths(cost[0].numpy(), 0.3, weights, subsequence)
        leaf = cost.clone().requires_grad_()
        value = soft_dtw(leaf, gamma=0.3, **options)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        assert value.item() == pytest.approx(want.soft, rel=1e-12)
        np.testing.assert_allclose(gradient[0].numpy(), want.gradient, atol=1e-12)
        np.testing.assert_allclose(expected_path(cost, gamma=0.3, **options)[0].numpy(), want.visits, atol=1e-12)
        assert dtw(cost, **options)[0].score == pytest.approx(want.hard, rel=1e-12)
        assert (gradient[cost == math.inf] == 0).all()


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("options", [{}, {"subsequence": True}, {"step_weights": (2.0, 1.0, 0.5)}, {"band": 1}])
def test_derivatives_by_differences(options: dict[str, Any]) -> None:
    cost = costs(3, 2, 4, 6).requires_grad_()
    lengths: dict[str, Any] = {"lengths_x": [4, 3], "lengths_y": [5, 6]}

    def value(c: Tensor) -> Tensor:
        return soft_dtw(c, gamma=0.3, **lengths, **options)

    assert torch.autograd.gradcheck(value, (cost,))
    assert torch.autograd.gradgradcheck(value, (cost,))
    assert torch.autograd.gradcheck(lambda c: expected_path(c, gamma=0.3, **lengths, **options), (cost,))


def test_a_third_derivative_through_numba_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", "scalar")
    cost = costs(0).requires_grad_()
    (first,) = torch.autograd.grad(expected_path(cost).square().sum(), cost, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiable twice; for more set SYNCLINE_ALIGNMENT=torch"):
        first.square().sum().backward()


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 7), (2, 9), (5, 5), (12, 5), (20, 7)])
@pytest.mark.parametrize("band", [0, 1, 4])
def test_band(n: int, m: int, band: int) -> None:
    """The same as a mask, in padded batches; finite for every shape; the videos may change places."""
    cost = torch.nn.functional.pad(costs(n * m, 2, n, m), (0, 2, 0, 1), value=math.nan)
    rows, columns = [n, n], [m, m]
    value = soft_dtw(cost, gamma=0.2, band=band, lengths_x=rows, lengths_y=columns)
    assert value.isfinite().all()
    turned = soft_dtw(cost.mT, gamma=0.2, band=band, lengths_x=columns, lengths_y=rows)
    torch.testing.assert_close(turned, value, rtol=1e-12, atol=1e-12)
    mask = band_cells(cost[:, :n, :m], band, None, None)
    torch.testing.assert_close(soft_dtw(cost[:, :n, :m], gamma=0.2, allowed=mask), value)
    path = expected_path(cost, gamma=0.2, band=band, lengths_x=rows, lengths_y=columns)
    torch.testing.assert_close(path[:, :n, :m], expected_path(cost[:, :n, :m], gamma=0.2, allowed=mask))
    assert (path[:, :n, :m][~mask.expand(2, n, m)] == 0).all()
    hard = dtw(cost, band=band, lengths_x=rows, lengths_y=columns)[0]
    assert hard.score == pytest.approx(dtw(cost[:, :n, :m], allowed=mask)[0].score)
    assert mask[0][tuple(hard.indices.T)].all()


@pytest.mark.usefixtures("backend")
def test_where_no_path_is_allowed() -> None:
    cost = costs(0, 2).requires_grad_()
    allowed = torch.ones(2, 4, 5, dtype=torch.bool)
    allowed[1, 2] = False  # every path has a cell in row 2
    value = soft_dtw(cost, allowed=allowed)
    assert value.isinf().tolist() == [False, True]
    (gradient,) = torch.autograd.grad(value.sum(), cost)
    assert gradient.isfinite().all()
    assert (gradient[1] == 0).all()
    assert (expected_path(cost, allowed=allowed)[1] == 0).all()
    path = dtw(cost, allowed=allowed)[1]
    assert (path.score, len(path)) == (math.inf, 0)


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("padding", [math.nan, math.inf, -math.inf, 1e30])
def test_padding_of_any_value_is_nothing(padding: float) -> None:
    cost = costs(1, 2)
    padded = torch.nn.functional.pad(cost, (0, 2, 0, 3), value=padding).requires_grad_()
    lengths: dict[str, Any] = {"lengths_x": [4, 4], "lengths_y": [5, 5]}
    value = soft_dtw(padded, **lengths)
    torch.testing.assert_close(value, soft_dtw(cost))
    (gradient,) = torch.autograd.grad(value.sum(), padded)
    torch.testing.assert_close(gradient[:, :4, :5], expected_path(cost))
    (gradient,) = torch.autograd.grad(expected_path(padded, **lengths).square().sum(), padded)
    assert gradient.isfinite().all()
    assert (gradient[:, 4:] == 0).all()
    x, y = (costs(k, 2, 6, 3).clone() for k in (2, 3))
    want = soft_dtw_divergence(x[:, :4], y[:, :5])
    x[:, 4:], y[:, 5:] = padding, padding
    x.requires_grad_(), y.requires_grad_()
    divergence = soft_dtw_divergence(x, y, **lengths)
    torch.testing.assert_close(divergence, want)
    for gradient, length in zip(torch.autograd.grad(divergence.sum(), (x, y)), (4, 5)):
        assert gradient.isfinite().all()
        assert (gradient[:, length:] == 0).all()


def test_gradients_of_a_learned_gamma(backend: str) -> None:
    gamma = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    cost = costs(0, 2)
    cost[0, 1, 1] = math.inf
    assert torch.autograd.gradcheck(lambda g: soft_dtw(cost, gamma=g, lengths_x=[4, 3]), (gamma,)), backend
    assert torch.autograd.gradcheck(lambda g: expected_path(cost, gamma=g), (gamma,)), backend


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 9999), n=st.integers(1, 9), m=st.integers(1, 9), gamma=st.floats(0.01, 5))
def test_laws(seed: int, n: int, m: int, gamma: float) -> None:
    cost = costs(seed, 2, n, m)
    cost[costs(seed + 1, 2, n, m) < 0.1] = math.inf
    value = soft_dtw(cost, gamma=gamma)
    hard = torch.tensor([path.score for path in dtw(cost)], dtype=torch.float64)
    assert (value <= hard + 1e-9).all()
    assert torch.equal(value == math.inf, hard == math.inf)
    path = expected_path(cost, gamma=gamma)
    assert path.min() >= 0
    assert path.max() <= 1 + 1e-9
    there = value < math.inf
    assert (path[there].sum(1) >= 1 - 1e-9).all()
    assert (path[there].sum(2) >= 1 - 1e-9).all()
    assert (soft_dtw(cost + 0.5, gamma=gamma)[there] > value[there]).all()


def test_soft_dtw_vectors_gradient_and_padding() -> None:
    cost = squared_distances(Z1, Z2)
    assert soft_dtw(cost).item() == pytest.approx(0.102220410, abs=1e-8)
    assert soft_dtw_divergence(Z1, Z2).item() == pytest.approx(0.105337653, abs=1e-8)
    padded = torch.nn.functional.pad(cost, (0, 2, 0, 3), value=7.0)
    e = expected_path(padded, lengths_x=[4], lengths_y=[4])
    assert (e[0, 4:] == 0).all()
    assert (e[0, :4, :4].sum(0) >= 1 - 1e-9).all()


def test_soft_dtw_equals_tslearn() -> None:
    from tslearn.metrics import SoftDTW

    c = np.random.default_rng(0).random((9, 13))
    assert soft_dtw(torch.from_numpy(c)[None], gamma=0.2).item() == pytest.approx(SoftDTW(c, gamma=0.2).compute())


def test_soft_dtw_equals_the_loops() -> None:
    cost = costs(1, 2, 7, 9)
    want = [reference.soft_dtw(c.numpy(), 0.3) for c in cost]
    assert soft_dtw(cost, gamma=0.3).tolist() == pytest.approx(want)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"band": -1}, "band must be at least 0, got -1"),
        ({"band": 1.5}, "whole number of frames"),
        ({"step_weights": (1.0, 0.0, 1.0)}, "three finite numbers above 0"),
        ({"step_weights": (1.0, 1.0)}, "three finite numbers above 0"),
        ({"allowed": torch.ones(4, 5)}, "tensor of bool"),
        ({"allowed": torch.ones(5, 4, dtype=torch.bool)}, "does not fit"),
        ({"gamma": 0.0}, "above 0"),
        ({"gamma": torch.ones(2)}, "one number"),
    ],
)
@pytest.mark.parametrize("operator", [soft_dtw, expected_path])
def test_what_is_refused(operator: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        operator(costs(0), **options)
