"""LAC: what its switches and presets do to gradients, gaps and directions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from loss_inputs import N1, N2, VIEWS, batch
from torch import Tensor

from syncline.alignment import soft_smith_waterman
from syncline.losses import LAC, LACLoss, SCLLoss
from syncline.losses.released_operator import released_soft_smith_waterman

FULL = torch.tensor([5, 5])


def random_case(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    s = torch.randn(2, 5, 6, generator=generator, dtype=torch.float64)
    go, ge = (torch.rand(2, 5, 6, generator=generator, dtype=torch.float64) + 0.5 for _ in range(2))
    return s, go, ge


@pytest.mark.parametrize("lengths", [(5, 6), (3, 4), (0, 2)])
def test_reference_without_its_defects_is_the_operator(lengths: tuple[int, int]) -> None:
    lx, ly = (torch.tensor([n, full]) for n, full in zip(lengths, (5, 6)))
    found = []
    for reference in (True, False):
        s, go, ge = (part.requires_grad_() for part in random_case())
        if reference:
            score, d = released_soft_smith_waterman(
                s, go, ge, gamma=0.8, lengths_x=lx, lengths_y=ly, temperature=True, shifted=False
            )
        else:
            score, d = soft_smith_waterman(
                s, gap_open=go, gap_extend=ge, gamma=0.8, lengths_x=lx, lengths_y=ly, return_matrix=True
            )
        weight = torch.linspace(0, 1, 60, dtype=torch.float64).view(2, 5, 6)
        total = score.where(score.isfinite(), 0.0) @ torch.tensor([1.0, 2.0], dtype=torch.float64)
        (total + (weight * d.where(d.isfinite(), 0.0)).sum()).backward()
        found.append([score.detach(), d.detach(), *(part.grad for part in (s, go, ge))])
    for one, other in zip(*found):
        torch.testing.assert_close(one, other)


def adjoint_by_formula(s: np.ndarray, go: float, ge: float, gamma: float, t: float) -> tuple[np.ndarray, np.ndarray]:
    """The released backward pass written the other way round (pull, one pair): dS, and dgo before it is shifted."""
    n, m = s.shape
    never = -math.inf
    d, x, y = (np.full((n + 2, m + 2), never) for _ in range(3))

    def soft(*u: float) -> float:
        high = max(u)
        return high if high == never else high + gamma * math.log(sum(math.exp((v - high) / gamma) for v in u))

    def weights(*u: float) -> list[float]:
        high = max(u)
        if high == never:
            return [0.0] * len(u)
        e = [math.exp((v - high) / t) for v in u]
        return [v / sum(e) for v in e]

    w_d, w_x, w_y = {}, {}, {}
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            into = (0.0, d[i - 1, j - 1], x[i - 1, j - 1], y[i - 1, j - 1])
            right = (d[i, j - 1] - go, x[i, j - 1] - ge)
            down = (d[i - 1, j] - go, x[i - 1, j] - go, y[i - 1, j] - ge)
            d[i, j], x[i, j], y[i, j] = s[i - 1, j - 1] + soft(*into), soft(*right), soft(*down)
            w_d[i, j], w_x[i, j], w_y[i, j] = weights(*into), weights(*right), weights(*down)
    cells = [(i, j) for i in range(1, n + 1) for j in range(1, m + 1)]
    pi = dict(zip(cells, weights(*(d[c] for c in cells))))
    e_d, e_x, e_y = (np.zeros((n + 2, m + 2)) for _ in range(3))
    zero = [0.0] * 4
    for i, j in reversed(cells):
        after, right, down = w_d.get((i + 1, j + 1), zero), w_x.get((i, j + 1), zero), w_y.get((i + 1, j), zero)
        e_y[i, j] = e_d[i + 1, j + 1] * after[3] + e_y[i + 1, j] * down[2]
        e_x[i, j] = e_d[i + 1, j + 1] * after[2] + e_x[i, j + 1] * right[1] + e_y[i + 1, j] * down[1]
        e_d[i, j] = pi[i, j] + e_d[i + 1, j + 1] * after[1] + e_x[i, j + 1] * right[0] + e_y[i + 1, j] * down[0]
    opening = np.zeros((n + 1, m + 1, 2))  # of the two gaps of each cell, with a border for the shift
    for i, j in cells:
        opening[i - 1, j - 1] = e_x[i, j] * w_x[i, j][0], e_y[i, j] * (w_y[i, j][0] + w_y[i, j][1])
    return e_d[1 : n + 1, 1 : m + 1], -opening


@pytest.mark.parametrize("seed", range(3))
def test_released_gradient_is_its_formula(seed: int) -> None:
    s = random_case(seed)[0][:1].requires_grad_()
    go, ge = torch.ones(1, 5, 6, dtype=torch.float64, requires_grad=True), torch.ones(1, 5, 6, dtype=torch.float64)
    score, _ = released_soft_smith_waterman(
        s, go, ge, gamma=0.8, lengths_x=torch.tensor([5]), lengths_y=torch.tensor([6])
    )
    (3 * score.sum()).backward()
    ds, opening = adjoint_by_formula(s[0].detach().numpy(), 1.0, 1.0, 0.8, 1.0)
    assert s.grad is not None
    assert go.grad is not None
    np.testing.assert_allclose(s.grad[0].numpy(), 3 * ds, rtol=1e-10)
    shifted = opening[:-1, 1:, 0] + opening[1:, :-1, 1]  # cell (i, j) gets X's of (i, j + 1) and Y's of (i + 1, j)
    np.testing.assert_allclose(go.grad[0].numpy(), shifted, rtol=1e-10, atol=1e-15)
    exact = torch.autograd.grad(soft_smith_waterman(s, gamma=0.8, gap_open=go, gap_extend=ge).sum(), s)[0][0].numpy()
    assert np.abs(ds - exact).max() / exact.max() > 0.01


def gradient(loss: LACLoss, term: str, x: Tensor = N1) -> Tensor:
    leaf = x.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss.terms(leaf, N2, **VIEWS)[term], leaf, allow_unused=True, materialize_grads=True)
    return found


def test_the_preset_corrected_is_the_loss_as_meant() -> None:
    x, y, views = batch()
    for options in ({}, {"alpha": 0.3, "gamma": 0.5}):
        assert LAC(**options).terms(x, y, **views) == LACLoss("corrected", **options).terms(x, y, **views)
    assert LAC().state_dict().keys() == LACLoss().state_dict().keys()
    with pytest.raises(ValueError, match="gamma must be above 0"):
        LAC(gamma=0.0)


def test_local_term_teaches_in_paper_and_not_in_released() -> None:
    released = LACLoss("released")
    terms = released.terms(N1.clone().requires_grad_(), N2, **VIEWS)
    assert terms["local"].item() > 1
    assert not terms["local"].requires_grad
    assert gradient(LACLoss("paper"), "local").abs().max() > 1e-4
    assert gradient(LACLoss("released_vec"), "local").abs().max() > 1e-4
    assert gradient(LACLoss("corrected"), "local").abs().max() > 1e-3


@pytest.mark.parametrize("logits", ["matmul", "elementwise", "log_elementwise", "cycle"])
def test_gradients_are_those_of_differences(logits: str) -> None:
    loss = LACLoss(local_logits=logits, sw_sign=1, sim_center="none").double()
    x, y, views = batch(b=2, t=4, d=3)
    names = [name for name, _ in loss.named_parameters()]

    def of(x: Tensor, y: Tensor, *gaps: Tensor) -> Tensor:
        result = torch.func.functional_call(loss, dict(zip(names, gaps)), (x, y), views)
        assert isinstance(result, Tensor)
        return result

    assert torch.autograd.gradcheck(of, (x.requires_grad_(), y.requires_grad_(), *loss.gaps.parameters()))


def test_directions_agree_for_constant_gaps() -> None:
    x, y, views = batch(b=2, t=6)
    swapped = {name[:-1] + {"x": "y", "y": "x"}[name[-1]]: part for name, part in views.items()}
    for preset, options in (("corrected", {}), ("paper", {"lc_symmetric": True})):
        loss = LACLoss(preset, **options)
        for name, term in loss.terms(x, y, **views).items():
            torch.testing.assert_close(loss.terms(y, x, **swapped)[name], term)
    s = torch.randn(2, 4, 7, dtype=torch.float64)
    score, d = soft_smith_waterman(s, gap_open=1.3, gap_extend=0.4, gamma=0.8, return_matrix=True)
    other, turned = soft_smith_waterman(s.transpose(1, 2), gap_open=1.3, gap_extend=0.4, gamma=0.8, return_matrix=True)
    torch.testing.assert_close(other, score)
    torch.testing.assert_close(turned.transpose(1, 2), d)


def test_matrices_of_one_price_are_the_scalar() -> None:
    matrix, scalar = (LACLoss("paper", gap_param=form) for form in ("matrix", "scalar"))
    rows = LACLoss("paper", gap_param="per_position")
    x, y, views = batch()
    expected = scalar(x, y, **views)
    torch.testing.assert_close(matrix(x, y, **views), expected)
    torch.testing.assert_close(rows(x, y, **views), expected)


@pytest.mark.parametrize("similarity", ["inv_sq", "inv1p", "cos"])
@pytest.mark.parametrize("sign", [1, -1])
def test_sign_of_the_alignment_score(similarity: str, sign: int) -> None:
    """Descending +SW of a similarity moves corresponding frames apart; -SW brings them together."""
    generator = torch.Generator().manual_seed(0)
    curve = torch.randn(1, 12, 8, generator=generator).cumsum(dim=1) / 2
    x, y = (curve + 0.3 * torch.randn(1, 12, 8, generator=generator) for _ in range(2))
    leaves = [x.requires_grad_(), y.requires_grad_()]
    steps, frames = torch.arange(12)[None], torch.tensor([12])
    loss = LACLoss("paper", sim_sw=similarity, sw_sign=sign, l2_normalize=similarity == "cos")
    optimizer = torch.optim.Adam(leaves, lr=0.05)
    before = (x - y).norm(dim=-1).mean().item()
    for _ in range(25):
        optimizer.zero_grad()
        loss.terms(x, y, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames)["sw"].backward()
        optimizer.step()
    after = (x - y).norm(dim=-1).mean().item()
    assert after > 1.2 * before if sign > 0 else after < 0.7 * before


def test_gaps_learn_through_the_local_term_alone() -> None:
    x, y, views = batch(dtype=torch.float32)
    loss = LACLoss()
    terms = loss.terms(x, y, **views)
    gaps = list(loss.gaps.parameters())
    assert torch.autograd.grad(terms["sw"] + 0 * terms["local"], gaps, retain_graph=True)[0] == 0
    assert all(part != 0 for part in torch.autograd.grad(terms["local"], gaps))
    assert loss.gap_lr is None
    assert LACLoss("paper").gap_lr == 0.1
    assert not any(gap.requires_grad for gap in LACLoss(alpha=0.0).gaps.parameters())
    assert not any(gap.requires_grad for gap in LACLoss("cross_video").gaps.parameters())


def test_free_gaps_stay_at_zero_or_above_where_they_are_clamped() -> None:
    x, y, views = batch(dtype=torch.float32)
    for preset, least in (("paper", 0.0), ("released_vec", -2.0)):
        loss = LACLoss(preset, num_frames=7)
        with torch.no_grad():
            loss.gaps.opening.fill_(-2.0)
        loss(x, y, **views)
        assert loss.gaps.opening.min().item() == least


def test_gap_matrices_have_a_size() -> None:
    x, y, views = batch()
    with pytest.raises(ValueError, match="at most 6 slots, the views have 7 and 7: give a larger num_frames"):
        LACLoss("paper", num_frames=6)(x, y, **views)
    assert LACLoss("paper", num_frames=7).gaps.opening.shape == (7, 7)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"alpha": 0.0}, ["contrastive"]),
        ({"beta": 0.0}, ["contrastive", "local", "sw"]),
        ({"cross_weight": 0.3}, ["contrastive", "local", "sw", "cross"]),
        ({"cross_weight": 0.3, "teacher": "none"}, ["contrastive", "local", "sw"]),
    ],
)
def test_forward_is_the_weighted_sum_of_the_terms(options: dict[str, Any], expected: list[str]) -> None:
    x, y, views = batch()
    loss = LACLoss(**options)
    terms = loss.terms(x, y, **views)
    assert list(terms) == expected
    total = terms["contrastive"]
    if "local" in terms:
        total = total + 0.1 * (terms["local"] + options.get("beta", 1.0) * terms["sw"])
    if "cross" in terms:
        total = total + 0.3 * terms["cross"]
    torch.testing.assert_close(loss(x, y, **views), total)


def test_contrastive_term_beside_scl() -> None:
    """Cross entropy is KL plus the entropy of the labels: the same gradient, up to SCL's guard 1e-6."""
    x, y, views = batch()
    grads = []
    for loss in (LACLoss(alpha=0.0, tau=0.8), SCLLoss(temperature=0.8)):
        leaf = x.clone().requires_grad_()
        grads.append(torch.autograd.grad(loss(leaf, y, **views), leaf)[0])
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-3, atol=1e-7)


