"""What the kernels of the DTW family hand to one another, as tuples with names; numba compiles them away.

Python hands them over as plain tuples, which the kernel that is called gives their names (``Course(*course)``): numba
takes a microsecond longer to look at one with names.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Weights = tuple[float, float, float]
"""A number for each kind of step: in both videos, in the first alone, in the second alone."""


class Course(NamedTuple):
    """Which paths there are, and what they cost beside the matrix.

    Attributes:
        gamma: temperature of the soft minimum. band: frames off the straight line; -1 for no limit.
        weights: by what a step multiplies the cost. open_ends: a path may begin and end anywhere in the second video.
    """

    gamma: float
    band: int
    weights: Weights
    open_ends: bool


Batch = tuple[Any, Any, Any]
"""Costs (b, n, m), and the lengths (b,) of both sequences of each pair."""
Direction = tuple[Any, Weights]
"""A direction t, of the costs' shape, in which they move, and what a step adds: that times one of three numbers."""


class Pair(NamedTuple):
    """Costs of one pair, at least (n, m), and its lengths."""

    c: Any
    n: int
    m: int


class Filled(NamedTuple):
    """R (n + 1, m + 1) of one pair with its border, or its derivative, and the value, or its derivative."""

    r: Any
    value: float


class Block(NamedTuple):
    """Rows ``top`` (a multiple of 16) and on of a matrix of costs (n, m): c holds these rows alone."""

    c: Any
    top: int
    n: int
    m: int


class Strip(NamedTuple):
    """Up to 16 rows of a matrix, ``i`` and on, and their columns ``first`` to ``last`` (excluded)."""

    i: int
    rows: int
    first: int
    last: int


class Borders(NamedTuple):
    """The rows above the strips.

    Attributes:
        starts: (m + padding) the border above the matrix, as its diagonal successors see it.
        edges: (strips + 1, m + padding) row k is the row above strip k.
    """

    starts: Any
    edges: Any


class Space(NamedTuple):
    """Work space of a strip in step layout: costs, values, and the shares of each cell's predecessors."""

    steps: Any
    values: Any
    shares: Any
