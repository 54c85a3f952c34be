"""CUDA tensors -> the Triton kernels of soft-DTW as autograd functions: value, gradient, visits; second derivatives are
plain PyTorch's.

Chosen for CUDA tensors where Triton can be imported and agrees with plain PyTorch on a trial. Run under Triton's
interpreter only: never timed on a GPU.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from syncline.alignment.backend import tried_triton
from syncline.alignment.dtw import torch_backend

Weights = tuple[float, float, float]
_ONES = (1.0, 1.0, 1.0)


@functools.cache
def why_not(device: torch.device) -> str:
    """Why the Triton kernels cannot be used on this device; empty where they can. Compiles and tries them."""
    return tried_triton(device, _wrong_results)


def _wrong_results(device: torch.device) -> str:
    """Compares with plain PyTorch on a small ragged pair."""
    cost = torch.rand((2, 9, 7), generator=torch.Generator().manual_seed(0)).to(device)
    closed, (lx, ly) = torch.zeros_like(cost, dtype=torch.bool), torch.tensor([[9, 5], [7, 6]], device=device)
    closed[1, 5:], closed[1, :, 6:] = True, True
    value, path = _run(cost, closed, 0.1, lx, ly, _ONES, False, _ONES)
    want = torch_backend.soft_value(cost, closed, 0.1, lx, ly, _ONES, False, cost.new_zeros(()))
    others = torch_backend.expected_path(cost, closed, 0.1, lx, ly, _ONES, False)
    worst = max(float((value - want).abs().max()), float((path - others).abs().max()))
    return "" if worst < 1e-4 else f"their results differ from plain PyTorch's by {worst:.1e}"


def _run(
    cells: Tensor, closed: Tensor, gamma: float, lx: Tensor, ly: Tensor, weights: Weights, open_ends: bool,
    out: Weights | None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Values (b,), and visits times ``out`` (b, n, m); without ``out`` an empty tensor."""
    from syncline.alignment.dtw import triton_kernel

    ceiling = triton_kernel.CEILING.value
    b, n, m = cells.shape
    c = cells.masked_fill(closed, ceiling).contiguous()
    numbers = cells.new_tensor([gamma, *weights, *(out or _ONES)])
    r = cells.new_full((b, n, m), ceiling)
    options = {"OPEN": open_ends, "WIDTH": triton_kernel.width(n, m)}
    with torch.cuda.device_of(cells):  # type: ignore[no-untyped-call]
        if cells.numel():
            triton_kernel.forward[(b,)](c, numbers, lx, ly, r, n, m, **options)
        r = r.masked_fill(r >= ceiling / 2, torch.inf)
        value = torch_backend.value_of(r, cells, gamma, lx, ly, open_ends)
        if out is None or not cells.numel():
            return value, torch.zeros_like(cells) if out is not None else cells.new_empty(0, 0, 0)
        left = [torch.zeros_like(c) for _ in range(4)]
        whole, r = (tensor.masked_fill(tensor == torch.inf, ceiling) for tensor in (value, r))
        triton_kernel.backward[(b,)](c, numbers, lx, ly, r, whole, *left, n, m, **options)
    return value, left[3]


def soft_value(
    cells: Tensor, closed: Tensor, gamma: float, lx: Tensor, ly: Tensor, weights: Weights, open_ends: bool
) -> Tensor:
    """As `torch_backend.soft_value`; differentiable twice."""
    value: Tensor = _Value.apply(cells, closed, gamma, lx, ly, weights, open_ends)
    return value


def expected_path(
    cells: Tensor, closed: Tensor, gamma: float, lx: Tensor, ly: Tensor, weights: Weights, open_ends: bool
) -> Tensor:
    """As `torch_backend.expected_path`; differentiable once."""
    path: Tensor = _Path.apply(cells, closed, gamma, lx, ly, weights, open_ends)
    return path


class _Value(Function):
    @staticmethod
    def forward(ctx: Any, cells: Tensor, closed: Tensor, *rest: Any) -> Tensor:
        gamma, lx, ly, weights, open_ends = rest
        wanted = weights if ctx.needs_input_grad[0] else None
        value, path = _run(cells, closed, gamma, lx, ly, weights, open_ends, wanted)
        ctx.save_for_backward(cells, closed, lx, ly, path)
        ctx.rest = gamma, weights, open_ends
        return value

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        cells, closed, lx, ly, path = ctx.saved_tensors
        return _Gradient.apply(cells, g, closed, lx, ly, path, ctx.rest), *[None] * 6


class _Gradient(Function):
    """g times the gradient of the value, which the forward pass found already."""

    @staticmethod
    def forward(
        ctx: Any, cells: Tensor, g: Tensor, closed: Tensor, lx: Tensor, ly: Tensor, path: Tensor, rest: Any
    ) -> Tensor:
        ctx.save_for_backward(cells, g, closed, lx, ly)
        ctx.rest = rest
        return g[:, None, None] * path

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        (cells, g, closed, lx, ly), (gamma, weights, open_ends) = ctx.saved_tensors, ctx.rest
        with torch.enable_grad():
            leaf, factor = cells.detach().requires_grad_(), g.detach().requires_grad_()
            nothing = cells.new_zeros(())
            value = torch_backend.soft_value(leaf, closed, gamma, lx, ly, weights, open_ends, nothing)
            total = (factor * value.masked_fill(value == torch.inf, 0.0)).sum()
            (first,) = torch.autograd.grad(total, leaf, create_graph=True)
            total = (first * upstream).sum()
            moved = torch.autograd.grad(total, (leaf, factor), allow_unused=True, materialize_grads=True)
        return *moved, *[None] * 5


class _Path(Function):
    @staticmethod
    def forward(ctx: Any, cells: Tensor, closed: Tensor, *rest: Any) -> Tensor:
        gamma, lx, ly, weights, open_ends = rest
        ctx.save_for_backward(cells, closed, lx, ly)
        ctx.rest = gamma, weights, open_ends
        return _run(cells, closed, gamma, lx, ly, weights, open_ends, _ONES)[1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        (cells, closed, lx, ly), (gamma, weights, open_ends) = ctx.saved_tensors, ctx.rest
        with torch.enable_grad():
            leaf = cells.detach().requires_grad_()
            path = torch_backend.expected_path(leaf, closed, gamma, lx, ly, weights, open_ends)
            if not path.requires_grad:  # a single cell is always on the path
                return torch.zeros_like(cells), *[None] * 6
            (moved,) = torch.autograd.grad((path * upstream).sum(), leaf)
        return moved, *[None] * 6
