"""Dynamic time warping: the cheapest path from corner to corner, with bands and open ends (Sakoe and Chiba 1978)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.allowed_cells import as_mask, band_columns, check_band, restricted
from syncline.alignment.batch_threads import in_slices
from syncline.alignment.dtw.kernel_tuples import Weights
from syncline.alignment.input_checks import Lengths, as_lengths, as_matrix, as_step_weights, check_values
from syncline.alignment.numba_compiled import compiled
from syncline.alignment.path import Path

Array = NDArray[Any]
# where a cell is reached from: the beginning, a step in both videos, in the first or second alone, nowhere
_START, _DIAGONAL, _FIRST, _SECOND, _NOWHERE = range(5)


_Paths = tuple[int, Weights, bool, bool]
"""Which paths there are: band (-1 for no limit), step weights, open begin, open end; see `dtw`."""


@compiled
def _sweep(c: Array, n: int, m: int, how: _Paths, step: Array) -> tuple[float, int]:
    """Fills ``step`` (n, m) uint8 within the band with where each cell is reached from; (cost, column of the end).

    The cost is NaN where a cell within the band holds NaN or minus infinity.
    """
    band, weights, open_begin, open_end = how
    r = np.full((2, m + 1), np.inf)  # two rows, with a border before column 0
    both, first_alone, second_alone = weights
    last_before, good = m, True
    for i in range(n):
        above, here = 1 - (i & 1), i & 1
        first, last = band_columns(i, n, m, band)
        r[here, first] = np.inf
        for j in range(last_before, last):  # what the row above has beyond its band
            r[above, j + 1] = np.inf
        for j in range(first, last):
            cost = c[i, j]
            good = good and cost > -np.inf
            best, code = np.inf, _NOWHERE
            if i == 0 and (j == 0 or open_begin):
                best, code = both * cost, _START
            elif i > 0:
                best, code = r[above, j] + both * cost, _DIAGONAL
                if r[above, j + 1] + first_alone * cost < best:
                    best, code = r[above, j + 1] + first_alone * cost, _FIRST
            if r[here, j] + second_alone * cost < best:
                best, code = r[here, j] + second_alone * cost, _SECOND
            r[here, j + 1] = best
            step[i, j] = code if best < np.inf else _NOWHERE
        last_before = last
    final = r[(n - 1) & 1]
    end = m - 1
    if open_end:
        end = first + int(np.argmin(final[first + 1 : last + 1]))
    return final[end + 1] if good else np.nan, end


@compiled
def _trace(step: Array, i: int, j: int, cells: Array) -> int:
    count = 0
    while True:
        cells[count, 0], cells[count, 1] = i, j
        count += 1
        code = step[i, j]
        if code == _START:
            return count
        if code != _SECOND:
            i -= 1
        if code != _FIRST:
            j -= 1


def dtw(
    cost: Tensor,
    *,
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
    band: int | None = None,
    allowed: Tensor | None = None,
    open_begin: bool = False,
    open_end: bool = False,
    subsequence: bool = False,
    step_weights: Sequence[float] = (1.0, 1.0, 1.0),
) -> list[Path]:
    """Cheapest monotone path of each pair; every frame of both takes part, unless an end is open.

    Args:
        cost: (b, n, m). Infinity forbids a cell. Not differentiated.
        lengths_x, lengths_y: (b,) whole numbers; None: all.
        band: frames of the longer video that a path may leave the straight line (see `allowed_cells`); None: no limit.
            The time is in proportion to it.
        allowed: (n, m) or (b, n, m) bool, cells that a path may use; None: all.
        open_begin, open_end: the path may begin (end) at any frame of the second video.
        subsequence: both: the first video is found inside the second.
        step_weights: by what the cost of a cell is multiplied when it is reached by a step in both videos, in the first
            alone, in the second alone; (2, 1, 1) is Sakoe and Chiba's symmetric form. The first cell counts as the
            first kind.

    Returns:
        One path a pair with the sum of its (weighted) costs as score. Ties go to the diagonal, then to a step in the
        first video alone. ``is_match`` is false where a step repeats a frame of either. Empty where a length is 0
        (score 0), and where no path is allowed (score infinite).

    Raises:
        TypeError, ValueError: as `soft_dtw`.

    Examples:
        >>> import torch
        >>> a, b = torch.tensor([0.0, 1, 2]), torch.tensor([0.0, 0, 1, 2])
        >>> dtw((a[:, None] - b).abs()[None])[0].indices.tolist()
        [[0, 0], [0, 1], [1, 2], [2, 3]]
    """
    matrix = as_matrix(cost, "cost").detach()
    b, n, m = matrix.shape
    width, mask, weights = check_band(band), as_mask(allowed, matrix), as_step_weights(step_weights)
    matrix = restricted(matrix, np.inf, -1, mask, None, None).cpu()
    lx = as_lengths(lengths_x, "lengths_x", b, n, matrix.device)
    ly = as_lengths(lengths_y, "lengths_y", b, m, matrix.device)
    how = (width, weights, open_begin or subsequence, open_end or subsequence)
    paths = [Path.empty()] * b

    def work(start: int, stop: int) -> None:
        step, cells = np.empty((n, m), dtype=np.uint8), np.empty((n + m, 2), dtype=np.int64)
        for p in range(start, stop):
            rows, columns = n if lx is None else int(lx[p]), m if ly is None else int(ly[p])
            if rows and columns:
                paths[p] = _path(matrix[p].numpy(), rows, columns, how, step, cells)
            if paths[p].score != paths[p].score:
                check_values(matrix, "cost", lx, ly, forbidden=np.inf)

    in_slices(work, b, b * n * m)
    return paths


def _path(cost: Array, rows: int, columns: int, how: _Paths, step: Array, cells: Array) -> Path:
    """The cheapest path of one pair. ``step``, ``cells``: space. NaN where a cost is."""
    value, last = _sweep(cost, rows, columns, how, step)
    if not value < np.inf:
        return Path.empty(float(value))
    indices = cells[: _trace(step, rows - 1, last, cells)][::-1].copy()
    steps = np.diff(indices, axis=0)
    return Path(indices, float(value), np.concatenate([[True], (steps == 1).all(axis=1)]))
