"""GTA's table against the published vectors; its gradient by differences."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from two_sequences import Z1, Z2

from syncline.alignment import smooth_dtw
from syncline.alignment.dtw import reference


def test_smooth_dtw_vectors() -> None:
    logits = Z1 @ Z2.transpose(1, 2) / 0.1
    c12, c21 = -logits.log_softmax(dim=1), -logits.transpose(1, 2).log_softmax(dim=1)
    assert smooth_dtw(c12)[0, -1, -1].item() == pytest.approx(0.492705519, abs=1e-8)
    assert smooth_dtw(c21)[0, -1, -1].item() == pytest.approx(0.422160374, abs=1e-8)
    assert smooth_dtw(c12, minimum="soft")[0, -1, -1].item() == pytest.approx(0.492705422, abs=1e-8)
    assert smooth_dtw(c12, minimum="hard")[0, -1, -1].item() == pytest.approx(reference.dtw(c12[0].numpy()))


@pytest.mark.parametrize("minimum", ["prob", "soft", "hard"])
def test_smooth_dtw_is_its_definition(minimum: str) -> None:
    cost = torch.rand(2, 6, 5, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    found = smooth_dtw(cost, gamma=0.3, minimum=minimum)  # type: ignore[arg-type]
    for pair, table in zip(cost, found, strict=True):
        np.testing.assert_allclose(table.numpy(), reference.smooth_dtw(pair.numpy(), 0.3, minimum), rtol=1e-10)


@pytest.mark.parametrize("minimum", ["prob", "soft"])
def test_smooth_dtw_gradients_are_finite_and_right(minimum: str) -> None:
    c = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: smooth_dtw(x, gamma=0.2, minimum=minimum), (c,))  # type: ignore[arg-type]


@pytest.mark.parametrize("minimum", ["prob", "soft", "hard"])
def test_forbidden_cells_and_padding_reach_nothing(minimum: str) -> None:
    options: dict[str, Any] = {"minimum": minimum, "gamma": 0.2}
    cost = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    closed = torch.zeros(2, 4, 5, dtype=torch.bool)
    closed[0, 1, 1:3], closed[1, 2] = True, True  # the second pair has no path beyond row 2
    high = smooth_dtw(cost.masked_fill(closed, 1e6), **options)
    leaf = cost.masked_fill(closed, math.inf).requires_grad_()
    table = smooth_dtw(leaf, **options)
    assert table[closed].isinf().all()
    assert table[1, 2:].isinf().all()
    there = table.isfinite()
    torch.testing.assert_close(table[there], high[there], rtol=1e-6, atol=1e-6)
    (gradient,) = torch.autograd.grad(table[there].sum(), leaf)
    assert gradient.isfinite().all()
    assert (gradient[closed] == 0).all()
    padded = torch.nn.functional.pad(leaf.detach(), (0, 2, 0, 1), value=math.nan).requires_grad_()
    cut = smooth_dtw(padded, lengths_x=[4, 4], lengths_y=[5, 5], **options)
    torch.testing.assert_close(cut[:, :4, :5], table)
    (gradient,) = torch.autograd.grad(cut[:, :4, :5][there].sum(), padded)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("minimum", ["prob", "soft", "hard"])
@pytest.mark.parametrize("scale", [1.0, 3.0, 2.0**16])
def test_gradients_of_float32_are_those_of_float64_whatever_comes_from_upstream(minimum: str, scale: float) -> None:
    """As of a scaled loss, or of a sum over the table; the border beside it is the largest number that float32 has."""
    cost = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    cost[1, 1, 3] = math.inf
    gradients = []
    for dtype in (torch.float32, torch.float64):
        leaf = cost.to(dtype).requires_grad_()
        table = smooth_dtw(leaf, gamma=0.5, minimum=minimum)  # type: ignore[arg-type]
        gradients.append(torch.autograd.grad(scale * table[table.isfinite()].sum(), leaf)[0].double())
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4 * scale)
