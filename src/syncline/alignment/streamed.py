"""The best local alignments of two embedded sequences without their matrix of similarities, for very long videos.

The same as `smith_waterman` on `centred_similarity`, in about 3 n m / 128 numbers of memory in place of n m:
- forward, similarities are made for 128 rows at a time and forgotten; of the scores, every 128th row is kept;
- back, from the best cell, the 128 rows above a kept one are computed again, this time with their origins, as far to
  the right as the path stands.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.compiled import compiled
from syncline.alignment.hard import _D, _START, _sweep, _trace
from syncline.alignment.path import Path
from syncline.alignment.similarity import unit_rows

Array = NDArray[Any]
ROWS = 128
_CLOSED = -1e30


@compiled
def _advance(s: Array, go: float, ge: float, state: Array, spare: Array) -> tuple[float, int, int]:
    """Takes ``state`` (3, m + 1), the D, X and Y of the row above ``s`` (k, m), to its last row; best score and cell.

    Each row is two passes, of which the first has no dependence along the row and becomes vector code.
    """
    m = s.shape[1]
    best, best_i, best_j = 0.0, -1, -1
    for i in range(s.shape[0]):
        d, x, y = state[0], state[1], state[2]
        new_d, new_y = spare[0], spare[1]
        row_best = 0.0
        for j in range(m):
            from_match = d[j] if d[j] > x[j] else x[j]
            from_match = y[j] if y[j] > from_match else from_match
            value = (from_match if from_match > 0.0 else 0.0) + s[i, j]
            new_d[j + 1] = value
            row_best = value if value > row_best else row_best
            above = d[j + 1] if d[j + 1] > x[j + 1] else x[j + 1]
            opened, extended = above - go, y[j + 1] - ge
            new_y[j + 1] = extended if extended > opened else opened
        if row_best > best:
            best, best_i = row_best, i
            for j in range(m):
                if new_d[j + 1] == row_best:
                    best_j = j
                    break
        for j in range(m):
            opened, extended = new_d[j] - go, x[j] - ge
            x[j + 1] = extended if extended > opened else opened
        d[:], y[:] = new_d, new_y
    return best, best_i, best_j


def smith_waterman_streamed(
    x: Any, y: Any, *, scale: float, gap_open: float = 1.0, gap_extend: float = 0.5, segments: int = 1
) -> list[Path]:
    """The ``segments`` best local alignments of two embedded sequences that share no frame, best first.

    Args:
        x, y: (n, d), (m, d) floating tensors. Their similarity is (cosine - its mean over all pairs) / ``scale``.
        gap_open, gap_extend: prices, the same for all cells.
        segments: how many alignments to look for; each is a pass of its own.

    Returns:
        What `smith_waterman` gives for one pair, to float32 rounding of the similarities: one empty path where nothing
        is positive.

    Raises:
        ValueError: no frames, widths that differ, ``segments`` below 1, ``scale`` not above 0.

    Example:
        >>> import torch
        >>> path = smith_waterman_streamed(torch.eye(4), torch.eye(4)[1:], scale=0.5)[0]
        >>> path.indices.tolist()
        [[1, 0], [2, 1], [3, 2]]
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not len(x) or not len(y):
        raise ValueError(f"expected sequences (n, d) and (m, d) with frames, got {tuple(x.shape)} and {tuple(y.shape)}")
    if segments < 1 or not scale > 0:
        raise ValueError(f"segments must be at least 1 and scale above 0, got {segments} and {scale}")
    pair = _Pair(unit_rows(x.detach().float().cpu()), unit_rows(y.detach().float().cpu()), scale, gap_open, gap_extend)
    found: list[Path] = []
    while len(found) < segments and (path := pair.best()) is not None:
        found.append(path)
    return found or [Path(np.zeros((0, 2), dtype=np.int64), 0.0, np.zeros(0, dtype=np.bool_))]


class _Pair:
    """Two sequences of unit rows, and which of their frames are matched already and so closed."""

    def __init__(self, a: Tensor, b: Tensor, scale: float, gap_open: float, gap_extend: float) -> None:
        self.a, self.b, self.scale = a, b, scale
        self.mean = float(a.double().mean(0) @ b.double().mean(0))  # of all cosines
        self.go, self.ge = float(gap_open), float(gap_extend)
        self.closed_a, self.closed_b = (np.zeros(len(rows), dtype=np.bool_) for rows in (a, b))

    def similarities(self, top: int) -> Array:
        """(at most ROWS, m) float32, of the rows from ``top`` on."""
        s: Array = (self.a[top : top + ROWS] @ self.b.T).sub_(self.mean).div_(self.scale).numpy()
        s[self.closed_a[top : top + ROWS]] = _CLOSED
        if self.closed_b.any():
            s[:, self.closed_b] = _CLOSED
        return s

    def best(self) -> Path | None:
        """The best alignment of the frames that are open, which closes what it matches; None without a positive one."""
        n, m = len(self.a), len(self.b)
        state, spare = np.full((3, m + 1), -np.inf), np.full((2, m + 1), -np.inf)
        kept: list[Array] = []
        best, i, j = 0.0, -1, -1
        for top in range(0, n, ROWS):
            kept.append(state.copy())
            score, row, column = _advance(self.similarities(top), self.go, self.ge, state, spare)
            if score > best:
                best, i, j = score, top + row, column
        if i < 0:
            return None
        cells, match = np.empty((n + m, 2), dtype=np.int64), np.empty(n + m, dtype=np.bool_)
        price = np.array([[self.go]]), np.array([[self.ge]])
        count, at = 0, _D
        while at != _START:
            block, width = i // ROWS, j + 1
            top = block * ROWS
            back = np.empty((i - top + 1, width), dtype=np.uint8)
            _sweep(self.similarities(top), *price, len(back), width, kept[block], back)
            count, i, j, at = _trace(back, top, i, j, at, cells, match, count)
        path = Path(cells[:count][::-1].copy(), best, match[:count][::-1].copy())
        self.closed_a[path.matches[:, 0]] = True
        self.closed_b[path.matches[:, 1]] = True
        return path
