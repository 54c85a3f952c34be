"""Hard Smith-Waterman, DTW, soft-DTW and GTA's table, against other libraries, loops and the published vectors."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from Bio.Align import PairwiseAligner
from torch import Tensor

from syncline.alignment import (
    dtw,
    expected_path,
    smith_waterman,
    smith_waterman_streamed,
    smooth_dtw,
    soft_dtw,
    soft_dtw_divergence,
    soft_smith_waterman,
    squared_distances,
)
from syncline.alignment.sequences import centred_similarity


def _z(offset: float, speed: float, channel: float) -> Tensor:
    t, c = torch.arange(4.0, dtype=torch.float64)[:, None], torch.arange(3.0, dtype=torch.float64)[None]
    return torch.nn.functional.normalize(torch.sin(offset + speed * t + channel * c), dim=1)[None]


Z1, Z2 = _z(0.5, 0.9, 1.3), _z(0.75, 0.8, 1.3)


def _value(s: np.ndarray, indices: np.ndarray, match: np.ndarray, go: float, ge: float) -> float:
    """The value of a path, counted anew from its cells."""
    total, state = 0.0, "match"
    for k, ((i, j), matched) in enumerate(zip(indices, match)):
        if matched:
            total, state = total + s[i, j], "match"
            continue
        down = bool(indices[k][0] != indices[k - 1][0])
        kind = "y" if down else "x"
        total -= ge if state == kind else go
        state = kind
    return total


@pytest.mark.parametrize("seed", range(8))
def test_smith_waterman_equals_biopython(seed: int) -> None:
    generator = np.random.default_rng(seed)
    letters = "ACDEFGHIKL"
    table = generator.integers(-4, 5, (10, 10))
    a, b = generator.integers(0, 10, 14), generator.integers(0, 10, 11)
    go, ge = float(generator.integers(1, 5)), 1.0
    aligner = PairwiseAligner(mode="local")
    aligner.substitution_matrix = _substitutions(letters, table)
    aligner.open_gap_score, aligner.extend_gap_score = -go, -ge
    expected = aligner.score("".join(letters[i] for i in a), "".join(letters[i] for i in b))
    s = table[a][:, b].astype(float)
    path = smith_waterman(torch.from_numpy(s)[None], gap_open=go, gap_extend=ge)[0]
    assert path.score == pytest.approx(expected)
    assert _value(s, path.indices, path.is_match, go, ge) == pytest.approx(path.score)


def _substitutions(letters: str, table: np.ndarray) -> object:
    from Bio.Align import substitution_matrices

    matrix = substitution_matrices.Array(alphabet=letters, dims=2)
    for i, j in itertools.product(range(len(letters)), repeat=2):
        matrix[letters[i], letters[j]] = float(table[i, j])
    return matrix


def test_nothing_positive_gives_an_empty_path() -> None:
    path = smith_waterman(-torch.ones(1, 3, 4))[0]
    assert path.score == 0
    assert len(path) == 0


def test_segments_share_no_frame_and_descend() -> None:
    s = torch.full((1, 20, 20), -1.0)
    for k in range(6):
        s[0, k, k + 10] = 2.0
        s[0, 12 + k, k] = 1.0
    first, second = smith_waterman(s, gap_open=3.0, gap_extend=1.0, segments=2)
    assert (first.score, second.score) == (12.0, 6.0)
    assert not set(first.matches[:, 0]) & set(second.matches[:, 0])
    assert len(smith_waterman(s, gap_open=3.0, gap_extend=1.0, segments=5)) == 2


@pytest.mark.parametrize(("n", "m"), [(1, 5), (5, 400), (256, 129), (600, 1700)])
@pytest.mark.parametrize("segments", [1, 3])
def test_streamed_is_the_same_without_the_matrix(n: int, m: int, segments: int) -> None:
    generator = torch.Generator().manual_seed(n)
    course = torch.randn(400, 6, generator=generator).cumsum(0)
    x, y = (course[torch.randint(0, 400, (k,), generator=generator).sort().values] for k in (n, m))
    y = y + 0.1 * torch.randn(m, 6, generator=generator)
    matrix = centred_similarity(x, y, scale=0.1).double()
    prices = {"gap_open": 2.0, "gap_extend": 0.5, "segments": segments}
    found = smith_waterman_streamed(x, y, scale=0.1, **prices)
    expected = smith_waterman(matrix[None], **prices)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, rel=1e-4, abs=1e-4)
        assert _value(matrix.numpy(), one.indices, one.is_match, 2.0, 0.5) == pytest.approx(one.score, abs=1e-3)
    assert found[0].indices.tolist() == expected[0].indices.tolist()


def test_streamed_says_what_is_wrong() -> None:
    for x, y, options, said in (
        (torch.ones(3, 2), torch.ones(3, 4), {"scale": 0.1}, r"\(3, 2\) and \(3, 4\)"),
        (torch.ones(0, 2), torch.ones(3, 2), {"scale": 0.1}, "with frames"),
        (torch.ones(3, 2), torch.ones(3, 2), {"scale": 0.0}, "scale above 0"),
        (torch.ones(3, 2), torch.ones(3, 2), {"scale": 0.1, "segments": 0}, "at least 1"),
    ):
        with pytest.raises(ValueError, match=said):
            smith_waterman_streamed(x, y, **options)


def test_hard_score_is_the_limit_of_the_soft_one() -> None:
    s = torch.randn(5, 9, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    hard = [path.score for path in smith_waterman(s, gap_open=1.0, gap_extend=0.5)]
    soft = soft_smith_waterman(s, gap_open=1.0, gap_extend=0.5, gamma=1e-4)
    assert soft.tolist() == pytest.approx(hard, abs=2e-3)


def _all_paths_dtw(c: np.ndarray) -> float:
    r = np.full((len(c) + 1, c.shape[1] + 1), np.inf)
    r[0, 0] = 0
    for i, j in itertools.product(range(len(c)), range(c.shape[1])):
        r[i + 1, j + 1] = c[i, j] + min(r[i, j], r[i, j + 1], r[i + 1, j])
    return float(r[-1, -1])


def test_dtw_cost_path_and_lengths() -> None:
    c = torch.rand(3, 8, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    paths = dtw(c, lengths_x=[8, 5, 0], lengths_y=[6, 4, 3])
    assert paths[0].score == pytest.approx(_all_paths_dtw(c[0].numpy()))
    assert paths[1].score == pytest.approx(_all_paths_dtw(c[1, :5, :4].numpy()))
    assert len(paths[2]) == 0
    for path, matrix in zip(paths[:2], c):
        assert matrix.numpy()[tuple(path.indices.T)].sum() == pytest.approx(path.score)
        assert set(map(tuple, np.diff(path.indices, axis=0))) <= {(0, 1), (1, 0), (1, 1)}
    assert paths[0].indices[0].tolist() == [0, 0]
    assert paths[0].indices[-1].tolist() == [7, 5]


def test_dtw_subsequence_finds_the_part() -> None:
    long = torch.arange(12.0)
    short = torch.tensor([5.0, 6.0, 7.0])
    path = dtw((short[:, None] - long).abs()[None], subsequence=True)[0]
    assert path.score == 0
    assert path.indices.tolist() == [[0, 5], [1, 6], [2, 7]]


def test_dtw_of_any_shape_has_a_path_in_the_narrowest_band() -> None:
    for n in range(1, 13):
        for m in range(1, 13):
            for band in range(4):
                path = dtw(torch.ones(1, n, m), band=band)[0]
                assert path.score == len(path.indices) < np.inf
                assert (path.indices[0] == 0).all()
                assert path.indices[-1].tolist() == [n - 1, m - 1]
                assert {tuple(step) for step in np.diff(path.indices, axis=0).tolist()} <= {(1, 1), (1, 0), (0, 1)}


def test_dtw_band_keeps_to_the_line() -> None:
    c = torch.rand(1, 30, 40, generator=torch.Generator().manual_seed(2))
    path = dtw(c, band=3)[0]
    line = path.indices[:, 0] * 39 / 29
    assert np.abs(path.indices[:, 1] - line).max() <= 3
    assert path.score >= dtw(c)[0].score


def test_soft_dtw_vectors_gradient_and_padding() -> None:
    cost = squared_distances(Z1, Z2)
    assert soft_dtw(cost).item() == pytest.approx(0.102220410, abs=1e-8)
    assert soft_dtw_divergence(Z1, Z2).item() == pytest.approx(0.105337653, abs=1e-8)
    assert torch.autograd.gradcheck(lambda c: soft_dtw(c, gamma=0.3), (cost.clone().requires_grad_(),))
    padded = torch.nn.functional.pad(cost, (0, 2, 0, 3), value=7.0)
    assert soft_dtw(padded, lengths_x=[4], lengths_y=[4]).item() == pytest.approx(soft_dtw(cost).item())
    e = expected_path(padded, lengths_x=[4], lengths_y=[4])
    assert (e[0, 4:] == 0).all()
    assert (e[0, :4, :4].sum(0) >= 1 - 1e-9).all()
    assert e.min() >= 0
    assert e.max() <= 1 + 1e-12


def test_soft_dtw_equals_tslearn() -> None:
    from tslearn.metrics import SoftDTW

    c = np.random.default_rng(0).random((9, 13))
    assert soft_dtw(torch.from_numpy(c)[None], gamma=0.2).item() == pytest.approx(SoftDTW(c, gamma=0.2).compute())


def test_smooth_dtw_vectors() -> None:
    logits = Z1 @ Z2.transpose(1, 2) / 0.1
    c12, c21 = -logits.log_softmax(dim=1), -logits.transpose(1, 2).log_softmax(dim=1)
    assert smooth_dtw(c12)[0, -1, -1].item() == pytest.approx(0.492705519, abs=1e-8)
    assert smooth_dtw(c21)[0, -1, -1].item() == pytest.approx(0.422160374, abs=1e-8)
    assert smooth_dtw(c12, minimum="soft")[0, -1, -1].item() == pytest.approx(0.492705422, abs=1e-8)
    assert smooth_dtw(c12, minimum="hard")[0, -1, -1].item() == pytest.approx(_all_paths_dtw(c12[0].numpy()))


@pytest.mark.parametrize("minimum", ["prob", "soft"])
def test_smooth_dtw_gradients_are_finite_and_right(minimum: str) -> None:
    c = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: smooth_dtw(x, gamma=0.2, minimum=minimum), (c,))  # type: ignore[arg-type]
