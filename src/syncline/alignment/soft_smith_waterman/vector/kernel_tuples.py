"""Named tuples that the functions of the vector kernel pass to each other; numba compiles them away.

What may be None (``varying``, ``scores``, ``upstream``, ``cells``) stays an argument of its own where its branch can
only be compiled for an array: numba leaves out the branches of an argument that is None, not those of a tuple's entry.
Loops over cells take arrays out of their tuples once, before they begin: numba counts a reference each time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

FAINTEST = -100.0
"""Lowest log2 of a pair's sum: where even the best match is this much dearer than none, float32 loses it beside 1."""


class Problem(NamedTuple):
    """A batch: flat s, gaps (or s, the direction's ts, gaps and their directions), strides of the gaps over pairs and
    rows, lengths. ``varying``: an array of any kind where gaps differ from column to column, otherwise None.
    """

    shape: tuple[int, int, int]
    inputs: Any
    strides: Any
    varying: Any
    lx: Any
    ly: Any
    gamma: float


class Scale(NamedTuple):
    """1 / (gamma ln 2) in two parts, and the largest S / (gamma ln 2) whose exponents cannot overflow."""

    hi: Any
    lo: Any
    limit: Any


class Strip(NamedTuple):
    """Which strip: pair, its first row, its rows and columns; and the n and m of the batch."""

    p: int
    i: int
    rows: int
    columns: int
    n: int
    m: int


class Steps(NamedTuple):
    """A strip in step layout: similarities, and gaps (their factors) where these vary over columns."""

    s: Any
    a: Any
    e: Any


class RowAbove(NamedTuple):
    """The rows between strips, ``width`` each: the one above this strip at ``at``, its last one to ``to`` (if >= 0).

    edge: z and y; level: their powers of two; t_row: space for t of the row above.
    """

    edge: Any
    level: Any
    t_row: Any
    at: int
    to: int
    width: int


class RowsBelow(NamedTuple):
    """What the strip below left for the sweep, rows of ``width``, and what goes from here to its gaps (``spill``)."""

    rows: Any
    spill: Any
    width: int


class MovingSteps(NamedTuple):
    """`Steps` and the direction: ts, and to and te of gaps that vary."""

    s: Any
    ts: Any
    a: Any
    e: Any
    to: Any
    te: Any


class MovingRowAbove(NamedTuple):
    """`RowAbove` and, in rows as those of ``edge``, ``moving``: d td + px and py; r_row: space for w / t."""

    edge: Any
    level: Any
    moving: Any
    t_row: Any
    r_row: Any
    at: int
    to: int
    width: int
