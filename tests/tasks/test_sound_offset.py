"""Offset and drift from sound: found at as much noise as sound, with intervals that hold; strangers are refused."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.sound import event, noisy, recordings

from syncline.errors import SynclineError
from syncline.tasks.sound_offset import sound_offset


@pytest.mark.parametrize("drift", [0.0, 145e-6, -1e-3, 0.03, -0.06, 0.06])
def test_offset_and_drift_are_found_in_noise(drift: float) -> None:
    rng = np.random.default_rng(round(1e6 * abs(drift)))
    a, b, offset = recordings(rng, 20.0, 1 + drift)
    found = sound_offset(a, b)
    assert found.offset == pytest.approx(offset, abs=0.01)
    assert found.rate == pytest.approx(1 + drift, abs=5e-4)
    assert found.offset_within < 0.01
    assert found.agreement > 0.5
    assert found.drifts or abs(drift) < 1e-3


@pytest.mark.parametrize("seconds", [4.0, 8.0, 20.0])
def test_strangers_are_not_taken_for_one_event(seconds: float) -> None:
    taken = 0
    for seed in range(12):
        rng = np.random.default_rng(20_000 + seed)
        try:
            sound_offset(*(noisy(rng, event(rng, seconds)) for _ in range(2)))
            taken += 1
        except SynclineError:
            pass
    assert taken == 0


def test_sounds_without_anything_in_common_are_refused() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(SynclineError, match="nothing in common"):
        sound_offset(noisy(rng, event(rng, 15.0)), noisy(rng, event(rng, 15.0)))
    with pytest.raises(SynclineError, match="three seconds"):
        sound_offset(noisy(rng, event(rng, 2.0)), noisy(rng, event(rng, 15.0)))
