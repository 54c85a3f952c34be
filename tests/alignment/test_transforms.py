"""The transforms of torch.func (vmap, grad, jvp, hessian) go through the differentiable operators."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import grad, hessian, jvp, vmap

from syncline.alignment import expected_alignment, expected_path, smooth_dtw, soft_dtw, soft_smith_waterman

# PyTorch's forward mode compiles its own formulas with what it warns of itself
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning")
OPTIONS: dict[str, Any] = {"gamma": 0.6}


def matrices(forbidden: float) -> Tensor:
    values = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values[0, 1, 2] = forbidden
    return values


OPERATORS = [(soft_smith_waterman, expected_alignment, -math.inf), (soft_dtw, expected_path, math.inf)]


@pytest.mark.parametrize(("value", "derivative", "forbidden"), OPERATORS)
def test_vmap_grad_jvp_hessian(
    value: Callable[..., Tensor], derivative: Callable[..., Tensor], forbidden: float
) -> None:
    matrix = matrices(forbidden)
    along = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def one(m: Tensor) -> Tensor:
        return value(m[None], **OPTIONS)[0]

    slope = derivative(matrix, **OPTIONS)
    torch.testing.assert_close(vmap(one)(matrix), value(matrix, **OPTIONS))
    torch.testing.assert_close(vmap(grad(one))(matrix), slope)
    torch.testing.assert_close(vmap(lambda m: derivative(m[None], **OPTIONS)[0])(matrix), slope)
    _, moved = jvp(lambda m: value(m, **OPTIONS), (matrix,), (along,))
    torch.testing.assert_close(moved, (slope * along).sum((1, 2)))
    want = torch.autograd.functional.hessian(lambda m: value(m[None], **OPTIONS).sum(), matrix[1])
    torch.testing.assert_close(hessian(one)(matrix[1]), want)


def test_vmap_over_lengths_gaps_and_gamma() -> None:
    matrix, lengths = matrices(-math.inf), torch.tensor([4, 3, 2])
    gaps = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    got = vmap(lambda m, n, gap: soft_smith_waterman(m[None], lengths_x=n[None], gap_open=gap)[0])(
        matrix, lengths, gaps
    )
    torch.testing.assert_close(got, soft_smith_waterman(matrix, lengths_x=lengths, gap_open=gaps))
    gamma = torch.tensor(0.6, dtype=torch.float64)
    slope = grad(lambda g: soft_smith_waterman(matrix, gamma=g).sum())(gamma)
    leaf = gamma.clone().requires_grad_()
    soft_smith_waterman(matrix, gamma=leaf).sum().backward()
    assert leaf.grad is not None
    torch.testing.assert_close(slope, leaf.grad)


def test_vmap_of_the_table() -> None:
    matrix = matrices(math.inf)
    torch.testing.assert_close(vmap(lambda m: smooth_dtw(m[None])[0])(matrix), smooth_dtw(matrix))
