"""What every operator does with numbers that mean nothing, forbidden cells, sizes beyond reason and a learned gamma."""

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
    smooth_dtw,
    soft_dtw,
    soft_smith_waterman,
)

LOCAL: tuple[Callable[..., Any], ...] = (soft_smith_waterman, expected_alignment, smith_waterman)
GLOBAL: tuple[Callable[..., Any], ...] = (soft_dtw, expected_path, dtw, smooth_dtw)
BACKENDS = ("", "scalar", "torch")
DTYPES = (torch.float32, torch.float64)
sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


def cells(n: int, m: int, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(1, n, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(0, 999), st.sampled_from(LOCAL + GLOBAL), st.sampled_from([math.nan, math.inf]), st.data())
def test_a_number_that_means_nothing_is_named(
    size: tuple[int, int], seed: int, operator: Callable[..., Any], bad: float, data: st.DataObject
) -> None:
    matrix = cells(*size, seed, data.draw(st.sampled_from(DTYPES)))
    i, j = (data.draw(st.integers(0, frames - 1)) for frames in size)
    matrix[0, i, j] = bad if operator in LOCAL else -bad
    with pytest.raises(ValueError, match=rf"to forbid a match, got .*( at \[0, {i}, {j}\])?"):
        operator(matrix)


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 999), st.floats(0, 1), st.sampled_from(BACKENDS), st.sampled_from(DTYPES))
def test_forbidden_cells_get_nothing_and_nothing_becomes_nan(
    size: tuple[int, int], seed: int, share: float, backend: str, dtype: torch.dtype
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNCLINE_ALIGNMENT", backend)
        closed = torch.rand(1, *size, generator=torch.Generator().manual_seed(seed)) < share
        s = cells(*size, seed, dtype).masked_fill(closed, -math.inf).requires_grad_()
        score, match = soft_smith_waterman(s, gamma=0.5), expected_alignment(s, gamma=0.5)
        value, path = soft_dtw(-s, gamma=0.5), expected_path(-s, gamma=0.5)
        # plain PyTorch knows that the path of a single cell is a constant
        results = [result for result in (score, match, value, path) if result.requires_grad]
        gradients = [torch.autograd.grad(result[result.isfinite()].square().sum(), s)[0] for result in results]
    assert (score == -math.inf).item() == bool(closed.all())
    assert (value == math.inf).item() == (dtw(-s)[0].score == math.inf)
    for result in (match, path, *gradients):
        assert result.isfinite().all()
        assert (result[closed] == 0).all()


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(0, 999), st.integers(0, 200), st.sampled_from(["", "scalar"]))
def test_similarities_of_any_size_keep_probabilities(
    size: tuple[int, int], seed: int, power: int, backend: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNCLINE_ALIGNMENT", backend)
        s = cells(*size, seed) * 10.0**power
        match, path = expected_alignment(s, gamma=0.5), expected_path(-s, gamma=0.5)
    for axis in (1, 2):
        assert float(match.sum(dim=axis).max()) <= 1 + 1e-9
        assert float(path.sum(dim=axis).min()) >= 1 - 1e-9
    assert match.isfinite().all()
    assert path.isfinite().all()


@settings(max_examples=30, deadline=None)
@given(
    sizes, st.integers(0, 999), st.floats(0.05, 5), st.sampled_from([soft_smith_waterman, expected_alignment, soft_dtw])
)
def test_a_gamma_that_learns_has_the_gradient_of_differences(
    size: tuple[int, int], seed: int, gamma: float, operator: Callable[..., Tensor]
) -> None:
    matrix = cells(*size, seed)

    def value(temperature: float | Tensor) -> Tensor:
        return (operator(matrix, gamma=temperature) * torch.linspace(1, 2, matrix.shape[-1]).double()).sum()

    leaf = torch.tensor(gamma, dtype=torch.float64, requires_grad=True)
    (got,) = torch.autograd.grad(value(leaf), leaf)
    step = 1e-5 * gamma
    want = (value(gamma + step) - value(gamma - step)).item() / (2 * step)
    assert got.item() == pytest.approx(want, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("gap", [math.inf, math.nan, torch.tensor(math.inf), torch.tensor([[math.nan]])])
@pytest.mark.parametrize("name", ["gap_open", "gap_extend"])
@pytest.mark.parametrize("operator", LOCAL)
def test_a_gap_that_is_not_finite_is_refused(operator: Callable[..., Any], name: str, gap: Any) -> None:
    with pytest.raises(ValueError, match=f"{name} must be finite"):
        operator(torch.zeros(1, 3, 4), **{name: gap})


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [(2, 3, 0), (2, 0, 3), (0, 3, 4), (2, 0, 0)])
@pytest.mark.parametrize("operator", [soft_smith_waterman, expected_alignment])
def test_a_learned_gap_for_every_cell_of_nothing(
    operator: Callable[..., Any], size: tuple[int, int, int], backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", backend)
    matrix, b, n, m = torch.zeros(size, requires_grad=True), *size
    for shape in [(b, n, m), (n, m), (n, 1), (1, m), (b,), ()]:
        gap = torch.full(shape, math.nan if len(shape) == 2 else 1.0, requires_grad=True)
        result = operator(matrix, gap_open=gap, gap_extend=gap)
        assert (result == -math.inf).all()  # a score, or one of no cells
        gradients = torch.autograd.grad(result.sum(), (matrix, gap))
        assert all((gradient == 0).all() for gradient in gradients)
