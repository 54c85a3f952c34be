"""The kernels as ``torch.compile`` sees them: ``syncline::soft_sw``, ``soft_sw_gradient`` and ``soft_sw_tangent``.

Each with a fake implementation, which tells shapes only, and its derivative.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from syncline.alignment.soft_smith_waterman.passes import (
    forward_pass,
    gap_shape,
    gradient_pass,
    spread,
    summed_like,
    tangent_pass,
)


@torch.library.custom_op("syncline::soft_sw", mutates_args=())
def soft_sw(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, want_scores: bool
) -> tuple[Tensor, Tensor]:
    """See `score_and_scores`."""
    return forward_pass(s, go, ge, gamma, lx, ly, want_scores, False)[:2]


@soft_sw.register_fake
def _(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, want_scores: bool
) -> tuple[Tensor, Tensor]:
    return s.new_empty(s.shape[0]), s.new_empty(s.shape) if want_scores else s.new_empty(0, 0, 0)


@torch.library.custom_op("syncline::soft_sw_gradient", mutates_args=())
def soft_sw_gradient(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """See `gradient_pass`."""
    return gradient_pass(s, go, ge, gamma, lx, ly, g, upstream, None)


@soft_sw_gradient.register_fake
def _(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    b = s.shape[0]
    return s.new_empty(s.shape), s.new_empty(gap_shape(go, b)), s.new_empty(gap_shape(ge, b))


@torch.library.custom_op("syncline::soft_sw_tangent", mutates_args=())
def soft_sw_tangent(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None,
    ts: Tensor, tgo: Tensor, tge: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """See `tangent_pass`."""
    return tangent_pass(s, go, ge, gamma, lx, ly, g, upstream, ts, tgo, tge)


@soft_sw_tangent.register_fake
def _(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None,
    ts: Tensor, tgo: Tensor, tge: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    b = s.shape[0]
    return (
        s.new_empty(b), s.new_empty(0, 0, 0) if upstream is None else s.new_empty(s.shape), s.new_empty(s.shape),
        s.new_empty(gap_shape(go, b)), s.new_empty(gap_shape(ge, b)),
    )  # fmt: skip


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    s, go, ge, gamma, lx, ly, want_scores = inputs
    ctx.save_for_backward(s, go, ge, lx, ly)
    ctx.gamma, ctx.want_scores = gamma, want_scores


def _backward(ctx: Any, g: Tensor, upstream: Tensor | None) -> tuple[Any, ...]:
    s, go, ge, lx, ly = ctx.saved_tensors
    ds, dgo, dge = soft_sw_gradient(s, go, ge, ctx.gamma, lx, ly, g, upstream if ctx.want_scores else None)
    return ds, summed_like(dgo, go), summed_like(dge, ge), None, None, None, None


soft_sw.register_autograd(_backward, setup_context=_keep_inputs)


def _keep_more(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    s, go, ge, gamma, lx, ly, g, upstream = inputs
    ctx.save_for_backward(s, go, ge, lx, ly, g, *([] if upstream is None else [upstream]))
    ctx.gamma = gamma


def _backward_of_gradient(ctx: Any, ts: Tensor, tgo: Tensor, tge: Tensor) -> tuple[Any, ...]:
    s, go, ge, lx, ly, g, *more = ctx.saved_tensors
    upstream, b = more[0] if more else None, s.shape[0]
    score, scores, ds, dgo, dge = soft_sw_tangent(
        s, spread(go, b), spread(ge, b), ctx.gamma, lx, ly, g, upstream, ts, tgo, tge
    )
    return ds, summed_like(dgo, go), summed_like(dge, ge), None, None, None, score, scores if more else None


soft_sw_gradient.register_autograd(_backward_of_gradient, setup_context=_keep_more)
