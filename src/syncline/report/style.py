"""How every figure looks: one palette that colour-blind readers can tell apart, quiet axes, no pyplot."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from syncline.tasks import colours

P = ParamSpec("P")

INK = "#22262b"
QUIET = "#7b848e"
RULE = "#d9dde1"
A_COLOUR = colours.A_COLOUR
B_COLOUR = colours.B_COLOUR
EXTRA_COLOUR = colours.GAP_COLOUR
# Okabe and Ito's, without yellow (too light on white) and black
PALETTE = ("#2468b0", "#c8641b", "#1b8a6b", "#b0548f", "#4aa3d8", "#d99a00", "#5b5fb5", "#8a6d4b", "#6b9b2f", "#8c8c8c")
SEQUENTIAL = "viridis"

STYLE: Any = {
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.5,
    "figure.facecolor": "white",
    "svg.hashsalt": "syncline",
    "text.parse_math": False,  # names of files may hold dollar signs
}


def styled(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Runs a function that makes a figure under the house style, leaving the caller's settings alone."""

    @wraps(function)
    def inside(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return function(*args, **kwargs)

    return inside


def one_axes(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of the given size in inches with one pair of axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def bare(axes: Axes) -> None:
    """Takes ticks and frame away, for pictures."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def short(name: str, length: int = 34) -> str:
    """The end of a path that fits a label."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return last if len(last) <= length else "…" + last[-(length - 1) :]


def phase_colours(count: int) -> ListedColormap:
    """A colour map of ``count`` colours that can be told apart; beyond ten they come from a cyclic map."""
    if count <= len(PALETTE):
        return ListedColormap(PALETTE[: max(count, 1)])
    return ListedColormap([mpl.colormaps["turbo"]((k + 0.5) / count) for k in range(count)])
