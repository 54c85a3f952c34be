"""The embedding of one video: a vector for every sampled frame, and when that frame is shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError


@dataclass(frozen=True, eq=False)
class Embedding:
    """Vectors that never travel without their times.

    Attributes:
        vectors: (t, d) float32.
        pts_seconds: (t,) float64, when each frame is shown, ascending.
        source: whose frames these are (the video's name or path).

    Raises:
        SynclineError: shapes that do not fit, times that do not ascend, or values that are not finite.

    Examples:
        >>> Embedding(np.eye(3, dtype=np.float32), np.array([0.0, 0.1, 0.2]), "three.mp4").vectors.shape
        (3, 3)
    """

    vectors: NDArray[np.float32]
    pts_seconds: NDArray[np.float64]
    source: str

    def __post_init__(self) -> None:
        vectors, seconds = np.asarray(self.vectors), np.asarray(self.pts_seconds)
        if vectors.ndim != 2 or seconds.shape != (len(vectors),):
            raise SynclineError(
                f"embedding of {self.source}: vectors {vectors.shape} and pts_seconds {seconds.shape} do not fit; "
                "expected (t, d) and (t,)"
            )
        if not np.isfinite(vectors).all() or not np.isfinite(seconds).all():
            raise SynclineError(f"embedding of {self.source} holds values that are not finite")
        if (np.diff(seconds) < 0).any():
            raise SynclineError(f"embedding of {self.source}: pts_seconds do not ascend")
        object.__setattr__(self, "vectors", vectors.astype(np.float32, copy=False))
        object.__setattr__(self, "pts_seconds", seconds.astype(np.float64, copy=False))

    def __len__(self) -> int:
        return len(self.vectors)
