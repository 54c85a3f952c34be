"""The modules are their functions with gaps that learn."""

from __future__ import annotations

import torch

from syncline.alignment import (
    ExpectedAlignment,
    Gaps,
    SoftSmithWaterman,
    expected_alignment,
    soft_smith_waterman,
)


def test_modules_equal_their_functions_and_learn() -> None:
    s = torch.randn(2, 9, 7, generator=torch.Generator().manual_seed(0))
    lengths = {"lengths_x": [9, 5], "lengths_y": [4, 7]}
    gaps = Gaps(opening=0.8, extending=0.3)
    score, posterior = (make(gamma=0.5, gaps=gaps)(s, **lengths) for make in (SoftSmithWaterman, ExpectedAlignment))
    prices = {"gap_open": 0.8, "gap_extend": 0.3, "gamma": 0.5}
    torch.testing.assert_close(score, soft_smith_waterman(s, **prices, **lengths))
    torch.testing.assert_close(posterior, expected_alignment(s, **prices, **lengths))
    (score.sum() + (posterior * s).sum()).backward()
    assert all(price.grad is not None and price.grad.isfinite() and price.grad != 0 for price in gaps.parameters())
