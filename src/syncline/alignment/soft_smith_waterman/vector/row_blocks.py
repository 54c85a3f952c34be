"""The vector kernel for a block of rows of one pair, with one price for all gaps, and a band.

What lies between blocks of rows is the row above every strip (on the way up also the gradient of the row below), so a
matrix need never be there as a whole; and a strip goes only through those columns in which one of its rows has cells of
the band, and one to either side. Matches lie in the band alone, however much frames outside it are alike, but a gap may
leave it: on the right of a strip x and y only decay, by e a column, so what enters the next strip there is had from the
last column of this one. On the left of a strip nothing that leaves the band comes back, because after y no x follows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.allowed_cells import band_columns
from syncline.alignment.numba_compiled import compiled
from syncline.alignment.soft_smith_waterman.vector.backward import sweep
from syncline.alignment.soft_smith_waterman.vector.float32_lanes import (
    any_lane,
    flush_denormals,
    load,
    restore_denormals,
    splat,
    splat_int,
    store,
)
from syncline.alignment.soft_smith_waterman.vector.forward import scale_of, sum_of_lanes
from syncline.alignment.soft_smith_waterman.vector.kernel_tuples import RowAbove, RowsBelow, Steps, Strip
from syncline.alignment.soft_smith_waterman.vector.strip import CELL, FRONT, PADDING, skew_in, skew_out, strip

Array = NDArray[Any]
_NOTHING = np.float32(0)


@compiled
def columns_of(i: int, rows: int, n: int, m: int, band: int) -> tuple[int, int]:
    """First column that rows i and on go through, and the one after their last."""
    if band < 0:
        return 0, m
    return max(0, band_columns(i, n, m, band)[0] - 1), min(m, band_columns(i + rows - 1, n, m, band)[1] + 1)


@compiled
def _lanes_of(i: int, rows: int, n: int, m: int, band: int, first: int, starts: Array, widths: Array) -> None:
    """The band of each lane's row in steps: where it begins, and how many columns it has."""
    for lane in range(16):
        low, high = band_columns(i + lane, n, m, band) if lane < rows else (0, 0)
        starts[lane], widths[lane] = first - low - lane, high - low


