"""The affine-gap soft Smith-Waterman in the log domain, one cell at a time, in float64: forward, gradient, tangent.

The recursion stands at the head of `torch_backend`. Every kernel works on pairs ``start`` to ``stop`` of a batch and
loops over each pair's own lengths. Gaps have shape (b | 1, n | 1, m | 1); their gradients (b, n | 1, m | 1), summed
over the axes of length 1 but the first. Exact for every gamma and gap: nothing is scaled, so nothing runs out of range.

``gradient`` is the adjoint sweep; ``tangent`` is forward mode over it, i.e. the product of the second derivatives with
a direction, which is what the backward pass of the expected alignment needs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.compiled import compiled

Array = NDArray[Any]
NEVER = -np.inf


@compiled
def _soft_max(a: float, b: float, gamma: float) -> float:
    """gamma log(exp(a / gamma) + exp(b / gamma)), minus infinity where both are."""
    high = max(a, b)
    if high == NEVER:
        return NEVER
    return high + gamma * math.log1p(math.exp((min(a, b) - high) / gamma))


@compiled
def _share(part: float, whole: float, gamma: float) -> float:
    """exp((part - whole) / gamma): the weight of an argument in a soft maximum; 0 where it is forbidden."""
    return 0.0 if part == NEVER else math.exp((part - whole) / gamma)


@compiled
def _fill(s: Array, go: Array, ge: Array, gamma: float, n: int, m: int, d: Array, x: Array, y: Array) -> float:
    """D, X, Y of one pair in arrays with a border row and column (n + 1, m + 1); returns the score."""
    oi, oj = int(go.shape[0] > 1), int(go.shape[1] > 1)
    ei, ej = int(ge.shape[0] > 1), int(ge.shape[1] > 1)
    d[0, :] = NEVER
    x[0, :] = NEVER
    y[0, :] = NEVER
    highest, total = NEVER, 0.0
    for i in range(n):
        d[i + 1, 0] = NEVER
        x[i + 1, 0] = NEVER
        y[i + 1, 0] = NEVER
        for j in range(m):
            o, e = go[i * oi, j * oj], ge[i * ei, j * ej]
            dd, xd, yd = d[i, j], x[i, j], y[i, j]
            high = max(0.0, dd, xd, yd)
            value = math.exp(-high / gamma)
            value += math.exp((dd - high) / gamma) + math.exp((xd - high) / gamma) + math.exp((yd - high) / gamma)
            value = s[i, j] + high + gamma * math.log(value)
            d[i + 1, j + 1] = value
            x[i + 1, j + 1] = _soft_max(d[i + 1, j] - o, x[i + 1, j] - e, gamma)
            up = _soft_max(d[i, j + 1] - o, x[i, j + 1] - o, gamma)
            y[i + 1, j + 1] = _soft_max(up, y[i, j + 1] - e, gamma)
            if value > highest:
                total = total * math.exp((highest - value) / gamma) + 1.0
                highest = value
            else:
                total += math.exp((value - highest) / gamma)
    return highest + gamma * math.log(total) if n * m > 0 else NEVER


@compiled
def forward(
    s: Array,
    go: Array,
    ge: Array,
    lx: Array,
    ly: Array,
    gamma: float,
    score: Array,
    scores: Array,
    start: int,
    stop: int,
) -> None:
    """Scores into (b,), D into ``scores`` (b, n, m) unless it has no rows; what is outside the lengths is left."""
    _, n, m = s.shape
    d, x, y = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    for p in range(start, stop):
        o, e = go[p * int(go.shape[0] > 1)], ge[p * int(ge.shape[0] > 1)]
        score[p] = _fill(s[p], o, e, gamma, lx[p], ly[p], d, x, y)
        if scores.shape[0]:
            scores[p, : lx[p], : ly[p]] = d[1 : lx[p] + 1, 1 : ly[p] + 1]


@compiled
def gradient(
    s: Array, go: Array, ge: Array, lx: Array, ly: Array, gamma: float, g: Array, upstream: Array,
    ds: Array, dgo: Array, dge: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Adds d(g score + sum of upstream * D) / d(s, go, ge) to ds, dgo, dge, which start as zeros.

    g: (b,). upstream: (b, n, m), or without rows for zeros.
    """
    _, n, m = s.shape
    d, x, y = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    ed, ex, ey = (
        np.empty((2, m + 1)),
        np.empty((2, m + 1)),
        np.empty((2, m + 1)),
    )  # adjoints of this row and the one above
    for p in range(start, stop):
        o, e = go[p * int(go.shape[0] > 1)], ge[p * int(ge.shape[0] > 1)]
        oi, oj = int(o.shape[0] > 1), int(o.shape[1] > 1)
        ei, ej = int(e.shape[0] > 1), int(e.shape[1] > 1)
        whole = _fill(s[p], o, e, gamma, lx[p], ly[p], d, x, y)
        ed[:], ex[:], ey[:] = 0.0, 0.0, 0.0
        for i in range(lx[p] - 1, -1, -1):
            here, above = i & 1, 1 - (i & 1)
            ed[above], ex[above], ey[above] = 0.0, 0.0, 0.0
            for j in range(ly[p] - 1, -1, -1):
                c = j + 1
                a = ed[here, c] + g[p] * _share(d[i + 1, c], whole, gamma)
                if upstream.shape[0]:
                    a += upstream[p, i, j]
                ds[p, i, j] += a
                base = d[i + 1, c] - s[p, i, j]
                ed[above, j] += a * _share(d[i, j], base, gamma)
                ex[above, j] += a * _share(x[i, j], base, gamma)
                ey[above, j] += a * _share(y[i, j], base, gamma)
                cost, more = o[i * oi, j * oj], e[i * ei, j * ej]
                b = ex[here, c]
                opened = b * _share(d[i + 1, j] - cost, x[i + 1, c], gamma)
                extended = b * _share(x[i + 1, j] - more, x[i + 1, c], gamma)
                ed[here, j] += opened
                ex[here, j] += extended
                f = ey[here, c]
                from_d = f * _share(d[i, c] - cost, y[i + 1, c], gamma)
                from_x = f * _share(x[i, c] - cost, y[i + 1, c], gamma)
                from_y = f * _share(y[i, c] - more, y[i + 1, c], gamma)
                ed[above, c] += from_d
                ex[above, c] += from_x
                ey[above, c] += from_y
                dgo[p, i * int(dgo.shape[1] > 1), j * int(dgo.shape[2] > 1)] -= opened + from_d + from_x
                dge[p, i * int(dge.shape[1] > 1), j * int(dge.shape[2] > 1)] -= extended + from_y


