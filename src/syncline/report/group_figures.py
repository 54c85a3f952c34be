"""Figures of many videos at once: a common timeline, deviations, and how far a confidence can be believed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import ArrayLike, NDArray

from syncline.report.style import A_COLOUR, INK, QUIET, RULE, SEQUENTIAL, one_axes, short, styled
from syncline.tasks import Report, Timeline
from syncline.wording import counted

KIND_COLOURS = {
    "missing": INK, "extra": "#c8641b", "repeated": "#b0548f", "out_of_order": "#5b5fb5", "slower": "#4aa3d8",
    "faster": "#e0b400",
}  # fmt: skip
MOST_ROWS = 120
"""Videos that one figure shows; of more, its title says how many are left out."""


@styled
def timeline_figure(timeline: Timeline, *, names: Sequence[str] = (), title: str | None = None) -> Figure:
    """One bar a video along the common time, coloured by the video's own time; white where it has no part.

    Args:
        timeline: from `synchronize`; at most the first `MOST_ROWS` videos are drawn.
        names: of the videos. title: above the figure.
    """
    count = min(len(timeline.sources), MOST_ROWS)
    figure, axes = one_axes(7.0, 0.9 + 0.22 * count)
    ends = np.nanmax(np.where(np.isnan(timeline.positions), 0.0, timeline.positions), axis=1)
    shares = timeline.positions[:count] / np.maximum(ends[:count, None], 1e-9)
    edges = _between(timeline.seconds)
    drawn = axes.pcolormesh(
        edges, np.arange(count + 1) - 0.5, np.ma.masked_invalid(shares), cmap=SEQUENTIAL, vmin=0, vmax=1,
        rasterized=True,  # cells drawn one by one show seams in PDF and SVG
    )  # fmt: skip
    axes.set(xlim=(edges[0], edges[-1]), ylim=(count - 0.5, -0.5))
    for k in range(1, count):
        axes.axhline(k - 0.5, color="white", linewidth=2.5)
    labels = [short(names[k] if k < len(names) else timeline.sources[k], 26) for k in range(count)]
    axes.set_yticks(range(count), labels)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("common time (s)")
    for k in range(count):
        misfit = timeline.inconsistency[k]
        text = "–" if np.isnan(misfit) else f"{misfit:.2f} s"
        axes.text(1.01, k, text, transform=axes.get_yaxis_transform(), va="center", fontsize=7, color=QUIET)
    axes.text(1.01, -0.9, "misfit", transform=axes.get_yaxis_transform(), va="center", fontsize=7, color=QUIET)
    bar = figure.colorbar(drawn, ax=axes, pad=0.09, shrink=min(1.0, 4 / count + 0.3), ticks=[0, 0.5, 1])
    bar.set_label("share of the video")
    bar.outline.set_visible(False)
    axes.set_title(
        (title or f"{counted(len(timeline.sources), 'video')} on one timeline") + _of(count, len(timeline.sources))
    )
    return figure


def _between(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of the parts of the axis that belong to k instants: (k + 1,), midway between them."""
    gaps = np.diff(seconds) if len(seconds) > 1 else np.ones(1)
    first, last = seconds[0] - gaps[0] / 2, seconds[-1] + gaps[-1] / 2
    return np.concatenate([[first], (seconds[:-1] + seconds[1:]) / 2, [last]])


