"""The vector kernel's tangent equals the one in the log domain, and steps aside where float32 has not the range."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from syncline.alignment import expected_alignment, soft_smith_waterman
from syncline.alignment.soft_smith_waterman import traced_operators
from syncline.alignment.soft_smith_waterman.vector import vector_backend as vector

SHAPES = {
    "scalar": (1, 1, 1), "a pair": (4, 1, 1), "a cell": (1, 37, 41), "a row": (1, 37, 1), "a column": (1, 1, 41),
    "a row of a pair": (4, 37, 1), "all": (4, 37, 41),
}  # fmt: skip
pytestmark = pytest.mark.skipif(bool(vector.why_not()), reason="the vector kernel does not run here")


def inputs(gaps: str, *, ragged: bool) -> dict[str, Tensor]:
    """Three strips; the gap that extends is of a simpler shape than the one that opens, where it can be."""
    torch.manual_seed(0)
    shape = SHAPES[gaps]
    simple = shape if gaps != "a column" else (1, 1, 1)
    lx, ly = torch.full((4,), 37), torch.full((4,), 41)
    s = 2 * torch.randn(4, 37, 41)
    if ragged:
        lx[0], ly[1], lx[3] = 0, 1, 18
        s[3, 18:] = torch.nan
    random = {
        "go": 1 + torch.rand(shape), "ge": torch.rand(simple), "tgo": torch.randn(shape), "tge": torch.randn(simple),
    }  # fmt: skip
    of_all = {name: part.expand(4, -1, -1) for name, part in random.items()}
    return {"s": s, "lx": lx, "ly": ly, "g": torch.rand(4), "ts": torch.randn(4, 37, 41), **of_all}


def tangents(gamma: float, upstream: Tensor | None, given: dict[str, Tensor]) -> tuple[Tensor, ...]:
    i = given
    return traced_operators.soft_sw_tangent(
        i["s"], i["go"], i["ge"], gamma, i["lx"], i["ly"], i["g"], upstream, i["ts"], i["tgo"], i["tge"]
    )


def served(gamma: float, upstream: Tensor | None, given: dict[str, Tensor]) -> bool:
    i = given
    return vector.tangent(
        i["s"], i["go"], i["ge"], gamma, i["lx"], i["ly"], i["g"], upstream, i["ts"], i["tgo"], i["tge"]
    ) is not None  # fmt: skip


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("with_matrix", [False, True])
@pytest.mark.parametrize("gaps", SHAPES)
@pytest.mark.parametrize("gamma", [0.2, 0.8, 3.0])
def test_equals_the_log_domain(gamma: float, gaps: str, with_matrix: bool, ragged: bool) -> None:
    given = inputs(gaps, ragged=ragged)
    upstream = torch.randn(4, 37, 41) if with_matrix else None
    assert served(gamma, upstream, given)
    exact = {name: part.double() if part.is_floating_point() else part for name, part in given.items()}
    found = tangents(gamma, upstream, given)
    expected = tangents(gamma, None if upstream is None else upstream.double(), exact)
    for one, other in zip(found, expected, strict=True):
        largest = 1.0 + (float(other.abs().max()) if other.numel() else 0.0)
        torch.testing.assert_close(one.double(), other, atol=4e-5 * largest, rtol=0)


@pytest.mark.parametrize(
    ("offset", "gap", "fits"), [(0.0, 1.0, True), (0.0, 90.0, False), (0.0, -0.5, True), (-900.0, 1.0, False)]
)
def test_steps_aside_without_the_range(offset: float, gap: float, fits: bool) -> None:
    torch.manual_seed(1)
    s, gaps, lengths = offset + torch.randn(2, 9, 9), torch.full((1, 1, 1), gap), torch.full((2,), 9)
    spread = gaps.expand(2, 1, 1)
    direction = torch.randn(2, 9, 9), torch.randn(2, 1, 1), torch.randn(2, 1, 1)
    found = vector.tangent(s, spread, spread, 1.0, lengths, lengths, torch.ones(2), None, *direction)
    assert (found is not None) is fits
    assert_same_as_exact(s, abs(gap), 1.0, torch.randn(2, 9, 9))


def assert_same_as_exact(s: Tensor, gap: float, gamma: float, weight: Tensor, tolerance: float = 2e-5) -> None:
    price = {"gap_open": gap, "gap_extend": gap / 4, "gamma": gamma}
    leaf, exact = s.clone().requires_grad_(), s.double().requires_grad_()
    (expected_alignment(leaf, **price) * weight).sum().backward()
    (expected_alignment(exact, **price) * weight).sum().backward()
    assert leaf.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(
        leaf.grad.double(), exact.grad, atol=tolerance * max(1.0, float(exact.grad.abs().max())), rtol=1e-4
    )


def two_alignments(height: float) -> Tensor:
    """Two good stretches of equal worth in the same rows, worth ``height`` a frame, and nothing between them."""
    s = torch.full((1, 80, 200), -height)
    for i in range(80):
        s[0, i, i], s[0, i, 100 + i] = height, height + 0.001
    return s


@pytest.mark.parametrize("height", [1.0, 30.0, 2000.0])
def test_no_score_leaves_the_range(height: float) -> None:
    """80 matches of 2,000 are e^160,000; the stretch that opens each row starts again from 1 beside the other."""
    torch.manual_seed(2)
    assert_same_as_exact(two_alignments(height), 1.0, 1.0, torch.randn(1, 80, 200), 2e-5 * max(1.0, height / 30))


def test_long_inputs_are_as_exact() -> None:
    torch.manual_seed(3)
    a, b = torch.randn(1, 300, 8).cumsum(1), torch.randn(1, 280, 8).cumsum(1)
    s = 1.0 - torch.cdist(a, b) / 8
    assert_same_as_exact(s, 0.5, 0.3, torch.randn(1, 300, 280), 5e-5)


def test_scores_of_a_hundred_thousand_gamma() -> None:
    """One rounding of float32 is then a hundredth of gamma, so that probabilities are no more exact than this."""
    torch.manual_seed(3)
    assert_same_as_exact(torch.randn(1, 300, 280) * 20, 3.0, 0.1, torch.randn(1, 300, 280), 5e-4)


def test_threads_do_the_same() -> None:
    given = inputs("a row of a pair", ragged=True)
    many = {name: part.repeat(40, *[1] * (part.dim() - 1)) for name, part in given.items()}
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = tangents(0.8, None, many)
        torch.set_num_threads(2)
        together = tangents(0.8, None, many)
    finally:
        torch.set_num_threads(threads)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("valid", [5, 16, 18, 36])
@pytest.mark.parametrize("derivative", ["first", "second"])
def test_nan_from_upstream_stays_within_the_lengths(derivative: str, valid: int) -> None:
    s = torch.randn(2, 37, 9, generator=torch.Generator().manual_seed(0)).requires_grad_()
    prices = torch.full((37, 1), 0.5, requires_grad=True)
    options = {"gap_open": prices, "gap_extend": prices, "lengths_x": [valid, valid]}
    result = soft_smith_waterman(s, **options) if derivative == "first" else expected_alignment(s, **options)
    (gradient,) = torch.autograd.grad((result * torch.nan).sum(), prices)
    assert gradient[1 : valid - 1].isnan().all()
    assert (gradient[valid:] == 0).all()


def test_a_pair_without_any_match_is_not_served() -> None:
    given = inputs("a row", ragged=False)
    given["s"][1] = -torch.inf
    assert not served(0.5, None, given)
    assert served(0.5, None, {**given, "lx": torch.tensor([37, 0, 37, 37])})
