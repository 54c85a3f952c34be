"""The kernels as PyTorch operators: ``syncline::soft_sw``, its gradient, and the derivative of that along a direction.

Registered through ``torch.library`` with fake implementations, so that they work inside ``torch.compile``d callers.
Three levels of one chain: backward of the first calls the second, backward of the second calls the third, so the score,
D and the expected alignment (the second with upstream 1) are all differentiable.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from syncline.alignment import scalar
from syncline.alignment.threads import in_slices

_NONE = np.zeros((0, 0, 0))


def _numpy(*tensors: Tensor) -> list[np.ndarray[Any, Any]]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _gap_shape(gap: Tensor, b: int) -> tuple[int, int, int]:
    return (b, gap.shape[1], gap.shape[2])


def _upstream(upstream: Tensor | None) -> np.ndarray[Any, Any]:
    return _NONE if upstream is None else upstream.detach().contiguous().numpy()


@torch.library.custom_op("syncline::soft_sw", mutates_args=())
def soft_sw(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, want_matrix: bool
) -> tuple[Tensor, Tensor]:
    """(score (b,), D (b, n, m) or an empty tensor); gaps (b|1, n|1, m|1), lengths (b,) int64; CPU."""
    b, n, m = s.shape
    score = s.new_empty(b)
    prefix = (
        torch.full_like(s, -torch.inf, memory_format=torch.contiguous_format) if want_matrix else s.new_empty(0, 0, 0)
    )
    arrays = (*_numpy(s, go, ge, lx, ly), gamma, score.numpy(), prefix.numpy())
    in_slices(lambda start, stop: scalar.forward(*arrays, start, stop), b, b * n * m)
    return score, prefix


@soft_sw.register_fake
def _(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, want_matrix: bool
) -> tuple[Tensor, Tensor]:
    return s.new_empty(s.shape[0]), s.new_empty(s.shape) if want_matrix else s.new_empty(0, 0, 0)


@torch.library.custom_op("syncline::soft_sw_gradient", mutates_args=())
def soft_sw_gradient(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of sum(g * score) + sum(upstream * D): (b, n, m) and one a gap, shaped (b, n|1, m|1)."""
    b, n, m = s.shape
    ds = torch.zeros_like(s, memory_format=torch.contiguous_format)
    dgo, dge = s.new_zeros(_gap_shape(go, b)), s.new_zeros(_gap_shape(ge, b))
    arrays = (*_numpy(s, go, ge, lx, ly), gamma, *_numpy(g), _upstream(upstream), ds.numpy(), dgo.numpy(), dge.numpy())
    in_slices(lambda start, stop: scalar.gradient(*arrays, start, stop), b, b * n * m)
    return ds, dgo, dge


@soft_sw_gradient.register_fake
def _(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    b = s.shape[0]
    return s.new_empty(s.shape), s.new_empty(_gap_shape(go, b)), s.new_empty(_gap_shape(ge, b))


@torch.library.custom_op("syncline::soft_sw_tangent", mutates_args=())
def soft_sw_tangent(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None,
    ts: Tensor, tgo: Tensor, tge: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Derivatives along (ts, tgo, tge) of score, D (empty without upstream) and the three results of the gradient."""
    b, n, m = s.shape
    score = s.new_empty(b)
    prefix = s.new_empty(0, 0, 0) if upstream is None else torch.zeros_like(s, memory_format=torch.contiguous_format)
    ds = torch.zeros_like(s, memory_format=torch.contiguous_format)
    dgo, dge = s.new_zeros(_gap_shape(go, b)), s.new_zeros(_gap_shape(ge, b))
    arrays = (
        *_numpy(s, go, ge, lx, ly), gamma, *_numpy(g), _upstream(upstream), *_numpy(ts, tgo, tge),
        score.numpy(), prefix.numpy(), ds.numpy(), dgo.numpy(), dge.numpy(),
    )  # fmt: skip
    in_slices(lambda start, stop: scalar.tangent(*arrays, start, stop), b, b * n * m)
    return score, prefix, ds, dgo, dge


@soft_sw_tangent.register_fake
def _(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None,
    ts: Tensor, tgo: Tensor, tge: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    b = s.shape[0]
    return (
        s.new_empty(b), s.new_empty(0, 0, 0) if upstream is None else s.new_empty(s.shape), s.new_empty(s.shape),
        s.new_empty(_gap_shape(go, b)), s.new_empty(_gap_shape(ge, b)),
    )  # fmt: skip


def _like(gradient: Tensor, gap: Tensor) -> Tensor:
    """Summed over pairs where they share a gap."""
    return gradient.sum(dim=0, keepdim=True) if gap.shape[0] == 1 and gradient.shape[0] != 1 else gradient


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    s, go, ge, gamma, lx, ly, want_matrix = inputs
    ctx.save_for_backward(s, go, ge, lx, ly)
    ctx.gamma, ctx.want_matrix = gamma, want_matrix


def _backward(ctx: Any, g: Tensor, upstream: Tensor | None) -> tuple[Any, ...]:
    s, go, ge, lx, ly = ctx.saved_tensors
    ds, dgo, dge = soft_sw_gradient(s, go, ge, ctx.gamma, lx, ly, g, upstream if ctx.want_matrix else None)
    return ds, _like(dgo, go), _like(dge, ge), None, None, None, None


soft_sw.register_autograd(_backward, setup_context=_keep_inputs)


def _keep_more(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    s, go, ge, gamma, lx, ly, g, upstream = inputs
    ctx.save_for_backward(s, go, ge, lx, ly, g, *([] if upstream is None else [upstream]))
    ctx.gamma = gamma


def _backward_of_gradient(ctx: Any, ts: Tensor, tgo: Tensor, tge: Tensor) -> tuple[Any, ...]:
    s, go, ge, lx, ly, g, *more = ctx.saved_tensors
    upstream = more[0] if more else None
    # a gap shared by all pairs moves for all of them alike only in a sum; each pair has its own direction here
    go, ge = go.expand(s.shape[0], -1, -1), ge.expand(s.shape[0], -1, -1)
    score, prefix, ds, dgo, dge = soft_sw_tangent(s, go, ge, ctx.gamma, lx, ly, g, upstream, ts, tgo, tge)
    shared = [_like(gradient, gap) for gradient, gap in ((dgo, ctx.saved_tensors[1]), (dge, ctx.saved_tensors[2]))]
    return ds, *shared, None, None, None, score, prefix if more else None


soft_sw_gradient.register_autograd(_backward_of_gradient, setup_context=_keep_more)
