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
from syncline.alignment.numba_compiled import compiled

Array = NDArray[Any]
Weights = tuple[float, float, float]


@compiled
def _soft_min(a: float, b: float, c: float, gamma: float) -> float:
    """-gamma log of the sum of exp(-value / gamma); infinite where all are."""
    low = min(a, b, c)
    if low == np.inf:
        return low
    total = math.exp((low - a) / gamma) + math.exp((low - b) / gamma) + math.exp((low - c) / gamma)
    return low - gamma * math.log(total)


@compiled
def _shares(a: float, b: float, c: float, gamma: float) -> tuple[float, float, float]:
    """Of the soft minimum of a, b and c the weight of each; all 0 where all are infinite."""
    low = min(a, b, c)
    if low == np.inf:
        return 0.0, 0.0, 0.0
    a, b, c = math.exp((low - a) / gamma), math.exp((low - b) / gamma), math.exp((low - c) / gamma)
    part = 1.0 / (a + b + c)
    return a * part, b * part, c * part


@compiled
def _before(
    r: Array, i: int, j: int, cost: float, weights: tuple[float, float, float]
) -> tuple[float, float, float]:  # fmt: skip
    """What cell (i, j) costs by the way of its three predecessors; row 0 has none above but the beginning."""
    above = r[i, j + 1] + weights[1] * cost if i > 0 else np.inf
    return r[i, j] + weights[0] * cost, above, r[i + 1, j] + weights[2] * cost


@compiled
def _fill(
    c: Array, n: int, m: int, gamma: float, band: int, weights: tuple[float, float, float], open_ends: bool, r: Array
) -> tuple[float, bool]:
    """R of one pair; returns its value, and false where a cell of the band holds NaN or minus infinity."""
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
def _end_share(r: Array, n: int, m: int, j: int, whole: float, gamma: float, open_ends: bool) -> float:
    """How likely the path ends at column j of the last row."""
    value = r[n, j + 1]
    if whole == np.inf or value == np.inf:
        return 0.0
    if open_ends:
        return math.exp((whole - value) / gamma)
    return 1.0 if j == m - 1 else 0.0


@compiled
def _back(
    c: Array, n: int, m: int, gamma: float, band: int, weights: tuple[float, float, float],
    out: tuple[float, float, float], open_ends: bool, r: Array, whole: float, v: Array, posterior: Array,
) -> None:  # fmt: skip
    """Fills ``posterior`` with how likely the path is at each cell, times the weight ``out`` of the step to it.

    ``v`` (2, m + 1): room for how likely the path is at the cells of two rows.
    """
    v[:] = 0.0
    for i in range(n - 1, -1, -1):
        here, above = i & 1, 1 - (i & 1)
        v[above] = 0.0
        first, last = band_columns(i, n, m, band)
        if i == n - 1:
            for j in range(first, last):
                v[here, j + 1] = _end_share(r, n, m, j, whole, gamma, open_ends)
        for j in range(last - 1, first - 1, -1):
            here_now = v[here, j + 1]
            if here_now == 0.0:
                continue
            before = _before(r, i, j, c[i, j], weights)
            p = _shares(before[0], before[1], before[2], gamma)
            v[above, j] += here_now * p[0]
            v[above, j + 1] += here_now * p[1]
            v[here, j] += here_now * p[2]
            posterior[i, j] = here_now * (out[0] * p[0] + out[1] * p[1] + out[2] * p[2])


@compiled
def value_and_path(
    c: Array, lx: Array, ly: Array, gamma: float, band: int, weights: tuple[float, float, float],
    out: tuple[float, float, float], open_ends: bool, value: Array, posterior: Array, start: int, stop: int,
) -> bool:  # fmt: skip
    """Values into (b,); into ``posterior`` (b, n, m), zeros before, what `_back` gives; none where it has no rows.

    False where a cell within the band holds NaN or minus infinity.
    """
    _, n, m = c.shape
    r, v = np.empty((n + 1, m + 1)), np.empty((2, m + 1))
    good = True
    for p in range(start, stop):
        if lx[p] == 0 or ly[p] == 0:
            value[p] = 0.0 if lx[p] == ly[p] else np.inf
            continue
        value[p], fine = _fill(c[p], lx[p], ly[p], gamma, band, weights, open_ends, r)
        good = good and fine
        if posterior.shape[0] and fine:
            _back(c[p], lx[p], ly[p], gamma, band, weights, out, open_ends, r, value[p], v, posterior[p])
    return good


@compiled
def _fill_tangent(
    c: Array, t: Array, n: int, m: int, gamma: float, band: int, weights: tuple[float, float, float],
    along: tuple[float, float, float], open_ends: bool, r: Array, tr: Array, whole: float,
) -> float:  # fmt: skip
    """Derivative of R along a direction ``t`` (n, m), which a step adds ``along`` times; returns that of the value."""
    tr[0, : m + 1] = 0.0
    first, last = 0, m
    for i in range(n):
        first, last = band_columns(i, n, m, band)
        tr[i + 1, first] = 0.0
        for j in range(first, last):
            before = _before(r, i, j, c[i, j], weights)
            p = _shares(before[0], before[1], before[2], gamma)
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
        value += _end_share(r, n, m, j, whole, gamma, open_ends) * tr[n, j + 1]
    return value


@compiled
def _back_tangent(
    c: Array, t: Array, n: int, m: int, gamma: float, band: int, weights: tuple[float, float, float],
    along: tuple[float, float, float], out: tuple[float, float, float], open_ends: bool, r: Array, tr: Array,
    whole: float, moved_whole: float, v: Array, te: Array,
) -> None:  # fmt: skip
    """The derivative of what `_back` gives. ``v`` (4, m + 1): its two rows, and their derivatives."""
    v[:] = 0.0
    for i in range(n - 1, -1, -1):
        here, above = i & 1, 1 - (i & 1)
        v[above], v[2 + above] = 0.0, 0.0
        first, last = band_columns(i, n, m, band)
        if i == n - 1:
            for j in range(first, last):
                at_end = _end_share(r, n, m, j, whole, gamma, open_ends)
                v[here, j + 1], v[2 + here, j + 1] = at_end, at_end * (moved_whole - tr[n, j + 1]) / gamma
        for j in range(last - 1, first - 1, -1):
            now, moved = v[here, j + 1], v[2 + here, j + 1]
            if now == 0.0 and moved == 0.0:
                continue
            before = _before(r, i, j, c[i, j], weights)
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
    c: Array, lx: Array, ly: Array, gamma: float, band: int, weights: tuple[float, float, float],
    along: tuple[float, float, float], out: tuple[float, float, float], open_ends: bool, t: Array, value: Array,
    te: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Derivatives along ``t`` (b, n, m), which a step adds ``along`` times, of what `value_and_path` gives.

    ``te`` starts as zeros.
    """
    _, n, m = c.shape
    r, tr, v = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((4, m + 1))
    for p in range(start, stop):
        value[p] = 0.0
        if lx[p] == 0 or ly[p] == 0:
            continue
        whole, _ = _fill(c[p], lx[p], ly[p], gamma, band, weights, open_ends, r)
        if whole == np.inf:
            continue
        value[p] = _fill_tangent(c[p], t[p], lx[p], ly[p], gamma, band, weights, along, open_ends, r, tr, whole)
        _back_tangent(
            c[p], t[p], lx[p], ly[p], gamma, band, weights, along, out, open_ends, r, tr, whole, value[p], v, te[p]
        )
