"""The soft Smith-Waterman within a band at the cost of the band: float32 on CPU, one price for all gaps of a pair.

A derivative of the gradient goes through the whole matrix.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from syncline.alignment.allowed_cells import restricted
from syncline.alignment.batch_threads import in_slices
from syncline.alignment.soft_smith_waterman import numba_backend
from syncline.alignment.soft_smith_waterman.passes import is_vector
from syncline.alignment.soft_smith_waterman.vector.one_pair import OnePair, in_range

Pairs = list[OnePair | None]
"""A pair after its way down; None where a length is 0."""


def pairs_in_band(s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, band: int) -> Pairs | None:
    """Every pair after its way down, None where a length is 0; None where the kernel does not serve one of them."""
    if torch.compiler.is_compiling() or go.shape[1:] != (1, 1) or ge.shape[1:] != (1, 1):
        return None
    if not is_vector(s):
        return None
    b, _, m = s.shape
    prices = [
        (float(o), float(e), gamma)
        for o, e in zip(go.detach().expand(b, 1, 1), ge.detach().expand(b, 1, 1), strict=True)
    ]
    if not all(in_range(*price) for price in prices):
        return None
    rows = s.detach().contiguous().numpy()
    pairs: Pairs = [None] * b
    good: list[bool] = []

    def work(start: int, stop: int) -> None:
        for p in range(start, stop):
            n, columns = int(lx[p]), int(ly[p])
            if n and columns:
                pair = pairs[p] = OnePair(n, columns, *prices[p], band=band)
                good.append(pair.down(rows[p].reshape(-1), m, 0, n))

    in_slices(work, b, s.numel())
    return pairs if all(good) else None


def score(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, band: int, pairs: Pairs
) -> Tensor:  # fmt: skip
    """The score (b,), differentiable."""
    result: Tensor = _Score.apply(s, go, ge, gamma, lx, ly, band, pairs)
    return result


def posterior(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, band: int, pairs: Pairs
) -> Tensor:  # fmt: skip
    """d score / d s (b, n, m), differentiable."""
    result: Tensor = _Gradient.apply(s, go, ge, gamma, lx, ly, s.new_ones(s.shape[0]), band, pairs)[0]
    return result


class _Score(Function):
    @staticmethod
    def forward(
        ctx: Any, s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, band: int, pairs: Pairs
    ) -> Tensor:
        ctx.save_for_backward(s, go, ge, lx, ly)
        ctx.rest = gamma, band, pairs
        wholes = [-math.inf if pair is None else gamma * math.log(2.0) * pair.whole for pair in pairs]
        return s.new_tensor(wholes)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        (s, go, ge, lx, ly), (gamma, band, pairs) = ctx.saved_tensors, ctx.rest
        return *_Gradient.apply(s, go, ge, gamma, lx, ly, g, band, pairs), None, None, None, None, None


class _Gradient(Function):
    @staticmethod
    def forward(
        ctx: Any, s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, band: int,
        pairs: Pairs,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        ctx.save_for_backward(s, go, ge, lx, ly, g)
        ctx.rest = gamma, band
        b, _, m = s.shape
        ds, gaps = torch.zeros_like(s, memory_format=torch.contiguous_format), np.zeros((b, 2))
        rows, found, weights = s.detach().contiguous().numpy(), ds.numpy(), g.detach().double().numpy()

        def work(start: int, stop: int) -> None:
            for p in range(start, stop):
                pair = pairs[p]
                if pair is not None:
                    pair.up(rows[p].reshape(-1), m, 0, int(lx[p]), float(weights[p]), found[p].reshape(-1))
                    gaps[p] = pair.gaps

        in_slices(work, b, s.numel())
        dgo, dge = torch.from_numpy(gaps).to(s).T.reshape(2, b, 1, 1)
        return ds, dgo.sum_to_size(go.shape), dge.sum_to_size(ge.shape)

    @staticmethod
    def backward(ctx: Any, ts: Tensor, tgo: Tensor, tge: Tensor) -> tuple[Any, ...]:
        (s, go, ge, lx, ly, g), (gamma, band) = ctx.saved_tensors, ctx.rest
        inside = restricted(s, -torch.inf, band, None, lx, ly)
        score, ds, dgo, dge = numba_backend.tangent_of_score(inside, go, ge, gamma, lx, ly, g, ts, tgo, tge)
        return ds, dgo, dge, None, None, None, score, None, None
