"""`Path`: a hard alignment of two sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Path:
    """Which frame of the one goes with which of the other.

    Attributes:
        indices: (k, 2) int64, cells (i, j) in order, neither column descending; (0, 2) for an empty alignment.
        score: value of the alignment: a score (higher is better) of ``smith_waterman``, a cost of ``dtw``.
        is_match: (k,) bool: true where frames i and j are matched; false where the step skips a frame of one of them.
    """

    indices: NDArray[np.int64]
    score: float
    is_match: NDArray[np.bool_]

    @classmethod
    def empty(cls, score: float = 0.0) -> Path:
        """A path without cells."""
        return cls(np.zeros((0, 2), dtype=np.int64), score, np.zeros(0, dtype=np.bool_))

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def matches(self) -> NDArray[np.int64]:
        """(k, 2) int64, the matched pairs alone."""
        return self.indices[self.is_match]