@compiled
def _beyond(edge: Array, level: Array, at: int, m: int, last: int, further: int, fall: float) -> None:
    """The row at ``at``, of which columns before ``last`` are there, up to column ``further``: x and y decay."""
    width = m + PADDING
    z, y, k = (
        float(edge[at + FRONT + last - 1]),
        float(edge[at + width + FRONT + last - 1]),
        level[at // 2 + FRONT + last - 1],
    )
    for j in range(FRONT + last, min(FRONT + further + 32, width)):
        z, y = z * fall, y * fall
        if j >= FRONT + further:
            z, y, k = 0.0, 0.0, 0
        elif k > 0 and max(z, y) < 0.5:
            rise = k if max(z, y) == 0.0 else min(k, int(-math.floor(math.log2(max(z, y)))))
            z, y, k = z * 2.0**rise, y * 2.0**rise, k - rise
        edge[at + j], edge[at + width + j], level[at // 2 + j] = z, y, k


@compiled
def descend(
    s: Array, stride: int, top: int, stop: int, size: tuple[int, int], prices: tuple[float, float, float], band: int,
    kept: Any, sums: Array, powers: Array,
) -> bool:  # fmt: skip
    """Rows ``top`` (a multiple of 16) to ``stop`` of a pair of ``size``; row ``top`` begins s (flat, ``stride`` a row).

    ``prices``: go, ge and gamma. ``kept``: edge (strips + 1, 2, width) and level (strips + 1, width), flat, of these
    rows alone; row k is the row above strip k, of which row 0 is given. ``sums`` times 2 to ``powers``, 16 lanes, sum
    up. False where a similarity is out of range.
    """
    state = flush_denormals()
    (n, m), (go, ge, gamma), (edge, level) = size, prices, kept
    width, space = m + PADDING, (m + 48) * 16
    steps = Steps(np.zeros(space, np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32))
    t_row, starts, widths = np.empty(m + 64, np.float32), np.empty(16, np.int32), np.empty(16, np.int32)
    scale = scale_of(gamma, n, m)
    gaps = splat(np.float32(math.exp(-go / gamma))), splat(np.float32(math.exp(-ge / gamma)))
    d_to = steps.s, scale.hi
    good = True
    for i in range(top, stop, 16):
        at, rows = (i - top) // 16 * 2 * width, min(16, n - i)
        first, last = columns_of(i, rows, n, m, band)
        here = Strip(0, i, rows, last - first, n, m)
        skew_in(s, (i - top) * stride + first, stride, rows, last - first, steps.s)
        _lanes_of(i, rows, n, m, band, first, starts, widths)
        to = at + 2 * width if i + 16 < n else -1
        above = RowAbove(edge[first:], level[first:], t_row, at, to, width)
        total = load(sums, 0), load(powers, 0)
        within = load(starts, 0), load(widths, 0)
        (total, k_total), bad = strip(here, steps, gaps, None, above, scale, total, None, d_to, None, None, within)
        good = good and not any_lane(bad)
        store(sums, 0, total)
        store(powers, 0, k_total)
        if to >= 0 and last < m:
            further = columns_of(i + 16, min(16, n - i - 16), n, m, band)[1]
            _beyond(edge, level, to, m, last, further, math.exp(-ge / gamma))
    restore_denormals(state)
    return good


@compiled
def whole_of(sums: Array, powers: Array) -> float:
    """log2 of the sum over all lanes."""
    part, exponent = sum_of_lanes(load(sums, 0), load(powers, 0))
    whole: float = math.log2(part) + exponent
    return whole


@compiled
def _fold(edge: Array, level: Array, at: int, m: int, last: int, further: int, below: Array) -> float:
    """Moves what the strip below gives to columns beyond ``last`` to ``last``; returns the sum of the skipped columns.

    ``below``: the gradients of D and of Y of its first row. The row at ``at`` is this strip's last.
    """
    width = m + PADDING
    total, of_d, of_y, first_share = 0.0, 0.0, 0.0, 1.0
    for j in range(last - 1, further):
        k = level[at // 2 + FRONT + j]
        z = float(edge[at + FRONT + j]) + float(edge[at + width + FRONT + j])
        share = z / (2.0**-k + z)
        if j == last - 1:
            first_share = share
        to_d = float(below[FRONT + j + 1]) if j + 1 < further else 0.0
        to_y = float(below[width + FRONT + j])
        of_d += to_d * share / first_share if first_share > 0.0 else 0.0
        of_y += to_y
        total += (j - last + 1) * (to_y + to_d * share)
    below[FRONT + last], below[width + FRONT + last - 1] = of_d, of_y
    return total


@compiled
def ascend(
    s: Array, stride: int, top: int, stop: int, size: tuple[int, int], prices: tuple[float, float, float], band: int,
    kept: Any, whole: float, g: float, below: Array, ds: Array, dgaps: Array,
) -> None:  # fmt: skip
    """After `descend`, the same rows upwards: g times the gradient of the score, into ``ds``, laid out as s.

    ``whole``: of `whole_of`. ``below`` (2 width,): the gradients of the row below, zeros at the start. Adds to
    ``dgaps``, of go and ge. Outside a band ``ds`` is left as it is.
    """
    state = flush_denormals()
    (n, m), (go, ge, gamma), (edge, level) = size, prices, kept
    width, space = m + PADDING, (m + 48) * 16
    steps = Steps(np.zeros(space, np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32))
    t_row, starts, widths = np.empty(m + 64, np.float32), np.empty(16, np.int32), np.empty(16, np.int32)
    cells, spill, parts = np.empty((m + 16) * CELL, np.float32), np.zeros(0, np.float32), np.empty(64, np.float32)
    scale = scale_of(gamma, n, m)
    a, e = math.exp(-go / gamma), math.exp(-ge / gamma)
    gaps = splat(np.float32(a)), splat(np.float32(e))
    k_score = math.floor(whole)
    k_splat, share = splat_int(k_score - 127), splat(np.float32(g * 2.0 ** (k_score - whole)))
    unused = splat(_NOTHING), k_splat
    for i in range(top + (stop - top - 1) // 16 * 16, top - 1, -16):
        at, rows = (i - top) // 16 * 2 * width, min(16, n - i)
        first, last = columns_of(i, rows, n, m, band)
        here = Strip(0, i, rows, last - first, n, m)
        skew_in(s, (i - top) * stride + first, stride, rows, last - first, steps.s)
        _lanes_of(i, rows, n, m, band, first, starts, widths)
        above = RowAbove(edge[first:], level[first:], t_row, at, -1, width)
        within = load(starts, 0), load(widths, 0)
        strip(here, steps, gaps, None, above, scale, unused, None, (steps.s, scale.hi), cells, k_splat, within)
        if i + 16 < n and last < m:
            further = columns_of(i + 16, min(16, n - i - 16), n, m, band)[1]
            dgaps[1] -= _fold(edge, level, at + 2 * width, m, last, further, below)
        sums = sweep(
            last - first, steps, cells, share, None, steps.s, gaps, gaps, None, RowsBelow(below[first:], spill, width)
        )
        skew_out(steps.s, rows, last - first, ds, (i - top) * stride + first, stride)
        store(parts, 0, sums[0])
        store(parts, 16, sums[1])
        store(parts, 32, sums[2])
        store(parts, 48, sums[3])
        dgaps[0] -= a * parts[:32].sum()
        dgaps[1] -= e * parts[32:].sum()
    restore_denormals(state)
