"""The tangent of the soft Smith-Waterman's gradient without logarithms: `scalar.tangent` where float64 has the range.

The recursion stands at the head of `diagonal`. Here D, X and Y are exp(value / gamma - c): sums and products in place
of soft maxima, and one exponential a cell that is taken for all cells at once. The constant c of a pair places its
numbers in the range of float64, which holds where (score - least similarity) / gamma is at most `RANGE`: some tens of
frames at the temperatures of training, hundreds at higher ones. Elsewhere `scales` says no, and the caller takes
`scalar`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.compiled import compiled

Array = NDArray[Any]
RANGE = 1250.0
"""exp of half of it, with what gaps take away, is a normal float64 number."""
HIGHEST = 600.0
"""Where the largest number of a pair is placed, as an exponent of e."""
DEAREST = 25.0
"""Largest gap / gamma that the range leaves room for."""


def scales(s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, score: Tensor) -> Array | None:
    """The constants c of the pairs, (b,) float64; None where one of them has not the range.

    Args:
        s: (b, n, m). go, ge: (b | 1, n | 1, m | 1). lx, ly: (b,) lengths. score: (b,) of the same.
    """
    if not s.numel():
        return None
    rows, columns = (torch.arange(size) for size in s.shape[1:])
    valid = (rows[:, None] < lx[:, None, None]) & (columns < ly[:, None, None])
    least = s.masked_fill(~valid, torch.inf).flatten(1).amin(dim=1).double() / gamma
    gaps = [float(value) for gap in (go, ge) for value in torch.aminmax(gap)]
    high = score.double() / gamma
    empty = (lx == 0) | (ly == 0)
    fits = bool((empty | (high - least <= RANGE)).all()) and min(gaps) >= 0 and max(gaps) <= DEAREST * gamma
    return torch.where(empty, 0.0, (high - HIGHEST).clamp(min=0)).numpy() if fits else None


@compiled
def tangent(
    q: Array, go: Array, ge: Array, lx: Array, ly: Array, gamma: float, c: Array, g: Array, upstream: Array,
    ts: Array, tgo: Array, tge: Array,
    score: Array, prefix: Array, ds: Array, dgo: Array, dge: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """As `scalar.tangent`; q = exp(s / gamma) (b, n, m), go and ge = exp(-gap / gamma), c of `scales`.

    d, x, y hold exp(D / gamma - c) and so on; td the derivative of D itself, px and py those of X and Y, each times x,
    y: so no recursion divides but that of D.
    """
    _, n, m = q.shape
    d, x, y = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    td, px, py = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    adjoint, moving = np.empty((2, 3, m + 2)), np.empty((2, 3, m + 2))  # of D, X, Y, and their tangents
    per = 1.0 / gamma
    for p in range(start, stop):
        po, pe = p * int(go.shape[0] > 1), p * int(ge.shape[0] > 1)
        o, e, to, te = go[po], ge[pe], tgo[po], tge[pe]
        oi, oj = int(o.shape[0] > 1), int(o.shape[1] > 1)
        ei, ej = int(e.shape[0] > 1), int(e.shape[1] > 1)
        ni, nj, ki, kj = int(dgo.shape[1] > 1), int(dgo.shape[2] > 1), int(dge.shape[1] > 1), int(dge.shape[2] > 1)
        fresh = np.exp(-c[p])
        rows, columns = lx[p], ly[p]
        total, moved = 0.0, 0.0
        d[0, :], x[0, :], y[0, :] = 0.0, 0.0, 0.0
        td[0, :], px[0, :], py[0, :] = 0.0, 0.0, 0.0
        for i in range(rows):
            d0, x0, y0, td0, px0, py0 = d[i], x[i], y[i], td[i], px[i], py[i]
            d1, x1, y1, td1, px1, py1 = d[i + 1], x[i + 1], y[i + 1], td[i + 1], px[i + 1], py[i + 1]
            d1[0], x1[0], y1[0], td1[0], px1[0], py1[0] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            value, t, gap, move = 0.0, 0.0, 0.0, 0.0  # D, its tangent, X and its derivative of the cell to the left
            for j in range(columns):
                op, xp, top, tex = o[i * oi, j * oj], e[i * ei, j * ej], to[i * oi, j * oj], te[i * ei, j * ej]
                left = op * value
                move = left * (t - top) + xp * (move - gap * tex)
                gap = left + xp * gap
                x1[j + 1], px1[j + 1] = gap, move
                whole = fresh + d0[j] + x0[j] + y0[j]
                value = q[p, i, j] * whole
                t = ts[p, i, j] + (d0[j] * td0[j] + px0[j] + py0[j]) / whole
                d1[j + 1], td1[j + 1] = value, t
                total += value
                moved += value * t
                up = op * d0[j + 1]
                y1[j + 1] = up + op * x0[j + 1] + xp * y0[j + 1]
                turned = op * (px0[j + 1] - x0[j + 1] * top) + xp * (py0[j + 1] - y0[j + 1] * tex)
                py1[j + 1] = up * (td0[j + 1] - top) + turned
        of_score = moved / total if total > 0 else 0.0
        score[p] = of_score
        if prefix.shape[0]:
            prefix[p, :rows, :columns] = td[1 : rows + 1, 1 : columns + 1]
        seed = g[p] / total if total > 0 else 0.0
        adjoint[:], moving[:] = 0.0, 0.0
        for i in range(rows - 1, -1, -1):
            d0, x0, y0, td0, px0, py0 = d[i], x[i], y[i], td[i], px[i], py[i]
            d1, x1, y1, td1, px1, py1 = d[i + 1], x[i + 1], y[i + 1], td[i + 1], px[i + 1], py[i + 1]
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
                if y1[k] > 0.0:
                    part = 1.0 / y1[k]
                    b = here[2, k] * part
                    held = there[2, k] * part - b * per * py1[k] * part
                    b_per = b * per
                    up, turn, more = op * d0[k], op * x0[k], xp * y0[k]
                    flow = up * (held + b_per * (td0[k] - top))
                    bd += b * up
                    gd += flow
                    opened += flow
                    flow = turn * (held - b_per * top) + b_per * op * px0[k]
                    bx += b * turn
                    gx += flow
                    opened += flow
                    flow = more * (held - b_per * tex) + b_per * xp * py0[k]
                    by += b * more
                    gy += flow
                    extended += flow
                above[0, k], above[1, k], above[2, k] = bd, bx, by
                beyond[0, k], beyond[1, k], beyond[2, k] = gd, gx, gy
                # D of this cell, from D, X, Y of the diagonal one: a share w of a has the derivative w (d log part -
                # d log whole) / gamma
                w = seed * d1[k]
                a = here[0, k] + ad + w
                ta = there[0, k] + fd + w * (td1[k] - of_score) * per
                if upstream.shape[0]:
                    a += upstream[p, i, j]
                ds[p, i, j] += ta
                part = 1.0 / (fresh + d0[j] + x0[j] + y0[j])
                held = (ta - a * (td1[k] - ts[p, i, j]) * per) * part
                a = a * part
                bd, bx, by = a * d0[j], a * x0[j], a * y0[j]
                a = a * per
                gd = d0[j] * (held + a * td0[j])
                gx, gy = held * x0[j] + a * px0[j], held * y0[j] + a * py0[j]
                # X of this cell, from D and X of the one to the left
                b, held = here[1, k] + ax, there[1, k] + fx
                ad, ax, fd, fx = 0.0, 0.0, 0.0, 0.0
                if x1[k] > 0.0:
                    part = 1.0 / x1[k]
                    b = b * part
                    b_per = b * per
                    held = (held - b_per * px1[k]) * part
                    left, more = op * d1[j], xp * x1[j]
                    ad, fd = b * left, left * (held + b_per * (td1[j] - top))
                    ax, fx = b * more, more * (held - b_per * tex) + b_per * xp * px1[j]
                    opened += fd
                    extended += fx
                dgo[p, i * ni, j * nj] -= opened
                dge[p, i * ki, j * kj] -= extended
