"""Forward pass of the vector kernel: scores, D, and the last row of every strip for the backward pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.numba_compiled import compiled
from syncline.alignment.soft_smith_waterman.vector.float32_lanes import (
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
from syncline.alignment.soft_smith_waterman.vector.kernel_tuples import Problem, RowAbove, Scale, Steps, Strip
from syncline.alignment.soft_smith_waterman.vector.strip import (
    PADDING,
    exp2_parts,
    power,
    skew_in,
    skew_out,
    strip,
    to_factors,
)

Array = NDArray[Any]


@inlined
def scale_of(gamma: float, n: int, m: int) -> Scale:
    """`Scale` of a pair of n and m frames."""
    factor = 1.0 / (gamma * math.log(2.0))
    hi = np.float32(factor)
    limit = np.float32(min(2.0**20, 2.0**29 / max(1, min(n, m))))
    return Scale(splat(hi), splat(np.float32(factor - hi)), splat(limit))


@inlined
def row_values(values: Array, stride: Any, p: int, i: int, rows: int) -> Any:
    """16 rows, from row i of pair p, of values that are the same in all columns; a row's stride of 0: in all rows."""
    base = p * stride[0] + i * stride[1]
    if stride[1] == 0:
        return splat(values[base])
    return load_within(values, base, below_unsigned(lanes(), splat_int(rows)))


@inlined
def row_factors(gaps: Array, stride: Any, p: int, i: int, rows: int, scale: Scale) -> Any:
    """exp(-gap / gamma) of `row_values`."""
    values = row_values(gaps, stride, p, i, rows)
    exponent, mantissa, _ = exp2_parts(splat(np.float32(0)) - values, scale.hi, scale.lo)
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
def skew_rows(values: Array, stride: Any, here: Strip, out: Array) -> None:
    """The rows of a strip, whose pairs and rows lie ``stride`` apart, into step layout."""
    skew_in(values, here.p * stride[0] + here.i * stride[1], stride[1], here.rows, here.columns, out)


@inlined
def read_gaps(gaps: Any, strides: Any, varying: Any, here: Strip, scale: Scale, steps: Steps) -> Any:
    """a, e of the rows of a strip; varying ones go to ``steps``."""
    (go, ge), (along_o, along_e) = gaps, strides
    if varying is not None:
        skew_rows(go, along_o, here, steps.a)
        skew_rows(ge, along_e, here, steps.e)
        to_factors(steps.a, here.columns, scale.hi, scale.lo)
        to_factors(steps.e, here.columns, scale.hi, scale.lo)
        return splat(np.float32(0)), splat(np.float32(0))
    p, i, rows = here.p, here.i, here.rows
    return row_factors(go, along_o, p, i, rows, scale), row_factors(ge, along_e, p, i, rows, scale)


@compiled
def forward(problem: Problem, score: Array, scores: Array | None, kept: Any, keep: bool, start: int, stop: int) -> bool:
    """Scores of pairs start to stop; false where a similarity is out of range and nothing can be relied on.

    ``problem.inputs``: s, go, ge. Of ``kept``, ``whole`` (b,) gets log2 of the sum that the score is the logarithm of;
    ``edge`` (b, strips, 2, width) and ``level`` (b, strips, width) get the rows above all strips, or with ``keep``
    false one row a pair.
    """
    state = flush_denormals()
    (_, n, m), (s, go, ge), gamma = problem.shape, problem.inputs, problem.gamma
    whole, edge, level = kept
    width, strips, space = m + PADDING, (n + 15) // 16, (m + 48) * 16
    steps = Steps(np.zeros(space, np.float32), np.zeros(space, np.float32), np.zeros(space, np.float32))
    d_to = np.empty(space, np.float32), splat(np.float32(gamma * math.log(2.0)))
    t_row = np.empty(m + 48, np.float32)
    good = True
    for p in range(start, stop):
        rows, columns = problem.lx[p], problem.ly[p]
        scale = scale_of(gamma, rows, columns)
        at = p * (strips if keep else 1) * 2 * width
        sums = splat(np.float32(0)), splat_int(0)
        count = (rows + 15) // 16 if columns > 0 else 0
        if scores is not None and (rows < n or columns < m):
            clear(scores, p, n, m, rows if columns > 0 else 0, columns, -np.inf)
        for c in range(width if count > 0 else 0):
            edge[at + c], edge[at + width + c], level[at // 2 + c] = 0.0, 0.0, 0
        for k in range(count):
            here = Strip(p, k * 16, min(16, rows - k * 16), columns, n, m)
            base = (p * n + here.i) * m
            skew_in(s, base, m, here.rows, columns, steps.s)
            gaps = read_gaps((go, ge), problem.strides, problem.varying, here, scale, steps)
            row = at + (k * 2 * width if keep else 0)
            above = RowAbove(edge, level, t_row, row, -1 if k + 1 == count else row + (2 * width if keep else 0), width)
            sums, bad = strip(here, steps, gaps, problem.varying, above, scale, sums, scores, d_to, None, None)
            good = good and not any_lane(bad)
            if scores is not None:
                skew_out(d_to[0], here.rows, columns, scores, base, m)
        if count > 0:
            part, exponent = sum_of_lanes(sums[0], sums[1])
            whole[p] = math.log2(part) + exponent
        else:
            whole[p] = -np.inf
        score[p] = gamma * math.log(2.0) * whole[p]
    restore_denormals(state)
    return good
