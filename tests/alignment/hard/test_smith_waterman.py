"""The hard Smith-Waterman, of a matrix and streamed, against another library and the soft one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from Bio.Align import PairwiseAligner

from syncline.alignment import smith_waterman, smith_waterman_streamed, soft_smith_waterman
from syncline.alignment.centring import centred_similarity
from syncline.alignment.hard import reference


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


@pytest.mark.parametrize("seed", range(6))
def test_smith_waterman_is_its_definition(seed: int) -> None:
    """Prices of gaps that differ from cell to cell, and pairs in which nothing is positive."""
    generator = torch.Generator().manual_seed(seed)
    s = torch.randn(3, 9, 7, generator=generator, dtype=torch.float64)
    s[2] = -s[2].abs()
    go, ge = (torch.rand(3, 9, 7, generator=generator, dtype=torch.float64) * size for size in (1.0, 0.5))
    for k, path in enumerate(smith_waterman(s, gap_open=go, gap_extend=ge)):
        score, matches = reference.smith_waterman(s[k].numpy(), go[k].numpy(), ge[k].numpy())
        assert path.score == pytest.approx(score)
        assert [tuple(match) for match in path.matches.tolist()] == matches


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
