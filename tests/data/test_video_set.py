"""Which frames are looked at: those nearest to the moments wanted, whatever the clock does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from syncline.data import Sampling, Video
from syncline.video.on_display import nearest_frames


@pytest.mark.parametrize("seed", range(20))
def test_frames_nearest_to_evenly_spaced_moments(seed: int) -> None:
    """Against the definition: every moment of the grid with its nearest frame, the earlier of two."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([0.001, 1 / 30, 1 / 24, 0.4, 7.0], size=80)
    clock = rng.choice([0.0, -0.2, 3.3]) + np.concatenate([[0.0], np.cumsum(steps)])
    rate = float(rng.choice([7.5, 15.0, 0.5, 30.0]))
    wanted = clock[0] + np.arange(int((clock[-1] - clock[0]) * rate + 1e-6) + 1) / rate
    nearest = [int(np.abs(clock - moment).argmin()) for moment in wanted]
    assert Sampling(rate).indices(clock).tolist() == sorted(set(nearest))


def test_a_clock_that_leaps_takes_no_memory() -> None:
    """A camera that finds the time of day within a recording: 0 s, and after a second fifty years."""
    second = np.arange(30) / 30
    chosen = Sampling(7.5).indices(np.concatenate([second, 1.6e9 + second]))
    assert chosen[:3].tolist() == [0, 4, 8]
    assert 30 <= chosen[-1] < 60
    assert 14 <= len(chosen) <= 18


def test_instants_of_a_long_clock_are_found_without_a_table() -> None:
    generator = np.random.default_rng(0)
    for count in (1, 2, 40):
        clock, seconds = np.sort(generator.uniform(0, 9, count)), np.sort(generator.uniform(-1, 10, 60))
        assert nearest_frames(clock, seconds).tolist() == np.abs(clock - seconds[:, None]).argmin(axis=1).tolist()
    assert nearest_frames(np.arange(3.0), np.array([0.5, 1.5])).tolist() == [0, 1]
    hours = nearest_frames(np.arange(400_000) / 10, np.arange(600_000) / 15)  # two terabytes as a table
    assert hours[:4].tolist() == [0, 1, 1, 2]


def test_the_name_of_0_1_0_for_video_id() -> None:
    video = Video(Path("a.mp4"), "a.mp4", "a.mp4", num_frames=3, frame_rate=5.0)
    with pytest.warns(DeprecationWarning, match="video_id"):
        assert video.identity == video.video_id