def test_values_may_be_spelt_as_in_formulas() -> None:
    spelt = LACLoss("paper", lc_norm="1/T²", D_temp="τ", D_grad="off", gap_param="per-position").options
    assert (spelt.lc_norm, spelt.D_temp, spelt.D_grad, spelt.gap_param) == ("1/T2", "tau", False, "per_position")


def test_tied_temperature_and_masks_that_are_ignored() -> None:
    x, y, views = batch()
    tied = LACLoss("released_vec", gamma=0.6, tau=5.0, alpha=0.0)
    torch.testing.assert_close(tied(x, y, **views), LACLoss("released_vec", gamma=0.6, alpha=0.0)(x, y, **views))
    views["mask_x"] = views["mask_x"].clone()
    full = LACLoss("released_vec")(x, y, **views)
    views["mask_x"][:, 4:] = False
    assert LACLoss("released_vec")(x, y, **views) == full
    assert LACLoss("released_vec", use_masks=True)(x, y, **views) != full


def test_gap_prices_that_are_kept_are_those_of_the_presets_in_cosine() -> None:
    assert LACLoss(preset="corrected", sim_scale=0.2).learned_gaps() == pytest.approx((1.0, 0.5, 0.2))
    for other in (LACLoss(preset="paper"), LACLoss(preset="cross_video"), LACLoss(sim_sw="gauss"), SCLLoss()):
        assert other.learned_gaps() is None
