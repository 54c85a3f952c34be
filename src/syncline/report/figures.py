"""Results -> figures: every function returns a matplotlib Figure and opens no window.

What is made of numbers is here, what is made of pictures in `report.picture_figures`; both are offered under this name.
Sizes are those of a paper's column or page; ``figure.savefig("name.pdf")`` is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray

from syncline.data import Embedding
from syncline.report.group_figures import deviation_figure, reliability_figure, timeline_figure
from syncline.report.picture_figures import filmstrip, retrieval_grid
from syncline.report.style import (
    A_COLOUR,
    B_COLOUR,
    EXTRA_COLOUR,
    INK,
    PALETTE,
    QUIET,
    SEQUENTIAL,
    one_axes,
    phase_colours,
    short,
    styled,
)
from syncline.tasks import Alignment, similarity
from syncline.tasks import tempo_curve as slopes
from syncline.wording import counted

__all__ = [
    "deviation_figure",
    "filmstrip",
    "loss_curve",
    "progress_curves",
    "reliability_figure",
    "retrieval_grid",
    "similarity_figure",
    "tempo_curve",
    "timeline_figure",
    "trajectories",
]

Events = Sequence[float | None]
MAX_SIDE = 1500
"""Rows and columns of a drawn matrix; longer videos are thinned."""


@styled
def similarity_figure(
    a: Embedding,
    b: Embedding,
    alignment: Alignment | None = None,
    *,
    events_a: Events = (),
    events_b: Events = (),
    event_names: Sequence[str] = (),
    title: str | None = None,
) -> Figure:
    """Similarity of all frames of A (across) and B (up) with the path, its gaps, and key events where known.

    Args:
        a, b: the embeddings.
        alignment: drawn as a line, darker where surer; stretches without counterpart are barred along the axes.
        events_a, events_b: seconds of key events in the common order, None where absent. An event known in both is a
            ring that the path should pass through.
        event_names: names of the events.
        title: above the figure.
    """
    figure, axes = one_axes(4.6, 4.2)
    rows, columns = _thin(len(a)), _thin(len(b))
    thin_a = Embedding(a.vectors[rows], a.pts_seconds[rows], a.source)
    thin_b = Embedding(b.vectors[columns], b.pts_seconds[columns], b.source)
    matrix = similarity(thin_a, thin_b).double().numpy()
    low, high = np.quantile(matrix, [0.02, 0.995])
    extent = (*_ends(thin_a.pts_seconds), *_ends(thin_b.pts_seconds))
    picture = axes.imshow(
        matrix.T, origin="lower", extent=extent, aspect="auto", cmap="Greys", vmin=low, vmax=high + 0.15 * (high - low)
    )
    if alignment is not None:
        _draw_path(axes, alignment)
        _draw_gaps(axes, alignment)
    _draw_events(figure, axes, events_a, events_b, event_names)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.set_xlabel(f"A: {short(a.source)} (s)", color=A_COLOUR)
    axes.set_ylabel(f"B: {short(b.source)} (s)", color=B_COLOUR)
    if title:
        axes.set_title(title)
    bar = figure.colorbar(picture, ax=axes, shrink=0.6, pad=0.02, ticks=[low, high])
    bar.ax.set_yticklabels(["unlike", "alike"])
    bar.outline.set_visible(False)
    return figure


def _draw_path(axes: Axes, alignment: Alignment) -> None:
    for segment in alignment.segments:
        part = slice(segment.first, segment.last + 1)
        times, sure = alignment.times[part], alignment.confidence[part]
        axes.plot(times[:, 0], times[:, 1], color="white", linewidth=3.6, solid_capstyle="round")
        lines = np.stack([times[:-1], times[1:]], axis=1)
        drawn = LineCollection(
            list(lines), cmap="plasma_r", norm=Normalize(-0.35, 1.15), linewidths=2.0, capstyle="round"
        )
        drawn.set_array(sure[1:])
        axes.add_collection(drawn)


def _draw_gaps(axes: Axes, alignment: Alignment) -> None:
    """Bars of what has no counterpart, along the axis of its video."""
    for gap in alignment.gaps:
        if gap.video == "a":
            axes.axvspan(gap.start, gap.end, ymax=0.018, color=EXTRA_COLOUR, linewidth=0)
            axes.axvspan(gap.start, gap.end, color=EXTRA_COLOUR, alpha=0.10, linewidth=0)
        else:
            axes.axhspan(gap.start, gap.end, xmax=0.018, color=EXTRA_COLOUR, linewidth=0)
            axes.axhspan(gap.start, gap.end, color=EXTRA_COLOUR, alpha=0.10, linewidth=0)


def _draw_events(figure: Figure, axes: Axes, events_a: Events, events_b: Events, names: Sequence[str]) -> None:
    count = max(len(events_a), len(events_b), 1)
    colours = phase_colours(count)
    for k in range(count):
        at_a = events_a[k] if k < len(events_a) else None
        at_b = events_b[k] if k < len(events_b) else None
        colour = colours(k)
        if at_a is not None:
            axes.axvline(at_a, color=colour, linewidth=0.7, linestyle=(0, (4, 3)))
        if at_b is not None:
            axes.axhline(at_b, color=colour, linewidth=0.7, linestyle=(0, (4, 3)))
        if at_a is not None and at_b is not None:
            label = names[k] if k < len(names) else f"event {k + 1}"
            axes.plot(
                at_a, at_b, "o", markersize=6.5, markerfacecolor="white", markeredgecolor=colour, markeredgewidth=1.6,
                label=label, zorder=5, linestyle="none",
            )  # fmt: skip
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower center", ncols=3, handletextpad=0.2, columnspacing=1.0)


@styled
def trajectories(
    embeddings: Sequence[Embedding],
    *,
    colour: Sequence[NDArray[np.generic]] | None = None,
    kind: Literal["progress", "phase"] = "progress",
    phase_names: Sequence[str] = (),
    method: Literal["pca", "umap"] = "pca",
    title: str | None = None,
) -> Figure:
    """Embeddings of all videos in a plane, one line a video, coloured by progress or phase.

    Args:
        embeddings: of one width.
        colour: one array a video, a value a frame: progress in [0, 1] or phase numbers (-1 unknown); None colours by
            the share of the video that has passed.
        kind: what ``colour`` holds.
        phase_names: names of the phase numbers.
        method: ``pca``, or ``umap`` (needs the extra ``syncline[umap]``).
        title: above the figure.

    Raises:
        ValueError: no embedding, or colours that do not fit.
        ModuleNotFoundError: ``umap`` without the extra.
    """
    if not embeddings:
        raise ValueError("trajectories needs at least one embedding")
    if colour is None:
        colour, kind = [np.linspace(0, 1, len(e)) for e in embeddings], "progress"
    if [len(values) for values in colour] != [len(e) for e in embeddings]:
        raise ValueError("colour must hold one value for every frame of every embedding")
    figure, axes = one_axes(4.8, 3.8)
    plane, shares = _plane(np.concatenate([e.vectors for e in embeddings]).astype(np.float64), method)
    parts = np.split(plane, np.cumsum([len(e) for e in embeddings])[:-1])
    for part in parts:
        axes.plot(part[:, 0], part[:, 1], color=QUIET, linewidth=0.6, alpha=0.35, zorder=1)
        axes.plot(*part[0], marker="o", color="white", markeredgecolor=INK, markersize=4.5, zorder=4)
        axes.plot(*part[-1], marker="s", color=INK, markersize=3.8, zorder=4)
    values = np.concatenate([np.asarray(v) for v in colour])
    _scatter(figure, axes, plane, values, kind, phase_names)
    if shares is not None:
        axes.set_xlabel(f"first direction ({shares[0]:.0%} of variance)")
        axes.set_ylabel(f"second direction ({shares[1]:.0%})")
    else:
        axes.set(xlabel="UMAP 1", ylabel="UMAP 2")
    axes.set(xticks=[], yticks=[])
    axes.set_title(title or f"{counted(len(embeddings), 'video')} (○ start, ■ end)")
    return figure


def _scatter(
    figure: Figure, axes: Axes, plane: NDArray[np.float64], values: NDArray[Any], kind: str, names: Sequence[str]
) -> None:
    size = float(np.clip(9000 / max(len(plane), 1), 3, 14))
    if kind == "progress":
        drawn = axes.scatter(
            plane[:, 0], plane[:, 1], c=values.astype(float), s=size, cmap=SEQUENTIAL, vmin=0, vmax=1, linewidths=0,
            zorder=2,
        )  # fmt: skip
        bar = figure.colorbar(drawn, ax=axes, shrink=0.6, pad=0.02, ticks=[0, 0.5, 1], label="progress")
        bar.outline.set_visible(False)
        return
    present = [int(value) for value in np.unique(values)]
    colours = phase_colours(max(present) + 1 if present else 1)
    for value in present:
        where = values == value
        label = "unknown" if value < 0 else names[value] if value < len(names) else f"phase {value}"
        axes.scatter(
            plane[where, 0], plane[where, 1], color=QUIET if value < 0 else colours(value), s=size, linewidths=0,
            label=label, zorder=2,
        )  # fmt: skip
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), markerscale=2.0, handletextpad=0.1)


def _plane(vectors: NDArray[np.float64], method: str) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """(t, 2) coordinates and, for PCA, the shares of variance of the two directions."""
    if method == "umap":
        import umap

        return np.asarray(umap.UMAP(random_state=0).fit_transform(vectors)), None
    if method != "pca":
        raise ValueError(f"method must be 'pca' or 'umap', got {method!r}")
    centred = vectors - vectors.mean(0)
    values, directions = np.linalg.eigh(centred.T @ centred)
    total = max(float(values.sum()), 1e-12)
    if centred.shape[1] < 2:
        return np.concatenate([centred, np.zeros_like(centred)], axis=1), np.array([1.0, 0.0])
    return centred @ directions[:, [-1, -2]], values[[-1, -2]] / total


@styled
def progress_curves(
    seconds: Sequence[NDArray[np.float64]],
    progress: Sequence[NDArray[np.float64]],
    *,
    names: Sequence[str] = (),
    truth: Sequence[NDArray[np.float64]] | None = None,
    title: str | None = None,
) -> Figure:
    """Progress through the activity against each video's own time.

    Args:
        seconds, progress: one array of the same length a video; NaN leaves the line open.
        names: of the videos; up to ten are named, more are drawn alike.
        truth: known progress, dashed.
        title: above the figure.
    """
    figure, axes = one_axes(4.6, 3.0)
    many = len(seconds) > len(PALETTE)
    for k, (at, value) in enumerate(zip(seconds, progress, strict=True)):
        colour = A_COLOUR if many else PALETTE[k]
        label = short(names[k]) if k < len(names) and not many else None
        axes.plot(at, value, color=colour, alpha=0.35 if many else 1.0, linewidth=0.8 if many else 1.5, label=label)
        if truth is not None:
            axes.plot(at, truth[k], color=colour, linewidth=0.9, linestyle=(0, (3, 2)), alpha=0.8)
    axes.set(xlabel="time in the video (s)", ylabel="progress", ylim=(-0.03, 1.03))
    axes.grid(axis="y")
    if names and not many:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set_title(title or ("measured, and known (dashed)" if truth is not None else "Progress"))
    return figure


@styled
def tempo_curve(
    alignment: Alignment,
    *,
    window: float = 2.0,
    factor: float = 1.6,
    names: tuple[str, str] = ("A", "B"),
    title: str | None = None,
) -> Figure:
    """Seconds of B that pass in one second of A, the slope of the path, on a log scale; dashed: median of the pair.

    Args:
        alignment: of A and B.
        window: seconds over which the slope is measured.
        factor: beyond this multiple of the pair's median tempo the area is filled; A's stretches without a
            counterpart are grey.
        names: of the two videos.
        title: above the figure.
    """
    figure, axes = one_axes(4.6, 2.8)
    typical = None
    for segment in alignment.segments:
        curve = slopes(alignment, window, segments=(segment,))
        if not len(curve):
            continue
        if typical is None:
            typical = float(np.median(slopes(alignment, window)[:, 1]))
        alone = np.searchsorted(curve[:, 0], [gap.start for gap in alignment.gaps if gap.video == "a"])
        curve = np.insert(curve, alone, np.nan, axis=0)  # no tempo where nothing is matched
        speed = np.clip(curve[:, 1], 1 / 8, 8)
        axes.plot(curve[:, 0], speed, color=INK)
        for bound, colour, above in ((typical * factor, B_COLOUR, True), (typical / factor, A_COLOUR, False)):
            where = speed >= bound if above else speed <= bound
            if where.any():
                said = f"{factor:g} times {'faster' if above else 'slower'} or more"
                label = said if said not in axes.get_legend_handles_labels()[1] else None
                axes.fill_between(
                    curve[:, 0], speed, bound, where=list(where), color=colour, alpha=0.35, linewidth=0, label=label
                )
    for number, gap in enumerate(gap for gap in alignment.gaps if gap.video == "a"):
        label = None if number else "only in A"
        axes.axvspan(gap.start, gap.end, color=QUIET, alpha=0.15, linewidth=0, label=label)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_locator(FixedLocator([0.125, 0.25, 0.5, 1, 2, 4, 8]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.axhline(1.0, color=QUIET, linewidth=0.7)
    if typical is not None:
        axes.axhline(typical, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)), label="median")
        figure.legend(loc="outside lower center", ncols=4)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.4), max(high, 2.5))
    axes.set(
        xlabel=f"time in {short(names[0])} (s)",
        ylabel=f"seconds of {short(names[1], 20)}\nin one of {short(names[0], 20)}",
    )
    axes.set_title(title or "Tempo along the path")
    return figure


@styled
def loss_curve(metrics: Sequence[Mapping[str, Any]], *, title: str | None = None) -> Figure:
    """The loss and its terms against the step.

    Args:
        metrics: the lines of a run's ``metrics.jsonl``: each with ``step``, ``loss`` and maybe ``terms`` (name to
            value); lines without them are passed over. The loss is drawn as it is and smoothed.
        title: above the figure.
    """
    lines = [line for line in metrics if line.get("step") is not None and line.get("loss") is not None]
    figure, axes = one_axes(4.6, 2.9)
    steps = np.array([line["step"] for line in lines], dtype=float)
    loss = np.array([line["loss"] for line in lines], dtype=float)
    axes.plot(steps, loss, color=INK, alpha=0.25, linewidth=0.8)
    axes.plot(steps, _smooth(loss), color=INK, linewidth=1.8, label="loss")
    terms = sorted({name for line in lines for name in (line.get("terms") or {})})
    if len(terms) > 1:
        for k, name in enumerate(terms):
            known = [(line["step"], line["terms"][name]) for line in lines if name in (line.get("terms") or {})]
            at, value = np.array(known, dtype=float).T
            axes.plot(at, _smooth(value), color=PALETTE[k % len(PALETTE)], linewidth=1.2, label=name)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes.set(xlabel="step", ylabel="loss")
    axes.grid(axis="y")
    axes.set_title(title or "Training")
    return figure


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over a window of a twentieth of the course, shorter at the ends."""
    half = max(1, len(values) // 40)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(len(values)) - half, 0)
    last = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return np.asarray((sums[last] - sums[first]) / (last - first))


def _thin(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, MAX_SIDE)).round().astype(np.int64))


def _ends(seconds: NDArray[np.float64]) -> tuple[float, float]:
    """Outer edges of the first and last frame."""
    half = float(np.median(np.diff(seconds))) / 2 if len(seconds) > 1 else 0.5
    return float(seconds[0]) - half, float(seconds[-1]) + half
