"""First and second derivatives over every pair of gap shapes, by differences in float64; float32 against float64."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from syncline.alignment import expected_alignment, soft_smith_waterman

B, N, M = 2, 3, 2
SHAPES: tuple[tuple[int, ...], ...] = (
    (), (B,), (N, M), (N, 1), (1, M), (B, N, M), (B, N, 1), (B, 1, M), (B, 1, 1), (1, N, M)
)  # fmt: skip
ROUTES = ("scalar", "torch")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def inputs(go: tuple[int, ...], ge: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    opening, extending = 0.6 + 0.3 * drawn(*go, seed=1).abs(), 0.3 + 0.2 * drawn(*ge, seed=2).abs()
    return drawn(B, N, M).requires_grad_(), opening.requires_grad_(), extending.requires_grad_()


def everything(s: Tensor, go: Tensor, ge: Tensor) -> tuple[Tensor, Tensor]:
    return soft_smith_waterman(s, gap_open=go, gap_extend=ge, gamma=0.7, return_matrix=True)


def posterior(s: Tensor, go: Tensor, ge: Tensor) -> Tensor:
    return expected_alignment(s, gap_open=go, gap_extend=ge, gamma=0.7)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("ge", SHAPES, ids=str)
@pytest.mark.parametrize("go", SHAPES, ids=str)
@pytest.mark.slow
def test_first_derivatives(
    go: tuple[int, ...], ge: tuple[int, ...], route: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", route)
    assert torch.autograd.gradcheck(everything, inputs(go, ge), fast_mode=True)
    assert torch.autograd.gradcheck(posterior, inputs(go, ge), fast_mode=True)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_second_derivatives(shape: tuple[int, ...], route: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the score and D, once more: their gradient is an operator whose own gradient is the third one."""
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", route)
    other = SHAPES[(SHAPES.index(shape) + 3) % len(SHAPES)]
    assert torch.autograd.gradgradcheck(everything, inputs(shape, other), fast_mode=True)


def test_a_third_derivative_is_refused_by_the_kernels_and_given_by_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    s, go, ge = inputs((), ())

    def third() -> Tensor:
        (first,) = torch.autograd.grad(posterior(s, go, ge).square().sum(), s, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), s)
        return second

    with pytest.raises(RuntimeError, match="SYNCLINE_ALIGNMENT=torch"):
        third()
    monkeypatch.setenv("SYNCLINE_ALIGNMENT", "torch")
    assert third().isfinite().all()


@pytest.mark.parametrize("ge", [(), (N, M), (B, N, 1)], ids=str)
@pytest.mark.parametrize("go", SHAPES, ids=str)
def test_float32_gradients_equal_float64(go: tuple[int, ...], ge: tuple[int, ...]) -> None:
    """Whatever kernel serves float32 here; upstream gradients on D and a derivative of the expected alignment."""
    weight = drawn(B, N, M, seed=5)

    def gradients(dtype: torch.dtype) -> tuple[Tensor, ...]:
        leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in inputs(go, ge)]
        score, prefix = everything(*leaves)
        loss: Any = score.sum() + (weight.to(dtype) * (prefix + posterior(*leaves))).sum()
        return torch.autograd.grad(loss, leaves)

    for got, want in zip(gradients(torch.float32), gradients(torch.float64)):
        torch.testing.assert_close(got.double(), want, rtol=1e-4, atol=2e-5)
