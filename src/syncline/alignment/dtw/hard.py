"""Dynamic time warping: the cheapest path from corner to corner, with bands and open ends (Sakoe and Chiba 1978)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.compiled import compiled
from syncline.alignment.inputs import Lengths, as_lengths, as_matrix
from syncline.alignment.path import Path
from syncline.alignment.threads import in_slices

Array = NDArray[Any]


@compiled
def _sweep(c: Array, n: int, m: int, band: float, open_begin: bool, open_end: bool, step: Array) -> tuple[float, int]:
    """Fills ``step`` (n, m) uint8 (0 start, 1 diagonal, 2 from above, 3 from the left); (cost, column of the end)."""
    r = np.full((2, m), np.inf)
    slope = (m - 1) / max(n - 1, 1)
    for i in range(n):
        a, h = 1 - (i & 1), i & 1
        r[h, :] = np.inf
        first, last = 0, m
        if band >= 0.0:
            centre = i * slope
            reach = max(band, slope, 0.5)  # every row has a column, and reaches the next row's
            first, last = max(0, int(np.ceil(centre - reach - 1e-9))), min(m, int(np.floor(centre + reach + 1e-9)) + 1)
        for j in range(first, last):
            best, code = np.inf, 0
            if i == 0 and (j == 0 or open_begin):
                best = 0.0
            else:
                if i > 0 and j > 0:
                    best, code = r[a, j - 1], 1
                if i > 0 and r[a, j] < best:
                    best, code = r[a, j], 2
                if j > 0 and r[h, j - 1] < best:
                    best, code = r[h, j - 1], 3
            r[h, j] = best + c[i, j]
            step[i, j] = code
    final = r[(n - 1) & 1]
    end = m - 1
    if open_end:
        end = int(np.argmin(final[:m]))
    return final[end], end


@compiled
def _trace(step: Array, i: int, j: int, cells: Array) -> int:
    count = 0
    while True:
        cells[count, 0], cells[count, 1] = i, j
        count += 1
        code = step[i, j]
        if code == 0:
            return count
        if code != 3:
            i -= 1
        if code != 2:
            j -= 1


def dtw(
    cost: Tensor,
    *,
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
    band: int | None = None,
    open_begin: bool = False,
    open_end: bool = False,
    subsequence: bool = False,
) -> list[Path]:
    """Cheapest monotone path of each pair; every frame of both takes part, unless an end is open.

    Args:
        cost: (b, n, m), finite. Not differentiated.
        lengths_x, lengths_y: (b,) whole numbers; None: all.
        band: frames of the second video that a path may leave the straight line; None: no limit.
        open_begin, open_end: the path may begin (end) at any frame of the second video.
        subsequence: both: the first video is found inside the second.

    Returns:
        One path a pair with the sum of its costs as score. Ties go to the diagonal, then to a step in the first video
        alone. ``is_match`` is false where a step repeats a frame of either. Empty, cost 0, where a length is 0.

    Raises:
        TypeError, ValueError: as `soft_smith_waterman`; a band below 0.

    Examples:
        >>> import torch
        >>> a, b = torch.tensor([0.0, 1, 2]), torch.tensor([0.0, 0, 1, 2])
        >>> dtw((a[:, None] - b).abs()[None])[0].indices.tolist()
        [[0, 0], [0, 1], [1, 2], [2, 3]]
    """
    matrix = as_matrix(cost, "cost").detach().cpu()
    b, n, m = matrix.shape
    if band is not None and band < 0:
        raise ValueError(f"band must be at least 0, got {band}")
    lx = as_lengths(lengths_x, "lengths_x", b, n, matrix.device)
    ly = as_lengths(lengths_y, "lengths_y", b, m, matrix.device)
    paths: list[Path | None] = [None] * b

    def work(start: int, stop: int) -> None:
        step, cells = np.empty((n, m), dtype=np.uint8), np.empty((n + m, 2), dtype=np.int64)
        for p in range(start, stop):
            rows, columns = n if lx is None else int(lx[p]), m if ly is None else int(ly[p])
            if rows == 0 or columns == 0:
                paths[p] = Path(np.zeros((0, 2), dtype=np.int64), 0.0, np.zeros(0, dtype=np.bool_))
                continue
            width = -1.0 if band is None else float(band)
            begin, end = open_begin or subsequence, open_end or subsequence
            value, last = _sweep(matrix[p].numpy(), rows, columns, width, begin, end, step)
            count = _trace(step, rows - 1, last, cells)
            indices = cells[:count][::-1].copy()
            steps = np.diff(indices, axis=0)
            paths[p] = Path(indices, float(value), np.concatenate([[True], (steps == 1).all(axis=1)]))

    in_slices(work, b, b * n * m)
    return [path for path in paths if path is not None]
