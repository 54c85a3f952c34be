"""Backward pass of the vector kernel: each strip is recomputed from the row above it, then swept from the last step.

On the true adjoints, which are bounded, so that no exponent is needed; the weights of a cell's successors are ratios of
the cell's own mantissas. With G_D' on the lower right, G_X' on the right, G_Y' below, gaps those of that neighbour:

    H = G_D' / t        P = G_X' / (a d + e x)        Q = G_Y' / (a z + e y)
    G_D = source + d (H + a P + a Q)        G_X = x (H + e P + a Q)        G_Y = y (H + e Q)
    d score / d go = -a (d P + z Q)         d score / d ge = -e (x P + y Q)     of that neighbour

where source is the upstream gradient of D plus that of the score times the cell's share of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.numba_compiled import compiled
from syncline.alignment.soft_smith_waterman.vector.float32_lanes import (
    choose,
    first,
    flush_denormals,
    fma,
    from_above,
    from_below,
    inlined,
    larger_float,
    last,
    load,
    not_below,
    restore_denormals,
    splat,
    splat_int,
    store,
)
from syncline.alignment.soft_smith_waterman.vector.forward import clear, read_gaps, row_factors, scale_of
from syncline.alignment.soft_smith_waterman.vector.kernel_tuples import (
    Problem,
    RowAbove,
    RowsBelow,
    Scale,
    Steps,
    Strip,
)
from syncline.alignment.soft_smith_waterman.vector.strip import (
    CELL,
    FRONT,
    LEAST_FINITE,
    PADDING,
    skew_in,
    skew_out,
    strip,
)

Array = NDArray[Any]
_ZERO, _ONE = np.float32(0), np.float32(1)
_TINY = np.float32(2.0**-120)


@inlined
def reciprocal(whole: Any) -> Any:
    """1 / whole; of a whole that is 0, beyond the lengths, something finite."""
    return splat(_ONE) / larger_float(whole, splat(_TINY))


@inlined
def upstream_of(steps_u: Any, steps_s: Any, q: int) -> Any:
    """The upstream gradient of D in a step; 0 where the cell is forbidden, because its D is a constant."""
    return choose(not_below(load(steps_s, q * 16), splat(LEAST_FINITE)), load(steps_u, q * 16), splat(_ZERO))


@inlined
def sweep(
    columns: int, steps: Steps, cells: Any, share: Any, upstream: Any, steps_u: Any, gaps: Any, gaps_below: Any,
    varying: Any, below_it: RowsBelow,
) -> Any:  # fmt: skip
    """The adjoints of one strip, last step first, over its similarities in ``steps``.

    ``share``: what the score gives to the source. ``below_it`` holds what the strip below it left, and gets its own:
    G_D, G_Y, and with varying gaps a and e of the strip's first row. Returns the sums of P d, Q z, P x, Q y for gaps
    that do not vary; others are written in place over their factors.
    """
    steps_ds, steps_a, steps_e = steps
    rows_below, spill, width = below_it
    (a_right, e_right), (a_below, e_below) = gaps, gaps_below
    gd, gx, gy, gd_later = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
    pd, qz, px, qy = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
    for q in range(columns + 14, -1, -1):
        d, x, y = load(cells, q * CELL), load(cells, q * CELL + 16), load(cells, q * CELL + 32)
        z = d + x
        below = FRONT + q - 15
        if varying is not None:
            a_right, e_right = load(steps_a, (q + 1) * 16), load(steps_e, (q + 1) * 16)
            a_below = from_below(a_right, rows_below[2 * width + below])
            e_below = from_below(e_right, rows_below[3 * width + below])
        matched = from_below(gd_later, rows_below[below + 1])
        skipped = from_below(gy, rows_below[width + below])
        # t is 0 beyond the lengths, where what was largest was left out
        h = matched * reciprocal(load(cells, q * CELL + 48))
        p = gx * reciprocal(fma(a_right, d, e_right * x))
        r = skipped * reciprocal(fma(a_below, z, e_below * y))
        source = share * load(cells, q * CELL + 64)
        if upstream is not None:
            source = source + upstream_of(steps_u, steps_ds, q)
        ap, ep, ar, er = a_right * p, e_right * p, a_below * r, e_below * r
        if varying is not None:
            opened = ar * z
            extended = er * y
            store(steps_a, (q + 1) * 16, splat(_ZERO) - fma(ap, d, from_above(opened, _ZERO)))
            store(steps_e, (q + 1) * 16, splat(_ZERO) - fma(ep, x, from_above(extended, _ZERO)))
            spill[below], spill[width + below] = last(opened), last(extended)
        else:
            pd, qz, px, qy = fma(p, d, pd), fma(r, z, qz), fma(p, x, px), fma(r, y, qy)
        gd_later = gd
        down = h + ar
        gd = fma(d, down + ap, source)
        gx = x * (down + ep)
        gy = y * (h + er)
        store(steps_ds, q * 16, gd)
        rows_below[FRONT + q], rows_below[width + FRONT + q] = first(gd), first(gy)
    if varying is not None:  # column 0 has nothing on its left; what comes from above is in the spill of that strip
        store(steps_a, 0, splat(_ZERO))
        store(steps_e, 0, splat(_ZERO))
    return pd, qz, px, qy


@inlined
def keep_first_row(steps_a: Any, steps_e: Any, rows_below: Any, width: int, columns: int) -> None:
    """The factors of a strip's first row, for the strip above it, once this strip no longer needs the row below."""
    for q in range(columns):
        rows_below[2 * width + FRONT + q] = steps_a[q * 16]
        rows_below[3 * width + FRONT + q] = steps_e[q * 16]


