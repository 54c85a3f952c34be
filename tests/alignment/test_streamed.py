"""Soft-DTW and soft Smith-Waterman straight from embeddings: the same as with the matrix, in the memory of few rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from syncline.alignment import (
    cosine,
    soft_dtw,
    soft_dtw_streamed,
    soft_smith_waterman,
    soft_smith_waterman_streamed,
    squared_distances,
)
from syncline.alignment.dtw import reference as dtw_reference
from syncline.alignment.soft_smith_waterman import reference as sw_reference

KINDS = ("cosine", "squared")


def embeddings(n: int, m: int, dtype: torch.dtype = torch.float32, d: int = 6, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x, y = (torch.randn(2, frames, d, generator=generator).cumsum(1).to(dtype) / 3 for frames in (n, m))
    return x.requires_grad_(), y.requires_grad_()


def matrix_of(x: Tensor, y: Tensor, kind: str) -> Tensor:
    return cosine(x, y) if kind == "cosine" else squared_distances(x, y)


def test_values_are_those_of_the_loops() -> None:
    x, y = embeddings(40, 35)
    for kind in KINDS:
        cells = matrix_of(x.detach().double(), y.detach().double(), kind)[0].numpy()
        cost = 1 - cells if kind == "cosine" else cells
        value = soft_dtw_streamed(x, y, cost=kind, gamma=0.3)  # type: ignore[arg-type]
        assert value[0].item() == pytest.approx(dtw_reference.soft_dtw(cost, 0.3), rel=1e-5)
        similarity = (cells - 0.2) / 0.5 if kind == "cosine" else (-cells + 1.0) / 0.5
        price = np.ones_like(similarity)
        score = soft_smith_waterman_streamed(
            x, y, similarity=kind, constant=0.2 if kind == "cosine" else -1.0, scale=0.5, gamma=0.7  # type: ignore[arg-type]
        )  # fmt: skip
        want = sw_reference.soft_smith_waterman(similarity, price, price / 2, 0.7)[0]
        assert score[0].item() == pytest.approx(want, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"band": 6}, {"subsequence": True}, {"step_weights": (2.0, 1.0, 1.0)}])
def test_soft_dtw_and_its_gradients_are_those_of_the_matrix(kind: Any, options: dict[str, Any]) -> None:
    x, y = embeddings(150, 131, torch.float64)
    gamma = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    options |= {"gamma": gamma, "lengths_x": [150, 70], "lengths_y": [131, 0 if options else 40]}
    results = []
    for value in (
        soft_dtw_streamed(x, y, cost=kind, **options),
        soft_dtw(1 - matrix_of(x, y, kind) if kind == "cosine" else matrix_of(x, y, kind), **options),
    ):
        results.append([value, *torch.autograd.grad(value[value.isfinite()].square().sum(), (x, y, gamma))])
    *same, of_gamma = zip(*results, strict=True)
    for got, want in same:
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-9)
    # a difference of two sums as large as the value: rounding of the costs, which goes by the processor, counts more
    torch.testing.assert_close(*of_gamma, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_soft_smith_waterman_and_its_gradients_are_those_of_the_matrix(kind: Any) -> None:
    constant, scale = (0.2, 0.5) if kind == "cosine" else (-3.0, 2.0)
    results = []
    for dtype in (torch.float32, torch.float64):  # the vector kernel, and the matrix
        x, y = embeddings(150, 131, dtype)
        go = torch.tensor([1.5, 1.0], dtype=dtype, requires_grad=True)
        gamma = torch.tensor(0.6, dtype=dtype, requires_grad=True)
        options: dict[str, Any] = {"gap_open": go, "gap_extend": 0.4, "gamma": gamma}
        options |= {"lengths_x": [150, 70], "lengths_y": [131, 40]}
        score = soft_smith_waterman_streamed(x, y, similarity=kind, constant=constant, scale=scale, **options)
        matrix = matrix_of(x, y, kind) if kind == "cosine" else -matrix_of(x, y, kind)
        want = soft_smith_waterman((matrix - constant) / scale, **options)
        torch.testing.assert_close(score, want, rtol=1e-5, atol=1e-5)
        results.append([score, *torch.autograd.grad(score.sum(), (x, y, go, gamma))])
    for got, want in zip(*results, strict=True):
        torch.testing.assert_close(got.double(), want, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("stream", [soft_dtw_streamed, soft_smith_waterman_streamed])
def test_gradients_by_differences(stream: Callable[..., Tensor]) -> None:
    x, y = embeddings(6, 5, torch.float64, d=3)
    kind = {"cost": "squared"} if stream is soft_dtw_streamed else {"similarity": "squared", "constant": -1.0}
    assert torch.autograd.gradcheck(lambda a, b: stream(a, b, gamma=0.5, lengths_x=[6, 4], **kind), (x, y))


def test_a_second_derivative_is_refused() -> None:
    x, y = embeddings(20, 18)
    for stream, also in ((soft_dtw_streamed, "soft_dtw"), (soft_smith_waterman_streamed, "soft_smith_waterman")):
        (first,) = torch.autograd.grad(stream(x, y).sum(), x, create_graph=True)
        with pytest.raises(RuntimeError, match=f"differentiable once; for more call {also} with the matrix"):
            first.square().sum().backward()


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 90), m=st.integers(1, 90), seed=st.integers(0, 99), band=st.integers(0, 20))
def test_any_size_and_padding(n: int, m: int, seed: int, band: int) -> None:
    x, y = (side.detach() for side in embeddings(n, m, seed=seed))
    padded = [torch.cat([side, side.new_full((2, 7, 6), torch.nan)], dim=1) for side in (x, y)]
    lengths: dict[str, Any] = {"lengths_x": [n, n], "lengths_y": [m, m]}
    cost = squared_distances(x.double(), y.double())
    got = soft_dtw_streamed(*padded, gamma=0.5, band=band, **lengths)
    torch.testing.assert_close(got.double(), soft_dtw(cost, gamma=0.5, band=band), rtol=1e-4, atol=1e-4)
    got = soft_smith_waterman_streamed(*padded, gamma=0.5, scale=0.5, **lengths)
    want = soft_smith_waterman(cosine(x.double(), y.double()) / 0.5, gamma=0.5)
    torch.testing.assert_close(got.double(), want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(2, 3)}, r"shapes \(b, n, d\) and \(b, m, d\)"),
        ({"x": torch.zeros(2, 5, 4)}, r"shapes \(b, n, d\) and \(b, m, d\)"),
        ({"x": torch.full((2, 5, 6), torch.inf)}, "x must be finite, got NaN or infinity in frame 0 of pair 0"),
        ({"x": torch.zeros(2, 5, 6, dtype=torch.float64)}, "give both alike"),
        ({"gamma": 0.0}, "gamma"),
    ],
)
@pytest.mark.parametrize("stream", [soft_dtw_streamed, soft_smith_waterman_streamed])
def test_what_is_refused(stream: Callable[..., Tensor], change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stream(**{"x": torch.zeros(2, 5, 6), "y": torch.zeros(2, 4, 6)} | change)


def test_what_one_of_them_refuses() -> None:
    x = torch.zeros(1, 3, 2)
    with pytest.raises(ValueError, match="cosine, squared; got 'euclid'"):
        soft_dtw_streamed(x, x, cost="euclid")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="scale must be above 0"):
        soft_smith_waterman_streamed(x, x, scale=0.0)
    with pytest.raises(ValueError, match="gap_open must be a number or of shape"):
        soft_smith_waterman_streamed(x, x, gap_open=torch.zeros(3, 2))
    with pytest.raises(ValueError, match="gap_extend must be finite"):
        soft_smith_waterman_streamed(x, x, gap_extend=float("nan"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is read from Linux's /proc")
@pytest.mark.parametrize("name", ["soft-DTW from embeddings", "soft Smith-Waterman from embeddings"])
def test_memory_stays_below_the_matrix(name: str) -> None:
    """5,000 x 5,000 in float32 is 100 MB; what is kept grows with it, a sixteenth part of it in float64."""
    from benchmarks.alignment.scaling import memory_in_a_process

    assert memory_in_a_process(name, 5000)["extra_mb"] < 60
