"""The affine-gap soft Smith-Waterman in the log domain, one cell at a time, in float64: forward, gradient, tangent.

The recursion stands at the head of `torch_backend`. Every kernel works on pairs ``start`` to ``stop`` of a batch and
loops over each pair's own lengths. Gaps have shape (b | 1, n | 1, m | 1); their gradients (b, n | 1, m | 1), summed
over the axes of length 1 but the first.

Nothing is scaled, so nothing runs out of range, and the weights of a soft maximum are taken from its own arguments, so
that they add up to 1 whatever the size of the similarities. A similarity of minus infinity forbids its match.

``gradient`` is the adjoint sweep; ``tangent`` is forward mode over it, i.e. the product of the second derivatives with
a direction, which is what the backward pass of the expected alignment needs.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.numba_compiled import compiled

Array = NDArray[Any]
NEVER = -np.inf


class Pairs(NamedTuple):
    """A batch: similarities (b, n, m), gaps, lengths (b,), temperature."""

    s: Array
    go: Array
    ge: Array
    lx: Array
    ly: Array
    gamma: float


@compiled
def _soft_max(a: float, b: float, gamma: float) -> float:
    """gamma log(exp(a / gamma) + exp(b / gamma)), minus infinity where both are."""
    high = max(a, b)
    if high == NEVER:
        return NEVER
    return high + gamma * math.log1p(math.exp((min(a, b) - high) / gamma))


@compiled
def _weights(a: float, b: float, c: float, gamma: float) -> tuple[float, float, float]:
    """The weights of a, b and c in their soft maximum; all 0 where all are minus infinity."""
    high = max(a, b, c)
    if high == NEVER:
        return 0.0, 0.0, 0.0
    a, b, c = math.exp((a - high) / gamma), math.exp((b - high) / gamma), math.exp((c - high) / gamma)
    part = 1.0 / (a + b + c)
    return a * part, b * part, c * part


@compiled
def _weights_beside_nothing(a: float, b: float, c: float, gamma: float) -> tuple[float, float, float]:
    """The same of the soft maximum of a, b, c and 0."""
    high = max(a, b, c, 0.0)
    a, b, c = math.exp((a - high) / gamma), math.exp((b - high) / gamma), math.exp((c - high) / gamma)
    part = 1.0 / (a + b + c + math.exp(-high / gamma))
    return a * part, b * part, c * part


@compiled
def _fill(s: Array, gaps: Any, gamma: float, n: int, m: int, tables: Any) -> tuple[float, float]:
    """D, X, Y of one pair in ``tables`` with a border row and column (n + 1, m + 1).

    Returns the largest D, and the sum of exp((D - that) / gamma): minus infinity and 0 where no match is possible.
    """
    (go, ge), (d, x, y) = gaps, tables
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
            elif value > NEVER:
                total += math.exp((value - highest) / gamma)
    return highest, total


@compiled
def _share(value: float, highest: float, total: float, gamma: float) -> float:
    """Share of a cell in the score, from what `_fill` returns."""
    return 0.0 if value == NEVER else math.exp((value - highest) / gamma) / total


@compiled
def forward(pairs: Pairs, score: Array, scores: Array, start: int, stop: int) -> None:
    """Scores into (b,), D into ``scores`` (b, n, m) unless it has no rows; what is outside the lengths is left."""
    s, go, ge, lx, ly, gamma = pairs
    _, n, m = s.shape
    d, x, y = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    for p in range(start, stop):
        o, e = go[p * int(go.shape[0] > 1)], ge[p * int(ge.shape[0] > 1)]
        highest, total = _fill(s[p], (o, e), gamma, lx[p], ly[p], (d, x, y))
        score[p] = highest + gamma * math.log(total) if total > 0.0 else NEVER
        if scores.shape[0]:
            scores[p, : lx[p], : ly[p]] = d[1 : lx[p] + 1, 1 : ly[p] + 1]


@compiled
def gradient(pairs: Pairs, g: Array, upstream: Array, results: Any, start: int, stop: int) -> None:
    """Adds d(g score + sum of upstream * D) / d(s, go, ge) to the ``results`` ds, dgo, dge, which start as zeros.

    g: (b,). upstream: (b, n, m), or without rows for zeros.
    """
    (s, go, ge, lx, ly, gamma), (ds, dgo, dge) = pairs, results
    _, n, m = s.shape
    d, x, y = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    # adjoints of this row and the one above
    ed, ex, ey = np.empty((2, m + 1)), np.empty((2, m + 1)), np.empty((2, m + 1))
    for p in range(start, stop):
        o, e = go[p * int(go.shape[0] > 1)], ge[p * int(ge.shape[0] > 1)]
        oi, oj = int(o.shape[0] > 1), int(o.shape[1] > 1)
        ei, ej = int(e.shape[0] > 1), int(e.shape[1] > 1)
        highest, total = _fill(s[p], (o, e), gamma, lx[p], ly[p], (d, x, y))
        ed[:], ex[:], ey[:] = 0.0, 0.0, 0.0
        for i in range(lx[p] - 1, -1, -1):
            here, above = i & 1, 1 - (i & 1)
            ed[above], ex[above], ey[above] = 0.0, 0.0, 0.0
            for j in range(ly[p] - 1, -1, -1):
                c = j + 1
                if s[p, i, j] > NEVER:
                    a = ed[here, c] + g[p] * _share(d[i + 1, c], highest, total, gamma)
                    if upstream.shape[0]:
                        a += upstream[p, i, j]
                    ds[p, i, j] += a
                    of_d, of_x, of_y = _weights_beside_nothing(d[i, j], x[i, j], y[i, j], gamma)
                    ed[above, j] += a * of_d
                    ex[above, j] += a * of_x
                    ey[above, j] += a * of_y
                cost, more = o[i * oi, j * oj], e[i * ei, j * ej]
                b = ex[here, c]
                opened, extended, _ = _weights(d[i + 1, j] - cost, x[i + 1, j] - more, NEVER, gamma)
                opened, extended = b * opened, b * extended
                ed[here, j] += opened
                ex[here, j] += extended
                f = ey[here, c]
                of_d, of_x, of_y = _weights(d[i, c] - cost, x[i, c] - cost, y[i, c] - more, gamma)
                ed[above, c] += f * of_d
                ex[above, c] += f * of_x
                ey[above, c] += f * of_y
                dgo[p, i * int(dgo.shape[1] > 1), j * int(dgo.shape[2] > 1)] -= opened + f * (of_d + of_x)
                dge[p, i * int(dge.shape[1] > 1), j * int(dge.shape[2] > 1)] -= extended + f * of_y


@compiled
def _fill_tangent(
    s: Array, gaps: Any, along: Any, gamma: float, n: int, m: int, tables: Any, moving: Any, whole: tuple[float, float]
) -> float:
    """Directional derivatives of D, X, Y along ts, tgo, tge, into ``moving``; returns that of the score.

    Gap directions (n|1, m|1). ``whole``: what `_fill` returned.
    """
    (go, ge), (ts, tgo, tge), (d, x, y), (td, tx, ty), (highest, total) = gaps, along, tables, moving, whole
    oi, oj = int(go.shape[0] > 1), int(go.shape[1] > 1)
    ei, ej = int(ge.shape[0] > 1), int(ge.shape[1] > 1)
    td[:], tx[:], ty[:] = 0.0, 0.0, 0.0
    of_score = 0.0
    for i in range(n):
        for j in range(m):
            o, e, to, te = go[i * oi, j * oj], ge[i * ei, j * ej], tgo[i * oi, j * oj], tge[i * ei, j * ej]
            if s[i, j] > NEVER:
                of_d, of_x, of_y = _weights_beside_nothing(d[i, j], x[i, j], y[i, j], gamma)
                t = ts[i, j] + of_d * td[i, j] + of_x * tx[i, j] + of_y * ty[i, j]
                td[i + 1, j + 1] = t
                of_score += _share(d[i + 1, j + 1], highest, total, gamma) * t
            of_d, of_x, _ = _weights(d[i + 1, j] - o, x[i + 1, j] - e, NEVER, gamma)
            tx[i + 1, j + 1] = of_d * (td[i + 1, j] - to) + of_x * (tx[i + 1, j] - te)
            of_d, of_x, of_y = _weights(d[i, j + 1] - o, x[i, j + 1] - o, y[i, j + 1] - e, gamma)
            ty[i + 1, j + 1] = (
                of_d * (td[i, j + 1] - to) + of_x * (tx[i, j + 1] - to) + of_y * (ty[i, j + 1] - te)
            )  # fmt: skip
    return of_score


@compiled
def _pass_on(
    weight: float, moved: float, adjoint: tuple[float, float], gamma: float, e: Array, f: Array, row: int, column: int
) -> float:
    """Adds what an argument of a soft maximum gets of the adjoint of the whole to e, and its tangent to f.

    ``moved``: the argument's tangent less the whole's; ``adjoint``: a value with its tangent. Returns what f got.
    """
    part: float = weight * (adjoint[1] + adjoint[0] * moved / gamma)
    e[row, column] += weight * adjoint[0]
    f[row, column] += part
    return part


@compiled
def tangent(
    pairs: Pairs,
    g: Array,
    upstream: Array,
    along: Any,
    score: Array,
    scores: Array,
    results: Any,
    start: int,
    stop: int,
) -> None:
    """Derivatives ``along`` ts (b, n, m), tgo, tge (shaped as the gaps) of the score, D, and what ``gradient`` gives.

    They go into score (b,), scores (b, n, m) or without rows, and the ``results`` ds, dgo, dge.
    """
    (s, go, ge, lx, ly, gamma), (ts, tgo, tge), (ds, dgo, dge) = pairs, along, results
    _, n, m = s.shape
    d, x, y = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    td, tx, ty = np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1)), np.empty((n + 1, m + 1))
    ed, ex, ey = np.empty((2, m + 1)), np.empty((2, m + 1)), np.empty((2, m + 1))
    fd, fx, fy = np.empty((2, m + 1)), np.empty((2, m + 1)), np.empty((2, m + 1))  # their tangents
    tables, moving = (d, x, y), (td, tx, ty)
    for p in range(start, stop):
        po, pe = p * int(go.shape[0] > 1), p * int(ge.shape[0] > 1)
        o, e, to, te = go[po], ge[pe], tgo[po], tge[pe]
        oi, oj = int(o.shape[0] > 1), int(o.shape[1] > 1)
        ei, ej = int(e.shape[0] > 1), int(e.shape[1] > 1)
        whole = _fill(s[p], (o, e), gamma, lx[p], ly[p], tables)
        score[p] = _fill_tangent(s[p], (o, e), (ts[p], to, te), gamma, lx[p], ly[p], tables, moving, whole)
        if scores.shape[0]:
            scores[p, : lx[p], : ly[p]] = td[1 : lx[p] + 1, 1 : ly[p] + 1]
        ed[:], ex[:], ey[:], fd[:], fx[:], fy[:] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(lx[p] - 1, -1, -1):
            here, above = i & 1, 1 - (i & 1)
            ed[above], ex[above], ey[above], fd[above], fx[above], fy[above] = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for j in range(ly[p] - 1, -1, -1):
                c = j + 1
                if s[p, i, j] > NEVER:
                    w = g[p] * _share(d[i + 1, c], whole[0], whole[1], gamma)
                    a, ta = ed[here, c] + w, fd[here, c] + w * (td[i + 1, c] - score[p]) / gamma
                    if upstream.shape[0]:
                        a += upstream[p, i, j]
                    ds[p, i, j] += ta
                    of_d, of_x, of_y = _weights_beside_nothing(d[i, j], x[i, j], y[i, j], gamma)
                    moved, adjoint = td[i + 1, c] - ts[p, i, j], (a, ta)
                    _pass_on(of_d, td[i, j] - moved, adjoint, gamma, ed, fd, above, j)
                    _pass_on(of_x, tx[i, j] - moved, adjoint, gamma, ex, fx, above, j)
                    _pass_on(of_y, ty[i, j] - moved, adjoint, gamma, ey, fy, above, j)
                cost, more, tcost, tmore = o[i * oi, j * oj], e[i * ei, j * ej], to[i * oi, j * oj], te[i * ei, j * ej]
                of_d, of_x, _ = _weights(d[i + 1, j] - cost, x[i + 1, j] - more, NEVER, gamma)
                moved, adjoint = tx[i + 1, c], (ex[here, c], fx[here, c])
                opened = _pass_on(of_d, td[i + 1, j] - tcost - moved, adjoint, gamma, ed, fd, here, j)
                extended = _pass_on(of_x, tx[i + 1, j] - tmore - moved, adjoint, gamma, ex, fx, here, j)
                of_d, of_x, of_y = _weights(d[i, c] - cost, x[i, c] - cost, y[i, c] - more, gamma)
                moved, adjoint = ty[i + 1, c], (ey[here, c], fy[here, c])
                opened += _pass_on(of_d, td[i, c] - tcost - moved, adjoint, gamma, ed, fd, above, c)
                opened += _pass_on(of_x, tx[i, c] - tcost - moved, adjoint, gamma, ex, fx, above, c)
                extended += _pass_on(of_y, ty[i, c] - tmore - moved, adjoint, gamma, ey, fy, above, c)
                dgo[p, i * int(dgo.shape[1] > 1), j * int(dgo.shape[2] > 1)] -= opened
                dge[p, i * int(dge.shape[1] > 1), j * int(dge.shape[2] > 1)] -= extended
