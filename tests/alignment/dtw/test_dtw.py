"""Hard dynamic time warping: cost, path, lengths, bands, the part inside the whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from syncline.alignment import dtw
from syncline.alignment.dtw import reference


def test_dtw_cost_path_and_lengths() -> None:
    c = torch.rand(3, 8, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    paths = dtw(c, lengths_x=[8, 5, 0], lengths_y=[6, 4, 3])
    assert paths[0].score == pytest.approx(reference.dtw(c[0].numpy()))
    assert paths[1].score == pytest.approx(reference.dtw(c[1, :5, :4].numpy()))
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


def test_open_ends_one_at_a_time() -> None:
    long = torch.arange(6.0)
    at_the_end, at_the_beginning = torch.tensor([4.0, 5.0]), torch.tensor([0.0, 1.0])
    path = dtw((at_the_end[:, None] - long).abs()[None], open_begin=True)[0]
    assert path.indices.tolist() == [[0, 4], [1, 5]]
    path = dtw((at_the_beginning[:, None] - long).abs()[None], open_end=True)[0]
    assert path.indices.tolist() == [[0, 0], [1, 1]]


def test_dtw_band_keeps_to_the_line() -> None:
    c = torch.rand(1, 30, 40, generator=torch.Generator().manual_seed(2))
    path = dtw(c, band=3)[0]
    line = path.indices[:, 0] * 39 / 29
    assert np.abs(path.indices[:, 1] - line).max() <= 3
    assert path.score >= dtw(c)[0].score
