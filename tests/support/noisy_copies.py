"""Two noisy recordings of one event whose offset and rate are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from walks import course

from syncline.data import Embedding


def noisy_copies(seed: int) -> tuple[Embedding, Embedding, float, float]:
    """(a, b, offset, rate): second of b = offset + rate * second of a; from clear to hardly seen."""
    rng = np.random.default_rng([5, seed])
    frame_rate, seconds = rng.choice([5, 7.5, 10, 15]), rng.uniform(10, 40)
    pace, noise = rng.uniform(0.03, 0.12), rng.uniform(0.1, 0.8)  # of a curve whose coordinates reach from -1 to 1
    rate = float(rng.choice([1, 1, rng.uniform(0.97, 1.03)]))
    offset = float(rng.uniform(-0.25, 0.25) * seconds)
    clock_a = np.arange(0, seconds, 1 / frame_rate)
    clock_b = np.arange(0, seconds * rng.uniform(0.8, 1.2), 1 / frame_rate)

    def seen(moments: NDArray[np.float64], clock: NDArray[np.float64], name: str) -> Embedding:
        shown = course(moments * pace, seed=seed)
        return Embedding((shown + noise * rng.normal(size=shown.shape)).astype(np.float32), clock, name)

    return seen(clock_a, clock_a, "a"), seen((clock_b - offset) / rate, clock_b, "b"), offset, rate
