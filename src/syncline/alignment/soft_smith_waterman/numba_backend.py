"""The kernels as PyTorch operators: score and D, their gradient, and the derivative of that along a direction.

Three levels of one chain: backward of the first is the second, backward of the second the third, so the score, D and
the expected alignment (the second with upstream 1) are all differentiable. In eager mode they are autograd functions,
which cost less a call and hand the rows that the forward pass kept to the backward. Inside ``torch.compile``d callers
they are the operators of `traced_operators`, which takes a tenth of a second to import and is left out otherwise.
Their arguments are not bundled, as those of the kernels are: autograd and torch.library see tensors one by one only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from syncline.alignment.backend import choose_backend
from syncline.alignment.inputs import check_values
from syncline.alignment.soft_smith_waterman import scalar
from syncline.alignment.soft_smith_waterman.vector import entry as vector
from syncline.alignment.threads import in_slices

_NONE = np.zeros((0, 0, 0))


def score_and_scores(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, want_scores: bool
) -> tuple[Tensor, Tensor]:
    """(score (b,), D (b, n, m) or an empty tensor); gaps (b|1, n|1, m|1), lengths (b,) int64; CPU; differentiable."""
    if torch.compiler.is_compiling():
        from syncline.alignment.soft_smith_waterman.traced_operators import soft_sw

        result: tuple[Tensor, Tensor] = soft_sw(s, go, ge, gamma, lx, ly, want_scores)
    else:
        result = _Score.apply(s, go, ge, gamma, lx, ly, want_scores)
    return result


def posterior(s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor) -> Tensor:
    """d score / d s (b, n, m), differentiable."""
    ones = s.new_ones(s.shape[0])
    if torch.compiler.is_compiling():
        from syncline.alignment.soft_smith_waterman.traced_operators import soft_sw_gradient

        result: Tensor = soft_sw_gradient(s, go, ge, gamma, lx, ly, ones, None)[0]
    else:
        result = _Gradient.apply(s, go, ge, gamma, lx, ly, ones, None, None)[0]
    return result


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


class _Score(Function):
    @staticmethod
    def forward(
        ctx: Any, s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, want_scores: bool
    ) -> tuple[Tensor, Tensor]:
        score, scores, ctx.rows = forward_pass(s, go, ge, gamma, lx, ly, want_scores, any(ctx.needs_input_grad))
        ctx.save_for_backward(s, go, ge, lx, ly)
        ctx.gamma = gamma
        ctx.set_materialize_grads(False)
        if not want_scores:
            ctx.mark_non_differentiable(scores)
        return score, scores

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, upstream: Tensor | None) -> tuple[Any, ...]:
        s, go, ge, lx, ly = ctx.saved_tensors
        g = s.new_zeros(s.shape[0]) if g is None else g
        ds, dgo, dge = _Gradient.apply(s, go, ge, ctx.gamma, lx, ly, g, upstream, ctx.rows)
        return ds, summed_like(dgo, go), summed_like(dge, ge), None, None, None, None


class _Gradient(Function):
    @staticmethod
    def forward(
        ctx: Any, s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor,
        upstream: Tensor | None, rows: vector.Rows | None,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        ctx.save_for_backward(s, go, ge, lx, ly, g, upstream)
        ctx.gamma = gamma
        return gradient_pass(s, go, ge, gamma, lx, ly, g, upstream, rows)

    @staticmethod
    def backward(ctx: Any, ts: Tensor, tgo: Tensor, tge: Tensor) -> tuple[Any, ...]:
        s, go, ge, lx, ly, g, upstream = ctx.saved_tensors
        b = s.shape[0]
        score, scores, ds, dgo, dge = _Tangent.apply(
            s, spread(go, b), spread(ge, b), ctx.gamma, lx, ly, g, upstream, ts, tgo, tge
        )
        scores = None if upstream is None else scores
        return ds, summed_like(dgo, go), summed_like(dge, ge), None, None, None, score, scores, None


def tangent_of_score(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, ts: Tensor, tgo: Tensor,
    tge: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Derivatives along (ts, tgo, tge) of the score, and of g times its gradient in s, go and ge."""
    b = s.shape[0]
    score, _, ds, dgo, dge = _Tangent.apply(s, spread(go, b), spread(ge, b), gamma, lx, ly, g, None, ts, tgo, tge)
    return score, ds, summed_like(dgo, go), summed_like(dge, ge)


class _Tangent(Function):
    """Not differentiable any further: that would silently be wrong, so it raises."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        return tangent_pass(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise RuntimeError(
            "the compiled soft Smith-Waterman is differentiable twice; for more set SYNCLINE_ALIGNMENT=torch"
        )
