"""The soft Smith-Waterman and its gradient in Triton: one program a pair, anti-diagonals, log domain.

The recursion stands at the head of `torch_backend`. What is kept is T = D - S (so that the backward divides by what was
summed, not by a difference), X and Y, all (b, n, m) contiguous; a cell reads its neighbours from there, and a barrier
parts the anti-diagonals. Gradients, with E what reaches a state from its successors:

    ED[i,j] = g pi[i,j] + G[i,j] + ED[i+1,j+1] wD(D) + EX[i,j+1] wX(D) + EY[i+1,j] wY(D)
    EX[i,j] =                      ED[i+1,j+1] wD(X) + EX[i,j+1] wX(X) + EY[i+1,j] wY(X)
    EY[i,j] =                      ED[i+1,j+1] wD(Y)                   + EY[i+1,j] wY(Y)

where wA(B) is the softmax weight of B among what A of the successor was made of. Importing needs Triton; with
TRITON_INTERPRET=1 in the environment the same code runs on CPU tensors, slowly.

Arguments: s similarity S; t, x, y the tables T, X, Y; ed, ex, ey the gradients ED, EX, EY (ed is the posterior P where
1 arrives at the score and 0 at D); go, ge and dgo, dge the gaps and their gradients; lx, ly lengths; of_score and
of_scores what arrives at score and D. Triton takes no bundles of arguments: pointers and strides come one by one.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

FLOOR = tl.constexpr(-(2.0**100))
"""Stands for minus infinity, so that a forbidden state has weight 0 and not NaN; the same number in every dtype."""


@triton.jit
def _two(a, b, g):  # type: ignore[no-untyped-def]
    top = tl.maximum(a, b)
    return top + g * tl.log(tl.exp((a - top) / g) + tl.exp((b - top) / g))


@triton.jit
def _scores(s, t, valid):  # type: ignore[no-untyped-def]
    """D of a neighbour from pointers to its S and T; the floor where its S forbids it."""
    d = tl.load(s, mask=valid, other=0.0) + tl.load(t, mask=valid, other=FLOOR)
    return tl.where(valid, tl.maximum(d, FLOOR), FLOOR)


@triton.jit  # type: ignore[untyped-decorator]
def forward(  # type: ignore[no-untyped-def]
    s, go, ge, gamma, lx, ly, t, x, y, n, m,
    s_pair, s_row, s_column, o_pair, o_row, o_column, e_pair, e_row, e_column,
    WIDTH: tl.constexpr,
):  # fmt: skip
    """Fills t, x and y inside the lengths; strides of s and the gaps in elements, 0 where they are shared."""
    pair = tl.program_id(0).to(tl.int64)
    rows, columns = tl.load(lx + pair), tl.load(ly + pair)
    g = tl.load(gamma)
    s, go, ge = s + pair * s_pair, go + pair * o_pair, ge + pair * e_pair
    t, x, y = t + pair * n * m, x + pair * n * m, y + pair * n * m
    lanes = tl.arange(0, WIDTH)
    for q in range(rows + columns - 1):
        low, high = tl.maximum(q - columns + 1, 0), tl.minimum(q + 1, rows)
        for start in range(low, high, WIDTH):
            i = start + lanes
            j = q - i
            here = i < high
            left, up = here & (j > 0), here & (i > 0)
            corner = left & up
            at, s_at = i * m + j, s + i * s_row + j * s_column
            o = tl.load(go + i * o_row + j * o_column, mask=here, other=0.0)
            e = tl.load(ge + i * e_row + j * e_column, mask=here, other=0.0)
            d_corner = _scores(s_at - s_row - s_column, t + at - m - 1, corner)
            x_corner = tl.load(x + at - m - 1, mask=corner, other=FLOOR)
            y_corner = tl.load(y + at - m - 1, mask=corner, other=FLOOR)
            d_left = _scores(s_at - s_column, t + at - 1, left)
            x_left = tl.load(x + at - 1, mask=left, other=FLOOR)
            d_up = _scores(s_at - s_row, t + at - m, up)
            x_up = tl.load(x + at - m, mask=up, other=FLOOR)
            y_up = tl.load(y + at - m, mask=up, other=FLOOR)
            zero = tl.zeros_like(d_corner)
            tl.store(t + at, _two(_two(zero, d_corner, g), _two(x_corner, y_corner, g), g), mask=here)
            tl.store(x + at, _two(d_left - o, x_left - e, g), mask=here)
            tl.store(y + at, _two(_two(d_up, x_up, g) - o, y_up - e, g), mask=here)
        tl.debug_barrier()


@triton.jit
def _gap_weights(  # type: ignore[no-untyped-def]
    s, o, e, g, t, x, y, m, s_row, s_column, left, up, reaches_x, reaches_y, x_here, y_here
):  # fmt: skip
    """How often a gap is opened, and extended, at these cells (pointers to them in s, t, x, y)."""
    above = _two(_scores(s - s_row, t - m, up), tl.load(x - m, mask=up, other=FLOOR), g)
    opened = reaches_x * tl.exp((_scores(s - s_column, t - 1, left) - o - x_here) / g)
    opened += reaches_y * tl.exp((above - o - y_here) / g)
    extended = reaches_x * tl.exp((tl.load(x - 1, mask=left, other=FLOOR) - e - x_here) / g)
    extended += reaches_y * tl.exp((tl.load(y - m, mask=up, other=FLOOR) - e - y_here) / g)
    return opened, extended


@triton.jit  # type: ignore[untyped-decorator]
def backward(  # type: ignore[no-untyped-def]
    s, go, ge, gamma, lx, ly, t, x, y, score, of_score, of_scores, ed, ex, ey, dgo, dge, n, m,
    s_pair, s_row, s_column, o_pair, o_row, o_column, e_pair, e_row, e_column,
    HAS_SCORES: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Fills ed (the gradient of s), ex, ey, dgo and dge, (b, n, m), inside the lengths."""
    pair = tl.program_id(0).to(tl.int64)
    rows, columns = tl.load(lx + pair), tl.load(ly + pair)
    g, total, weight = tl.load(gamma), tl.load(score + pair), tl.load(of_score + pair)
    s, go, ge = s + pair * s_pair, go + pair * o_pair, ge + pair * e_pair
    first = pair * n * m
    lanes = tl.arange(0, WIDTH)
    for step in range(rows + columns - 1):
        q = rows + columns - 2 - step
        low, high = tl.maximum(q - columns + 1, 0), tl.minimum(q + 1, rows)
        for start in range(low, high, WIDTH):
            i = start + lanes
            j = q - i
            here = i < high
            right, down = here & (j + 1 < columns), here & (i + 1 < rows)
            corner = right & down
            at, s_at = first + i * m + j, s + i * s_row + j * s_column
            o_at, e_at = go + i * o_row + j * o_column, ge + i * e_row + j * e_column
            d, x_here = _scores(s_at, t + at, here), tl.load(x + at, mask=here, other=FLOOR)
            y_here = tl.load(y + at, mask=here, other=FLOOR)
            reaches_d = weight * tl.exp((d - total) / g)
            if HAS_SCORES:
                allowed = here & (tl.load(s_at, mask=here, other=0.0) > FLOOR)
                reaches_d += tl.load(of_scores + at, mask=allowed, other=0.0)
            # where there is no successor, what it was made of is taken as endlessly large: its weights are 0
            from_d = tl.load(ed + at + m + 1, mask=corner, other=0.0)
            sum_d = tl.load(t + at + m + 1, mask=corner, other=-FLOOR)
            reaches_d += from_d * tl.exp((d - sum_d) / g)
            reaches_x = from_d * tl.exp((x_here - sum_d) / g)
            reaches_y = from_d * tl.exp((y_here - sum_d) / g)
            from_x = tl.load(ex + at + 1, mask=right, other=0.0)
            sum_x = tl.load(x + at + 1, mask=right, other=-FLOOR)
            reaches_d += from_x * tl.exp((d - tl.load(o_at + o_column, mask=right, other=0.0) - sum_x) / g)
            reaches_x += from_x * tl.exp((x_here - tl.load(e_at + e_column, mask=right, other=0.0) - sum_x) / g)
            from_y = tl.load(ey + at + m, mask=down, other=0.0)
            sum_y = tl.load(y + at + m, mask=down, other=-FLOOR)
            o_down = tl.load(o_at + o_row, mask=down, other=0.0)
            reaches_d += from_y * tl.exp((d - o_down - sum_y) / g)
            reaches_x += from_y * tl.exp((x_here - o_down - sum_y) / g)
            reaches_y += from_y * tl.exp((y_here - tl.load(e_at + e_row, mask=down, other=0.0) - sum_y) / g)
            tl.store(ed + at, reaches_d, mask=here)
            tl.store(ex + at, reaches_x, mask=here)
            tl.store(ey + at, reaches_y, mask=here)
            opened, extended = _gap_weights(
                s_at, tl.load(o_at, mask=here, other=0.0), tl.load(e_at, mask=here, other=0.0), g, t + at, x + at,
                y + at, m, s_row, s_column, here & (j > 0), here & (i > 0), reaches_x, reaches_y, x_here, y_here,
            )  # fmt: skip
            tl.store(dgo + at, -opened, mask=here)
            tl.store(dge + at, -extended, mask=here)
        tl.debug_barrier()


def width(n: int, m: int) -> int:
    """Lanes of a program: the longest anti-diagonal, up to 1024; a longer one is done in parts."""
    lanes: Any = triton.next_power_of_2(max(1, min(n, m)))
    return min(1024, int(lanes))
