"""GTA's table against the published vectors; its gradient by differences."""

from __future__ import annotations

import pytest
import torch
from two_sequences import Z1, Z2, cheapest

from syncline.alignment import smooth_dtw


def test_smooth_dtw_vectors() -> None:
    logits = Z1 @ Z2.transpose(1, 2) / 0.1
    c12, c21 = -logits.log_softmax(dim=1), -logits.transpose(1, 2).log_softmax(dim=1)
    assert smooth_dtw(c12)[0, -1, -1].item() == pytest.approx(0.492705519, abs=1e-8)
    assert smooth_dtw(c21)[0, -1, -1].item() == pytest.approx(0.422160374, abs=1e-8)
    assert smooth_dtw(c12, minimum="soft")[0, -1, -1].item() == pytest.approx(0.492705422, abs=1e-8)
    assert smooth_dtw(c12, minimum="hard")[0, -1, -1].item() == pytest.approx(cheapest(c12[0].numpy()))


@pytest.mark.parametrize("minimum", ["prob", "soft"])
def test_smooth_dtw_gradients_are_finite_and_right(minimum: str) -> None:
    c = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: smooth_dtw(x, gamma=0.2, minimum=minimum), (c,))  # type: ignore[arg-type]
