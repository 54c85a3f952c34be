"""Tables over lists of sequences, and barycentres: against pair by pair, and on courses whose middle is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from syncline.alignment import (
    Consensus,
    all_pairs,
    consensus_barycentre,
    cosine,
    dtw,
    pairwise_dtw,
    pairwise_smith_waterman,
    pairwise_soft_dtw,
    pairwise_soft_smith_waterman,
    smith_waterman,
    soft_dtw,
    soft_dtw_barycentre,
    soft_dtw_divergence,
    soft_smith_waterman,
    squared_distances,
)
from syncline.alignment.dtw import pairwise


def sequences(lengths: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in lengths]


@pytest.mark.parametrize("cells", [1, 4_000_000])
def test_a_table_is_pair_by_pair(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(all_pairs, "CELLS", cells)
    x, y = sequences((4, 7, 1)), sequences((5, 2), 1)
    soft, hard = pairwise_soft_dtw(x, y, gamma=0.2, band=2), pairwise_dtw(x, y, band=2)
    apart = pairwise_soft_dtw(x, y, gamma=0.2, divergence=True)
    for i, a in enumerate(x):
        for j, b in enumerate(y):
            cost = squared_distances(a[None], b[None])
            torch.testing.assert_close(soft[i, j], soft_dtw(cost, gamma=0.2, band=2)[0])
            assert hard[i, j].item() == pytest.approx(dtw(cost, band=2)[0].score)
            torch.testing.assert_close(apart[i, j], soft_dtw_divergence(a[None], b[None], gamma=0.2)[0])


@pytest.mark.parametrize("divergence", [False, True])
def test_a_table_of_one_list_is_symmetric_and_each_pair_costs_once(
    divergence: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, pairs = sequences((4, 7, 3, 5)), []

    def counted(cost: Tensor, **options: Any) -> Tensor:
        pairs.append(len(cost))
        return soft_dtw(cost, **options)

    monkeypatch.setattr(pairwise, "soft_dtw", counted)
    table = pairwise_soft_dtw(x, divergence=divergence)
    assert sum(pairs) == 10
    assert torch.equal(table, table.T)
    torch.testing.assert_close(table, pairwise_soft_dtw(x, x, divergence=divergence))
    assert torch.equal(pairwise_dtw(x), pairwise_dtw(x).T)


def test_a_table_is_differentiable() -> None:
    a, b = sequences((3, 4))
    a.requires_grad_(), b.requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: pairwise_soft_dtw([a, b], gamma=0.3, divergence=True), (a, b))


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="x has no sequences"):
        pairwise_soft_dtw([])
    with pytest.raises(ValueError, match=r"got \(4, 2\) for y\[0\]"):
        pairwise_dtw(sequences((3,)), [torch.zeros(4, 2)])
    with pytest.raises(ValueError, match="not all 0"):
        soft_dtw_barycentre(sequences((3, 4)), weights=[0.0, 0.0])
    with pytest.raises(ValueError, match="start has shape"):
        soft_dtw_barycentre(sequences((3, 4)), length=3, start=torch.zeros(4, 3))
    with pytest.raises(ValueError, match="no frames"):
        soft_dtw_barycentre([torch.zeros(0, 3)])


@pytest.mark.parametrize(
    "pairwise_table", [pairwise_soft_dtw, pairwise_dtw, pairwise_soft_smith_waterman, pairwise_smith_waterman]
)
def test_a_tensor_in_place_of_a_list_is_one_clear_error(pairwise_table: Any) -> None:
    x = sequences((4, 3))
    for given, said in (
        ((torch.zeros(5, 4, 3),), r"x must be a list .* got a tensor of shape \(5, 4, 3\); give list\(x\)"),
        ((torch.zeros(4, 3),), r"x must be a list .* got a tensor of shape \(4, 3\); give \[x\]"),
        ((torch.zeros(1, 1, 1),), r"x must be a list .* give list\(x\)"),
        ((x, x[0]), r"y must be a list .* give \[y\]"),
        ((np.zeros((5, 4, 3)),), "x must be a list of tensors .*, got ndarray"),
        (([x[0], np.zeros((4, 3))],), r"x\[1\] must be a tensor \(n, d\), got ndarray"),
    ):
        with pytest.raises(TypeError, match=said):
            pairwise_table(*given)
    with pytest.raises(TypeError, match="sequences must be a list"):
        soft_dtw_barycentre(torch.zeros(5, 4, 3))  # type: ignore[arg-type]


def hump(at: float, frames: int) -> Tensor:
    t = torch.linspace(0, 1, frames, dtype=torch.float64)
    return torch.exp(-((t - at) ** 2) / 0.01)[:, None]


def test_the_middle_of_moved_humps_is_a_hump_between_them() -> None:
    early, late = hump(0.35, 40), hump(0.65, 50)
    middle = soft_dtw_barycentre([early, late], gamma=0.1, length=45)
    assert middle.shape == (45, 1)
    assert middle.max() > 0.9
    assert abs(float(middle.argmax()) / 44 - 0.5) < 0.1
    first = soft_dtw_barycentre([early, late], gamma=0.01, length=45, weights=[1.0, 0.0])
    assert soft_dtw_divergence(first[None], early[None], gamma=0.01).item() < 0.05


def test_it_costs_less_than_every_sequence_of_its_length() -> None:
    group = [hump(at, n) for at, n in ((0.3, 30), (0.5, 35), (0.6, 28))]
    middle = soft_dtw_barycentre(group, gamma=0.05)
    assert len(middle) == 30

    def cost(z: Tensor) -> float:
        table = pairwise_soft_dtw([z], group, gamma=0.05)[0]
        return float((table / torch.tensor([len(x) for x in group])).mean())

    assert all(cost(middle) < cost(hump(at, 30)) for at in (0.3, 0.5, 0.6))
    torch.testing.assert_close(soft_dtw_barycentre(group, gamma=0.05), middle)


@pytest.mark.parametrize("lengths", [(4, 5, 2), (1, 1, 1)])
def test_the_middle_of_sequences_of_several_numbers_a_frame(lengths: tuple[int, ...]) -> None:
    group = sequences(lengths)
    middle = soft_dtw_barycentre(group, gamma=0.5, steps=20)
    assert middle.shape == (sorted(lengths)[1], 3)
    assert middle.isfinite().all()
    best = pairwise_soft_dtw([middle], group, gamma=0.5)[0] / torch.tensor(lengths)
    first = pairwise_soft_dtw(group, gamma=0.5) / torch.tensor(lengths)
    assert best.mean() <= first.mean(dim=1).min() + 1e-6


def test_local_tables_are_pair_by_pair_and_symmetric() -> None:
    x = sequences((6, 9, 4))
    prices: dict[str, Any] = {"gap_open": 0.8, "gap_extend": 0.3, "band": 4}
    soft, hard = pairwise_soft_smith_waterman(x, gamma=0.4, **prices), pairwise_smith_waterman(x, **prices)
    assert torch.equal(soft, soft.T)
    assert torch.equal(hard, hard.T)
    torch.testing.assert_close(pairwise_soft_smith_waterman(x, x[1:], gamma=0.4, **prices), soft[:, 1:])
    for i, a in enumerate(x):
        for j, b in enumerate(x):
            similarity = cosine(a[None], b[None])
            torch.testing.assert_close(soft[i, j], soft_smith_waterman(similarity, gamma=0.4, **prices)[0])
            assert hard[i, j].item() == pytest.approx(smith_waterman(similarity, **prices)[0].score)


def test_the_barycentre_of_a_consensus_leaves_noise_and_what_one_has_alone_behind() -> None:
    t = np.linspace(0, 3, 60)
    curve = np.stack([np.cos(t), np.sin(t), np.cos(2 * t)], 1)
    courses = []
    for seed in range(6):
        generator = np.random.default_rng(seed)
        steps = np.sort(generator.choice(60, 45, replace=False))
        courses.append((curve[steps] + 0.15 * generator.standard_normal((45, 3))).astype(np.float32))
    own = np.sort(np.random.default_rng(2).choice(60, 45, replace=False))
    middle = consensus_barycentre(courses, reference=2)
    assert middle.shape == (45, 3)
    assert np.abs(middle - curve[own]).mean() < 0.75 * np.abs(courses[2] - curve[own]).mean()
    group = Consensus(courses)
    np.testing.assert_array_equal(consensus_barycentre(courses, reference=2, consensus=group), middle)
    assert len(consensus_barycentre(courses, consensus=group)) == 45
    with pytest.raises(ValueError, match="the consensus is of sequences of"):
        consensus_barycentre(courses[1:], consensus=group)
    with pytest.raises(ValueError, match="reference must be one of the 6 sequences"):
        consensus_barycentre(courses, reference=6, consensus=group)