@inlined
def add_rows(
    gradient: Array, base: int, stride: int, left: int, more: int, own: Any, below: Any, a: Any, a_below: Any
) -> None:  # fmt: skip
    """Subtracts a * own from the ``left`` rows of a strip and a_below * below from those one further down.

    ``more``: rows from the strip's second on. Beyond them there is nothing to write to, whatever ``below`` holds: it
    may be NaN, from upstream.
    """
    parts = np.empty(32, np.float32)
    store(parts, 0, a * own)
    store(parts, 16, a_below * below)
    for lane in range(left):
        gradient[base + lane * stride] -= parts[lane]
        if lane < more:
            gradient[base + (lane + 1) * stride] -= parts[16 + lane]


@inlined
def write_gaps(
    gradients: Any, along: Any, varying: Any, here: Strip, steps: Steps, sums: Any, gaps: Any, gaps_below: Any,
    spill: Any, last_strip: bool,
) -> None:  # fmt: skip
    """Writes the gradients of the gaps of a strip, and of the first row of the strip below.

    ``gradients``: of go and ge; ``along``: the strides of both over pairs and rows.
    """
    dgo, dge = gradients
    p, i, left, m = here.p, here.i, here.rows, here.m
    if varying is not None:
        base = (p * here.n + i) * m
        skew_out(steps.a, left, here.columns, dgo, base, m)
        skew_out(steps.e, left, here.columns, dge, base, m)
        if not last_strip:
            for j in range(here.columns):
                dgo[base + 16 * m + j] -= spill[FRONT + j]
                dge[base + 16 * m + j] -= spill[m + PADDING + FRONT + j]
    else:
        along_o, along_e = along
        pd, qz, px, qy = sums
        (a, e), (a_below, e_below) = gaps, gaps_below
        more = left - 1 if last_strip else left
        add_rows(dgo, p * along_o[0] + i * along_o[1], along_o[1], left, more, pd, qz, a, a_below)
        add_rows(dge, p * along_e[0] + i * along_e[1], along_e[1], left, more, px, qy, e, e_below)


@inlined
def factors_below(gaps: Any, strides: Any, varying: Any, here: Strip, more: int, scale: Scale) -> Any:
    """a, e of the rows below the rows of a strip, of which there are ``more``; of varying gaps the sweep has them."""
    if varying is not None:
        return splat(_ZERO), splat(_ZERO)
    (go, ge), (along_o, along_e), p, i = gaps, strides, here.p, here.i + 1
    return row_factors(go, along_o, p, i, more, scale), row_factors(ge, along_e, p, i, more, scale)


@compiled
def backward(
    problem: Problem, kept: Any, g: Array, upstream: Array | None, ds: Array, gradients: Any, start: int, stop: int
) -> None:
    """Gradients of sum(g * score) + sum(upstream * D) of pairs start to stop, after `forward` with ``keep``.

    ``ds`` need not be cleared. ``gradients``, of go and ge, start as zeros: (b, n) or (b, 1) as the rows' stride of the
    gap is 1 or 0; with varying gaps (b, n, m).
    """
    state = flush_denormals()
    (_, n, m), (s, go, ge), (along_o, along_e) = problem.shape, problem.inputs, problem.strides
    whole, edge, level = kept
    varying = problem.varying
    width, strips, space = m + PADDING, (n + 15) // 16, (m + 48) * 16
    steps = Steps(np.zeros(space, np.float32), np.zeros(space, np.float32), np.zeros(space, np.float32))
    ups, t_row = np.zeros(space, np.float32), np.empty(m + 48, np.float32)
    cells = np.empty((m + 16) * CELL, np.float32)
    along = (n if along_o[1] else 1, along_o[1]), (n if along_e[1] else 1, along_e[1])
    for p in range(start, stop):
        rows, columns = problem.lx[p], problem.ly[p]
        scale = scale_of(problem.gamma, rows, columns)
        if rows < n or columns < m:
            clear(ds, p, n, m, rows if columns > 0 else 0, columns, 0.0)
        below = RowsBelow(np.zeros(4 * width, np.float32), np.zeros(2 * width, np.float32), width)
        count = (rows + 15) // 16 if columns > 0 else 0
        k_score = math.floor(whole[p]) if count > 0 else 0
        k_splat = splat_int(k_score - 127)
        share = splat(np.float32(g[p] * 2.0 ** (k_score - whole[p]))) if count > 0 else splat(_ZERO)
        for k in range(count - 1, -1, -1):
            here = Strip(p, k * 16, min(16, rows - k * 16), columns, n, m)
            base = (p * n + here.i) * m
            skew_in(s, base, m, here.rows, columns, steps.s)
            if upstream is not None:
                skew_in(upstream, base, m, here.rows, columns, ups)
            gaps = read_gaps((go, ge), problem.strides, varying, here, scale, steps)
            gaps_below = factors_below((go, ge), problem.strides, varying, here, min(16, rows - here.i - 1), scale)
            above = RowAbove(edge, level, t_row, (p * strips + k) * 2 * width, -1, width)
            unused = splat(_ZERO), k_splat
            strip(here, steps, gaps, varying, above, scale, unused, None, (steps.s, scale.hi), cells, k_splat)
            factors = below.rows
            if varying is not None:
                factors = below.rows.copy()
                keep_first_row(steps.a, steps.e, factors, width, columns)
            sums = sweep(columns, steps, cells, share, upstream, ups, gaps, gaps_below, varying, below)
            skew_out(steps.s, here.rows, columns, ds, base, m)
            if varying is not None:
                below.rows[2 * width :] = factors[2 * width :]
            write_gaps(gradients, along, varying, here, steps, sums, gaps, gaps_below, below.spill, k + 1 == count)
    restore_denormals(state)
