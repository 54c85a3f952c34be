"""The derivative of the vector kernel's gradient along a direction: the backward pass of the expected alignment.

Forward mode over `strip` and `backward`, in the letters used there. A dot marks the derivative along the
direction (ts, to, te) of similarities and gaps, all of them over gamma. The forward pass carries D's own derivative td
and those of X and Y times x and y, so that nothing is divided by what may be 0:

    td = ts + w / t of the diagonal cell        px' = a d (td - to) + e (px - x te)      (left)
    w = d td + px + py                          py' = a (d td + px - z to) + e (py - y te)      (above)

and the sweep back, with H, P, Q and the sums S they occur in, of G_D = source + d S_D and so on:

    dot H = (dot G_D' - H w) / t        dot P = (dot G_X' - P px') / x'        dot Q = (dot G_Y' - Q py') / y'
    dot G_D = share (td - dot score) + d (td S_D + dot H + a (dot P - P to) + a (dot Q - Q to))
    dot G_X = px S_X + x (dot H + e (dot P - P te) + a (dot Q - Q to))
    dot G_Y = py S_Y + y (dot H + e (dot Q - Q te))

with px', x', py', y' before their power of two, gaps and their directions those of the neighbour, and share what the
score alone adds to the source.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.numba_compiled import compiled
from syncline.alignment.soft_smith_waterman.vector.backward import (
    keep_first_row,
    reciprocal,
    upstream_of,
    write_gaps,
)
from syncline.alignment.soft_smith_waterman.vector.float32_lanes import (
    any_lane,
    below_unsigned,
    choose,
    choose_int,
    either,
    first,
    flush_denormals,
    fma,
    from_above,
    from_above_int,
    from_below,
    inlined,
    lanes,
    larger,
    last,
    last_int,
    load,
    not_below,
    restore_denormals,
    splat,
    splat_int,
    store,
)
from syncline.alignment.soft_smith_waterman.vector.forward import (
    clear,
    row_factors,
    row_values,
    scale_of,
    skew_rows,
    sum_of_lanes,
)
from syncline.alignment.soft_smith_waterman.vector.kernel_tuples import (
    FAINTEST,
    MovingRowAbove,
    MovingSteps,
    Problem,
    RowsBelow,
    Scale,
    Steps,
    Strip,
)
from syncline.alignment.soft_smith_waterman.vector.strip import (
    FRONT,
    LEAST_FINITE,
    PADDING,
    advance,
    lowest_served,
    power,
    skew_in,
    skew_out,
    to_factors,
)

Array = NDArray[Any]
CELL = 8 * 16
"""Floats a step that the sweep needs: d, x, y, t, the share of the score, td, px, py, 16 lanes each."""
_ZERO, _ONE = np.float32(0), np.float32(1)


@inlined
def _enter(m: int, above: MovingRowAbove) -> None:
    """t and w / t of the row above a strip; and clears what lies behind the strip's own last row."""
    edge, level, moving, t_row, r_row, at, to, width = above
    for c in range(0, m + 32, 16):
        t = power(splat_int(127) - load(level, at // 2 + c)) + load(edge, at + c) + load(edge, at + width + c)
        store(t_row, c, t)
        store(r_row, c, (load(moving, at + c) + load(moving, at + width + c)) * reciprocal(t))
    if to >= 0:
        for c in range(m + 16, m + 33, 16):
            for k in (to + c, to + width + c):
                store(edge, k, splat(_ZERO))
                store(moving, k, splat(_ZERO))
            store(level, to // 2 + c, splat_int(0))


@inlined
def moving_strip(
    strip: Strip, steps: MovingSteps, gaps: Any, varying: Any, above: MovingRowAbove, scale: Scale, per: Any, sums: Any,
    cells: Any, k_score: Any,
) -> Any:  # fmt: skip
    """`strip.strip` with derivatives, over gamma: ``per`` is 1 / gamma.

    Adds d and d td of its cells to the first two of ``sums``, times 2 to the third; or, where ``cells`` is given,
    writes there what the sweep needs, and td over ts. ``gaps``: a, e, to, te, or, where ``varying`` is given, from
    ``steps``. Returns the sums and the lanes where something is out of range.
    """
    rows, m = strip.rows, strip.columns
    _enter(m, above)
    edge, level, moving, t_row, r_row, at, below, width = above
    s, ts, steps_a, steps_e, steps_to, steps_te = steps
    (a, e, to, te), (total, moved, k_total) = gaps, sums
    factors = (scale.hi, scale.lo, lowest_served(scale.hi))
    d, x, y, k = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat_int(0)
    z, t, t_diagonal, k_diagonal = splat(_ZERO), splat(_ONE), splat(_ONE), splat_int(0)
    zt, dt, px, py, r, r_diagonal = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
    bad = below_unsigned(lanes(), splat_int(0))
    columns = splat_int(0) - lanes()
    ends = choose_int(below_unsigned(lanes(), splat_int(rows)), splat_int(m), splat_int(0))
    for q in range(m + 15):
        here = FRONT + q
        z_up, y_up = from_above(z, edge[at + here]), from_above(y, edge[at + width + here])
        zt_up, py_up = from_above(zt, moving[at + here]), from_above(py, moving[at + width + here])
        k_up, k_left = from_above_int(k, level[at // 2 + here]), k
        inside = below_unsigned(columns, ends)
        columns = columns + splat_int(1)
        if varying is not None:
            a, e = load(steps_a, q * 16), load(steps_e, q * 16)
            to, te = load(steps_to, q * 16), load(steps_te, q * 16)
        # before the power of two changes, as a d + e x and a z + e y are in `advance`
        px = fma(a, dt - d * to, e * (px - x * te))
        py = fma(a, zt_up - z_up * to, e * (py_up - y_up * te))
        value = load(s, q * 16)
        left, over, diagonal = (d, x, k), (z_up, y_up, k_up), (t_diagonal, k_diagonal)
        d, x, y, k, u = advance(value, inside, (a, e), left, over, diagonal, factors, varying)
        bad = either(bad, not_below(u, scale.limit))
        td = choose(inside, fma(load(ts, q * 16), per, r_diagonal), splat(_ZERO))
        td = choose(not_below(value, splat(LEAST_FINITE)), td, splat(_ZERO))
        back = splat_int(127) - k
        px, py = px * power(k_left + back), py * power(k_up + back)
        t_diagonal, k_diagonal, r_diagonal = from_above(t, t_row[here]), k_up, from_above(r, r_row[here])
        z, dt = d + x, d * td
        zt = dt + px
        t = power(back) + z + y
        r = (zt + py) * reciprocal(t)
        if cells is not None:
            store(ts, q * 16, td)
            c = q * CELL
            for value in (d, x, y, t, d * power(k - k_score), td, px, py):
                store(cells, c, value)
                c += 16
        else:
            top = larger(k_total, k)
            kept, part = power(k_total - top + splat_int(127)), power(k - top + splat_int(127))
            total, moved, k_total = fma(total, kept, d * part), fma(moved, kept, dt * part), top
        if below >= 0:
            edge[below + q + 1], edge[below + width + q + 1] = last(z), last(y)
            moving[below + q + 1], moving[below + width + q + 1] = last(zt), last(py)
            level[below // 2 + q + 1] = last_int(k)
    return (total, moved, k_total), bad


@inlined
def moving_sweep(
    m: int, steps: MovingSteps, cells: Any, score: Any, upstream: Any, steps_u: Any, gaps: Any, gaps_below: Any,
    varying: Any, below_it: RowsBelow,
) -> Any:  # fmt: skip
    """`backward.sweep` with derivatives, which are all that it writes, over s and the gaps.

    ``score``: its share of the source, and its derivative. Rows of ``below_it``: G_D, G_Y, their derivatives, and with
    varying gaps a, e, to, te of the first row of the strip below. Returns the derivatives of the sums of P d, Q z, P x,
    Q y.
    """
    (rows_below, spill, width), (share_of, of_score) = below_it, score
    steps_ds, _, steps_a, steps_e, steps_to, steps_te = steps
    gd, gx, gy, gd_later = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
    md, mx, my, md_later = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)  # their derivatives
    sum_pd, sum_qz, sum_px, sum_qy = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
    (a, e, to, te), (a_below, e_below, to_below, te_below) = gaps, gaps_below
    for q in range(m + 14, -1, -1):
        c, below, here, right = q * CELL, FRONT + q - 15, FRONT + q, (q + 1) * 16
        d, x, y, t = load(cells, c), load(cells, c + 16), load(cells, c + 32), load(cells, c + 48)
        share, td, px, py = load(cells, c + 64), load(cells, c + 80), load(cells, c + 96), load(cells, c + 112)
        z, dt = d + x, d * td
        zt = dt + px
        if varying is not None:
            a, e, to, te = load(steps_a, right), load(steps_e, right), load(steps_to, right), load(steps_te, right)
            a_below = from_below(a, rows_below[4 * width + below])
            e_below = from_below(e, rows_below[5 * width + below])
            to_below = from_below(to, rows_below[6 * width + below])
            te_below = from_below(te, rows_below[7 * width + below])
        i_t, i_x = reciprocal(t), reciprocal(fma(a, d, e * x))
        i_y = reciprocal(fma(a_below, z, e_below * y))
        h = from_below(gd_later, rows_below[below + 1]) * i_t
        p = gx * i_x
        r = from_below(gy, rows_below[width + below]) * i_y
        mh = (from_below(md_later, rows_below[2 * width + below + 1]) - h * (zt + py)) * i_t
        mp = (mx - p * fma(a, dt - d * to, e * (px - x * te))) * i_x
        skipped = fma(a_below, zt - z * to_below, e_below * (py - y * te_below))
        mr = (from_below(my, rows_below[3 * width + below]) - r * skipped) * i_y
        opened, extended = mp - p * to, mp - p * te
        opened_below, extended_below = mr - r * to_below, mr - r * te_below
        pd, qz = fma(p, dt, d * opened), fma(r, zt, z * opened_below)
        p_x, qy = fma(p, px, x * extended), fma(r, py, y * extended_below)
        if varying is not None:
            opens, extends = a_below * qz, e_below * qy
            store(steps_a, right, splat(_ZERO) - fma(a, pd, from_above(opens, _ZERO)))
            store(steps_e, right, splat(_ZERO) - fma(e, p_x, from_above(extends, _ZERO)))
            spill[below], spill[width + below] = last(opens), last(extends)
        else:
            sum_pd, sum_qz, sum_px, sum_qy = sum_pd + pd, sum_qz + qz, sum_px + p_x, sum_qy + qy
        down, m_down = fma(a_below, r, h), fma(a_below, opened_below, mh)
        s_d, s_x, s_y = fma(a, p, down), fma(e, p, down), fma(e_below, r, h)
        gd_later, md_later = gd, md
        source = share_of * share
        md = fma(source, td - of_score, d * fma(td, s_d, fma(a, opened, m_down)))
        mx = fma(px, s_x, x * fma(e, extended, m_down))
        my = fma(py, s_y, y * fma(e_below, extended_below, mh))
        if upstream is not None:
            source = source + upstream_of(steps_u, steps_ds, q)
        gd, gx, gy = fma(d, s_d, source), x * s_x, y * s_y
        store(steps_ds, q * 16, md)
        rows_below[here], rows_below[width + here] = first(gd), first(gy)
        rows_below[2 * width + here], rows_below[3 * width + here] = first(md), first(my)
    if varying is not None:
        store(steps_a, 0, splat(_ZERO))
        store(steps_e, 0, splat(_ZERO))
    return sum_pd, sum_qz, sum_px, sum_qy


@inlined
def read_strip(problem: Problem, strip: Strip, scale: Scale, steps: MovingSteps) -> Any:
    """Fills ``steps`` for a strip, and returns its gaps where they do not vary."""
    s, ts, go, ge, to, te = problem.inputs
    o, e, along_o, along_e = problem.strides
    p, i, n, m = strip.p, strip.i, strip.n, strip.m
    skew_in(s, (p * n + i) * m, m, strip.rows, strip.columns, steps.s)
    skew_in(ts, (p * n + i) * m, m, strip.rows, strip.columns, steps.ts)
    if problem.varying is not None:
        skew_rows(go, o, strip, steps.a)
        skew_rows(ge, e, strip, steps.e)
        skew_rows(to, along_o, strip, steps.to)
        skew_rows(te, along_e, strip, steps.te)
        to_factors(steps.a, strip.columns, scale.hi, scale.lo)
        to_factors(steps.e, strip.columns, scale.hi, scale.lo)
        return splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
    return row_gaps(problem, p, i, strip.rows, scale)


@inlined
def row_gaps(problem: Problem, p: int, i: int, rows: int, scale: Scale) -> Any:
    """a, e, to, te of 16 rows, for gaps that are the same in all columns."""
    _, _, go, ge, to, te = problem.inputs
    o, e, along_o, along_e = problem.strides
    return (
        row_factors(go, o, p, i, rows, scale),
        row_factors(ge, e, p, i, rows, scale),
        row_values(to, along_o, p, i, rows),
        row_values(te, along_e, p, i, rows),
    )


@inlined
def over_strips(problem: Problem, p: int, scale: Scale, steps: MovingSteps, space: Any) -> Any:
    """Forward: keeps in ``space`` (edge, level, moving, t_row, r_row) the row above every strip of pair p.

    Returns log2 of the score's exponential (-inf for no cell), the score's derivative over gamma, and whether all cells
    were in range.
    """
    (_, n, m), rows, columns = problem.shape, problem.lx[p], problem.ly[p]
    width, per = m + PADDING, splat(np.float32(1.0 / problem.gamma))
    good, sums = True, (splat(_ZERO), splat(_ZERO), splat_int(0))
    for i in range(0, rows if columns > 0 else 0, 16):
        at, strip = i // 8 * width, Strip(p, i, min(16, rows - i), columns, n, m)
        gaps = read_strip(problem, strip, scale, steps)
        above = MovingRowAbove(
            space[0], space[1], space[2], space[3], space[4], at, at + 2 * width if i + 16 < rows else -1, width
        )
        sums, bad = moving_strip(strip, steps, gaps, problem.varying, above, scale, per, sums, None, sums[2])
        good = good and not any_lane(bad)
    if rows == 0 or columns == 0 or not good:
        return -math.inf, np.float32(0.0), good
    (part, exponent), (moved, _) = sum_of_lanes(sums[0], sums[2]), sum_of_lanes(sums[1], sums[2])
    return math.log2(part) + exponent, moved / part, good


@inlined
def back_over_strips(
    problem: Problem, p: int, scale: Scale, steps: MovingSteps, space: Any, cells: Any, score: Any, k_score: Any,
    upstream: Any, steps_u: Any, scores: Any, results: Any,
) -> None:  # fmt: skip
    """Every strip of pair p again from the row above it, last strip first, and the sweep back over it.

    ``score``: its share of the source, and its derivative. ``results``: ds and the gaps' gradients.
    """
    (_, n, m), rows, columns, varying = problem.shape, problem.lx[p], problem.ly[p], problem.varying
    width, per = m + PADDING, splat(np.float32(1.0 / problem.gamma))
    ds, gradients = results
    none = splat(_ZERO), splat(_ZERO), splat_int(0)
    below = RowsBelow(np.zeros(8 * width, np.float32), np.zeros(2 * width, np.float32), width)
    for i in range((rows - 1) // 16 * 16, -1, -16):
        base, strip = (p * n + i) * m, Strip(p, i, min(16, rows - i), columns, n, m)
        gaps = read_strip(problem, strip, scale, steps)
        above = MovingRowAbove(space[0], space[1], space[2], space[3], space[4], i // 8 * width, -1, width)
        moving_strip(strip, steps, gaps, varying, above, scale, per, none, cells, k_score)
        if scores is not None:
            skew_out(steps.ts, strip.rows, columns, scores, base, m)
        if upstream is not None:
            skew_in(upstream, base, m, strip.rows, columns, steps_u)
        gaps_below, kept = gaps, below.rows
        if varying is not None:
            kept = below.rows.copy()
            keep_first_row(steps.a, steps.e, kept[2 * width :], width, columns)
            keep_first_row(steps.to, steps.te, kept[4 * width :], width, columns)
        else:
            gaps_below = row_gaps(problem, p, i + 1, min(16, rows - i - 1), scale)
        sums = moving_sweep(columns, steps, cells, score, upstream, steps_u, gaps, gaps_below, varying, below)
        if varying is not None:
            below.rows[4 * width :] = kept[4 * width :]
        skew_out(steps.s, strip.rows, columns, ds, base, m)
        own = Steps(steps.s, steps.a, steps.e)
        last_strip = i + 16 >= rows
        write_gaps(
            gradients, problem.strides[2:], varying, strip, own, sums, gaps[:2], gaps_below[:2], below.spill, last_strip
        )


@compiled
def tangent(
    problem: Problem, g: Array, upstream: Array | None, whole: Array, score: Array, scores: Array | None, results: Any,
    start: int, stop: int,
) -> bool:  # fmt: skip
    """Derivatives of pairs start to stop along a direction.

    ``problem.inputs``: s, ts, go, ge, to, te, of which to and te are divided by gamma; ``strides`` of go, ge, to (and
    its result), te (and its). ``score`` and ``scores`` get the derivatives of the score and D over gamma, ``results``
    (ds, (dgo, dge)) those of what `backward.backward` gives, shaped as there; ``whole`` as in `forward.forward`.
    ``scores`` and dgo, dge start as zeros. False where a similarity or a pair is out of range and nothing counts.
    """
    state = flush_denormals()
    _, n, m = problem.shape
    width, strips, size = m + PADDING, (n + 15) // 16, (m + 48) * 16
    steps = MovingSteps(
        np.zeros(size, np.float32), np.zeros(size, np.float32), np.zeros(size, np.float32),
        np.zeros(size, np.float32), np.zeros(size, np.float32), np.zeros(size, np.float32),
    )  # fmt: skip
    steps_u, cells = np.zeros(size, np.float32), np.empty((m + 16) * CELL, np.float32)
    edge, moving = np.zeros(strips * 2 * width, np.float32), np.zeros(strips * 2 * width, np.float32)
    level, t_row, r_row = np.zeros(strips * width, np.int32), np.empty(m + 48, np.float32), np.empty(m + 48, np.float32)
    space = edge, level, moving, t_row, r_row
    good = True
    for p in range(start, stop):
        rows, columns = problem.lx[p], problem.ly[p]
        scale = scale_of(problem.gamma, rows, columns)
        if rows < n or columns < m:
            clear(results[0], p, n, m, rows if columns > 0 else 0, columns, 0.0)
        whole[p], score[p], in_range = over_strips(problem, p, scale, steps, space)
        good = good and in_range
        if rows == 0 or columns == 0:
            continue
        good = good and whole[p] >= FAINTEST  # what comes back over a pair of no match at all would be NaN
        if not good:
            continue
        k_score = math.floor(whole[p])
        of_score = splat(np.float32(g[p] * 2.0 ** (k_score - whole[p]))), splat(score[p])
        back_over_strips(
            problem, p, scale, steps, space, cells, of_score, splat_int(k_score - 127), upstream, steps_u, scores,
            results,
        )  # fmt: skip
    restore_denormals(state)
    return good
