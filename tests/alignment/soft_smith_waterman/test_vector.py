"""The vector kernel against the float64 scalar one: random and structured inputs, all gap shapes, lengths, edges."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from syncline.alignment import expected_alignment, soft_smith_waterman
from syncline.alignment.soft_smith_waterman.vector import vector_backend as vector

pytestmark = pytest.mark.skipif(bool(vector.why_not()), reason=f"no vector kernel here: {vector.why_not()}")
KINDS = ("random", "two segments", "negative", "spikes", "constant")


def similarity(kind: str, b: int, n: int, m: int, generator: torch.Generator) -> Tensor:
    s = torch.randn(b, n, m, generator=generator)
    if kind == "two segments":
        i, j = torch.arange(n)[:, None] / n, torch.arange(m)[None] / m
        first, second = torch.exp(-((i - j) ** 2) * 200), torch.exp(-((i - j - 0.5) ** 2) * 200)
        return 0.5 * s + 12 * (first + second) - 4
    if kind == "negative":
        return -5 * s.abs()
    if kind == "spikes":
        return torch.where(s > 1.5, 30 * s, -s.abs())
    if kind == "constant":
        return torch.full_like(s, float(s[0, 0, 0]))
    return s


def gaps(shape: str, b: int, n: int, m: int, largest: float, generator: torch.Generator) -> dict[str, Any]:
    sizes = {"scalar": (), "pair": (b,), "cell": (n, m), "row": (b, n, 1), "column": (1, m)}[shape]
    return {
        "gap_open": largest * torch.rand(sizes, generator=generator),
        "gap_extend": largest * torch.rand(sizes, generator=generator) / 2,
    }


def doubled(options: dict[str, Any]) -> dict[str, Any]:
    return {k: v.double() if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in options.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", ["scalar", "pair", "cell", "row", "column"])
@pytest.mark.parametrize("gamma", [0.02, 0.2, 0.8, 10.0])
def test_equals_float64(kind: str, shape: str, gamma: float) -> None:
    generator = torch.Generator().manual_seed(len(kind) * 100 + len(shape) * 10 + int(gamma * 7))
    for b, n, m in ((3, 1, 1), (2, 17, 40), (2, 40, 17), (3, 33, 33)):
        s = similarity(kind, b, n, m, generator)
        options = gaps(shape, b, n, m, 5.0, generator) | {
            "gamma": gamma,
            "lengths_x": torch.randint(0, n + 1, (b,), generator=generator),
            "lengths_y": torch.randint(0, m + 1, (b,), generator=generator),
        }
        score, prefix = soft_smith_waterman(s, return_matrix=True, **options)
        want_score, want_prefix = soft_smith_waterman(s.double(), return_matrix=True, **doubled(options))
        torch.testing.assert_close(score.double(), want_score, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(prefix.double(), want_prefix, rtol=1e-5, atol=1e-5)
        got = expected_alignment(s, **options).double()
        # a difference of D / gamma of one rounding is what the posterior can be off by
        scale = want_score[want_score.isfinite()].abs().max().item() if want_score.isfinite().any() else 0.0
        torch.testing.assert_close(
            got, expected_alignment(s.double(), **doubled(options)), rtol=0, atol=1e-5 + 2e-7 * scale / gamma
        )


def test_cells_beyond_the_end_of_a_row_are_no_nan() -> None:
    """The largest contribution of a cell beyond the end was left out, and the sum of the others was 0."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        i, j = torch.arange(32)[:, None] / 32, torch.arange(32)[None] / 32
        s = torch.randn(4, 32, 32, generator=generator) + 13 * torch.exp(-((i - j) ** 2) * 60) - 5
        got = expected_alignment(s, gap_open=5.0, gap_extend=1.0, gamma=0.2)
        assert torch.isfinite(got).all()
        want = expected_alignment(s.double(), gap_open=5.0, gap_extend=1.0, gamma=0.2)
        torch.testing.assert_close(got.double(), want, rtol=0, atol=1e-4)