@compiled
def _fill_tangent(
    s: Array, go: Array, ge: Array, ts: Array, tgo: Array, tge: Array, gamma: float, n: int, m: int,
    d: Array, x: Array, y: Array, td: Array, tx: Array, ty: Array, whole: float,
) -> float:  # fmt: skip
    """Directional derivatives of D, X, Y along (ts, tgo, tge); returns that of the score. Gap directions (n|1, m|1)."""
    oi, oj = int(go.shape[0] > 1), int(go.shape[1] > 1)
    ei, ej = int(ge.shape[0] > 1), int(ge.shape[1] > 1)
    td[:], tx[:], ty[:] = 0.0, 0.0, 0.0
    of_score = 0.0
    for i in range(n):
        for j in range(m):
            o, e, to, te = go[i * oi, j * oj], ge[i * ei, j * ej], tgo[i * oi, j * oj], tge[i * ei, j * ej]
            base = d[i + 1, j + 1] - s[i, j]
            t = ts[i, j] + _share(d[i, j], base, gamma) * td[i, j]
            t += _share(x[i, j], base, gamma) * tx[i, j] + _share(y[i, j], base, gamma) * ty[i, j]
            td[i + 1, j + 1] = t
            v = x[i + 1, j + 1]
            tx[i + 1, j + 1] = _share(d[i + 1, j] - o, v, gamma) * (td[i + 1, j] - to) + _share(
                x[i + 1, j] - e, v, gamma
            ) * (tx[i + 1, j] - te)
            v = y[i + 1, j + 1]
            ty[i + 1, j + 1] = (
                _share(d[i, j + 1] - o, v, gamma) * (td[i, j + 1] - to)
                + _share(x[i, j + 1] - o, v, gamma) * (tx[i, j + 1] - to)
                + _share(y[i, j + 1] - e, v, gamma) * (ty[i, j + 1] - te)
            )
            of_score += _share(d[i + 1, j + 1], whole, gamma) * t
    return of_score


@compiled
def _pass_on(
    part: tuple[float, float], whole: tuple[float, float], adjoint: tuple[float, float], gamma: float,
    e: Array, f: Array, row: int, column: int,
) -> float:  # fmt: skip
    """Adds what an argument of a soft maximum gets of the adjoint of the whole to e, and its tangent to f.

    Every pair is a value with its directional derivative. Returns what was added to f.
    """
    weight = _share(part[0], whole[0], gamma)
    moved: float = weight * (adjoint[1] + adjoint[0] * (part[1] - whole[1]) / gamma)
    e[row, column] += weight * adjoint[0]
    f[row, column] += moved
    return moved


