"""Soft-DTW and its visits in Triton: one program a pair, anti-diagonals in parts of a program's lanes, log domain.

The recursion stands at the head of `torch_backend`. A cell reads its neighbours from the table R (b, n, m), and a
barrier parts the anti-diagonals. On the way back a cell takes the share of each predecessor from its own arguments, so
that they add up to 1, and leaves its visits times that share for it. Importing needs Triton; with TRITON_INTERPRET=1 in
the environment the same code runs on CPU tensors, slowly.

Arguments: c the costs C; r the table R; lx, ly lengths; value the score of a pair; numbers gamma and the step weights;
posterior the expected path P (of unequal weights the gradient d value / d C), and visits how likely the path is at a
cell on the way to it. Triton takes no bundles of arguments: pointers and sizes come one by one.
"""

from __future__ import annotations

import triton
import triton.language as tl

from syncline.alignment.soft_smith_waterman.triton_kernel import width

CEILING = tl.constexpr(2.0**100)
"""Stands for infinity, so that what cannot be reached has weight 0 and not NaN; the same number in every dtype."""

__all__ = ["CEILING", "backward", "forward", "width"]


@triton.jit  # type: ignore[untyped-decorator]
def _arguments(c, r, at, i, j, m, here, both, first, second, OPEN: tl.constexpr):  # type: ignore[no-untyped-def]
    """What these cells cost by the way of each predecessor; at least the ceiling where there is none."""
    cost = tl.load(c + at, mask=here, other=CEILING)
    begins = i == 0
    if not OPEN:
        begins = begins & (j == 0)
    corner = tl.load(r + at - m - 1, mask=here & (i > 0) & (j > 0), other=CEILING)
    corner = tl.where(begins, 0.0, corner)
    above = tl.load(r + at - m, mask=here & (i > 0), other=CEILING)
    left = tl.load(r + at - 1, mask=here & (j > 0), other=CEILING)
    closed = cost >= CEILING
    cost = tl.where(closed, 0.0, cost)
    a = tl.where(closed, CEILING, corner + both * cost)
    b = tl.where(closed, CEILING, above + first * cost)
    d = tl.where(closed, CEILING, left + second * cost)
    return a, b, d


@triton.jit  # type: ignore[untyped-decorator]
def forward(  # type: ignore[no-untyped-def]
    c, numbers, lx, ly, r, n, m, OPEN: tl.constexpr, WIDTH: tl.constexpr
):  # fmt: skip
    """Fills r inside the lengths; c (b, n, m) contiguous, at least the ceiling in cells that no path uses.

    ``numbers``: gamma, three step weights, and three of the visits, in the dtype of c.
    """
    pair = tl.program_id(0).to(tl.int64)
    rows, columns = tl.load(lx + pair), tl.load(ly + pair)
    g, both, first, second = tl.load(numbers), tl.load(numbers + 1), tl.load(numbers + 2), tl.load(numbers + 3)
    c, r = c + pair * n * m, r + pair * n * m
    lanes = tl.arange(0, WIDTH)
    for q in range(rows + columns - 1):
        low, high = tl.maximum(q - columns + 1, 0), tl.minimum(q + 1, rows)
        for start in range(low, high, WIDTH):
            i = start + lanes
            j = q - i
            here = i < high
            at = i * m + j
            a, b, d = _arguments(c, r, at, i, j, m, here, both, first, second, OPEN)
            least = tl.minimum(tl.minimum(a, b), d)
            total = tl.exp((least - a) / g) + tl.exp((least - b) / g) + tl.exp((least - d) / g)
            value = tl.where(least >= CEILING / 2, CEILING, least - g * tl.log(total))
            tl.store(r + at, value, mask=here)
        tl.debug_barrier()


@triton.jit  # type: ignore[untyped-decorator]
def backward(  # type: ignore[no-untyped-def]
    c, numbers, lx, ly, r, value, to_corner, to_above, to_left, posterior, n, m,
    OPEN: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Fills ``posterior`` with the visits times their weight, which goes by the step; all (b, n, m), zeros.

    ``to_corner``, ``to_above``, ``to_left``: what a cell leaves for its predecessors. ``value`` (b,), the ceiling where
    there is no path.
    """
    pair = tl.program_id(0).to(tl.int64)
    rows, columns = tl.load(lx + pair), tl.load(ly + pair)
    g, both, first, second = tl.load(numbers), tl.load(numbers + 1), tl.load(numbers + 2), tl.load(numbers + 3)
    of_both, of_first, of_second = tl.load(numbers + 4), tl.load(numbers + 5), tl.load(numbers + 6)
    whole = tl.load(value + pair)
    base = pair * n * m
    c, r, posterior = c + base, r + base, posterior + base
    to_corner, to_above, to_left = to_corner + base, to_above + base, to_left + base
    lanes = tl.arange(0, WIDTH)
    for step in range(rows + columns - 1):
        q = rows + columns - 2 - step
        low, high = tl.maximum(q - columns + 1, 0), tl.minimum(q + 1, rows)
        for start in range(low, high, WIDTH):
            i = start + lanes
            j = q - i
            here = i < high
            at = i * m + j
            right, down = here & (j + 1 < columns), here & (i + 1 < rows)
            visits = tl.load(to_corner + at + m + 1, mask=right & down, other=0.0)
            visits += tl.load(to_above + at + m, mask=down, other=0.0)
            visits += tl.load(to_left + at + 1, mask=right, other=0.0)
            own = tl.load(r + at, mask=here, other=CEILING)
            reached = tl.maximum(own, whole) < CEILING / 2
            ends = here & (i == rows - 1) & reached
            if OPEN:
                visits += tl.where(ends, tl.exp((whole - tl.where(reached, own, whole)) / g), 0.0)
            else:
                visits += tl.where(ends & (j == columns - 1), 1.0, 0.0)
            a, b, d = _arguments(c, r, at, i, j, m, here, both, first, second, OPEN)
            least = tl.minimum(tl.minimum(a, b), d)
            a, b, d = tl.exp((least - a) / g), tl.exp((least - b) / g), tl.exp((least - d) / g)
            part = tl.where(least >= CEILING / 2, 0.0, visits / (a + b + d))
            a, b, d = a * part, b * part, d * part
            tl.store(to_corner + at, a, mask=here)
            tl.store(to_above + at, b, mask=here)
            tl.store(to_left + at, d, mask=here)
            tl.store(posterior + at, of_both * a + of_first * b + of_second * d, mask=here)
        tl.debug_barrier()
