"""The recursion of soft-DTW over a strip of 16 rows, down and back up, 16 cells at a time.

Step layout: lane l works on row i0 + l, at step q on column q - l of the strip's columns. The left neighbour is then
the same lane one step ago, the upper one the lane above one step ago, the diagonal one what was above one step ago.
Rows that go from strip to strip are kept with 16 columns of padding in front and 48 behind.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from syncline.alignment.dtw.kernel_tuples import Course, Weights
from syncline.alignment.dtw.vector.float64_lanes import (
    below,
    choose,
    exp,
    first,
    fma,
    from_above,
    from_below,
    larger,
    load_wide,
    log,
    smaller,
    splat,
)
from syncline.alignment.soft_smith_waterman.vector.float32_lanes import inlined, load, store

FRONT = 16
PADDING = 64
CELL = 3 * 16
"""Floats that `down` writes a step for the way up: the share of each predecessor, 16 lanes each."""


@inlined
def down(
    steps: int, costs: Any, diagonals: Any, uppers: Any, course: Course, shares: Any, values: Any
) -> None:  # fmt: skip
    """R of a strip from its costs in step layout, infinite where a cell is not allowed.

    ``diagonals``, ``uppers``: the row above the strip, as its diagonal and as its upper successors see it. Writes R to
    ``values`` in step layout, or, where ``shares`` is given, what `up` needs there.
    """
    w_both, w_first, w_second = splat(course.weights[0]), splat(course.weights[1]), splat(course.weights[2])
    per_gamma, g = splat(1.0 / course.gamma), splat(course.gamma)
    infinite = splat(np.inf)
    r = infinite
    diagonal = from_above(infinite, diagonals[FRONT - 1])
    for q in range(steps):
        c = load_wide(costs, q * 16)
        above = from_above(r, uppers[FRONT + q])
        a, b, left = fma(w_both, c, diagonal), fma(w_first, c, above), fma(w_second, c, r)
        diagonal = from_above(r, diagonals[FRONT + q])
        least, other = smaller(a, b), larger(a, b)
        low = smaller(least, left)
        # of the three exponentials that of the least is 1; where nothing is reached all differences are NaN
        one = exp((low - larger(least, left)) * per_gamma)
        two = exp((low - other) * per_gamma)
        total = splat(1.0) + one + two
        if shares is not None:
            part = choose(below(low, infinite), splat(1.0) / total, splat(0.0))
            diagonal_least, left_least = below(a, b), below(left, least)
            of_least, of_other = choose(left_least, one, splat(1.0)) * part, two * part
            store(shares, q * CELL, choose(diagonal_least, of_least, of_other))
            store(shares, q * CELL + 16, choose(diagonal_least, of_other, of_least))
            store(shares, q * CELL + 32, choose(left_least, splat(1.0), one) * part)
        r = fma(splat(0.0) - g, log(total), low)
        if values is not None:
            store(values, q * 16, r)


@inlined
def up(
    steps: int, shares: Any, out: Weights, ends: Any, diagonals: Any, uppers: Any, visits: Any
) -> None:  # fmt: skip
    """How likely the path is at each cell of a strip, times the weight ``out`` of the step that reached it: `visits`.

    ``diagonals``, ``uppers``: what the first row of the strip below gives to its diagonal and upper predecessors, by
    its own columns; replaced by what this strip gives. ``ends``: how likely the path ends at a cell, in step layout, or
    None.
    """
    o_both, o_first, o_second = splat(out[0]), splat(out[1]), splat(out[2])
    diagonal, before, upper, left = splat(0.0), splat(0.0), splat(0.0), splat(0.0)
    for q in range(steps - 1, -1, -1):
        column = FRONT + q - 15
        here = left + from_below(upper, uppers[column]) + from_below(before, diagonals[column + 1])
        if ends is not None:
            here = here + load(ends, q * 16)
        of_both, of_first, of_second = load(shares, q * CELL), load(shares, q * CELL + 16), load(shares, q * CELL + 32)
        before = diagonal
        diagonal, upper, left = here * of_both, here * of_first, here * of_second
        store(visits, q * 16, fma(o_both, diagonal, fma(o_first, upper, o_second * left)))
        diagonals[FRONT + q], uppers[FRONT + q] = first(diagonal), first(upper)