@styled
def deviation_figure(reports: Sequence[Report], *, names: Sequence[str] = (), title: str | None = None) -> Figure:
    """One row a video, from typical to odd: its length, and every deviation on it.

    A `missing` stretch is drawn as a tick at the moment of the video at which it ought to be, with its length above.

    Args:
        reports: from `rank`; at most the last `MOST_ROWS` (the oddest) are drawn.
        names: of the videos, in the order of the reports. title: above the figure.
    """
    shown = list(reports)[-MOST_ROWS:]
    labels = list(names)[-MOST_ROWS:] if names else [report.source for report in shown]
    figure, axes = one_axes(7.0, 1.2 + 0.26 * len(shown))
    longest = max((report.duration for report in shown), default=1.0)
    for row, report in enumerate(shown):
        end = max([report.duration, *(d.end for d in report.deviations if d.kind != "missing")])
        axes.barh(row, end, height=0.5, color=RULE)
        if report.stranger:
            axes.text(0.01 * longest, row, "matches none of the others well", va="center", fontsize=6.5, color=QUIET)
        for deviation in report.deviations:
            if deviation.kind != "missing":
                length = deviation.end - deviation.start
                axes.barh(row, length, left=deviation.start, height=0.5, color=KIND_COLOURS[deviation.kind])
        _missing(axes, row, report, longest)
        axes.text(
            1.01, row, f"{report.oddness:.2f}", transform=axes.get_yaxis_transform(), va="center", fontsize=7, color=INK
        )
    axes.set_yticks(range(len(shown)), [short(label, 26) for label in labels])
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, 1.04 * longest), ylim=(len(shown) - 0.4, -0.9), xlabel="time in the video (s)")
    axes.text(1.01, -0.85, "oddness", transform=axes.get_yaxis_transform(), fontsize=7, color=QUIET, va="center")
    kinds = {deviation.kind for report in shown for deviation in report.deviations}
    if kinds:
        handles = [
            Patch(color=colour, label=kind.replace("_", " ")) for kind, colour in KIND_COLOURS.items() if kind in kinds
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=6)
    axes.set_title((title or "Deviations, from typical to odd") + _of(len(shown), len(reports), "oddest"))
    return figure


def _missing(axes: Axes, row: int, report: Report, longest: float) -> None:
    """Ticks where parts are missing, clear of the row above, and their lengths side by side, right of the axis."""
    colour, free = KIND_COLOURS["missing"], 0.03 * longest
    for deviation in sorted((d for d in report.deviations if d.kind == "missing"), key=lambda d: d.shown_at):
        axes.plot([deviation.shown_at] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=2.2)
        at = max(deviation.shown_at, free)
        text = f"−{deviation.end - deviation.start:.1f} s"
        axes.text(at, row - 0.33, text, color=colour, fontsize=5.5, ha="center", va="bottom")
        free = at + 0.075 * longest


def _of(drawn: int, there: int, which: str = "first") -> str:
    """A suffix for the title if not all are drawn."""
    return "" if drawn == there else f" (the {which} {drawn} of {there})"


@styled
def reliability_figure(confidence: ArrayLike, hit: ArrayLike, *, bins: int = 5, title: str | None = None) -> Figure:
    """How often a claim was right against how sure it was; on the diagonal the confidence can be taken at its word.

    The bars are 95 % intervals, so that a few claims are seen to say little.

    Args:
        confidence: (k,) in [0, 1]. hit: (k,) whether right.
        bins: of equal numbers of claims. title: above the figure.

    Raises:
        ValueError: nothing to draw, or two lengths.
    """
    sure, right = np.asarray(confidence, dtype=float), np.asarray(hit, dtype=float)
    if sure.shape != right.shape or sure.ndim != 1 or not len(sure):
        raise ValueError(f"expected two arrays (k,) of one length, got {sure.shape} and {right.shape}")
    figure, axes = one_axes(3.3, 3.2)
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    order = np.argsort(sure, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, len(order))) if len(part)]
    x = np.array([sure[part].mean() for part in parts])
    y = np.array([right[part].mean() for part in parts])
    low, high = _share_interval(y, np.array([len(part) for part in parts]))
    axes.errorbar(x, y, yerr=np.stack([y - low, high - y]), color=A_COLOUR, marker="o", markersize=4, capsize=2)
    error = float(sum(len(part) * abs(sure[part].mean() - right[part].mean()) for part in parts) / len(order))
    axes.set(
        xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="confidence", ylabel="share right, 95 % interval", aspect="equal"
    )
    axes.set_title(title or f"{counted(len(sure), 'claim')}, calibration error {error:.2f}")
    return figure


def _share_interval(
    share: NDArray[np.float64], count: NDArray[np.int64], z: float = 1.96
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper ends of Wilson's interval for shares of so many cases."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.minimum(middle - half, share), np.maximum(middle + half, share)
