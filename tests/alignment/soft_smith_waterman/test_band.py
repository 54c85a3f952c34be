"""A band in the soft Smith-Waterman: through the columns of the band alone, and the same as with the whole matrix."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from syncline.alignment import expected_alignment, soft_smith_waterman
from syncline.alignment.allowed_cells import band_cells
from syncline.alignment.soft_smith_waterman import banded


def pair(n: int, m: int, seed: int = 0) -> Tensor:
    """Similarities of two clips, higher along the straight line, and so many frames apart that gaps leave the band."""
    s = 2 * torch.randn(2, n, m, generator=torch.Generator().manual_seed(seed)) - 1
    rows, columns = torch.arange(n)[:, None] / n, torch.arange(m) / m
    return s + 4 * torch.exp(-((rows - columns) ** 2) * n)


def results(s: Tensor, prices: tuple[float, float, float], options: dict[str, Any]) -> list[Tensor]:
    """Score, expected alignment, their first derivatives, and those of the expected alignment."""
    leaf = s.clone().requires_grad_()
    go, ge = (torch.tensor(price, dtype=s.dtype, requires_grad=True) for price in prices[:2])
    options = options | {"gap_open": go, "gap_extend": ge, "gamma": prices[2]}
    score, match = soft_smith_waterman(leaf, **options), expected_alignment(leaf, **options)
    first = torch.autograd.grad((score * torch.tensor([1.0, -0.5]).to(s)).sum(), (leaf, go, ge))
    second = torch.autograd.grad((match * torch.linspace(0, 1, s.shape[2]).to(s)).sum(), (leaf, go, ge))
    return [tensor.detach().double() for tensor in (score, match, *first, *second)]


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 80), m=st.integers(1, 80), seed=st.integers(0, 99), band=st.integers(0, 25),
    prices=st.sampled_from([(1.0, 0.5, 0.7), (3.0, 0.1, 0.3), (0.2, 0.05, 1.0), (30.0, 10.0, 0.5)]),
)  # fmt: skip
def test_the_band_alone_gives_what_the_whole_matrix_gives(
    n: int, m: int, seed: int, band: int, prices: tuple[float, float, float]
) -> None:
    s = pair(n, m, seed)
    options = {"band": band, "lengths_x": [n, max(1, n - 3)], "lengths_y": [m, max(1, m - 5)]}
    for got, want in zip(results(s, prices, options), results(s.double(), prices, options), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-3 * max(1.0, float(want.abs().max())))


def test_it_looks_at_no_cell_outside_the_band() -> None:
    s = pair(70, 90)
    inside = band_cells(s, 3, None, None)
    outside = s.masked_fill(~inside, torch.nan)
    options: dict[str, Any] = {"band": 3, "gamma": 0.5}
    torch.testing.assert_close(soft_smith_waterman(outside, **options), soft_smith_waterman(s, **options))
    posterior = expected_alignment(outside, **options)
    torch.testing.assert_close(posterior, expected_alignment(s, **options))
    assert (posterior[~inside.expand_as(posterior)] == 0).all()


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(2, 40), m=st.integers(2, 40), seed=st.integers(0, 99), band=st.integers(0, 3),
    gamma=st.sampled_from([0.02, 0.05]),
)  # fmt: skip
def test_very_similar_frames_outside_the_band_do_not_count(n: int, m: int, seed: int, band: int, gamma: float) -> None:
    s = pair(n, m, seed)
    inside = band_cells(s, band, None, None)
    s = torch.where(inside, s.masked_fill(torch.rand_like(s) < 0.2, -torch.inf), s + 100 * gamma)
    options: dict[str, Any] = {"band": band, "gamma": gamma, "gap_open": 0.3, "gap_extend": 0.1}
    for operator in (soft_smith_waterman, expected_alignment):
        got, want = operator(s, **options).double(), operator(s.double(), **options)
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)


def test_both_ways_round() -> None:
    s = pair(50, 83)
    options: dict[str, Any] = {"band": 4, "gamma": 0.5, "gap_open": 1.5, "gap_extend": 0.2}
    turned = s.mT.contiguous()
    torch.testing.assert_close(soft_smith_waterman(s, **options), soft_smith_waterman(turned, **options))
    torch.testing.assert_close(
        expected_alignment(s, **options), expected_alignment(turned, **options).mT, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "options",
    [{"gap_open": torch.ones(40, 1)}, {"gap_open": 300.0}, {"gap_extend": torch.ones(40, 50)}, {"return_matrix": True}],
)
def test_what_the_kernel_does_not_serve_goes_through_the_whole_matrix(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    s = pair(40, 50)
    monkeypatch.setattr(banded, "score", None)
    got = soft_smith_waterman(s, band=3, **options)
    doubled = {name: value.double() if isinstance(value, Tensor) else value for name, value in options.items()}
    want = soft_smith_waterman(s.double(), band=3, **doubled)
    got, want = (result[0] if isinstance(result, tuple) else result for result in (got, want))
    torch.testing.assert_close(got.double(), want, rtol=1e-5, atol=1e-5)


def test_no_frames() -> None:
    s = pair(5, 6)
    score = soft_smith_waterman(s, band=1, lengths_x=[0, 5])
    assert score[0] == -torch.inf
    assert score[1].isfinite()
    assert (expected_alignment(s, band=1, lengths_x=[0, 5])[0] == 0).all()
