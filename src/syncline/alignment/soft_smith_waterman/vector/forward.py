"""Forward pass of the vector kernel: scores, D, and the last row of every strip for the backward pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.compiled import compiled
from syncline.alignment.soft_smith_waterman.vector.strip import (
    PADDING,
    exp2_parts,
    power,
    skew_in,
    skew_out,
    strip,
    to_factors,
)
from syncline.alignment.soft_smith_waterman.vector.types import (
    any_lane,
    below_unsigned,
    flush_denormals,
    inlined,
    lanes,
    load_within,
    restore_denormals,
    splat,
    splat_int,
    store,
)

Array = NDArray[Any]


@inlined
def scales(gamma: float, n: int, m: int) -> Any:
    """1 / (gamma ln 2) in two parts, and the largest S / (gamma ln 2) whose exponents cannot overflow."""
    factor = 1.0 / (gamma * math.log(2.0))
    hi = np.float32(factor)
    return splat(hi), splat(np.float32(factor - hi)), splat(np.float32(min(2.0**20, 2.0**29 / max(1, min(n, m)))))


@inlined
def row_values(values: Array, base: int, stride: int, rows: int) -> Any:
    """16 rows of values that are the same in all columns; stride 0: in all rows."""
    if stride == 0:
        return splat(values[base])
    return load_within(values, base, below_unsigned(lanes(), splat_int(rows)))


@inlined
def row_factors(gaps: Array, base: int, stride: int, rows: int, hi: Any, lo: Any) -> Any:
    """exp(-gap / gamma) of `row_values`."""
    exponent, mantissa, _ = exp2_parts(splat(np.float32(0)) - row_values(gaps, base, stride, rows), hi, lo)
    return mantissa * power(exponent + splat_int(127))


@inlined
def sum_of_lanes(total: Any, k_total: Any) -> Any:
    """The sum over lanes of total 2^k_total, as a number times a power of two."""
    parts, exponents = np.empty(16, np.float32), np.empty(16, np.int32)
    store(parts, 0, total)
    store(exponents, 0, k_total)
    highest = exponents.max()
    whole = 0.0
    for lane in range(16):
        whole += parts[lane] * 2.0 ** max(exponents[lane] - highest, -200)
    return whole, highest


@inlined
def clear(matrix: Array, p: int, n: int, m: int, rows: int, columns: int, value: float) -> None:
    """Sets what lies outside the lengths of pair p."""
    for i in range(n):
        for j in range(columns if i < rows else 0, m):
            matrix[(p * n + i) * m + j] = value


@inlined
def read_gaps(
    go: Array, ge: Array, base_o: int, base_e: int, step_o: int, step_e: int, varying: Any, left: int, columns: int,
    va: Any, ve: Any, hi: Any, lo: Any,
) -> Any:  # fmt: skip
    """a, e of the rows of a strip; varying ones go to va, ve."""
    if varying is not None:
        skew_in(go, base_o, step_o, left, columns, va)
        skew_in(ge, base_e, step_e, left, columns, ve)
        to_factors(va, columns, hi, lo)
        to_factors(ve, columns, hi, lo)
        return splat(np.float32(0)), splat(np.float32(0))
    return row_factors(go, base_o, step_o, left, hi, lo), row_factors(ge, base_e, step_e, left, hi, lo)


@compiled
def forward(
    s: Array, shape: tuple[int, int, int], go: Array, ge: Array, steps_o: tuple[int, int], steps_e: tuple[int, int],
    varying: Array | None, lx: Array, ly: Array, gamma: float, score: Array, whole: Array, scores: Array | None,
    edge: Array, level: Array, keep: bool, start: int, stop: int,
) -> bool:  # fmt: skip
    """Scores of pairs start to stop; false where a similarity is out of range and nothing can be relied on.

    Arrays are flat; ``steps_o`` and ``steps_e`` are the strides of the gaps over pairs and rows; ``varying`` is an
    array of any kind where gaps differ from column to column, otherwise None. ``whole`` (b,) gets log2 of the sum that
    the score is the logarithm of. ``edge`` (b, strips, 2, width) and ``level`` (b, strips, width) get the rows above
    all strips, or with ``keep`` false one row a pair.
    """
    state = flush_denormals()
    _, n, m = shape
    width, strips = m + PADDING, (n + 15) // 16
    work, t_row = np.zeros((m + 48) * 16, np.float32), np.empty(m + 48, np.float32)
    va, ve = np.zeros((m + 48) * 16, np.float32), np.zeros((m + 48) * 16, np.float32)
    steps_d = np.empty((m + 48) * 16, np.float32)
    good = True
    for p in range(start, stop):
        rows, columns = lx[p], ly[p]
        hi, lo, limit = scales(gamma, rows, columns)
        base_o, base_e = p * steps_o[0], p * steps_e[0]
        at = p * (strips if keep else 1) * 2 * width
        total, k_total = splat(np.float32(0)), splat_int(0)
        unit = splat(np.float32(gamma * math.log(2.0)))
        count = (rows + 15) // 16 if columns > 0 else 0
        if scores is not None and (rows < n or columns < m):
            clear(scores, p, n, m, rows if columns > 0 else 0, columns, -np.inf)
        for c in range(width if count > 0 else 0):
            edge[at + c], edge[at + width + c], level[at // 2 + c] = 0.0, 0.0, 0
        for k in range(count):
            i = k * 16
            left = min(16, rows - i)
            base = (p * n + i) * m
            skew_in(s, base, m, left, columns, work)
            a, e = read_gaps(
                go, ge, base_o + i * steps_o[1], base_e + i * steps_e[1], steps_o[1], steps_e[1], varying, left,
                columns, va, ve, hi, lo,
            )  # fmt: skip
            row = at + (k * 2 * width if keep else 0)
            to = -1 if k + 1 == count else row + (2 * width if keep else 0)
            total, k_total, bad = strip(
                columns + 15, left, columns, work, a, e, varying, va, ve, edge, level, row, to, width, t_row, hi, lo,
                limit, total, k_total, scores, steps_d, unit, None, None,
            )  # fmt: skip
            good = good and not any_lane(bad)
            if scores is not None:
                skew_out(steps_d, left, columns, scores, base, m)
        if count > 0:
            part, exponent = sum_of_lanes(total, k_total)
            whole[p] = math.log2(part) + exponent
        else:
            whole[p] = -np.inf
        score[p] = gamma * math.log(2.0) * whole[p]
    restore_denormals(state)
    return good
