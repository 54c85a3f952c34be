"""Embeddings of a known course: points of a smooth curve that never comes back to where it was."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syncline.data import Embedding


def course(progress: ArrayLike, *, dim: int = 24, seed: int = 0) -> NDArray[np.float32]:
    """(t, dim) vectors of (t,) progress: a smooth random curve; the same for one seed."""
    generator = np.random.default_rng(seed)
    frequencies = generator.uniform(2.0, 14.0, dim)
    phases = generator.uniform(0, 2 * np.pi, dim)
    return np.sin(np.asarray(progress, dtype=np.float64)[:, None] * frequencies + phases).astype(np.float32)


def walk(
    progress: ArrayLike, source: str = "video", *, rate: float = 10.0, noise: float = 0.0, seed: int = 0
) -> Embedding:
    """The embedding of a video that shows the course at the given progress; NaN is something else altogether."""
    at = np.asarray(progress, dtype=np.float64)
    generator = np.random.default_rng([seed, len(at)])
    vectors = course(np.nan_to_num(at))
    strange = np.isnan(at)
    vectors[strange] = course(np.linspace(0, 1, int(strange.sum())), seed=seed + 99)
    vectors += noise * generator.normal(size=vectors.shape).astype(np.float32)
    return Embedding(vectors, np.arange(len(at)) / rate, source)


def warp(length: int, seed: int, *, strength: float = 1.0) -> NDArray[np.float64]:
    """(length,) progress from 0 to 1 at a tempo that changes smoothly."""
    generator = np.random.default_rng(seed)
    knots = np.exp(strength * 0.5 * generator.normal(size=6))
    speed = np.interp(np.linspace(0, 5, length), np.arange(6), knots)
    passed = np.cumsum(speed) - speed[0]
    return np.asarray(passed / passed[-1])
