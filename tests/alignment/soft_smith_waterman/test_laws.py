"""Laws of the soft score and the expected alignment, over drawn inputs; one oracle counts every alignment there is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from syncline.alignment import expected_alignment, smith_waterman, soft_smith_waterman

SIDE = st.integers(1, 9)
SEED = st.integers(0, 10_000)
GAMMA = st.floats(0.05, 5)
GAP = st.floats(0, 6)
laws = settings(max_examples=15, deadline=None)


def similarity(seed: int, n: int, m: int, b: int = 2) -> Tensor:
    return 2 * torch.randn(b, n, m, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5


def alignments(n: int, m: int) -> Iterator[list[tuple[str, int, int]]]:
    """Every local alignment of n and m frames: begins and ends with a match; skips of the second video come first."""

    def longer(path: list[tuple[str, int, int]]) -> Iterator[list[tuple[str, int, int]]]:
        kind, i, j = path[-1]
        if kind == "match":
            yield path
        if i + 1 < n and j + 1 < m:
            yield from longer([*path, ("match", i + 1, j + 1)])
        if j + 1 < m and kind != "first":
            yield from longer([*path, ("second", i, j + 1)])
        if i + 1 < n:
            yield from longer([*path, ("first", i + 1, j)])

    for i in range(n):
        for j in range(m):
            yield from longer([("match", i, j)])


def value(path: list[tuple[str, int, int]], s: Any, go: Any, ge: Any) -> float:
    total, before = 0.0, "match"
    for kind, i, j in path:
        total += s[i, j] if kind == "match" else -(ge if kind == before else go)[i, j]
        before = kind
    return float(total)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_score_and_expected_alignment_are_sums_over_all_alignments(seed: int, dtype: torch.dtype) -> None:
    n, m, gamma = 4, 3, 0.7
    s = similarity(seed, n, m, 1).to(dtype)
    go, ge = (scale * similarity(seed + k, n, m, 1)[0].abs().to(dtype) for scale, k in ((0.5, 10), (0.2, 20)))
    options: dict[str, Any] = {"gap_open": go, "gap_extend": ge, "gamma": gamma}
    weights, matches = 0.0, np.zeros((n, m))
    for path in alignments(n, m):
        weight = math.exp(value(path, s[0].double().numpy(), go.double().numpy(), ge.double().numpy()) / gamma)
        weights += weight
        for kind, i, j in path:
            matches[i, j] += weight * (kind == "match")
    close = 1e-5 if dtype == torch.float32 else 1e-10
    assert soft_smith_waterman(s, **options).item() == pytest.approx(gamma * math.log(weights), rel=close)
    posterior = expected_alignment(s, **options)[0].double().numpy()
    np.testing.assert_allclose(posterior, matches / weights, atol=close)
    assert posterior.sum() == pytest.approx((matches / weights).sum(), rel=close)


@laws
@given(seed=SEED, n=SIDE, m=SIDE, gamma=GAMMA, go=GAP, ge=GAP)
def test_transposed(seed: int, n: int, m: int, gamma: float, go: float, ge: float) -> None:
    s = similarity(seed, n, m)
    options: dict[str, Any] = {"gap_open": go, "gap_extend": ge, "gamma": gamma}
    score, prefix = soft_smith_waterman(s, return_matrix=True, **options)
    turned, turned_prefix = soft_smith_waterman(s.mT, return_matrix=True, **options)
    torch.testing.assert_close(turned, score)
    torch.testing.assert_close(turned_prefix, prefix.mT)
    torch.testing.assert_close(expected_alignment(s.mT, **options), expected_alignment(s, **options).mT)


@laws
@given(seed=SEED, n=SIDE, m=SIDE, gamma=GAMMA, gap=GAP)
def test_a_constant_moves_the_score_by_the_expected_number_of_matches(
    seed: int, n: int, m: int, gamma: float, gap: float
) -> None:
    s, step = similarity(seed, n, m), 1e-5 * gamma
    options: dict[str, Any] = {"gap_open": gap, "gap_extend": gap / 3, "gamma": gamma}
    moved = (soft_smith_waterman(s + step, **options) - soft_smith_waterman(s - step, **options)) / (2 * step)
    torch.testing.assert_close(expected_alignment(s, **options).sum((1, 2)), moved, rtol=1e-5, atol=1e-5)


@laws
@given(seed=SEED, n=SIDE, m=SIDE, go=GAP, ge=GAP)
def test_cold_is_hard(seed: int, n: int, m: int, go: float, ge: float) -> None:
    s = similarity(seed, n, m)
    s[:, 0, 0] = 1.0  # something is positive, so that the hard alignment is not empty
    soft = soft_smith_waterman(s, gap_open=go, gap_extend=ge, gamma=1e-4)
    hard = torch.tensor([path.score for path in smith_waterman(s, gap_open=go, gap_extend=ge)], dtype=torch.float64)
    # gamma times the log of how many alignments there are at most
    assert ((soft - hard) >= -1e-9).all()
    assert ((soft - hard) <= 1e-4 * math.log(9.0 ** (n + m))).all()


@laws
@given(seed=SEED, n=SIDE, m=SIDE, gamma=GAMMA, gap=GAP, cell=st.integers(0, 80), dtype=st.sampled_from([32, 64]))
def test_monotone_in_every_entry(seed: int, n: int, m: int, gamma: float, gap: float, cell: int, dtype: int) -> None:
    s = similarity(seed, n, m).to(torch.float32 if dtype == 32 else torch.float64)
    options: dict[str, Any] = {"gap_open": gap, "gap_extend": gap, "gamma": gamma}
    higher = s.clone()
    higher.flatten(1)[:, cell % (n * m)] += 1.0
    slack = 1e-5 if dtype == 32 else 1e-10
    score = soft_smith_waterman(s, **options)
    raised = soft_smith_waterman(higher, **options)
    assert (raised >= score - slack * score.abs().clamp(min=1)).all()
    assert (raised <= score + 1.0 + slack * score.abs().clamp(min=1)).all()


@laws
@given(seed=SEED, n=SIDE, m=SIDE, right=st.integers(0, 20), below=st.integers(0, 20), dtype=st.sampled_from([32, 64]))
def test_padding_beyond_the_lengths_is_nothing(seed: int, n: int, m: int, right: int, below: int, dtype: int) -> None:
    s = similarity(seed, n, m).to(torch.float32 if dtype == 32 else torch.float64)
    padded = torch.nn.functional.pad(s, (0, right, 0, below), value=math.nan)
    options: dict[str, Any] = {"lengths_x": [n, n], "lengths_y": [m, m]}
    score, prefix = soft_smith_waterman(padded, return_matrix=True, **options)
    want, want_prefix = soft_smith_waterman(s, return_matrix=True)
    torch.testing.assert_close(score, want)
    torch.testing.assert_close(prefix[:, :n, :m], want_prefix)
    posterior = expected_alignment(padded, **options)
    torch.testing.assert_close(posterior[:, :n, :m], expected_alignment(s))
    assert (posterior[:, n:] == 0).all()
    assert (posterior[:, :, m:] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_gaps_and_expected_alignment(dtype: torch.dtype) -> None:
    s, gap = similarity(0, 5, 6).to(dtype), torch.tensor([0.5, 1.5]).to(dtype).requires_grad_()
    posterior = expected_alignment(s, gap_open=gap)
    assert posterior.dtype == torch.float32
    torch.testing.assert_close(posterior, expected_alignment(s.float(), gap_open=gap.float()))
    score, prefix = soft_smith_waterman(s, gap_open=gap, return_matrix=True)
    assert prefix.dtype == torch.float32
    (gradient,) = torch.autograd.grad(score.sum() + posterior.square().sum(), gap)
    assert gradient.dtype == dtype
    assert gradient.isfinite().all()
