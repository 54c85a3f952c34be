"""Soft-DTW one cell at a time in float64: values, expected paths, gradients, and the derivative of these.

The recursion stands at the head of `soft`. Kernels work on pairs ``start`` to ``stop`` of a batch, loop over each
pair's own lengths and the cells of its band, and keep R (n + 1, m + 1) with a border row and column. Weights of a soft
minimum are taken from its own arguments, so that they add up to 1 whatever the size of the costs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.allowed_cells import band_columns
from syncline.alignment.dtw.kernel_tuples import Batch, Course, Direction, Filled, Pair, Weights
from syncline.alignment.numba_compiled import compiled

Array = NDArray[Any]


@compiled
def _soft_min(a: float, b: float, c: float, gamma: float) -> float:
    """-gamma log of the sum of exp(-value / gamma); infinite where all are."""
    low = min(a, b, c)
    if low == np.inf:
        return low
    total = math.exp((low - a) / gamma) + math.exp((low - b) / gamma) + math.exp((low - c) / gamma)
    return low - gamma * math.log(total)


@compiled
def _shares(a: float, b: float, c: float, gamma: float) -> Weights:
    """The weights of a, b and c in their soft minimum; all 0 where all are infinite."""
    low = min(a, b, c)
    if low == np.inf:
        return 0.0, 0.0, 0.0
    a, b, c = math.exp((low - a) / gamma), math.exp((low - b) / gamma), math.exp((low - c) / gamma)
    part = 1.0 / (a + b + c)
    return a * part, b * part, c * part


@compiled
def _before(r: Array, i: int, j: int, cost: float, weights: Weights) -> Weights:
    """R of cell (i, j) by each of its three predecessors; row 0 has none above but the beginning."""
    above = r[i, j + 1] + weights[1] * cost if i > 0 else np.inf
    return r[i, j] + weights[0] * cost, above, r[i + 1, j] + weights[2] * cost


@compiled
def _fill(pair: Pair, course: Course, r: Array) -> tuple[float, bool]:
    """R of one pair; returns its value, and false where a cell of the band holds NaN or minus infinity."""
    c, n, m = pair
    gamma, band, weights, open_ends = course
    r[0, : m + 1] = 0.0 if open_ends else np.inf
    r[0, 0] = 0.0
    good, last_before = True, m
    first, last = 0, m
    for i in range(n):
        first, last = band_columns(i, n, m, band)
        r[i + 1, first] = np.inf
        for j in range(last_before, last):  # what the row above has beyond its band
            r[i, j + 1] = np.inf
        for j in range(first, last):
            good = good and c[i, j] > -np.inf
            before = _before(r, i, j, c[i, j], weights)
            r[i + 1, j + 1] = _soft_min(before[0], before[1], before[2], gamma)
        last_before = last
    if not open_ends:
        return r[n, m], good
    value = np.inf
    for j in range(first, last):
        value = _soft_min(value, r[n, j + 1], np.inf, gamma)
    return value, good


@compiled
def _end_share(pair: Pair, course: Course, filled: Filled, j: int) -> float:
    """How likely the path ends at column j of the last row."""
    value = filled.r[pair.n, j + 1]
    if filled.value == np.inf or value == np.inf:
        return 0.0
    if course.open_ends:
        return math.exp((filled.value - value) / course.gamma)
    return 1.0 if j == pair.m - 1 else 0.0


@compiled
def _back(pair: Pair, course: Course, out: Weights, filled: Filled, v: Array, posterior: Array) -> None:
    """Fills ``posterior`` with how likely the path is at each cell, times the weight ``out`` of the step to it.

    ``v`` (2, m + 1): room for how likely the path is at the cells of two rows.
    """
    c, n, m = pair
    gamma, r = course.gamma, filled.r
    v[:] = 0.0
    for i in range(n - 1, -1, -1):
        here, above = i & 1, 1 - (i & 1)
        v[above] = 0.0
        first, last = band_columns(i, n, m, course.band)
        if i == n - 1:
            for j in range(first, last):
                v[here, j + 1] = _end_share(pair, course, filled, j)
        for j in range(last - 1, first - 1, -1):
            here_now = v[here, j + 1]
            if here_now == 0.0:
                continue
            before = _before(r, i, j, c[i, j], course.weights)
            p = _shares(before[0], before[1], before[2], gamma)
            v[above, j] += here_now * p[0]
            v[above, j + 1] += here_now * p[1]
            v[here, j] += here_now * p[2]
            posterior[i, j] = here_now * (out[0] * p[0] + out[1] * p[1] + out[2] * p[2])


@compiled
def value_and_path(
    batch: Batch, course: Course, out: Weights, value: Array, posterior: Array, start: int, stop: int
) -> bool:
    """Values into (b,); into ``posterior`` (b, n, m), zeros before, what `_back` gives; none where it has no rows.

    False where a cell within the band holds NaN or minus infinity.
    """
    c, lx, ly = batch
    course = Course(*course)
    _, n, m = c.shape
    r, v = np.empty((n + 1, m + 1)), np.empty((2, m + 1))
    good = True
    for p in range(start, stop):
        if lx[p] == 0 or ly[p] == 0:
            value[p] = 0.0 if lx[p] == ly[p] else np.inf
            continue
        pair = Pair(c[p], lx[p], ly[p])
        value[p], fine = _fill(pair, course, r)
        good = good and fine
        if posterior.shape[0] and fine:
            _back(pair, course, out, Filled(r, value[p]), v, posterior[p])
    return good


@compiled
def _fill_tangent(pair: Pair, direction: Direction, course: Course, filled: Filled, tr: Array) -> float:
    """The derivative of R into ``tr``; returns that of the value."""
    c, n, m = pair
    t, along = direction
    r = filled.r
    tr[0, : m + 1] = 0.0
    first, last = 0, m
    for i in range(n):
        first, last = band_columns(i, n, m, course.band)
        tr[i + 1, first] = 0.0
        for j in range(first, last):
            before = _before(r, i, j, c[i, j], course.weights)
            p = _shares(before[0], before[1], before[2], course.gamma)
            moved = 0.0
            if p[0] > 0.0:  # a predecessor outside the band is not filled
                moved += p[0] * (tr[i, j] + along[0] * t[i, j])
            if p[1] > 0.0:
                moved += p[1] * (tr[i, j + 1] + along[1] * t[i, j])
            if p[2] > 0.0:
                moved += p[2] * (tr[i + 1, j] + along[2] * t[i, j])
            tr[i + 1, j + 1] = moved
    value = 0.0
    for j in range(first, last):
        value += _end_share(pair, course, filled, j) * tr[n, j + 1]
    return value


@compiled
def _back_tangent(
    pair: Pair, direction: Direction, course: Course, out: Weights, filled: Filled, moving: Filled, v: Array, te: Array
) -> None:
    """The derivative of what `_back` gives. ``v`` (4, m + 1): its two rows, and their derivatives."""
    c, n, m = pair
    t, along = direction
    gamma, r, tr = course.gamma, filled.r, moving.r
    v[:] = 0.0
    for i in range(n - 1, -1, -1):
        here, above = i & 1, 1 - (i & 1)
        v[above], v[2 + above] = 0.0, 0.0
        first, last = band_columns(i, n, m, course.band)
        if i == n - 1:
            for j in range(first, last):
                at_end = _end_share(pair, course, filled, j)
                v[here, j + 1], v[2 + here, j + 1] = at_end, at_end * (moving.value - tr[n, j + 1]) / gamma
        for j in range(last - 1, first - 1, -1):
            now, moved = v[here, j + 1], v[2 + here, j + 1]
            if now == 0.0 and moved == 0.0:
                continue
            before = _before(r, i, j, c[i, j], course.weights)
            p = _shares(before[0], before[1], before[2], gamma)
            total = 0.0
            for k in range(3):
                if p[k] == 0.0:
                    continue
                row, column = (i + 1, j) if k == 2 else (i, j + k)
                change = p[k] * (tr[i + 1, j + 1] - tr[row, column] - along[k] * t[i, j]) / gamma
                part = moved * p[k] + now * change
                v[here if k == 2 else above, column] += now * p[k]
                v[2 + (here if k == 2 else above), column] += part
                total += out[k] * part
            te[i, j] = total


@compiled
def tangent(
    batch: Batch, direction: Direction, course: Course, out: Weights, value: Array, te: Array, start: int,
    stop: int,
) -> None:  # fmt: skip
    """Derivatives along a direction of what `value_and_path` gives, (b,) and (b, n, m); ``te`` starts as zeros."""
    c, lx, ly = batch
    t, along = direction
    course = Course(*course)
    _, n, m = c.shape
    r, tr, v = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((4, m + 1))
    for p in range(start, stop):
        value[p] = 0.0
        if lx[p] == 0 or ly[p] == 0:
            continue
        pair, moved = Pair(c[p], lx[p], ly[p]), (t[p], along)
        whole, _ = _fill(pair, course, r)
        if whole == np.inf:
            continue
        filled = Filled(r, whole)
        value[p] = _fill_tangent(pair, moved, course, filled, tr)
        _back_tangent(pair, moved, course, out, filled, Filled(tr, value[p]), v, te[p])
