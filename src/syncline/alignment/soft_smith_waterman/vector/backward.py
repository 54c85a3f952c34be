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

from syncline.alignment.compiled import compiled
from syncline.alignment.soft_smith_waterman.vector.forward import clear, read_gaps, row_factors, scales
from syncline.alignment.soft_smith_waterman.vector.strip import (
    CELL,
    FRONT,
    LEAST_FINITE,
    PADDING,
    skew_in,
    skew_out,
    strip,
)
from syncline.alignment.soft_smith_waterman.vector.types import (
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

Array = NDArray[Any]
_ZERO, _ONE = np.float32(0), np.float32(1)
_TINY = np.float32(2.0**-120)


@inlined
def reciprocal(whole: Any) -> Any:
    """1 / whole; of a whole that is 0, beyond the lengths, something finite."""
    return splat(_ONE) / larger_float(whole, splat(_TINY))


@inlined
def upstream_of(steps_u: Any, steps_s: Any, q: int) -> Any:
    """What arrives at D of a step; nothing where the cell is forbidden, whose D is a constant."""
    return choose(not_below(load(steps_s, q * 16), splat(LEAST_FINITE)), load(steps_u, q * 16), splat(_ZERO))


@inlined
def sweep(
    steps: int, cells: Any, g: Any, upstream: Any, steps_u: Any, a: Any, e: Any, a_below: Any, e_below: Any,
    varying: Any, steps_a: Any, steps_e: Any, rows_below: Any, width: int, steps_ds: Any, spill: Any,
) -> Any:  # fmt: skip
    """The adjoints of one strip, last step first, over its similarities in ``steps_ds``.

    ``rows_below`` holds what the strip below it left, and gets its own.
    Rows of ``rows_below``: G_D, G_Y, and with varying gaps a and e of the strip's first row, and in ``spill`` what goes
    to the gaps of the first row of the strip below. Returns the sums of P d, Q z, P x, Q y for gaps that do not vary;
    others are written in place over their factors.
    """
    gd, gx, gy, gd_later = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
    pd, qz, px, qy = splat(_ZERO), splat(_ZERO), splat(_ZERO), splat(_ZERO)
    a_right, e_right = a, e
    for q in range(steps - 1, -1, -1):
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
        source = g * load(cells, q * CELL + 64)
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
def add_rows(gradient: Array, base: int, stride: int, left: int, own: Any, below: Any, a: Any, a_below: Any) -> None:
    """Subtracts a * own from the rows of a strip and a_below * below from those one further down."""
    parts = np.empty(32, np.float32)
    store(parts, 0, a * own)
    store(parts, 16, a_below * below)
    for lane in range(left):
        gradient[base + lane * stride] -= parts[lane]
        if parts[16 + lane] != 0.0:
            gradient[base + (lane + 1) * stride] -= parts[16 + lane]


@inlined
def write_gaps(
    gradients: Any, along: Any, varying: Any, p: int, i: int, n: int, m: int, left: int, columns: int,
    sums: Any, a: Any, a_below: Any, e: Any, e_below: Any, steps_a: Any, steps_e: Any, spill: Any, last_strip: bool,
) -> None:  # fmt: skip
    """What a sweep gives to the gaps of the strip whose first row is i, and of the first row of the strip below.

    ``gradients``: of go and ge; ``along``: the strides of both over pairs and rows.
    """
    dgo, dge = gradients
    if varying is not None:
        base = (p * n + i) * m
        skew_out(steps_a, left, columns, dgo, base, m)
        skew_out(steps_e, left, columns, dge, base, m)
        if not last_strip:
            for j in range(columns):
                dgo[base + 16 * m + j] -= spill[FRONT + j]
                dge[base + 16 * m + j] -= spill[m + PADDING + FRONT + j]
    else:
        along_o, along_e = along
        pd, qz, px, qy = sums
        add_rows(dgo, p * along_o[0] + i * along_o[1], along_o[1], left, pd, qz, a, a_below)
        add_rows(dge, p * along_e[0] + i * along_e[1], along_e[1], left, px, qy, e, e_below)


@inlined
def gaps_and_below(
    go: Array, ge: Array, o: int, e: int, steps_o: Any, steps_e: Any, varying: Any, left: int, more: int, columns: int,
    va: Any, ve: Any, hi: Any, lo: Any,
) -> Any:  # fmt: skip
    """a, e of a strip and of the rows below its rows, of which there are ``more``; varying ones go to va, ve."""
    own_a, own_e = read_gaps(go, ge, o, e, steps_o[1], steps_e[1], varying, left, columns, va, ve, hi, lo)
    if varying is not None:
        return own_a, own_e, splat(_ZERO), splat(_ZERO)
    below_a = row_factors(go, o + steps_o[1], steps_o[1], more, hi, lo)
    below_e = row_factors(ge, e + steps_e[1], steps_e[1], more, hi, lo)
    return own_a, own_e, below_a, below_e


@compiled
def backward(
    s: Array, shape: tuple[int, int, int], go: Array, ge: Array, steps_o: tuple[int, int], steps_e: tuple[int, int],
    varying: Array | None, lx: Array, ly: Array, gamma: float, whole: Array, edge: Array, level: Array,
    g: Array, upstream: Array | None, ds: Array, dgo: Array, dge: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Gradients of sum(g * score) + sum(upstream * D) of pairs start to stop, after `forward` with ``keep``.

    ``ds`` need not be cleared. ``dgo``, ``dge`` start as zeros: (b, n) or (b, 1) as the rows' stride of the gap is 1 or
    0; with varying gaps (b, n, m).
    """
    state = flush_denormals()
    _, n, m = shape
    width, strips, space = m + PADDING, (n + 15) // 16, (m + 48) * 16
    work, ups, t_row = np.zeros(space, np.float32), np.zeros(space, np.float32), np.empty(m + 48, np.float32)
    va, ve = np.zeros(space, np.float32), np.zeros(space, np.float32)
    cells = np.empty((m + 16) * CELL, np.float32)
    along = (n if steps_o[1] else 1, steps_o[1]), (n if steps_e[1] else 1, steps_e[1])
    for p in range(start, stop):
        rows, columns = lx[p], ly[p]
        hi, lo, limit = scales(gamma, rows, columns)
        base_o, base_e = p * steps_o[0], p * steps_e[0]
        if rows < n or columns < m:
            clear(ds, p, n, m, rows if columns > 0 else 0, columns, 0.0)
        rows_below, spill = np.zeros(4 * width, np.float32), np.zeros(2 * width, np.float32)
        count = (rows + 15) // 16 if columns > 0 else 0
        k_score = math.floor(whole[p]) if count > 0 else 0
        k_splat = splat_int(k_score - 127)
        share = splat(np.float32(g[p] * 2.0 ** (k_score - whole[p]))) if count > 0 else splat(_ZERO)
        for k in range(count - 1, -1, -1):
            i = k * 16
            left = min(16, rows - i)
            base = (p * n + i) * m
            skew_in(s, base, m, left, columns, work)
            if upstream is not None:
                skew_in(upstream, base, m, left, columns, ups)
            o, e = base_o + i * steps_o[1], base_e + i * steps_e[1]
            a, b, a_below, b_below = gaps_and_below(
                go, ge, o, e, steps_o, steps_e, varying, left, min(16, rows - i - 1), columns, va, ve, hi, lo
            )
            strip(
                columns + 15, left, columns, work, a, b, varying, va, ve, edge, level, (p * strips + k) * 2 * width, -1,
                width, t_row, hi, lo, limit, splat(_ZERO), k_splat, None, work, hi, cells, k_splat,
            )  # fmt: skip
            if varying is not None:
                factors = rows_below.copy()
                keep_first_row(va, ve, factors, width, columns)
            sums = sweep(
                columns + 15, cells, share, upstream, ups, a, b, a_below, b_below, varying, va, ve, rows_below, width,
                work, spill,
            )  # fmt: skip
            skew_out(work, left, columns, ds, base, m)
            if varying is not None:
                rows_below[2 * width :] = factors[2 * width :]
            write_gaps(
                (dgo, dge), along, varying, p, i, n, m, left, columns, sums, a, a_below, b, b_below, va, ve, spill,
                k + 1 == count,
            )  # fmt: skip
    restore_denormals(state)
