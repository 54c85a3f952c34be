"""One rule for the frame on display: half-open frames, a millisecond of rounding, never past the nearer frame."""

from __future__ import annotations

import numpy as np
import pytest

from syncline.video import frames_on_display
from syncline.video.on_display import nearest_frame, nearest_frames


@pytest.mark.parametrize("rate", [7.5, 24000 / 1001, 30, 60, 120, 480, 1000, 2500])
def test_a_frame_is_found_by_its_own_time_however_it_was_rounded(rate: float) -> None:
    pts = np.arange(500) / rate
    frames = np.arange(500)
    assert (frames_on_display(pts, pts) == frames).all()
    assert (frames_on_display(pts, pts + 0.4 / rate) == frames).all()
    if rate <= 480:  # whose frames milliseconds tell apart
        assert (frames_on_display(pts, pts.round(3)) == frames).all()
        assert (frames_on_display(pts, np.floor(pts * 1000) / 1000) == frames).all()


def test_a_time_well_before_a_frame_shows_the_one_before() -> None:
    pts = np.array([0.0, 0.1, 0.5])
    assert frames_on_display(pts, [0.0985, 0.0995, 0.4985, 0.4991]).tolist() == [0, 1, 1, 2]


def test_before_the_first_and_after_the_last() -> None:
    assert frames_on_display(np.array([1.0, 2.0]), [0.0, 0.9995, 2.5, 1e9]).tolist() == [0, 0, 1, 1]
    assert frames_on_display(np.array([0.0]), 3.0).tolist() == [0]


@pytest.mark.parametrize("count", [1, 2, 60])
def test_the_nearest_frame_is_the_one_with_the_least_distance_and_of_two_the_earlier(count: int) -> None:
    generator = np.random.default_rng(count)
    pts = np.unique(generator.integers(0, 200, count)) / 8  # exact in binary, so that ties are ties
    asked = np.concatenate([generator.integers(-20, 420, 300) / 16, [-1e9, 1e9]])
    expected = np.abs(pts - asked[:, None]).argmin(axis=1)
    assert nearest_frames(pts, asked).tolist() == expected.tolist()
    assert [nearest_frame(pts, second) for second in asked] == expected.tolist()
