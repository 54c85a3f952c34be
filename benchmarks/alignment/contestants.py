"""What is timed: each contestant makes, for one shape, a function that does one forward and backward pass."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch
from benchmarks.alignment import jax_scan

from syncline.alignment import expected_alignment, soft_smith_waterman
from syncline.alignment.soft_smith_waterman import torch_backend

GAMMA = 0.5
Work = Callable[[], object]


def inputs(b: int, n: int, m: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Similarities with a noisy diagonal, and two scalar gaps that learn; float32."""
    generator = torch.Generator().manual_seed(0)
    s = torch.randn((b, n, m), generator=generator) - 1.0
    s += 3.0 * torch.exp(-((torch.arange(n)[:, None] / n - torch.arange(m)[None, :] / m) ** 2) * n)
    return s.requires_grad_(), torch.tensor(1.0, requires_grad=True), torch.tensor(0.5, requires_grad=True)


def ours(route: str, *, matrix: bool = False, per_cell: bool = False) -> Callable[[int, int, int], Work]:
    """soft_smith_waterman through autograd; route "" is the one a user gets."""

    def prepare(b: int, n: int, m: int) -> Work:
        s, go, ge = inputs(b, n, m)
        if per_cell:
            go, ge = (gap.detach().expand(n, m).clone().requires_grad_() for gap in (go, ge))

        def work() -> object:
            os.environ["SYNCLINE_ALIGNMENT"] = route
            if matrix:
                score, prefix = soft_smith_waterman(s, gap_open=go, gap_extend=ge, gamma=GAMMA, return_matrix=True)
                return torch.autograd.grad(score.sum() + prefix.sum(), (s, go, ge))
            score = soft_smith_waterman(s, gap_open=go, gap_extend=ge, gamma=GAMMA)
            return torch.autograd.grad(score.sum(), (s, go, ge))

        return work

    return prepare


def expected(b: int, n: int, m: int) -> Work:
    """expected_alignment, forward and backward: what training through the alignment pays."""
    s, go, ge = inputs(b, n, m)
    upstream = torch.randn(b, n, m, generator=torch.Generator().manual_seed(1))

    def work() -> object:
        os.environ["SYNCLINE_ALIGNMENT"] = ""
        posterior = expected_alignment(s, gap_open=go, gap_extend=ge, gamma=GAMMA)
        return torch.autograd.grad(posterior, (s, go, ge), upstream)

    return work


def pytorch(b: int, n: int, m: int) -> Work:
    """Plain PyTorch: autograd over anti-diagonals."""
    s, go, ge = inputs(b, n, m)

    def work() -> object:
        score, _ = torch_backend.score_and_scores(s, go.reshape(1, 1, 1), ge.reshape(1, 1, 1), GAMMA)
        return torch.autograd.grad(score.sum(), (s, go, ge))

    return work


def jax(b: int, n: int, m: int) -> Work:
    """A JAX scan over anti-diagonals, compiled before it is timed."""
    from jax import block_until_ready

    s, go, ge = (tensor.detach().numpy() for tensor in inputs(b, n, m))
    function = jax_scan.value_and_gradient(GAMMA)
    return lambda: block_until_ready(function(s, go, ge))


def tslearn(b: int, n: int, m: int) -> Work:
    """tslearn's soft-DTW, value and gradient in the costs, pair by pair: about a third of the arithmetic."""
    from tslearn.metrics import SoftDTW

    costs = -inputs(b, n, m)[0].detach().numpy().astype(np.float64)

    def work() -> object:
        for cost in costs:
            problem = SoftDTW(cost, gamma=GAMMA)
            problem.compute()
            problem.grad()
        return None

    return work


CONTESTANTS: dict[str, Callable[[int, int, int], Work]] = {
    "syncline": ours(""),
    "syncline, with D": ours("", matrix=True),
    "syncline, (n, m) gaps": ours("", per_cell=True),
    "syncline, expected alignment": expected,
    "numba scalar, float64": ours("scalar"),
    "PyTorch anti-diagonals": pytorch,
    "JAX scan": jax,
    "tslearn soft-DTW": tslearn,
}
