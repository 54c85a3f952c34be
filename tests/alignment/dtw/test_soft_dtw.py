"""Soft-DTW against published vectors, the loops and another library; its gradient by differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from two_sequences import Z1, Z2

from syncline.alignment import expected_path, soft_dtw, soft_dtw_divergence, squared_distances
from syncline.alignment.dtw import reference


def test_soft_dtw_vectors_gradient_and_padding() -> None:
    cost = squared_distances(Z1, Z2)
    assert soft_dtw(cost).item() == pytest.approx(0.102220410, abs=1e-8)
    assert soft_dtw_divergence(Z1, Z2).item() == pytest.approx(0.105337653, abs=1e-8)
    assert torch.autograd.gradcheck(lambda c: soft_dtw(c, gamma=0.3), (cost.clone().requires_grad_(),))
    padded = torch.nn.functional.pad(cost, (0, 2, 0, 3), value=7.0)
    assert soft_dtw(padded, lengths_x=[4], lengths_y=[4]).item() == pytest.approx(soft_dtw(cost).item())
    e = expected_path(padded, lengths_x=[4], lengths_y=[4])
    assert (e[0, 4:] == 0).all()
    assert (e[0, :4, :4].sum(0) >= 1 - 1e-9).all()
    assert e.min() >= 0
    assert e.max() <= 1 + 1e-12


def test_soft_dtw_equals_tslearn() -> None:
    from tslearn.metrics import SoftDTW

    c = np.random.default_rng(0).random((9, 13))
    assert soft_dtw(torch.from_numpy(c)[None], gamma=0.2).item() == pytest.approx(SoftDTW(c, gamma=0.2).compute())


def test_soft_dtw_equals_the_loops() -> None:
    cost = torch.randn(2, 7, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64).abs()
    want = [reference.soft_dtw(c.numpy(), 0.3) for c in cost]
    assert soft_dtw(cost, gamma=0.3).tolist() == pytest.approx(want)
