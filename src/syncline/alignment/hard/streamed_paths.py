"""The best local alignments of two embedded sequences without storing their similarities: for very long videos.

The same as `smith_waterman` on `centred_similarity`, in about 3 n m / 256 numbers of memory in place of n m:
- forward, similarities are made for 128 rows at a time and forgotten; of the scores, every 256th row is kept;
- back, from the best cell, the rows up to the kept one above are computed again, this time with their origins, in a
  window to the left of where the path stands. It is wide enough if it comes to the score that the path has there; else
  it is made wider.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.centring import CentredPair
from syncline.alignment.hard.smith_waterman import _D, _START, _sweep, _trace
from syncline.alignment.numba_compiled import compiled
from syncline.alignment.path import Path

Array = NDArray[Any]
STEP = 128  # rows whose similarities are there at a time
ROWS = 256  # between rows whose scores are kept
_CLOSED = -np.inf
_ROUNDING = 1e-3  # of a score: similarities of other shapes are summed in another order


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
        ValueError: no frames, widths that differ, a number that is not finite, ``segments`` below 1, ``scale`` not
            above 0.

    Examples:
        >>> import torch
        >>> path = smith_waterman_streamed(torch.eye(4), torch.eye(4)[1:], scale=0.5)[0]
        >>> path.indices.tolist()
        [[1, 0], [2, 1], [3, 2]]
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not len(x) or not len(y):
        raise ValueError(f"expected sequences (n, d) and (m, d) with frames, got {tuple(x.shape)} and {tuple(y.shape)}")
    if segments < 1 or not scale > 0:
        raise ValueError(f"segments must be at least 1 and scale above 0, got {segments} and {scale}")
    for name, rows in (("x", x), ("y", y)):
        if not rows.isfinite().all():
            frame = int((~rows.isfinite()).any(dim=1).nonzero()[0, 0])
            raise ValueError(f"{name} must be finite, got {rows[frame].tolist()[:4]}... at frame {frame}")
    pair = _Pair(CentredPair.of(x.cpu(), y.cpu(), scale=scale), gap_open, gap_extend)
    found: list[Path] = []
    while len(found) < segments and (path := pair.best()) is not None:
        found.append(path)
    return found or [Path.empty()]


class _Pair:
    """Two sequences, and which of their frames are matched already and so closed."""

    def __init__(self, centred: CentredPair, gap_open: float, gap_extend: float) -> None:
        self.centred, self.a, self.b = centred, centred.a, centred.b
        self.go, self.ge = float(gap_open), float(gap_extend)
        self.closed_a, self.closed_b = (np.zeros(len(rows), dtype=np.bool_) for rows in (self.a, self.b))

    def similarities(self, top: int, bottom: int, left: int, right: int, room: Tensor | None = None) -> Array:
        """(bottom - top, right - left) float32, fewer rows at the end; written to ``room`` if there is one."""
        room = None if room is None else room[: len(self.a[top:bottom])]
        s: Array = self.centred.block(slice(top, bottom), slice(left, right), out=room).numpy()
        s[self.closed_a[top:bottom]] = _CLOSED
        if self.closed_b.any():
            s[:, self.closed_b[left:right]] = _CLOSED
        return s

    def best(self) -> Path | None:
        """The best alignment of the frames that are open, which closes what it matches; None without a positive one."""
        n, m = len(self.a), len(self.b)
        state, spare = np.full((3, m + 1), -np.inf), np.full((2, m + 1), -np.inf)
        kept: list[Array] = []
        best, i, j = 0.0, -1, -1
        with ThreadPoolExecutor(1) as pool:  # the next rows' similarities are made meanwhile
            room, other = torch.empty(2, STEP, m)
            coming = pool.submit(self.similarities, 0, STEP, 0, m, room)
            for top in range(0, n, STEP):
                room, other = other, room
                s, coming = coming.result(), pool.submit(self.similarities, top + STEP, top + 2 * STEP, 0, m, room)
                if top % ROWS == 0:
                    kept.append(state.copy())
                score, row, column = _advance(s, self.go, self.ge, state, spare)
                if score > best:
                    best, i, j = score, top + row, column
        if i < 0:
            return None
        cells, match = np.empty((n + m, 2), dtype=np.int64), np.empty(n + m, dtype=np.bool_)
        count, at, value = 0, _D, best
        while at != _START:
            top = i // ROWS * ROWS
            left, back = self._origins(kept[i // ROWS], i, j, at, value)
            stop, i, j, at = _trace(back, top, i, j - left, at, cells, match, count)
            cells[count:stop, 1] += left
            count, j = stop, j + left
            value = kept[top // ROWS][at - 1, j + 1]
        path = Path(cells[:count][::-1].copy(), best, match[:count][::-1].copy())
        self.closed_a[path.matches[:, 0]] = True
        self.closed_b[path.matches[:, 1]] = True
        return path

    def _origins(self, above: Array, i: int, j: int, at: int, value: float) -> tuple[int, Array]:
        """The origins of the states in the block of row i, in columns up to j: (first column, origins).

        ``above``: the states of the row above the block; ``value``: the score of state ``at`` in cell (i, j).
        """
        top = i // ROWS * ROWS
        price = np.array([[self.go]]), np.array([[self.ge]])
        width = 2 * ROWS
        while True:
            left = max(j + 1 - width, 0)
            edge = above[:, left : j + 2].copy()
            edge[:, 0] = -np.inf
            back = np.empty((i - top + 1, j + 1 - left), dtype=np.uint8)
            _sweep(self.similarities(top, i + 1, left, j + 1), *price, *back.shape, edge, back)
            if left == 0 or edge[at - 1, -1] >= value - _ROUNDING:
                return left, back
            width *= 2