def test_what_is_fainter_than_float32_beside_1_is_not_lost() -> None:
    s = torch.full((2, 12, 44), -2.5)
    score = soft_smith_waterman(s, gap_open=0.02, gap_extend=0.01, gamma=0.0235)
    want = soft_smith_waterman(s.double(), gap_open=0.02, gap_extend=0.01, gamma=0.0235)
    assert score.isfinite().all()
    torch.testing.assert_close(score.double(), want, rtol=1e-5, atol=1e-5)


def test_out_of_range_is_refused_not_wrong() -> None:
    s, lengths = torch.randn(1, 8, 8), torch.tensor([8])
    one = torch.ones(1, 1, 1)

    def served(s: Tensor, go: Tensor, gamma: float) -> bool:
        return vector.forward(s, go, one, gamma, lengths, lengths, want_scores=False, keep=False) is not None

    assert served(s, one, 0.5)
    assert not served(s, 100 * one, 0.5)
    assert served(s, 4 * torch.ones(1, 8, 8), 0.5)
    assert not served(s, 6 * torch.ones(1, 8, 8), 0.5)
    assert not served(torch.full_like(s, math.nan), one, 0.5)
    assert not served(1e7 * s, one, 0.5)


def _gradients(s: Tensor, go: Tensor, ge: Tensor, seen: Tensor | None) -> tuple[Tensor, ...]:
    """Gradients of sum(D) and the score; with ``seen`` (stride 0 or not) of the expected alignment beside it."""
    parts = tuple(part.clone().requires_grad_() for part in (s, go, ge))
    views = (parts[0].expand(2, 40, 50), parts[1].expand(40, 50), parts[2].expand(2))
    options = {"gap_open": views[1], "gap_extend": views[2], "gamma": 0.5}
    if seen is not None:
        return torch.autograd.grad(expected_alignment(views[0], **options), parts, seen)
    score, prefix = soft_smith_waterman(views[0], return_matrix=True, **options)
    return torch.autograd.grad(score.sum() + prefix.sum(), parts)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 40, 50), (2, 40, 1), (1, 1, 50)])
@pytest.mark.parametrize("seen", [False, True])
def test_views_without_memory_of_their_own(shape: tuple[int, ...], seen: bool) -> None:
    """sum() hands back a gradient that is one number seen everywhere; inputs may be such views as well."""
    generator = torch.Generator().manual_seed(3)
    parts = torch.randn(shape, generator=generator), torch.tensor(1.3), torch.tensor(0.4)
    upstream = torch.tensor(0.7).expand(2, 40, 50) if seen else None
    got = _gradients(*parts, upstream)
    want = _gradients(*(part.double() for part in parts), None if upstream is None else upstream.double())
    for mine, theirs in zip(got, want, strict=True):
        torch.testing.assert_close(mine.double(), theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["random", "two segments", "spikes"])
@pytest.mark.parametrize(("n", "m"), [(2000, 1), (1, 2000), (500, 700), (2000, 2000)])
@pytest.mark.parametrize(("gamma", "largest"), [(0.1, 5.0), (0.1, 0.0), (1.0, 50.0)])
def test_long(kind: str, n: int, m: int, gamma: float, largest: float) -> None:
    """Score and D within 1e-6 and 5e-6 of float64, relative to the largest D; its gaps' gradients to 5e-5."""
    generator = torch.Generator().manual_seed(n + m)
    s = similarity(kind, 1, n, m, generator)
    results = []
    for matrix in (s, s.double()):
        go, ge = (torch.tensor(price, dtype=matrix.dtype, requires_grad=True) for price in (largest, largest / 2))
        score, prefix = soft_smith_waterman(matrix, gap_open=go, gap_extend=ge, gamma=gamma, return_matrix=True)
        results.append((score.detach(), prefix.detach(), *torch.autograd.grad(score.sum(), (go, ge))))
    (score, prefix, *got), (want_score, want_prefix, *want) = results
    scale = max(float(want_prefix.abs().max()), 1.0)
    assert float((score - want_score).abs()) <= 1e-6 * scale
    assert float((prefix - want_prefix).abs().max()) <= 5e-6 * scale
    for mine, theirs in zip(got, want, strict=True):
        assert float((mine - theirs).abs()) <= 5e-5 * max(abs(float(theirs)), 1.0)
