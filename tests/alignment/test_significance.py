"""P-values of strangers are uniform enough, the same course is told from another, and the scores alone suffice."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from syncline.alignment import significance, smith_waterman
from syncline.alignment.alignment_settings import PAIR
from syncline.alignment.centring import centred_similarity
from syncline.alignment.significance import Significance, judged, wrong_orders


def course(seed: int, frames: int) -> NDArray[np.float64]:
    """A smooth walk in 8 dimensions, as embeddings of a video are."""
    steps = np.random.default_rng(seed).standard_normal((frames, 8)).cumsum(0)
    return np.apply_along_axis(lambda column: np.convolve(column, np.ones(9) / 9, "same"), 0, steps)


def retimed(x: NDArray[np.float64], frames: int, seed: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    at = np.sort(generator.uniform(0, len(x) - 1, frames)).round().astype(int)
    return np.asarray(x[at] + 0.3 * generator.standard_normal((frames, x.shape[1])))


def found(x: NDArray[np.float64], y: NDArray[np.float64]) -> Significance:
    return significance(centred_similarity(x, y))


def test_strangers_are_seldom_significant_and_matches_are() -> None:
    strangers = [found(course(k, 60), course(1000 + k, 50)) for k in range(100)]
    matches = [found(course(k, 60), retimed(course(k, 60), 50, k)) for k in range(30)]
    false = np.mean([one.p_value < 0.05 for one in strangers])
    assert false <= 0.12  # 5 of 100, give or take
    assert all(one.p_value < 0.01 for one in matches)
    assert np.median([one.probability for one in matches]) > 0.8
    assert np.median([one.probability for one in strangers]) < 0.5
    assert min(one.probability for one in matches) > np.quantile([one.probability for one in strangers], 0.9)


def test_the_e_value_counts_pairs() -> None:
    one = found(course(0, 40), course(1, 40))
    assert one.e_value(100) == pytest.approx(100 * one.p_value)
    assert 0 <= one.p_value <= 1
    assert 0 <= one.probability <= 1


def test_it_is_the_scores_alone_and_the_same_every_time() -> None:
    matrix = centred_similarity(course(0, 40), course(2, 30))
    prices = PAIR.prices
    scores = [
        smith_waterman(matrix[rows][:, columns][None], **prices)[0].score
        for rows, columns in [(torch.arange(40), torch.arange(30)), *wrong_orders(40, 30, 12)]
    ]
    assert judged(scores[0], scores[1:], 40, 30) == significance(matrix)
    assert len(scores) == 14


def test_a_higher_score_is_surer() -> None:
    shuffled = [9.0, 10.0, 11.0]
    by_score = [judged(score, shuffled, 50, 50) for score in (0.0, 5.0, 10.0, 20.0, 1e6)]
    assert by_score[0] == Significance(0.0, 10.0, 1.0, 0.0)
    for lower, higher in itertools.pairwise(by_score):
        assert higher.p_value <= lower.p_value
        assert higher.probability > lower.probability
    scale = 1.5 * math.sqrt(6) / math.pi  # a spread of 1, taken as 15 % of the mean at least
    location = 10.0 - np.euler_gamma * scale
    assert by_score[3].p_value == pytest.approx(1 - math.exp(-math.exp(-(20.0 - location) / scale)), rel=1e-6)


def test_orders_hold_every_frame_once() -> None:
    for rows, columns in wrong_orders(7, 3, 8):
        assert sorted(rows.tolist()) == list(range(7))
        assert sorted(columns.tolist()) == list(range(3))


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(n, m\)"):
        significance(torch.zeros(1, 3, 3))
    with pytest.raises(ValueError, match="at least 2"):
        significance(torch.zeros(3, 3), shuffles=1)
    matrix = torch.zeros(3, 3)
    matrix[1, 2] = math.nan
    with pytest.raises(ValueError, match=r"got nan at \[0, 1, 2\]"):
        significance(matrix)
    assert significance(-torch.ones(4, 5)).probability == 0
