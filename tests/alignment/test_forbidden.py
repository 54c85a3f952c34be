"""Minus infinity forbids a match in every form of the Smith-Waterman; what means nothing is refused by all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from syncline.alignment import (
    dtw,
    expected_alignment,
    expected_path,
    smith_waterman,
    smith_waterman_streamed,
    smooth_dtw,
    soft_dtw,
    soft_smith_waterman,
)
from syncline.alignment.soft_smith_waterman import reference
from syncline.alignment.soft_smith_waterman.vector import vector_backend as vector

BACKENDS = ["vector", "scalar", "torch"]
LOWEST = -1e4  # a finite number so low that no alignment goes through
PRICES: dict[str, Any] = {"gap_open": 1.2, "gap_extend": 0.4}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "vector" and vector.why_not():
        pytest.skip(vector.why_not())
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", request.param)
    return str(request.param)


def similarity(seed: int, n: int = 20, m: int = 23, share: float = 0.3) -> Tensor:
    """(3, n, m): cells forbidden at random, all but a block, and none."""
    generator = torch.Generator().manual_seed(seed)
    s = 2 * torch.randn(3, n, m, generator=generator, dtype=torch.float64) - 0.5
    s[0][torch.rand(n, m, generator=generator) < share] = -math.inf
    s[1] = s[1].masked_fill(~block(n, m), -math.inf)
    return s


def block(n: int, m: int) -> Tensor:
    rows, columns = torch.arange(n)[:, None], torch.arange(m)
    return (rows >= n // 4) & (rows < n // 2 + 1) & (columns >= m // 3) & (columns < m // 2 + 1)


def everything(s: Tensor, dtype: torch.dtype, **options: Any) -> list[Tensor]:
    """Score, D, P, the gradients of a function of score and D, and those of a function of P."""
    leaf = s.to(dtype).clone().requires_grad_()
    gaps = [torch.tensor(value, dtype=dtype, requires_grad=True) for value in PRICES.values()]
    prices = dict(zip(PRICES, gaps))
    weight = torch.linspace(0, 1, s.shape[2], dtype=dtype)
    score, scores = soft_smith_waterman(leaf, return_matrix=True, gamma=0.6, **prices, **options)
    posterior = expected_alignment(leaf, gamma=0.6, **prices, **options)
    loss = score[score.isfinite()].sum() + (scores.masked_fill(leaf <= LOWEST, 0.0) * weight).sum()
    first = torch.autograd.grad(loss, (leaf, *gaps))
    second = torch.autograd.grad((posterior.square() * weight).sum(), (leaf, *gaps))
    return [tensor.detach().double() for tensor in (score, scores, posterior, *first, *second)]


def test_every_backend_agrees_and_forbidden_cells_get_nothing(backend: str) -> None:
    dtype = torch.float32 if backend == "vector" else torch.float64
    s = similarity(0)
    if backend == "vector":  # served, not handed on
        whole, gap = torch.full((3,), 20), torch.ones(1, 1, 1)
        assert vector.forward(s.float(), gap, gap, 0.6, whole, whole, want_scores=True, keep=False) is not None
    lowest = everything(s.clamp(min=LOWEST), torch.float64)
    close = 1e-4 if backend == "vector" else 1e-9
    for got, want in zip(everything(s, dtype), lowest, strict=True):
        assert not got.isnan().any()
        there = got.isfinite()
        torch.testing.assert_close(got[there], want[there], rtol=close, atol=close)
    _, scores, posterior, gradient, _, _, second, _, _ = everything(s, dtype)
    forbidden = s == -math.inf
    assert torch.equal(scores == -math.inf, forbidden)
    for none in (posterior, gradient, second):
        assert (none[forbidden] == 0).all()


def test_the_loops_agree() -> None:
    s = similarity(1, 6, 5)
    score, scores = soft_smith_waterman(s, return_matrix=True, gamma=0.6, **PRICES)
    for pair in range(3):
        prices = [torch.full((6, 5), price, dtype=torch.float64).numpy() for price in PRICES.values()]
        want, matrix = reference.soft_smith_waterman(s[pair].numpy(), *prices, 0.6)
        assert score[pair].item() == pytest.approx(want)
        torch.testing.assert_close(scores[pair], torch.from_numpy(matrix.copy()))


def test_nothing_allowed_is_as_nothing_there(backend: str) -> None:
    dtype = torch.float32 if backend == "vector" else torch.float64
    s = similarity(2)
    s[1] = -math.inf
    score, scores, posterior, *gradients = everything(s, dtype)
    assert score.isfinite().tolist() == [True, False, True]
    assert (scores[1] == -math.inf).all()
    assert (posterior[1] == 0).all()
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert (gradients[0][1] == 0).all()
    path = smith_waterman(s, **PRICES)[1]
    assert (path.score, len(path)) == (0.0, 0)


def test_an_upstream_gradient_of_a_forbidden_score_goes_nowhere(backend: str) -> None:
    dtype = torch.float32 if backend == "vector" else torch.float64
    s = similarity(3)
    leaf = s.to(dtype).requires_grad_()
    _, scores = soft_smith_waterman(leaf, return_matrix=True, gamma=0.6, **PRICES)
    forbidden = s == -math.inf
    upstream = torch.zeros_like(scores).masked_fill(forbidden, 5.0)
    (gradient,) = torch.autograd.grad(scores, leaf, upstream)
    assert (gradient == 0).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 9999), n=st.integers(1, 9), m=st.integers(1, 9), share=st.floats(0, 1))
def test_cold_is_hard_and_float32_is_float64(seed: int, n: int, m: int, share: float) -> None:
    s = similarity(seed, n, m, share)
    hard = torch.tensor([path.score for path in smith_waterman(s, **PRICES)], dtype=torch.float64)
    soft = soft_smith_waterman(s, gamma=1e-4, **PRICES)
    assert ((soft - hard).abs() <= 1e-4 * math.log(9.0 ** (n + m)))[hard > 0].all()
    for path, matrix in zip(smith_waterman(s, **PRICES), s):
        assert matrix[tuple(path.matches.T)].isfinite().all()
    wide, narrow = everything(s, torch.float64), everything(s, torch.float32)
    for one, other in zip(wide, narrow):
        assert torch.equal(one.isfinite(), other.isfinite())
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_bands_and_masks_are_forbidden_cells(backend: str) -> None:
    dtype = torch.float32 if backend == "vector" else torch.float64
    s = similarity(4, share=0.0)
    rows, columns = torch.arange(20)[:, None], torch.arange(23)
    band = (rows * 22 - columns * 19).abs() <= 3 * 19
    lengths = {"lengths_x": [20, 12, 20], "lengths_y": [23, 9, 7]}
    for got, want in zip(everything(s, dtype, band=3), everything(s, dtype, allowed=band)):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)
    for got, want in zip(everything(s, dtype, allowed=band), everything(s.masked_fill(~band, -math.inf), dtype)):
        torch.testing.assert_close(got, want)
    turned = expected_alignment(s.mT, band=3, lengths_x=lengths["lengths_y"], lengths_y=lengths["lengths_x"])
    torch.testing.assert_close(turned.mT, expected_alignment(s, band=3, **lengths))
    inside = smith_waterman(s, band=3, **PRICES)
    assert all(band[tuple(path.matches.T)].all() for path in inside)


@pytest.mark.parametrize("scale", [1e3, 1e9, 1e14, 1e40, 1e200])
def test_similarities_of_any_size_have_a_posterior(scale: float) -> None:
    s = scale * torch.randn(2, 8, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    posterior = expected_alignment(s, **PRICES)
    assert (posterior.sum(1) <= 1 + 1e-9).all()
    assert (posterior.sum(2) <= 1 + 1e-9).all()
    for pair, path in enumerate(smith_waterman(s, **PRICES)):  # the one alignment that counts
        assert posterior[pair].sum().item() == pytest.approx(len(path.matches))
        assert (posterior[pair][tuple(path.matches.T)] > 0.999).all()


OPERATORS: list[tuple[Callable[..., Any], str, float]] = [
    (soft_smith_waterman, "similarity", -math.inf),
    (expected_alignment, "similarity", -math.inf),
    (smith_waterman, "similarity", -math.inf),
    (soft_dtw, "cost", math.inf),
    (expected_path, "cost", math.inf),
    (dtw, "cost", math.inf),
    (smooth_dtw, "cost", math.inf),
]


@pytest.mark.parametrize(("operator", "name", "forbidden"), OPERATORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_numbers_without_meaning_are_named_inside_the_lengths_only(
    operator: Callable[..., Any], name: str, forbidden: float, dtype: torch.dtype, backend: str
) -> None:
    assert backend in BACKENDS
    for value in (math.nan, -forbidden):
        matrix = torch.ones(2, 4, 5, dtype=dtype)
        matrix[1, 2, 3] = value
        with pytest.raises(ValueError, match=rf"{name} must be .* got {value} at \[1, 2, 3\]"):
            operator(matrix)
        operator(matrix, lengths_x=[4, 2])
    matrix[1, 2, 3] = forbidden
    operator(matrix)


@pytest.mark.parametrize("operator", [soft_smith_waterman, expected_alignment, smith_waterman])
@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_gaps_without_meaning_are_refused_as_numbers_and_as_tensors(
    operator: Callable[..., Any], value: float, backend: str
) -> None:
    dtype = torch.float32 if backend == "vector" else torch.float64
    s, cells = torch.ones(2, 3, 4, dtype=dtype), torch.ones(3, 4, dtype=dtype)
    cells[2, 1] = value
    for gap in (value, torch.tensor(value, dtype=dtype), cells):
        with pytest.raises(ValueError, match=r"gap_open must be finite, got"):
            operator(s, gap_open=gap)
    operator(s, gap_open=cells, lengths_x=[2, 2])


def test_a_learned_gamma_has_its_gradient(backend: str) -> None:
    s = similarity(5, 5, 6)
    gamma = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    padded = torch.nn.functional.pad(s, (0, 1), value=math.nan)
    options = {"lengths_y": [6, 6, 4], **PRICES}

    def finite(values: Tensor) -> Tensor:
        return values.masked_fill(~values.isfinite(), 0.0)

    assert backend in BACKENDS
    assert torch.autograd.gradcheck(lambda g: soft_smith_waterman(padded, gamma=g, **options), (gamma,))
    assert torch.autograd.gradcheck(
        lambda g: finite(soft_smith_waterman(padded, gamma=g, return_matrix=True, **options)[1]), (gamma,)
    )
    assert torch.autograd.gradcheck(lambda g: expected_alignment(padded, gamma=g, **options), (gamma,))


def test_streamed_refuses_what_is_not_finite() -> None:
    x = torch.ones(5, 3)
    x[3, 1] = math.nan
    with pytest.raises(ValueError, match=r"x must be finite, got .* at frame 3"):
        smith_waterman_streamed(x, torch.ones(4, 3), scale=0.1)
