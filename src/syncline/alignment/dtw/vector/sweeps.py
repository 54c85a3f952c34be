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
from syncline.alignment.dtw.vector.strip import CELL, FRONT, PADDING, down, up
from syncline.alignment.numba_compiled import compiled

Array = NDArray[Any]
_COLUMNS = 64  # of a strip that are moved at a time, so that both layouts stay in the cache


@compiled
def columns_of(i: int, rows: int, n: int, m: int, band: int) -> tuple[int, int]:
    """First column of a strip that is in the band, and the one after its last."""
    return band_columns(i, n, m, band)[0], band_columns(i + rows - 1, n, m, band)[1]


@compiled
def to_steps(
    c: Array, at: int, i: int, rows: int, n: int, m: int, band: int, first: int, last: int, steps: Array
) -> bool:
    """Row ``at`` of c and the next, rows i and on of the whole, into step layout; infinite outside the band.

    False where a cell within the band holds NaN or minus infinity.
    """
    good = True
    steps[: (last - first + 15) * 16] = np.inf
    for begin in range(first, last, _COLUMNS):
        for lane in range(rows):
            low, high = band_columns(i + lane, n, m, band)
            for j in range(max(low, begin), min(high, begin + _COLUMNS)):
                cost = c[at + lane, j]
                good = good and cost > -np.inf
                steps[(j - first + lane) * 16 + lane] = cost
    return good


@compiled
def from_steps(steps: Array, at: int, rows: int, first: int, last: int, posterior: Array) -> None:
    """Step layout into rows ``at`` and on of ``posterior``."""
    for begin in range(first, last, _COLUMNS):
        for lane in range(rows):
            for j in range(begin, min(last, begin + _COLUMNS)):
                posterior[at + lane, j] = steps[(j - first + lane) * 16 + lane]


@compiled
def room(m: int) -> tuple[Array, Array, Array]:
    """Work space for strips of m columns: costs and values in step layout, and shares."""
    return np.empty((m + 32) * 16), np.empty((m + 32) * 16), np.empty((m + 32) * CELL)


@compiled
def begin(edges: Array, starts: Array, open_ends: bool) -> None:
    """The border above the matrix: the first of ``edges``, and in ``starts`` as its diagonal successors see it."""
    edges[0] = np.inf
    starts[:] = 0.0 if open_ends else np.inf
    starts[FRONT - 1] = 0.0


@compiled
def descend(
    c: Array, top: int, n: int, m: int, gamma: float, band: int, weights: tuple[float, float, float], starts: Array,
    edges: Array, steps: Array, values: Array,
) -> bool:  # fmt: skip
    """Rows ``top`` (a multiple of 16) and on, which c holds, of a matrix (n, m): leaves the last row of every strip.

    ``edges`` (strips + 1, m + PADDING): row k is the row above strip k. False as `to_steps`.
    """
    good = True
    for i in range(top, min(n, top + c.shape[0]), 16):
        k, rows = i // 16, min(16, n - i)
        first, last = columns_of(i, rows, n, m, band)
        good = to_steps(c, i - top, i, rows, n, m, band, first, last, steps) and good
        above = edges[k, first:]
        down(
            last - first + 15, steps, starts[first:] if k == 0 else above, above, weights, gamma, None, values
        )  # fmt: skip
        edges[k + 1] = np.inf
        for j in range(first, last):
            edges[k + 1, FRONT + j] = values[(j - first + rows - 1) * 16 + rows - 1]
    return good


@compiled
def ascend(
    c: Array, top: int, n: int, m: int, gamma: float, band: int, weights: tuple[float, float, float],
    out: tuple[float, float, float], starts: Array, edges: Array, ends: Array, passed: Array, steps: Array,
    values: Array, shares: Array, posterior: Array,
) -> None:  # fmt: skip
    """After `descend`, the same rows upwards: fills ``posterior``, shaped as c, with the visits times ``out``.

    ``ends`` (m,): how likely the path ends at a column of the last row. ``passed`` (2, m + PADDING): what the rows
    below give to those above, zeros at the start.
    """
    low, high = top // 16, (min(n, top + c.shape[0]) + 15) // 16
    for k in range(high - 1, low - 1, -1):
        i = k * 16
        rows = min(16, n - i)
        first, last = columns_of(i, rows, n, m, band)
        to_steps(c, i - top, i, rows, n, m, band, first, last, steps)
        above = edges[k, first:]
        count = last - first + 15
        down(count, steps, starts[first:] if k == 0 else above, above, weights, gamma, shares, None)
        diagonals, uppers = passed[0, first:], passed[1, first:]
        if i + rows == n:
            values[: count * 16] = 0.0
            for j in range(first, last):
                values[(j - first + rows - 1) * 16 + rows - 1] = ends[j]
            up(count, shares, out, values, diagonals, uppers, steps)
        else:
            up(count, shares, out, None, diagonals, uppers, steps)
        from_steps(steps, i - top, rows, first, last, posterior)


@compiled
def value_of(edges: Array, n: int, m: int, gamma: float, open_ends: bool) -> float:
    """The value, from the last row that `descend` left."""
    row = edges[(n + 15) // 16, FRONT : FRONT + m]
    low = row.min()
    value: float = low if open_ends else row[m - 1]
    if open_ends and low < np.inf:
        total = 0.0
        for j in range(m):
            total += math.exp((low - row[j]) / gamma)
        value = low - gamma * math.log(total)
    return value


@compiled
def ends_of(edges: Array, n: int, m: int, gamma: float, open_ends: bool, value: float, ends: Array) -> None:
    """How likely the path ends at each column of the last row; nowhere where there is no path."""
    ends[:m] = 0.0
    if value == np.inf:
        return
    if not open_ends:
        ends[m - 1] = 1.0
        return
    row = edges[(n + 15) // 16, FRONT:]
    for j in range(m):
        ends[j] = math.exp((value - row[j]) / gamma)


@compiled
def value_and_path(
    c: Array, lx: Array, ly: Array, gamma: float, band: int, weights: tuple[float, float, float],
    out: tuple[float, float, float], open_ends: bool, value: Array, posterior: Array, start: int, stop: int,
) -> bool:  # fmt: skip
    """As `scalar.value_and_path`."""
    _, n, m = c.shape
    steps, values, shares = room(m)
    edges, starts, ends = np.empty(((n + 15) // 16 + 1, m + PADDING)), np.empty(m + PADDING), np.empty(m)
    good = True
    for p in range(start, stop):
        rows, columns = lx[p], ly[p]
        if rows == 0 or columns == 0:
            value[p] = 0.0 if rows == columns else np.inf
            continue
        begin(edges, starts, open_ends)
        fine = descend(c[p], 0, rows, columns, gamma, band, weights, starts, edges, steps, values)
        value[p] = value_of(edges, rows, columns, gamma, open_ends)
        good = good and fine
        if posterior.shape[0] and fine:
            ends_of(edges, rows, columns, gamma, open_ends, value[p], ends)
            ascend(
                c[p], 0, rows, columns, gamma, band, weights, out, starts, edges, ends, np.zeros((2, m + PADDING)),
                steps, values, shares, posterior[p],
            )  # fmt: skip
    return good
