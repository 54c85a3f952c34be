"""Figures made of frames: two filmstrips joined by their alignment, and the hits of a search."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from syncline.report.style import A_COLOUR, B_COLOUR, EXTRA_COLOUR, INK, QUIET, RULE, bare, short, styled
from syncline.tasks import Alignment

Picture = NDArray[np.uint8]
MOST_HITS = 6
"""Hits in one row."""


@styled
def filmstrip(
    frames_a: Sequence[Picture],
    seconds_a: Sequence[float],
    frames_b: Sequence[Picture | None],
    seconds_b: Sequence[float],
    alignment: Alignment,
    *,
    names: tuple[str, str] = ("A", "B"),
    title: str | None = None,
) -> Figure:
    """Moments of A above, the moments of B that belong to them below, the times of both in between, joined by the path.

    Args:
        frames_a: k pictures (h, w, 3) uint8 of A, in order of time. seconds_a: when they are shown.
        frames_b: the k pictures of B that match; None where A has no counterpart. seconds_b: NaN there.
        alignment: what joins the two times; unmatched stretches of either are barred red.
        names: of the two videos.
        title: above the figure.

    Raises:
        ValueError: four lists that are not of one length, or empty ones.
    """
    count = len(frames_a)
    if not count or not count == len(seconds_a) == len(frames_b) == len(seconds_b):
        raise ValueError(f"expected k frames and times of each, got {count}, {len(seconds_a)}, {len(frames_b)}, "
                         f"{len(seconds_b)}")  # fmt: skip
    height, width = frames_a[0].shape[:2]
    below = next((frame for frame in frames_b if frame is not None), frames_a[0])
    wide = 7.2
    cell = wide / count
    tall_a, tall_b, middle = cell * height / width, cell * below.shape[0] / below.shape[1], 0.95
    figure = Figure(figsize=(wide, tall_a + tall_b + middle + 0.55))
    rows = figure.add_gridspec(
        3, 1, height_ratios=(tall_a, middle, tall_b), hspace=0, left=0.005, right=0.995,
        bottom=0.25 / figure.get_figheight(), top=1 - 0.3 / figure.get_figheight(),
    )  # fmt: skip
    tops, middles, bottoms = (figure.add_subplot(rows[k]) for k in range(3))
    _strip(tops, frames_a, seconds_a, A_COLOUR)
    _strip(bottoms, frames_b, seconds_b, B_COLOUR)
    _middles(middles, seconds_a, seconds_b, alignment, count)
    tops.set_title(title or f"A: {short(names[0])}", color=INK if title else A_COLOUR, pad=3)
    bottoms.set_xlabel(f"B: {short(names[1])}", color=B_COLOUR, loc="left", fontweight="bold", labelpad=3)
    return figure


def _strip(axes: Axes, frames: Sequence[Picture | None], seconds: Sequence[float], colour: str) -> None:
    for k, (frame, second) in enumerate(zip(frames, seconds, strict=True)):
        ends = (k + 0.02, k + 0.98, 0.0, 1.0)
        if frame is None:
            axes.add_patch(_box(*ends))
            axes.text(k + 0.5, 0.5, "no\ncounterpart", ha="center", va="center", color=QUIET, fontsize=6.5)
            continue
        axes.imshow(frame, extent=ends, aspect="auto", interpolation="antialiased")
        axes.text(
            k + 0.05, 0.04, f"{second:.2f} s", color="white", fontsize=6.5, va="bottom",
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.2, "alpha": 0.9},
        )  # fmt: skip
    axes.set(xlim=(0, len(frames)), ylim=(0, 1))
    bare(axes)


def _box(left: float, right: float, bottom: float, top: float) -> Rectangle:
    return Rectangle((left, bottom), right - left, top - bottom, facecolor="#f3f4f6", edgecolor=RULE, linewidth=0.8)


def _middles(
    axes: Axes, seconds_a: Sequence[float], seconds_b: Sequence[float], alignment: Alignment, count: int
) -> None:
    """Two time bars, lines of the path between them, and leaders from each picture to its moment."""
    gaps_end = [[gap.end for gap in alignment.gaps if gap.video == video] for video in "ab"]
    known = [np.array([s for s in seconds if np.isfinite(s)]) for seconds in (seconds_a, seconds_b)]
    ends = [max([*(alignment.times[:, c].max(initial=0.0),), *gaps_end[c], *known[c].tolist(), 1e-6]) for c in (0, 1)]
    top, bottom = 0.78, 0.22

    def at(second: float, column: int) -> float:
        return float(0.02 + second / ends[column] * (count - 0.04))

    every = max(1, len(alignment.times) // 60)
    for (one, other), sure in zip(alignment.times[::every], alignment.confidence[::every], strict=True):
        axes.plot([at(one, 0), at(other, 1)], [top, bottom], color=QUIET, linewidth=0.5, alpha=0.15 + 0.35 * sure)
    for k, (one, other) in enumerate(zip(seconds_a, seconds_b, strict=True)):
        axes.plot([k + 0.5, at(one, 0)], [1, top], color=A_COLOUR, linewidth=0.8)
        if np.isfinite(other):
            axes.plot([k + 0.5, at(other, 1)], [0, bottom], color=B_COLOUR, linewidth=0.8)
            axes.plot([at(one, 0), at(other, 1)], [top, bottom], color=INK, linewidth=1.1)
    for column, (height, colour) in enumerate(((top, A_COLOUR), (bottom, B_COLOUR))):
        axes.plot([at(0, column), at(ends[column], column)], [height] * 2, color=colour, linewidth=3.5,
                  solid_capstyle="butt", zorder=3)  # fmt: skip
        for gap in alignment.gaps:
            if gap.video == "ab"[column]:
                axes.plot([at(gap.start, column), at(gap.end, column)], [height] * 2, color=EXTRA_COLOUR,
                          linewidth=3.5, solid_capstyle="butt", zorder=4)  # fmt: skip
    axes.set(xlim=(0, count), ylim=(0, 1))
    bare(axes)


@styled
def retrieval_grid(
    queries: Sequence[Picture],
    hits: Sequence[Sequence[Picture]],
    *,
    query_captions: Sequence[str] = (),
    hit_captions: Sequence[Sequence[str]] = (),
    title: str | None = None,
) -> Figure:
    """One row a query: its picture at the left, then its hits, best first; more than six continue in the next row.

    Args:
        queries: r pictures (h, w, 3) uint8.
        hits: the pictures of each query's hits; rows may differ in length.
        query_captions, hit_captions: a line or two below each picture; lines that are too long lose their beginning.
        title: above the figure.

    Raises:
        ValueError: no query, or other than one list of hits a query.
    """
    if not len(queries) or len(queries) != len(hits):
        raise ValueError(f"expected one list of hits a query, got {len(hits)} for {len(queries)}")
    each = max(1, min(MOST_HITS, max(len(row) for row in hits)))
    lines = [max(1, math.ceil(len(row) / each)) for row in hits]
    every = [picture for row in [queries, *hits] for picture in row]
    ratio = float(np.max([picture.shape[0] / picture.shape[1] for picture in every]))
    cell = min(1.35, 7.2 / (1 + each))
    tall = cell * min(ratio, 1.8) + 0.36
    close = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(cell * (1 + each), tall * sum(lines) + (0.3 if title else 0.05)), layout=close)
    cells = figure.add_gridspec(sum(lines), 1 + each)
    for r, (query, row) in enumerate(zip(queries, hits, strict=True)):
        first, captions = sum(lines[:r]), list(hit_captions[r]) if r < len(hit_captions) else []
        axes = figure.add_subplot(cells[first, 0])
        _captioned(axes, query, query_captions[r] if r < len(query_captions) else "query", A_COLOUR, cell)
        for spine in axes.spines.values():
            spine.set(visible=True, color=A_COLOUR, linewidth=2.2)
        for k, picture in enumerate(row):
            axes = figure.add_subplot(cells[first + k // each, 1 + k % each])
            _captioned(axes, picture, captions[k] if k < len(captions) else "", INK, cell)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=9.5, fontweight="bold")
    return figure


def _captioned(axes: Axes, picture: Picture, caption: str, colour: str, inches: float) -> None:
    """A picture in a cell of that width, and lines below it that fit."""
    axes.imshow(picture, interpolation="antialiased")
    bare(axes)
    fits = max(4, int(inches * 72 / (0.58 * 6.5)))
    axes.set_xlabel(
        "\n".join(short(line, fits) for line in caption.split("\n")), fontsize=6.5, labelpad=2, color=colour
    )
