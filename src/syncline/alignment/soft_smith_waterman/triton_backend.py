"""CUDA tensors -> the Triton kernels as autograd functions: score and D, their gradient, and the derivative of that.

The last is plain PyTorch over anti-diagonals. Chosen for CUDA tensors where Triton can be imported and agrees with
plain PyTorch on a trial. Compiled for GPUs but run under Triton's interpreter only: never timed.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from syncline.alignment.backend import tried_triton
from syncline.alignment.input_checks import check_values
from syncline.alignment.soft_smith_waterman import torch_backend


@functools.cache
def why_not(device: torch.device) -> str:
    """Why the Triton kernels cannot be used on this device; empty where they can. Compiles and tries them."""
    return tried_triton(device, _wrong_results)


def _wrong_results(device: torch.device) -> str:
    """Compares with plain PyTorch on a small ragged pair."""
    s = 3 * torch.randn((2, 9, 7), generator=torch.Generator().manual_seed(0)).to(device).requires_grad_()
    gap, lengths = torch.ones((1, 1, 1), device=device), torch.tensor([[9, 5], [7, 6]], device=device)
    results = []
    for score in (
        score_and_scores(s, gap, gap / 2, 0.5, *lengths)[0],
        torch_backend.score_and_scores(s, gap, gap / 2, 0.5, *lengths)[0],
    ):
        results.append((score.detach(), *torch.autograd.grad(score.sum(), s)))
    worst = max(float((a - b).abs().max()) for a, b in zip(*results))
    return "" if worst < 1e-4 else f"their results differ from plain PyTorch's by {worst:.1e}"


def score_and_scores(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor | None, ly: Tensor | None
) -> tuple[Tensor, Tensor]:
    """score (b,) and D (b, n, m) of checked inputs (see `input_checks`), differentiable twice."""
    result: tuple[Tensor, Tensor] = _Score.apply(s, go, ge, gamma, *_full(s, lx, ly))[:2]
    return result


def posterior(s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor | None, ly: Tensor | None) -> Tensor:
    """d score / d s (b, n, m), differentiable once."""
    lengths = _full(s, lx, ly)
    with torch.no_grad():
        score, _, *kept = _forward(s, go, ge, gamma, *lengths)
    result: Tensor = _Gradient.apply(s, go, ge, gamma, *lengths, torch.ones_like(score), None, score, *kept)[0]
    return result


def _full(s: Tensor, lx: Tensor | None, ly: Tensor | None) -> tuple[Tensor, Tensor]:
    b, n, m = s.shape
    whole = s.new_full((2, b), 0, dtype=torch.int64)
    return whole[0] + n if lx is None else lx.contiguous(), whole[1] + m if ly is None else ly.contiguous()


def _strides(s: Tensor, go: Tensor, ge: Tensor) -> list[int]:
    return [stride for tensor in (s, go, ge) for stride in tensor.expand(s.shape).stride()]


def _forward(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """score, D, and T, X, Y for the backward."""
    check_values(s, "similarity", lx, ly, forbidden=-torch.inf, gaps={"gap_open": go, "gap_extend": ge})
    from syncline.alignment.soft_smith_waterman import triton_kernel

    b, n, m = s.shape
    t, x, y = s.new_full((b, n, m), -torch.inf), s.new_empty((b, n, m)), s.new_empty((b, n, m))
    if s.numel():
        with torch.cuda.device_of(s):  # type: ignore[no-untyped-call]
            triton_kernel.forward[(b,)](
                s, go, ge, s.new_tensor([gamma]), lx, ly, t, x, y, n, m, *_strides(s, go, ge),
                WIDTH=triton_kernel.width(n, m),
            )  # fmt: skip
    scores = torch.where(t == -torch.inf, t, s + t)
    score = gamma * torch.logsumexp(scores.flatten(1) / gamma, dim=1) if s.numel() else s.new_full((b,), -torch.inf)
    return score, scores, t, x, y


def _gradient(
    s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor, upstream: Tensor | None,
    kept: tuple[Tensor, ...],
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of sum(g * score) + sum(upstream * D), shaped as s, go and ge."""
    from syncline.alignment.soft_smith_waterman import triton_kernel

    b, n, m = s.shape
    ed, ex, ey, dgo, dge = (s.new_zeros((b, n, m)) for _ in range(5))
    if s.numel():
        score, t, x, y = kept
        score = score.masked_fill(score == -torch.inf, 0.0)  # where no match is possible all weights are 0
        of_scores = s if upstream is None else upstream.contiguous()
        with torch.cuda.device_of(s):  # type: ignore[no-untyped-call]
            triton_kernel.backward[(b,)](
                s, go, ge, s.new_tensor([gamma]), lx, ly, t, x, y, score, g.contiguous(), of_scores,
                ed, ex, ey, dgo, dge, n, m, *_strides(s, go, ge),
                HAS_SCORES=upstream is not None, WIDTH=triton_kernel.width(n, m),
            )  # fmt: skip
    return ed, dgo.sum_to_size(go.shape), dge.sum_to_size(ge.shape)


class _Score(Function):
    @staticmethod
    def forward(
        ctx: Any, s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor
    ) -> tuple[Tensor, Tensor]:
        score, scores, *kept = _forward(s, go, ge, gamma, lx, ly)
        ctx.save_for_backward(s, go, ge, lx, ly, score, *kept)
        ctx.gamma = gamma
        ctx.set_materialize_grads(False)
        return score, scores

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, upstream: Tensor | None) -> tuple[Any, ...]:
        s, go, ge, lx, ly, *kept = ctx.saved_tensors
        g = s.new_zeros(s.shape[0]) if g is None else g
        return *_Gradient.apply(s, go, ge, ctx.gamma, lx, ly, g, upstream, *kept), None, None, None


class _Gradient(Function):
    @staticmethod
    def forward(
        ctx: Any, s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, g: Tensor,
        upstream: Tensor | None, *kept: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        ctx.save_for_backward(s, go, ge, lx, ly, g, upstream)
        ctx.gamma = gamma
        return _gradient(s, go, ge, gamma, lx, ly, g, upstream, kept)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, ts: Tensor, tgo: Tensor, tge: Tensor) -> tuple[Any, ...]:
        s, go, ge, lx, ly, g, upstream = ctx.saved_tensors
        with torch.enable_grad():
            leaf = [tensor.detach().requires_grad_() for tensor in (s, go, ge, g)]
            score, scores = torch_backend.score_and_scores(leaf[0], leaf[1], leaf[2], ctx.gamma, lx, ly)
            total = (leaf[3] * score.masked_fill(score == -torch.inf, 0.0)).sum()
            if upstream is not None:
                leaf.append(upstream.detach().requires_grad_())
                total = total + (leaf[4] * scores.masked_fill(scores == -torch.inf, 0.0)).sum()
            first = torch.autograd.grad(total, leaf[:3], create_graph=True, allow_unused=True, materialize_grads=True)
            moved = torch.stack([(a * b).sum() for a, b in zip(first, (ts, tgo, tge))]).sum()
            second = torch.autograd.grad(moved, leaf, allow_unused=True, materialize_grads=True)
        return *second[:3], None, None, None, second[3], None if upstream is None else second[4], *[None] * 4