@compiled
def tangent(
    s: Array, go: Array, ge: Array, lx: Array, ly: Array, gamma: float, g: Array, upstream: Array,
    ts: Array, tgo: Array, tge: Array,
    score: Array, scores: Array, ds: Array, dgo: Array, dge: Array, start: int, stop: int,
) -> None:  # fmt: skip
    """Directional derivatives along (ts, tgo, tge) of the score, of D, and of what ``gradient`` computes.

    ts: (b, n, m); tgo, tge: shaped as go, ge. Results into score (b,), scores (b, n, m) or without rows, ds, dgo, dge.
    """
    _, n, m = s.shape
    d, x, y = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    td, tx, ty = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    ed, ex, ey = np.empty((2, m + 1)), np.empty((2, m + 1)), np.empty((2, m + 1))
    fd, fx, fy = np.empty((2, m + 1)), np.empty((2, m + 1)), np.empty((2, m + 1))  # their tangents
    for p in range(start, stop):
        po, pe = p * int(go.shape[0] > 1), p * int(ge.shape[0] > 1)
        o, e, to, te = go[po], ge[pe], tgo[po], tge[pe]
        oi, oj = int(o.shape[0] > 1), int(o.shape[1] > 1)
        ei, ej = int(e.shape[0] > 1), int(e.shape[1] > 1)
        total = _fill(s[p], o, e, gamma, lx[p], ly[p], d, x, y)
        score[p] = _fill_tangent(s[p], o, e, ts[p], to, te, gamma, lx[p], ly[p], d, x, y, td, tx, ty, total)
        if scores.shape[0]:
            scores[p, : lx[p], : ly[p]] = td[1 : lx[p] + 1, 1 : ly[p] + 1]
        ed[:], ex[:], ey[:] = 0.0, 0.0, 0.0
        fd[:], fx[:], fy[:] = 0.0, 0.0, 0.0
        for i in range(lx[p] - 1, -1, -1):
            here, above = i & 1, 1 - (i & 1)
            ed[above], ex[above], ey[above] = 0.0, 0.0, 0.0
            fd[above], fx[above], fy[above] = 0.0, 0.0, 0.0
            for j in range(ly[p] - 1, -1, -1):
                c = j + 1
                w = g[p] * _share(d[i + 1, c], total, gamma)
                a, ta = ed[here, c] + w, fd[here, c] + w * (td[i + 1, c] - score[p]) / gamma
                if upstream.shape[0]:
                    a += upstream[p, i, j]
                ds[p, i, j] += ta
                whole, adjoint = (d[i + 1, c] - s[p, i, j], td[i + 1, c] - ts[p, i, j]), (a, ta)
                _pass_on((d[i, j], td[i, j]), whole, adjoint, gamma, ed, fd, above, j)
                _pass_on((x[i, j], tx[i, j]), whole, adjoint, gamma, ex, fx, above, j)
                _pass_on((y[i, j], ty[i, j]), whole, adjoint, gamma, ey, fy, above, j)
                cost, more, tcost, tmore = o[i * oi, j * oj], e[i * ei, j * ej], to[i * oi, j * oj], te[i * ei, j * ej]
                whole, adjoint = (x[i + 1, c], tx[i + 1, c]), (ex[here, c], fx[here, c])
                part = (d[i + 1, j] - cost, td[i + 1, j] - tcost)
                opened = _pass_on(part, whole, adjoint, gamma, ed, fd, here, j)
                part = (x[i + 1, j] - more, tx[i + 1, j] - tmore)
                extended = _pass_on(part, whole, adjoint, gamma, ex, fx, here, j)
                whole, adjoint = (y[i + 1, c], ty[i + 1, c]), (ey[here, c], fy[here, c])
                part = (d[i, c] - cost, td[i, c] - tcost)
                opened += _pass_on(part, whole, adjoint, gamma, ed, fd, above, c)
                part = (x[i, c] - cost, tx[i, c] - tcost)
                opened += _pass_on(part, whole, adjoint, gamma, ex, fx, above, c)
                part = (y[i, c] - more, ty[i, c] - tmore)
                extended += _pass_on(part, whole, adjoint, gamma, ey, fy, above, c)
                dgo[p, i * int(dgo.shape[1] > 1), j * int(dgo.shape[2] > 1)] -= opened
                dge[p, i * int(dge.shape[1] > 1), j * int(dge.shape[2] > 1)] -= extended
