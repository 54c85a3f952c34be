"""Compiles the Numba kernels that most tests need, before the workers of pytest do it side by side.

``python -m tests.kernels float32 float64``. What is missing here is compiled by the test that needs it; in a checkout
that has its kernels this takes seconds.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from syncline.alignment import (
    dtw,
    expected_alignment,
    expected_path,
    smith_waterman,
    smith_waterman_streamed,
    soft_dtw,
    soft_dtw_streamed,
    soft_smith_waterman,
    soft_smith_waterman_streamed,
)
from syncline.evaluation.kendall import tau_b


def soft(dtype: torch.dtype, *shape: int) -> None:
    """Soft Smith-Waterman with gaps of a shape: values, first and second derivatives."""
    s = torch.rand(2, 20, 24, dtype=dtype, requires_grad=True)
    go, ge = (torch.full(shape, value, dtype=dtype, requires_grad=True) for value in (1.0, 0.5))
    score, matrix = soft_smith_waterman(s, gap_open=go, gap_extend=ge, gamma=0.5, return_matrix=True)
    (score.sum() + matrix.sum()).backward()
    expected_alignment(s, gap_open=go, gap_extend=ge, gamma=0.5).square().sum().backward()


def soft_path(dtype: torch.dtype) -> None:
    """Soft-DTW, whole and as a part of the second sequence: values, first and second derivatives."""
    cost = torch.rand(2, 20, 24, dtype=dtype, requires_grad=True)
    for part in (False, True):
        soft_dtw(cost, gamma=0.5, subsequence=part).sum().backward()
        expected_path(cost, gamma=0.5, subsequence=part).square().sum().backward()


def hard(dtype: torch.dtype) -> None:
    """Smith-Waterman and DTW, and all that takes embeddings."""
    cells = torch.rand(2, 20, 24, dtype=dtype)
    smith_waterman(cells - 0.5)
    dtw(cells)
    x, y = (torch.rand(2, n, 4, dtype=dtype, requires_grad=True) for n in (20, 24))
    smith_waterman_streamed(x[0].detach(), y[0].detach(), scale=0.5)
    (soft_dtw_streamed(x, y, gamma=0.5).sum() + soft_smith_waterman_streamed(x, y, gamma=0.5).sum()).backward()
    tau_b(np.arange(9))


def main(names: list[str]) -> None:
    """For the kinds of numbers that are named, ``float32`` or ``float64``."""
    for dtype in (getattr(torch, name) for name in names):
        soft(dtype)
        soft(dtype, 2, 1, 24)
        soft_path(dtype)
        hard(dtype)


if __name__ == "__main__":
    main(sys.argv[1:])
