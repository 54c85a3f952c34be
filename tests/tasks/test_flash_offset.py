"""Offset and drift from flashes of light that two recordings show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from syncline.errors import SynclineError
from syncline.tasks.flash_offset import Flashes, flashes, flashes_of, match_flashes
from syncline.video import VideoWriter


def film(path: Path, rate: float, seconds: float, at: list[float]) -> None:
    """A grey picture that moves a little, with flashes of a tenth of a second."""
    rng = np.random.default_rng(1)
    with VideoWriter(path, height=32, width=48, rate=rate) as writer:
        for k in range(int(rate * seconds)):
            bright = any(0 <= k / rate - flash < 0.1 for flash in at)
            picture = np.full((32, 48, 3), 200 if bright else 80, np.uint8)
            picture[:8, (k % 40) : (k % 40) + 8] = rng.integers(60, 100)
            writer.write(picture, k / rate)


def test_films_of_other_rates_meet_in_their_flashes(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", 25.0, 6.0, [1.2, 3.0, 4.4])
    film(tmp_path / "b.mp4", 30.0, 6.0, [0.5, 2.3, 3.7])
    found = match_flashes(flashes_of(tmp_path / "a.mp4"), flashes_of(tmp_path / "b.mp4"))
    assert found.offset == pytest.approx(-0.7, abs=found.offset_within)
    assert found.offset_within == pytest.approx((1 / 25 + 1 / 30) / 2, abs=1e-3)
    assert (found.flashes, found.of, found.rate) == (3, 3, 1.0)


def test_drift_strays_and_strangers() -> None:
    at = np.array([1.0, 4.0, 9.0, 30.0, 55.0, 80.0])
    found = match_flashes(Flashes(at, 0.04), Flashes(np.sort([*(2.0 + 1.01 * at), 20.0]), 0.04))
    assert (found.flashes, found.of) == (6, 6)
    assert found.rate == pytest.approx(1.01, abs=1e-3)
    assert found.offset == pytest.approx(2.0, abs=0.05)
    one = match_flashes(Flashes(np.array([3.0]), 0.04), Flashes(np.array([5.0]), 0.04))
    assert (one.offset, one.flashes) == (2.0, 1)
    with pytest.raises(SynclineError, match="no flash of light"):
        match_flashes(Flashes(at, 0.04), Flashes(np.zeros(0), 0.04))
    with pytest.raises(SynclineError, match="of 2 flashes of light no two meet"):
        match_flashes(Flashes(np.array([0.0, 1.0]), 0.04), Flashes(np.array([0.0, 7.0]), 0.04))


def test_a_cut_that_flickers_is_no_flash() -> None:
    rng = np.random.default_rng(0)
    light = 90 + rng.normal(size=500)
    assert len(flashes(np.arange(500) / 25, light)) == 0
    light[100:] += 4  # a door that opens
    assert len(flashes(np.arange(500) / 25, light)) == 0
