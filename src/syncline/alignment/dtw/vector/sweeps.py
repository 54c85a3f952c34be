"""Soft-DTW over rows of a matrix, strip by strip: the values down, the visits back up.

Of the values one row a strip is kept; on the way up each strip is computed again from the row above it. So a matrix may
also come in parts, block by block of rows (see `dtw.streamed_soft_dtw`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.allowed_cells import band_columns
from syncline.alignment.dtw.kernel_tuples import Batch, Block, Borders, Course, Space, Strip, Weights
from syncline.alignment.dtw.vector.strip import CELL, FRONT, PADDING, down, up
from syncline.alignment.numba_compiled import compiled

Array = NDArray[Any]
_COLUMNS = 64  # of a strip that are moved at a time, so that both layouts stay in the cache


@compiled
def columns_of(i: int, rows: int, n: int, m: int, band: int) -> tuple[int, int]:
    """First column of a strip that is in the band, and the one after its last."""
    return band_columns(i, n, m, band)[0], band_columns(i + rows - 1, n, m, band)[1]


@compiled
def _strip(block: Block, i: int, band: int) -> Strip:
    """The strip that begins at row i of the matrix."""
    rows = min(16, block.n - i)
    first, last = columns_of(i, rows, block.n, block.m, band)
    return Strip(i, rows, first, last)


@compiled
def to_steps(block: Block, strip: Strip, band: int, steps: Array) -> bool:
    """The costs of a strip into step layout; infinite outside the band.

    False where a cell within the band holds NaN or minus infinity.
    """
    good = True
    i, rows, first, last = strip
    c, at = block.c, i - block.top
    steps[: (last - first + 15) * 16] = np.inf
    for begin in range(first, last, _COLUMNS):
        for lane in range(rows):
            low, high = band_columns(i + lane, block.n, block.m, band)
            for j in range(max(low, begin), min(high, begin + _COLUMNS)):
                cost = c[at + lane, j]
                good = good and cost > -np.inf
                steps[(j - first + lane) * 16 + lane] = cost
    return good


@compiled
def from_steps(steps: Array, strip: Strip, at: int, posterior: Array) -> None:
    """A strip in step layout into rows ``at`` and on of ``posterior``."""
    _, rows, first, last = strip
    for begin in range(first, last, _COLUMNS):
        for lane in range(rows):
            for j in range(begin, min(last, begin + _COLUMNS)):
                posterior[at + lane, j] = steps[(j - first + lane) * 16 + lane]


@compiled
def space_for(m: int) -> Space:
    """Space for strips of m columns."""
    return Space(np.empty((m + 32) * 16), np.empty((m + 32) * 16), np.empty((m + 32) * CELL))


@compiled
def borders_of(n: int, m: int, open_ends: bool) -> Borders:
    """The borders of a matrix (n, m), of which the one above it is filled."""
    starts, edges = np.empty(m + PADDING), np.empty(((n + 15) // 16 + 1, m + PADDING))
    edges[0] = np.inf
    starts[:] = 0.0 if open_ends else np.inf
    starts[FRONT - 1] = 0.0
    return Borders(starts, edges)


@compiled
def descend(block: Block, course: Course, borders: Borders, space: Space) -> bool:
    """The rows of a block downwards: leaves the last row of every strip in ``borders.edges``. False as `to_steps`."""
    block, course, borders, space = Block(*block), Course(*course), Borders(*borders), Space(*space)
    good = True
    edges, values = borders.edges, space.values
    for i in range(block.top, min(block.n, block.top + block.c.shape[0]), 16):
        k, strip = i // 16, _strip(block, i, course.band)
        _, rows, first, last = strip
        good = to_steps(block, strip, course.band, space.steps) and good
        above = edges[k, first:]
        starts = borders.starts[first:] if k == 0 else above
        down(last - first + 15, space.steps, starts, above, course, None, values)
        edges[k + 1] = np.inf
        for j in range(first, last):
            edges[k + 1, FRONT + j] = values[(j - first + rows - 1) * 16 + rows - 1]
    return good


@compiled
def ascend(
    block: Block, course: Course, out: Weights, borders: Borders, space: Space, ends: Array, passed: Array,
    posterior: Array,
) -> None:  # fmt: skip
    """After `descend`, the same rows upwards: fills ``posterior``, shaped as block.c, with the visits times ``out``.

    ``ends`` (m,): how likely the path ends at a column of the last row. ``passed`` (2, m + PADDING): what the rows
    below give to those above, zeros at the start.
    """
    block, course, borders = Block(*block), Course(*course), Borders(*borders)
    steps, values, shares = space
    top, n = block.top, block.n
    low, high = top // 16, (min(n, top + block.c.shape[0]) + 15) // 16
    for k in range(high - 1, low - 1, -1):
        strip = _strip(block, k * 16, course.band)
        i, rows, first, last = strip
        to_steps(block, strip, course.band, steps)
        above, count = borders.edges[k, first:], last - first + 15
        down(count, steps, borders.starts[first:] if k == 0 else above, above, course, shares, None)
        diagonals, uppers = passed[0, first:], passed[1, first:]
        if i + rows == n:
            values[: count * 16] = 0.0
            for j in range(first, last):
                values[(j - first + rows - 1) * 16 + rows - 1] = ends[j]
            up(count, shares, out, values, diagonals, uppers, steps)
        else:
            up(count, shares, out, None, diagonals, uppers, steps)
        from_steps(steps, strip, i - top, posterior)


@compiled
def value_of(edges: Array, n: int, m: int, course: Course) -> float:
    """The value, from the last row that `descend` left."""
    row = edges[(n + 15) // 16, FRONT : FRONT + m]
    low = row.min()
    value: float = low if course.open_ends else row[m - 1]
    if course.open_ends and low < np.inf:
        total = 0.0
        for j in range(m):
            total += math.exp((low - row[j]) / course.gamma)
        value = low - course.gamma * math.log(total)
    return value


@compiled
def ends_of(edges: Array, n: int, m: int, course: Course, value: float, ends: Array) -> None:
    """How likely the path ends at each column of the last row; nowhere where there is no path."""
    ends[:m] = 0.0
    if value == np.inf:
        return
    if not course.open_ends:
        ends[m - 1] = 1.0
        return
    row = edges[(n + 15) // 16, FRONT:]
    for j in range(m):
        ends[j] = math.exp((value - row[j]) / course.gamma)


@compiled
def value_and_path(
    batch: Batch, course: Course, out: Weights, value: Array, posterior: Array, start: int, stop: int
) -> bool:
    """As `scalar.value_and_path`."""
    c, lx, ly = batch
    course = Course(*course)
    _, n, m = c.shape
    space, borders, ends = space_for(m), borders_of(n, m, course.open_ends), np.empty(m)
    good = True
    for p in range(start, stop):
        rows, columns = lx[p], ly[p]
        if rows == 0 or columns == 0:
            value[p] = 0.0 if rows == columns else np.inf
            continue
        block = Block(c[p], 0, rows, columns)
        fine = descend(block, course, borders, space)
        value[p] = value_of(borders.edges, rows, columns, course)
        good = good and fine
        if posterior.shape[0] and fine:
            ends_of(borders.edges, rows, columns, course, value[p], ends)
            ascend(block, course, out, borders, space, ends, np.zeros((2, m + PADDING)), posterior[p])
    return good
