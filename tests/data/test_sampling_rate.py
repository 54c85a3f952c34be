"""The rate of a folder: enough frames of a short clip, no more than today of a long one, never more than there are."""

from pathlib import Path

import numpy as np
import pytest

from syncline.data import Video, choose_rate
from syncline.data.sampling_rate import LEAST_FRAMES, LEAST_RATE_HZ


def clip(seconds: float, rate: float, **more: object) -> Video:
    return Video(Path("a.mp4"), "a", "a", round(seconds * rate), rate, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [8, 12, 60, 3600])
def test_long_clips_keep_the_rate_of_saved_runs(seconds):
    assert choose_rate([clip(seconds, 30)]) == LEAST_RATE_HZ


@pytest.mark.parametrize("rate", [23.976, 24, 25, 29.97, 30, 50, 59.94, 60, 120, 240])
@pytest.mark.parametrize("seconds", [0.5, 1, 1.3, 2, 3, 5, 7])
def test_short_clips_get_enough_frames_and_no_more_than_they_have(seconds, rate):
    chosen = choose_rate([clip(seconds, rate)])
    assert LEAST_RATE_HZ <= chosen <= rate + 1e-9
    assert chosen == pytest.approx(rate) or chosen * seconds >= LEAST_FRAMES - 1
    assert (rate / chosen) == pytest.approx(round(rate / chosen))
    # half as many would be too few
    assert chosen * seconds / 2 < LEAST_FRAMES or chosen / 2 < LEAST_RATE_HZ


def test_the_median_clip_decides_not_the_odd_one():
    assert choose_rate([clip(1.3, 30)] * 9 + [clip(600, 30)]) == 30
    assert choose_rate([clip(20, 30)] * 9 + [clip(1, 240)]) == LEAST_RATE_HZ


def test_slow_files_and_empty_folders_have_an_answer():
    assert choose_rate([clip(2, 5)]) == LEAST_RATE_HZ
    assert choose_rate([]) == LEAST_RATE_HZ
    assert choose_rate([clip(0, 30)]) == LEAST_RATE_HZ


def test_recuts_and_parts_count_with_their_own_frames():
    part = clip(600, 30, span=(30, 70))
    recut = clip(600, 30, frames=np.arange(40))
    assert choose_rate([part]) == choose_rate([recut]) == 30
