"""Angles of a joint in two videos over one time."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from syncline.report.style import A_COLOUR, B_COLOUR, one_axes, short, styled

Array = NDArray[np.float64]


@styled
def angle_figure(
    seconds: Array,
    a: Array,
    b: Array,
    *,
    joint: str,
    names: tuple[str, str] = ("A", "B"),
    title: str | None = None,
    longest_step: float = np.inf,
) -> Figure:
    """The angle of one joint in A and in B, both over the time of A; what lies between the curves is shaded.

    Args:
        seconds: (k,) times of A, ascending. a, b: (k,) degrees, NaN where not known.
        joint: name of the angle.
        longest_step: times of A further apart than this have a stretch between them that the two do not share: the
            curves pause there.
    """
    pauses = np.flatnonzero(np.diff(seconds) > longest_step) + 1
    seconds, a, b = (np.insert(values, pauses, np.nan) for values in (seconds, a, b))
    figure, axes = one_axes(6.4, 3.2)
    axes.plot(seconds, a, color=A_COLOUR, label=short(names[0]))
    axes.plot(seconds, b, color=B_COLOUR, label=short(names[1]))
    axes.fill_between(seconds, a, b, color=B_COLOUR, alpha=0.12, linewidth=0)
    axes.set_xlabel(f"time of {short(names[0])} (s)")
    axes.set_ylabel(f"{joint.replace('_', ' ')} (degrees)")
    axes.set_ylim(0, 185)
    axes.legend(frameon=False, loc="best")
    axes.set_title(title or f"Angle of the {joint.replace('_', ' ')}")
    return figure
