"""The tangent of the soft Smith-Waterman's gradient without logarithms: `scalar.tangent` in sums and products.

The recursion stands at the head of `diagonal`. Here D, X and Y are exp(value / gamma), in float64 with a power
of two a cell, as in the vector kernel, so that no score and no second good alignment leaves the range. A transition's
share is a ratio of numbers of one cell, so the way back needs no exponents but where the score's own share is taken.
Left to `scalar` are gaps dearer than `DEAREST` and pairs whose best match is much dearer than none.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.compiled import compiled

Array = NDArray[Any]
DEAREST = 500.0
"""Largest gap / gamma: exp of it, and its products with mantissas, are normal float64 numbers."""
FAINTEST = -500.0
"""Lowest score / gamma of a pair: below, its matches would be lost beside the empty alignment, which counts 1."""

LEAP = 512
"""Levels are multiples of it, so that neighbours nearly always share one and nothing has to be shifted."""
LOW, HIGH = 2.0**-260, 2.0**260
"""Where the largest number of a cell stays; at level 0 also below."""
SMALLEST = 1e-290
"""Below it a sum of weights has no reciprocal: what leads there is as good as impossible."""


def serves(go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, score: Tensor) -> bool:
    """Whether `tangent` has the range for these pairs. go, ge: any shape. lx, ly, score: (b,)."""
    gaps = [float(value) for gap in (go, ge) for value in torch.aminmax(gap)] if go.numel() and ge.numel() else [0.0]
    high = score.double() / gamma
    fits = (lx == 0) | (ly == 0) | (torch.isfinite(high) & (high >= FAINTEST))
    return bool(fits.all()) and max(map(abs, gaps)) <= DEAREST * gamma


def factors(s: Tensor, gamma: float) -> tuple[Array, Array]:
    """exp(s / gamma) as a number about 1, float64, times 2 ** a multiple of `LEAP`, int64; both (b, n, m)."""
    logarithm = (s.double() * (1 / (gamma * math.log(2)))).nan_to_num().clamp(-1e9, 1e9)
    power = (logarithm / LEAP).round() * LEAP
    return torch.exp2(logarithm - power).contiguous().numpy(), power.long().contiguous().numpy()


@compiled
def two_to(k: int) -> Any:
    """2 ** k; 0 below the range of normal numbers, its largest power above."""
    return np.int64(min(max(k + 1023, 0), 2046) << 52).view(np.float64)


@compiled
def exponent(value: float) -> Any:
    """floor(log2(value)) of a number that is not negative; of 0 far below all others."""
    field = np.float64(value).view(np.int64) >> 52
    return field - 1023 if field else -(1 << 40)


@compiled
def tangent(
    q: Array, powers: Array, go: Array, ge: Array, lx: Array, ly: Array, gamma: float, g: Array, upstream: Array,
    ts: Array, tgo: Array, tge: Array,
    score: Array, prefix: Array, ds: Array, dgo: Array, dge: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """As `scalar.tangent`; q, powers of `factors` (b, n, m), go and ge = exp(-gap / gamma).

    d, x, y times 2 ** level hold exp(D / gamma) and so on; td the derivative of D itself, px and py those of X and Y,
    each times x, y: so no recursion divides but that of D.
    """
    _, n, m = q.shape
    d, x, y = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    td, px, py = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    level = np.empty((n + 1, m + 1), np.int64)
    adjoint, moving = np.empty((2, 3, m + 2)), np.empty((2, 3, m + 2))  # of D, X, Y, and their tangents
    per = 1.0 / gamma
    for p in range(start, stop):
        po, pe = p * int(go.shape[0] > 1), p * int(ge.shape[0] > 1)
        o, e, to, te = go[po], ge[pe], tgo[po], tge[pe]
        oi, oj = int(o.shape[0] > 1), int(o.shape[1] > 1)
        ei, ej = int(e.shape[0] > 1), int(e.shape[1] > 1)
        ni, nj, ki, kj = int(dgo.shape[1] > 1), int(dgo.shape[2] > 1), int(dge.shape[1] > 1), int(dge.shape[2] > 1)
        rows, columns = lx[p], ly[p]
        total, moved, highest = 0.0, 0.0, 0  # sums over all cells, times 2 ** highest
        d[0, :], x[0, :], y[0, :], level[0, :] = 0.0, 0.0, 0.0, 0
        td[0, :], px[0, :], py[0, :] = 0.0, 0.0, 0.0
        for i in range(rows):
            d0, x0, y0, td0, px0, py0, k0 = d[i], x[i], y[i], td[i], px[i], py[i], level[i]
            d1, x1, y1, td1, px1, py1, k1 = d[i + 1], x[i + 1], y[i + 1], td[i + 1], px[i + 1], py[i + 1], level[i + 1]
            d1[0], x1[0], y1[0], td1[0], px1[0], py1[0], k1[0] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0
            # of the cell to the left: D and its tangent, X and its own, the level
            value, t, gap, move, k = 0.0, 0.0, 0.0, 0.0, 0
            for j in range(columns):
                op, xp, top, tex = o[i * oi, j * oj], e[i * ei, j * ej], to[i * oi, j * oj], te[i * ei, j * ej]
                # X in the scale of the cell to the left, Y in that of the one above, D in that of the diagonal one
                left = op * value
                move = left * (t - top) + xp * (move - gap * tex)
                gap = left + xp * gap
                up = op * d0[j + 1]
                other = up + op * x0[j + 1] + xp * y0[j + 1]
                turned = op * (px0[j + 1] - x0[j + 1] * top) + xp * (py0[j + 1] - y0[j + 1] * tex)
                turned += up * (td0[j + 1] - top)
                whole = two_to(-k0[j]) + d0[j] + x0[j] + y0[j]
                value = q[p, i, j] * whole
                t = ts[p, i, j] + (d0[j] * td0[j] + px0[j] + py0[j]) / whole
                above, diagonal = k0[j + 1], k0[j] + powers[p, i, j]
                largest = max(value, other, gap)
                if not (k == diagonal and k == above and largest < HIGH and (largest > LOW or k == 0)):
                    leading = max(0, diagonal + exponent(value), above + exponent(other), k + exponent(gap))
                    here = ((leading + LEAP // 2) // LEAP) * LEAP
                    factor = two_to(k - here)
                    gap, move = gap * factor, move * factor
                    factor = two_to(above - here)
                    other, turned = other * factor, turned * factor
                    value *= two_to(diagonal - here)
                    k = here
                x1[j + 1], px1[j + 1], y1[j + 1], py1[j + 1] = gap, move, other, turned
                d1[j + 1], td1[j + 1], k1[j + 1] = value, t, k
                if k > highest:
                    factor = two_to(highest - k)
                    total, moved, highest = total * factor, moved * factor, k
                part = value * two_to(k - highest)
                total += part
                moved += part * t
        of_score = moved / total if total > 0 else 0.0
        score[p] = of_score
        if prefix.shape[0]:
            prefix[p, :rows, :columns] = td[1 : rows + 1, 1 : columns + 1]
        seed = g[p] / total if total > 0 else 0.0
        adjoint[:], moving[:] = 0.0, 0.0
        for i in range(rows - 1, -1, -1):
            d0, x0, y0, td0, px0, py0, k0 = d[i], x[i], y[i], td[i], px[i], py[i], level[i]
            d1, x1, td1, px1, k1 = d[i + 1], x[i + 1], td[i + 1], px[i + 1], level[i + 1]
            here, above = adjoint[i & 1], adjoint[1 - (i & 1)]
            there, beyond = moving[i & 1], moving[1 - (i & 1)]
            # what the cell to the right gave to this one's D and X, and to D, X, Y of the cell above this one
            ad, ax, fd, fx = 0.0, 0.0, 0.0, 0.0
            bd, bx, by, gd, gx, gy = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for j in range(columns - 1, -1, -1):
                k = j + 1
                op, xp, top, tex = o[i * oi, j * oj], e[i * ei, j * ej], to[i * oi, j * oj], te[i * ei, j * ej]
                opened, extended = 0.0, 0.0
                # Y of this cell, from D, X, Y above it
                up, turn, more = op * d0[k], op * x0[k], xp * y0[k]
                whole = up + turn + more
                if whole > SMALLEST:
                    part = 1.0 / whole
                    of_up, of_turn = up * (td0[k] - top), op * px0[k] - turn * top
                    of_more = xp * py0[k] - more * tex
                    b = here[2, k] * part
                    b_per = b * per
                    held = (there[2, k] - b_per * (of_up + of_turn + of_more)) * part
                    flow = up * held + b_per * of_up
                    bd += b * up
                    gd += flow
                    opened += flow
                    flow = turn * held + b_per * of_turn
                    bx += b * turn
                    gx += flow
                    opened += flow
                    flow = more * held + b_per * of_more
                    by += b * more
                    gy += flow
                    extended += flow
                above[0, k], above[1, k], above[2, k] = bd, bx, by
                beyond[0, k], beyond[1, k], beyond[2, k] = gd, gx, gy
                # D of this cell, from D, X, Y of the diagonal one: a share w of a has the derivative w (d log part -
                # d log whole) / gamma
                w = seed * d1[k] * two_to(k1[k] - highest)
                a = here[0, k] + ad + w
                ta = there[0, k] + fd + w * (td1[k] - of_score) * per
                if upstream.shape[0]:
                    a += upstream[p, i, j]
                ds[p, i, j] += ta
                part = 1.0 / (two_to(-k0[j]) + d0[j] + x0[j] + y0[j])
                held = (ta - a * (td1[k] - ts[p, i, j]) * per) * part
                a = a * part
                bd, bx, by = a * d0[j], a * x0[j], a * y0[j]
                a = a * per
                gd = d0[j] * (held + a * td0[j])
                gx, gy = held * x0[j] + a * px0[j], held * y0[j] + a * py0[j]
                # X of this cell, from D and X of the one to the left
                left, more = op * d1[j], xp * x1[j]
                whole = left + more
                b, held = here[1, k] + ax, there[1, k] + fx
                ad, ax, fd, fx = 0.0, 0.0, 0.0, 0.0
                if whole > SMALLEST:
                    part = 1.0 / whole
                    of_left, of_more = left * (td1[j] - top), xp * px1[j] - more * tex
                    b = b * part
                    b_per = b * per
                    held = (held - b_per * (of_left + of_more)) * part
                    ad, fd = b * left, left * held + b_per * of_left
                    ax, fx = b * more, more * held + b_per * of_more
                    opened += fd
                    extended += fx
                dgo[p, i * ni, j * nj] -= opened
                dge[p, i * ki, j * kj] -= extended
