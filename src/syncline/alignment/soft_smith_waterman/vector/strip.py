"""Strips of 16 rows in step layout, and the recursion over one: shared by all passes of the vector kernel.

Exponential domain. With d = exp(D / gamma), x and y likewise, a = exp(-go / gamma), e = exp(-ge / gamma), z = d + x and
t = 1 + z + y the recursion at the head of `torch_backend` is linear:

    d' = exp(S / gamma) t (diagonal)        x' = a d + e x (left)        y' = a z + e y (above)

Every cell keeps float32 mantissas of d, x, y with one integer power of two k >= 0: the largest exponent among its
contributions and that of 1. So a mantissa is below 2, one of them (or the 1) is at least 1, and what is flushed to zero
is 2^-126 of its own cell. A scale shared by more cells, by a row or by an anti-diagonal, loses cells: a second good
local alignment starts from 1 where the first stands at exp(300).

Step layout: lane l works on row i0 + l, at step q on column q - l. The left neighbour is then the same lane one step
ago, the upper one the lane above one step ago, the diagonal one what was above one step ago. Rows that go from strip to
strip are kept with 16 columns of padding in front and 32 behind, which hold zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from syncline.alignment.soft_smith_waterman.vector.float32_lanes import (
    below_unsigned,
    bits,
    choose,
    choose_int,
    down23,
    either,
    fma,
    from_above,
    from_above_int,
    from_bits,
    inlined,
    lanes,
    larger,
    last,
    last_int,
    load,
    load_within,
    nearest,
    not_below,
    splat,
    splat_int,
    store,
    store_within,
    to_float,
    to_int,
    transposed,
    up23,
)
from syncline.alignment.soft_smith_waterman.vector.kernel_tuples import RowAbove, Scale, Steps, Strip

FRONT = 16
PADDING = 48
CELL = 5 * 16
"""Floats that `strip` writes a step for the backward pass: d, x, y, t and the share of the score, 16 lanes each."""

_ZERO, _ONE = np.float32(0), np.float32(1)
_EXP2 = tuple(
    np.float32(c)
    for c in (1.0, 0.6931472057372632, 0.2402264689062744, 0.05550328776973019, 0.009618488957857552,
              0.0013399931216423273, 0.00015345811794117422)
)  # fmt: skip  # minimax on [-1/2, 1/2]: 2e-9
_E0, _E1, _E2, _E3, _E4, _E5, _E6 = _EXP2
_NEVER = -(1 << 30)
LEAST_FINITE = np.float32(np.finfo(np.float32).min)
"""What is below it is minus infinity: a forbidden cell."""
_LOWEST_EXPONENT = np.float32(_NEVER)
_ROOT = 0x3F3504F3  # bits of sqrt(1/2)
_L1, _L3, _L5, _L7 = (np.float32(2 / (np.log(2) * k)) for k in (1, 3, 5, 7))


@inlined
def power(k: Any) -> Any:
    """2^(k - 127), 0 for k <= 0; k at most 254."""
    return from_bits(up23(larger(k, splat_int(0))))


@inlined
def exp2_parts(s: Any, hi: Any, lo: Any) -> Any:
    """u = s (hi + lo) as a whole number and 2^(the rest), in [sqrt(1/2), sqrt(2)]; and u."""
    u = s * hi
    whole = nearest(u)
    rest = fma(s, lo, fma(s, hi, splat(_ZERO) - whole))
    m = fma(rest, splat(_E6), splat(_E5))
    m = fma(rest, m, splat(_E4))
    m = fma(rest, m, splat(_E3))
    m = fma(rest, m, splat(_E2))
    m = fma(rest, m, splat(_E1))
    return to_int(whole), fma(rest, m, splat(_E0)), u


@inlined
def log2(t: Any, k: Any) -> Any:
    """log2(t) + k of a normal t > 0, by the series of the inverse hyperbolic tangent."""
    exponent = down23(bits(t) - splat_int(_ROOT))
    m = from_bits(bits(t) - up23(exponent))
    r = (m - splat(_ONE)) / (m + splat(_ONE))
    r2 = r * r
    series = fma(r2, fma(r2, fma(r2, splat(_L7), splat(_L5)), splat(_L3)), splat(_L1))
    return fma(r, series, to_float(exponent + k))


@inlined
def skew_in(source: Any, base: int, stride: int, rows: int, m: int, out: Any) -> None:
    """16 rows of a matrix (row r at base + r stride, m columns) into step layout; 0 outside.

    Row r of a block starts r columns further left, so a transposed block is 16 steps.
    """
    width = splat_int(m)
    for c in range(0, m + 15, 16):
        at = base + c
        if rows == 16 and c >= 15 and c + 16 <= m:
            block = _read(source, at, stride - 1)
        else:
            block = _read_within(source, at, stride - 1, c, rows, width)
        k = c * 16
        for vector in transposed(block):
            store(out, k, vector)
            k += 16


@inlined
def _read(f: Any, at: int, s: int) -> Any:
    return (
        load(f, at), load(f, at + s), load(f, at + 2 * s), load(f, at + 3 * s),
        load(f, at + 4 * s), load(f, at + 5 * s), load(f, at + 6 * s), load(f, at + 7 * s),
        load(f, at + 8 * s), load(f, at + 9 * s), load(f, at + 10 * s), load(f, at + 11 * s),
        load(f, at + 12 * s), load(f, at + 13 * s), load(f, at + 14 * s), load(f, at + 15 * s),
    )  # fmt: skip


@inlined
def _masked(f: Any, at: int, s: int, c: int, rows: int, width: Any, r: int) -> Any:
    if r >= rows:
        return splat(_ZERO)
    return load_within(f, at + r * s, below_unsigned(lanes() + splat_int(c - r), width))


@inlined
def _read_within(f: Any, at: int, s: int, c: int, n: int, w: Any) -> Any:
    return (
        _masked(f, at, s, c, n, w, 0), _masked(f, at, s, c, n, w, 1), _masked(f, at, s, c, n, w, 2),
        _masked(f, at, s, c, n, w, 3), _masked(f, at, s, c, n, w, 4), _masked(f, at, s, c, n, w, 5),
        _masked(f, at, s, c, n, w, 6), _masked(f, at, s, c, n, w, 7), _masked(f, at, s, c, n, w, 8),
        _masked(f, at, s, c, n, w, 9), _masked(f, at, s, c, n, w, 10), _masked(f, at, s, c, n, w, 11),
        _masked(f, at, s, c, n, w, 12), _masked(f, at, s, c, n, w, 13), _masked(f, at, s, c, n, w, 14),
        _masked(f, at, s, c, n, w, 15),
    )  # fmt: skip


@inlined
def _steps(f: Any, k: int) -> Any:
    return _read(f, k, 16)


@inlined
def skew_out(steps: Any, rows: int, m: int, out: Any, base: int, stride: int) -> None:
    """The inverse of `skew_in`; touches nothing outside the 16 rows and m columns."""
    width = splat_int(m)
    for c in range(0, m + 15, 16):
        at = base + c
        whole = rows == 16 and c >= 15 and c + 16 <= m
        r = 0
        for vector in transposed(_steps(steps, c * 16)):
            if whole:
                store(out, at, vector)
            elif r < rows:
                store_within(out, at, vector, below_unsigned(lanes() + splat_int(c - r), width))
            at += stride - 1
            r += 1  # noqa: SIM113  # numba unrolls the loop over a tuple of vectors, and not over an enumeration


@inlined
def to_factors(gaps: Any, m: int, hi: Any, lo: Any) -> None:
    """Gaps in step layout become exp(-gap / gamma), in place."""
    for k in range(0, (m + 16) * 16, 16):
        exponent, mantissa, _ = exp2_parts(splat(_ZERO) - load(gaps, k), hi, lo)
        store(gaps, k, mantissa * power(exponent + splat_int(127)))


@inlined
def lowest_served(hi: Any) -> Any:
    """The similarity whose exponential is 0 beside whatever a cell can hold; lower ones are taken as it."""
    return splat(_LOWEST_EXPONENT) / hi


@inlined
def advance(s: Any, inside: Any, gaps: Any, left: Any, above: Any, diagonal: Any, scale: Any, varying: Any) -> Any:
    """d, x, y, k of the cells of one step; and u for the check of its range.

    ``left``: d, x, k. ``above``: z, y, k. ``diagonal``: t, k. ``scale``: hi, lo and ``lowest_served``.

    A similarity below ``lowest``, such as that of a forbidden cell, makes d 0; NaN stays what it is and is found in u.

    A contribution of 0 must not lend its power of two where the others may be far smaller. They can be with gaps that
    vary over columns only: otherwise a skip from the left cell is never cheaper than one from above by more than a gap.
    """
    (a, e), (d, x, k), (z_up, y_up, k_up), (t, k_t) = gaps, left, above, diagonal
    hi, lo, lowest = scale
    exponent, mantissa, u = exp2_parts(choose(not_below(s, lowest), s, lowest), hi, lo)
    matched, k_matched = t * mantissa, k_t + exponent
    skipped_m = fma(a, d, e * x)
    skipped_n = fma(a, z_up, e * y_up)
    if varying is not None:
        k = choose_int(below_unsigned(bits(skipped_m), splat_int(1 << 23)), splat_int(_NEVER), k)
        k_up = choose_int(below_unsigned(bits(skipped_n), splat_int(1 << 23)), splat_int(_NEVER), k_up)
    top = larger(down23(bits(matched)) + k_matched, down23(bits(skipped_m)) + k)
    top = larger(top, larger(down23(bits(skipped_n)) + k_up, splat_int(127)))
    back = splat_int(254) - top
    d = choose(inside, matched * power(k_matched + back), splat(_ZERO))
    return d, skipped_m * power(k + back), skipped_n * power(k_up + back), top - splat_int(127), u


@inlined
def _enter(m: int, rows: RowAbove) -> None:
    """t of the row above a strip; and clears what lies behind the strip's own last row."""
    edge, level, t_row, at, to, width = rows
    for c in range(0, m + 32, 16):
        z_row, y_row = load(edge, at + c), load(edge, at + width + c)
        store(t_row, c, power(splat_int(127) - load(level, at // 2 + c)) + z_row + y_row)
    if to >= 0:
        for c in range(m + 16, m + 33, 16):
            store(edge, to + c, splat(_ZERO))
            store(edge, to + width + c, splat(_ZERO))
            store(level, to // 2 + c, splat_int(0))


@inlined
def strip(
    here: Strip, steps: Steps, gaps: Any, varying: Any, above: RowAbove, scale: Scale, sums: Any, scores: Any,
    d_to: Any, cells: Any, k_score: Any, within: Any = None,
) -> Any:  # fmt: skip
    """The recursion over one strip, from the row above it to its own last row.

    Adds d of its cells to the first of ``sums``, times 2 to the second, lane by lane, or, where ``cells`` is given,
    writes there what the backward pass needs. Where ``scores`` is given (whatever it is), ``d_to`` is where D goes in
    step layout, and the unit of its logarithms. ``gaps``: a, e, or, where ``varying`` is given, from ``steps``.
    ``within``, lane by lane: on which of the columns where matches may be step 0 stands, and how many there are.
    Returns the sums and the lanes where a similarity is beyond the limit.
    """
    rows, m = here.rows, here.columns
    _enter(m, above)
    edge, level, t_row, at, to, width = above
    s, steps_a, steps_e = steps
    a, e = gaps
    total, k_total = sums
    steps_d, unit = d_to
    factors = (scale.hi, scale.lo, lowest_served(scale.hi))
    d, x, y, k = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat_int(0)
    t_diagonal, k_diagonal = splat(_ONE), splat_int(0)
    z, t = splat(_ZERO), splat(_ONE)
    bad = below_unsigned(lanes(), splat_int(0))
    columns = splat_int(0) - lanes()
    ends = choose_int(below_unsigned(lanes(), splat_int(rows)), splat_int(m), splat_int(0))
    if within is not None:
        columns, ends = within
    for q in range(m + 15):
        z_up = from_above(z, edge[at + FRONT + q])
        y_up = from_above(y, edge[at + width + FRONT + q])
        k_up = from_above_int(k, level[at // 2 + FRONT + q])
        inside = below_unsigned(columns, ends)
        columns = columns + splat_int(1)
        if varying is not None:
            a, e = load(steps_a, q * 16), load(steps_e, q * 16)
        value = load(s, q * 16)
        if within is not None:  # the power of two of a cell must not come from a match that may not be
            value = choose(inside, value, factors[2])
        if scores is not None:
            store(steps_d, q * 16, fma(unit, log2(t_diagonal, k_diagonal), value))
        left, top, diagonal = (d, x, k), (z_up, y_up, k_up), (t_diagonal, k_diagonal)
        d, x, y, k, u = advance(value, inside, (a, e), left, top, diagonal, factors, varying)
        bad = either(bad, not_below(u, scale.limit))
        t_diagonal, k_diagonal = from_above(t, t_row[FRONT + q]), k_up
        z = d + x
        t = power(splat_int(127) - k) + z + y
        if cells is not None:
            store(cells, q * CELL, d)
            store(cells, q * CELL + 16, x)
            store(cells, q * CELL + 32, y)
            store(cells, q * CELL + 48, t)
            store(cells, q * CELL + 64, d * power(k - k_score))
        else:
            k_top = larger(k_total, k)
            total = fma(total, power(k_total - k_top + splat_int(127)), d * power(k - k_top + splat_int(127)))
            k_total = k_top
        if to >= 0:
            edge[to + q + 1] = last(z)
            edge[to + width + q + 1] = last(y)
            level[to // 2 + q + 1] = last_int(k)
    return (total, k_total), bad
