"""Offset and drift from sound: found at as much noise as sound, with intervals that hold; strangers are refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.tasks.sound import SOUND_RATE, sound_offset
from syncline.video.sound import Sound

Samples = NDArray[np.float32]


def event(rng: np.random.Generator, seconds: float) -> Samples:
    """Knocks and tones at random times, as of an event that several people film."""
    samples, at = np.zeros(int(seconds * SOUND_RATE), np.float32), 0.0
    while (at := at + float(rng.exponential(0.25))) < seconds - 0.5:
        first, count = int(at * SOUND_RATE), int(rng.uniform(0.03, 0.4) * SOUND_RATE)
        fading = np.exp(-np.arange(count) / (rng.uniform(0.01, 0.12) * SOUND_RATE))
        wave = np.sin(2 * np.pi * rng.uniform(120, 5000) * np.arange(count) / SOUND_RATE)
        wave = wave if rng.random() < 0.6 else rng.normal(size=count)
        samples[first : first + count] += (rng.uniform(0.2, 1) * fading * wave).astype(np.float32)
    return samples


def noisy(rng: np.random.Generator, samples: Samples) -> Sound:
    """As much noise as sound."""
    level = float(np.sqrt((samples**2).mean()))
    return Sound((samples + level * rng.normal(size=len(samples))).astype(np.float32)[None], SOUND_RATE)


def recordings(rng: np.random.Generator, seconds: float, rate: float) -> tuple[Sound, Sound, float]:
    """Two recordings of one event, the second by a clock that runs at `rate`, and the offset of the second."""
    whole = event(rng, seconds + 8)
    begin_a, begin_b = int(rng.uniform(0, 4) * SOUND_RATE), float(rng.uniform(0, 4))
    a = whole[begin_a : begin_a + int(seconds * SOUND_RATE)]
    own = begin_b + np.arange(int(seconds * rate * SOUND_RATE)) / SOUND_RATE / rate
    b = np.interp(own * SOUND_RATE, np.arange(len(whole)), whole).astype(np.float32)
    return noisy(rng, a), noisy(rng, b), rate * (begin_a / SOUND_RATE - begin_b)


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


def test_sounds_without_anything_in_common_are_refused() -> None:
    rng = np.random.default_rng(3)
    with pytest.raises(SynclineError, match="nothing in common"):
        sound_offset(noisy(rng, event(rng, 15.0)), noisy(rng, event(rng, 15.0)))
    with pytest.raises(SynclineError, match="three seconds"):
        sound_offset(noisy(rng, event(rng, 2.0)), noisy(rng, event(rng, 15.0)))
