"""The tangent without logarithms equals the one in the log domain, and steps aside where float64 has not the range."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from syncline.alignment import expected_alignment, linear, operator, vector

SHAPES = {"scalar": (1, 1, 1), "a pair": (4, 1, 1), "a cell": (1, 12, 17), "a row": (1, 12, 1), "all": (4, 12, 17)}
pytestmark = pytest.mark.skipif(bool(vector.why_not()), reason="the vector kernel does not run here")


def inputs(gaps: str, *, ragged: bool) -> dict[str, Tensor]:
    torch.manual_seed(0)
    shape = SHAPES[gaps]
    lx, ly = torch.full((4,), 12), torch.full((4,), 17)
    s = 3 * torch.randn(4, 12, 17)
    if ragged:
        lx[0], ly[1], lx[3] = 0, 1, 6
        s[3, 6:] = torch.nan
    random = {
        "go": 2 * torch.rand(shape),
        "ge": torch.rand(shape),
        "tgo": torch.randn(shape),
        "tge": torch.randn(shape),
    }
    gaps_of_all = {name: part.expand(4, -1, -1) for name, part in random.items()}
    return {"s": s, "lx": lx, "ly": ly, "g": torch.rand(4), "ts": torch.randn(4, 12, 17), **gaps_of_all}


def tangents(gamma: float, upstream: Tensor | None, given: dict[str, Tensor]) -> list[Tensor]:
    i = given
    found = operator._tangent(
        i["s"], i["go"], i["ge"], gamma, i["lx"], i["ly"], i["g"], upstream, i["ts"], i["tgo"], i["tge"]
    )
    return list(found)


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("with_matrix", [False, True])
@pytest.mark.parametrize("gaps", SHAPES)
@pytest.mark.parametrize("gamma", [0.2, 0.8, 3.0])
def test_equals_the_log_domain(gamma: float, gaps: str, with_matrix: bool, ragged: bool) -> None:
    given = inputs(gaps, ragged=ragged)
    upstream = torch.randn(4, 12, 17) if with_matrix else None
    score = operator.score_and_matrix(*(given[k] for k in ("s", "go", "ge")), gamma, given["lx"], given["ly"], False)[0]
    assert linear.scales(given["s"], given["go"], given["ge"], gamma, given["lx"], given["ly"], score) is not None
    exact = {name: part.double() if part.is_floating_point() else part for name, part in given.items()}
    found = tangents(gamma, upstream, given)
    expected = tangents(gamma, None if upstream is None else upstream.double(), exact)
    for one, other in zip(found, expected, strict=True):
        largest = 1.0 + (float(other.abs().max()) if other.numel() else 0.0)
        torch.testing.assert_close(one.double(), other, atol=1e-5 * largest, rtol=0)


@pytest.mark.parametrize(
    ("scale", "gap", "fits"), [(1.0, 1.0, True), (400.0, 1.0, False), (1.0, 30.0, False), (1.0, -0.5, False)]
)
def test_steps_aside_without_the_range(scale: float, gap: float, fits: bool) -> None:
    torch.manual_seed(1)
    s, gaps, lengths = scale * torch.randn(2, 9, 9), torch.full((1, 1, 1), gap), torch.full((2,), 9)
    score = operator.score_and_matrix(s, gaps, gaps, 1.0, lengths, lengths, False)[0]
    assert (linear.scales(s, gaps, gaps, 1.0, lengths, lengths, score) is not None) is fits
    leaf = s.clone().requires_grad_()
    weight = torch.randn(2, 9, 9)
    price = {"gap_open": abs(gap), "gap_extend": abs(gap), "gamma": 1.0}
    (expected_alignment(leaf, **price) * weight).sum().backward()
    exact = s.double().requires_grad_()
    (expected_alignment(exact, **price) * weight).sum().backward()
    assert leaf.grad is not None
    assert exact.grad is not None
    torch.testing.assert_close(leaf.grad.double(), exact.grad, atol=1e-5, rtol=1e-4)
