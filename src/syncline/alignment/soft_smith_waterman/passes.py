"""Score and D, their gradient, and its directional derivative: the three passes over a batch on a CPU.

Tensors in, tensors out, by the vector kernel or by the scalar one; nothing here is differentiable.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from syncline.alignment.backend import choose_backend
from syncline.alignment.batch_threads import in_slices
from syncline.alignment.input_checks import check_values
from syncline.alignment.soft_smith_waterman import scalar
from syncline.alignment.soft_smith_waterman.vector import vector_backend as vector

_NONE = np.zeros((0, 0, 0))


def is_vector(s: Tensor) -> bool:
    """Whether the vector kernel is the one for these similarities."""
    return choose_backend(s, vector_problem=vector.why_not) == "vector"


def _check(s: Tensor, go: Tensor, ge: Tensor, lx: Tensor, ly: Tensor) -> None:
    """Here and not for every call: what means nothing is out of the vector kernel's range, so it ends up here."""
    check_values(s, "similarity", lx, ly, forbidden=-math.inf, gaps={"gap_open": go, "gap_extend": ge})


def _numpy(*tensors: Tensor) -> list[np.ndarray[Any, Any]]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _pairs(s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor) -> scalar.Pairs:
    similarity, opening, extending, rows, columns = _numpy(s, go, ge, lx, ly)
    return scalar.Pairs(similarity, opening, extending, rows, columns, gamma)


def gap_shape(gap: Tensor, b: int) -> tuple[int, int, int]:
    return (b, gap.shape[1], gap.shape[2])


def _upstream(upstream: Tensor | None) -> np.ndarray[Any, Any]:
    return _NONE if upstream is None else upstream.detach().contiguous().numpy()


def forward_pass(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, want_scores: bool, keep: bool
) -> tuple[Tensor, Tensor, vector.Rows | None]:
    if is_vector(s):
        result = vector.forward(s, go, ge, gamma, lx, ly, want_scores=want_scores, keep=keep)
        if result is not None:
            return result
    _check(s, go, ge, lx, ly)
    b, n, m = s.shape
    score, scores = s.new_empty(b), s.new_empty(0, 0, 0)
    if want_scores:
        scores = torch.full_like(s, -torch.inf, memory_format=torch.contiguous_format)
    pairs = _pairs(s, go, ge, gamma, lx, ly)
    arrays = (score.numpy(), scores.numpy())
    in_slices(lambda start, stop: scalar.forward(pairs, *arrays, start, stop), b, b * n * m)
    return score, scores, None


def gradient_pass(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None,
    rows: vector.Rows | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of sum(g * score) + sum(upstream * D): (b, n, m) and one a gap, shaped (b, n|1, m|1)."""
    if rows is None and is_vector(s):
        result = vector.forward(s, go, ge, gamma, lx, ly, want_scores=False, keep=True)
        rows = None if result is None else result[2]
    if rows is not None:
        return vector.gradient(s, go, ge, gamma, lx, ly, g, upstream, rows)
    _check(s, go, ge, lx, ly)
    b, n, m = s.shape
    ds = torch.zeros_like(s, memory_format=torch.contiguous_format)
    dgo, dge = s.new_zeros(gap_shape(go, b)), s.new_zeros(gap_shape(ge, b))
    pairs = _pairs(s, go, ge, gamma, lx, ly)
    arrays = (*_numpy(g), _upstream(upstream), (ds.numpy(), dgo.numpy(), dge.numpy()))
    in_slices(lambda start, stop: scalar.gradient(pairs, *arrays, start, stop), b, b * n * m)
    return ds, dgo, dge


def tangent_pass(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None,
    ts: Tensor, tgo: Tensor, tge: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Derivatives along (ts, tgo, tge) of score, D (empty without upstream) and the three results of the gradient."""
    if is_vector(s):
        result = vector.tangent(s, go, ge, gamma, lx, ly, g, upstream, ts, tgo, tge)
        if result is not None:
            return result
    b, n, m = s.shape
    score = s.new_empty(b)
    scores = s.new_empty(0, 0, 0) if upstream is None else torch.zeros_like(s, memory_format=torch.contiguous_format)
    ds = torch.zeros_like(s, memory_format=torch.contiguous_format)
    dgo, dge = s.new_zeros(gap_shape(go, b)), s.new_zeros(gap_shape(ge, b))
    pairs, along = _pairs(s, go, ge, gamma, lx, ly), tuple(_numpy(ts, tgo, tge))
    results = (ds.numpy(), dgo.numpy(), dge.numpy())
    arrays = (*_numpy(g), _upstream(upstream), along, score.numpy(), scores.numpy(), results)
    in_slices(lambda start, stop: scalar.tangent(pairs, *arrays, start, stop), b, b * n * m)
    return score, scores, ds, dgo, dge


def summed_like(gradient: Tensor, gap: Tensor) -> Tensor:
    """Summed over pairs where they share a gap."""
    return gradient.sum(dim=0, keepdim=True) if gap.shape[0] == 1 and gradient.shape[0] != 1 else gradient


def spread(gap: Tensor, b: int) -> Tensor:
    """A gap shared by all pairs moves for all of them alike only in a sum; each pair has its own direction here."""
    return gap.expand(b, -1, -1)
