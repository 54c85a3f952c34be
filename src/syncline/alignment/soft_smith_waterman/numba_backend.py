"""The kernels as PyTorch operators: score and D, their gradient, and the derivative of that along a direction.

Three levels of one chain: backward of the first is the second, backward of the second the third, so the score, D and
the expected alignment (the second with upstream 1) are all differentiable. In eager mode they are autograd functions,
which cost less a call and hand the rows that the forward pass kept to the backward. Inside ``torch.compile``d callers
they are the operators of `traced_operators`, which takes a tenth of a second to import and is left out otherwise.
Their arguments are not bundled, as those of the kernels are: autograd and torch.library see tensors one by one only.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from syncline.alignment.soft_smith_waterman.passes import (
    forward_pass,
    gradient_pass,
    spread,
    summed_like,
    tangent_pass,
)
from syncline.alignment.soft_smith_waterman.vector import vector_backend as vector


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
