"""Runs one pair block by block through the vector kernel, down and up: for streamed and banded scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.soft_smith_waterman.vector.kernel_tuples import FAINTEST
from syncline.alignment.soft_smith_waterman.vector.vector_backend import COLDEST, HOTTEST, LEAST, MOST

_PADDING = 48


def in_range(go: float, ge: float, gamma: float) -> bool:
    """Whether prices are in the kernel's range."""
    return COLDEST <= gamma <= HOTTEST and all(LEAST <= gap / gamma <= MOST for gap in (go, ge))


class OnePair:
    """A pair of n and m frames, both above 0, with prices go, ge and gamma, and what is kept of it between blocks.

    The row above every strip is there for one block of ``rows`` rows at a time (None: for all); between blocks one row
    is kept, from which the others are had again on the way up.

    Attributes:
        whole: log2 of the sum whose logarithm is the score, after all rows went down.
        gaps: (2,), the gradient in go and ge, after all rows went up.
    """

    def __init__(
        self, n: int, m: int, go: float, ge: float, gamma: float, *, band: int = -1, rows: int | None = None
    ) -> None:
        from syncline.alignment.soft_smith_waterman.vector import row_blocks

        self._kernel, self._pair = row_blocks, ((n, m), (go, ge, gamma), band)
        self._step = n if rows is None else rows
        strips, self._width, count = (min(n, self._step) + 15) // 16 + 1, m + _PADDING, -(-n // self._step)
        self._rows = np.empty(strips * 2 * self._width, np.float32), np.empty(strips * self._width, np.int32)
        self._kept = np.zeros((count, 2 * self._width), np.float32), np.zeros((count, self._width), np.int32)
        self._sums = np.zeros(16, np.float32), np.zeros(16, np.int32)
        self._below, self.gaps, self.whole = np.zeros(2 * self._width, np.float32), np.zeros(2), -np.inf

    def down(self, s: NDArray[np.float32], stride: int, top: int, stop: int) -> bool:
        """A block, rows top to stop; s, flat, begins with row top, rows ``stride`` apart.

        False where a similarity is out of range, or, after the last row, the whole pair.
        """
        good = self._descend(s, stride, top, stop, self._sums)
        if stop < self._pair[0][0]:
            last = (stop - top) // 16
            for kept, rows, width in zip(self._kept, self._rows, (2 * self._width, self._width), strict=True):
                kept[stop // self._step] = rows[last * width : (last + 1) * width]
        elif good:
            self.whole = float(self._kernel.whole_of(*self._sums))
            good = self.whole >= FAINTEST
        return good

    def up(self, s: NDArray[np.float32], stride: int, top: int, stop: int, g: float, ds: NDArray[np.float32]) -> None:
        """The same blocks, last rows first: g times the gradient of the score, into ds, laid out as s, zeros before."""
        if stop == self._pair[0][0]:
            self._below[:], self.gaps[:] = 0.0, 0.0
        if len(self._kept[0]) > 1:
            self._descend(s, stride, top, stop, (np.zeros(16, np.float32), np.zeros(16, np.int32)))
        arguments: Any = (*self._pair, self._rows, self.whole, g, self._below, ds, self.gaps)
        self._kernel.ascend(s, stride, top, stop, *arguments)

    def _descend(self, s: NDArray[np.float32], stride: int, top: int, stop: int, sums: Any) -> bool:
        for kept, rows in zip(self._kept, self._rows, strict=True):
            rows[: kept.shape[1]] = kept[top // self._step]
        return bool(self._kernel.descend(s, stride, top, stop, *self._pair, self._rows, *sums))
