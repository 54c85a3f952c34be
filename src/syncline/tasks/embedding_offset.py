"""Offset and drift of two recordings of one event, with their uncertainty, from embeddings.

Notable choices:
- The path of an alignment follows a small drift in steps, so it only says where to look: a Theil-Sen line through the
  most similar frames near it is the first guess.
- Single frames say little where they are noisy. The recording is therefore parted; of each part the mean similarity to
  frames before and after the line's tells by how much the line is off there, to a fraction of a frame. A line through
  the parts, on which strays count little, is the next guess.
- The intervals come from how far the parts lie from that line; their frames are different ones, so their errors are
  independent. What both recordings have wrong in the same way the interval cannot know.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks.align import align
from syncline.tasks.pair_similarity import similarity_blocks
from syncline.tasks.robust_line import robust_line

MOST_RATE = 1.25
"""Two recordings of one event differ in rate by less than this factor."""
MOST_PAIRS = 400  # of a Theil-Sen line, which looks at all pairs of pairs
_PARTS, _LEAST_FRAMES = 12, 8
_REACHES = (15, 12, 10, 10, 10)  # frames to either side of the line that are looked at, round by round
_GRAIN = 0.05  # of a frame, that no number of parts makes better
_TAILS = 1.15  # errors of parts have longer tails than the line's weights let in; see benchmarks/offset.py


@dataclass(frozen=True)
class Offset:
    """second of B = offset + rate * second of A: two recordings of the same event.

    Attributes:
        offset, rate: of the line.
        spread: median deviation of matched frames from it, in seconds.
        offset_within, rate_within: halves of their 90 % intervals. That of the offset holds where A begins.
        match_score: of the alignment, as `Alignment.match_score`.
    """

    offset: float
    rate: float
    spread: float
    offset_within: float
    rate_within: float
    match_score: float


def estimate_offset(a: Embedding, b: Embedding) -> Offset:
    """Offset and drift of two recordings of the *same* event (several cameras).

    Raises:
        SynclineError: if the two do not match, share too little for a line with an interval, or run at rates that no
            two recordings of one event have.
    """
    alignment = align(a, b)
    if not alignment.matches:
        raise SynclineError(
            f"{a.source} and {b.source} show nothing in common (score {alignment.match_score:.3f}, needs "
            f"{MATCH_THRESHOLD:.2f})"
        )
    pairs = nearest_times(a, b, alignment.path)
    if len(pairs) < 5:
        raise SynclineError(f"{a.source} and {b.source} share {len(pairs)} matched frames; five are needed")
    thin = pairs[np.linspace(0, len(pairs) - 1, min(len(pairs), MOST_PAIRS)).round().astype(int)]
    # the intercept is the median of what is left: of the medians of both times, one-sided stray pairs move one alone
    from scipy import stats  # slow to import, and needed here alone

    line = stats.theilslopes(thin[:, 1], thin[:, 0], method="joint")
    _check_rate(a, b, line.slope)
    offset, rate, within = _refined(a, b, float(line.intercept), float(line.slope))
    _check_rate(a, b, rate)
    deviation = pairs[:, 1] - (offset + rate * pairs[:, 0])
    return Offset(offset, rate, float(np.median(np.abs(deviation))), *within, alignment.match_score)


def _check_rate(a: Embedding, b: Embedding, rate: float) -> None:
    if not 1 / MOST_RATE <= rate <= MOST_RATE:
        raise SynclineError(
            f"{b.source} would run {rate:.2f} times as fast as {a.source}: no recordings of one event do"
        )


def _refined(a: Embedding, b: Embedding, offset: float, rate: float) -> tuple[float, float, tuple[float, float]]:
    """(offset, rate, halves of their 90 % intervals) from a first guess.

    Raises:
        SynclineError: too little in common.
    """
    step = float(np.median(np.diff(b.pts_seconds)))
    for most in _REACHES:
        reach = min(most, max(4, min(len(a), len(b)) // 10))  # frames nearer to an end are left out
        seconds, near = _near_line(a, b, offset, rate, reach)
        count = int(np.clip(len(seconds) // _LEAST_FRAMES, 4, _PARTS))
        mean = near.mean(axis=0) if len(near) else np.zeros(2 * reach + 1)
        far = np.flatnonzero(mean - np.median(mean) < (mean.max() - np.median(mean)) / 2)
        wide = int(np.clip(np.abs(far - mean.argmax()).min(initial=reach), 1, reach // 2))
        parts = np.array_split(np.arange(len(seconds)), count)
        shifts = [_peak(near[part].mean(axis=0), wide) - reach if len(part) else math.nan for part in parts]
        at = np.array([seconds[part].mean() if len(part) else math.nan for part in parts])
        good = np.isfinite(shifts)
        if good.sum() < 4:
            raise SynclineError(f"{a.source} and {b.source} share too little to tell how far apart their times are")
        at, there = at[good], (offset + rate * at + np.array(shifts) * step)[good]
        line = robust_line(at, there, np.ones(len(at)), least=1e-4 * step, grain=_GRAIN * step)
        offset, rate = line.level, line.slope
    return offset, rate, (_TAILS * line.level_within, _TAILS * line.slope_within)


def _near_line(
    a: Embedding, b: Embedding, offset: float, rate: float, reach: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds (k,) of A's frames whose moment lies inside B, and their similarity (k, 2 reach + 1) to B around it."""
    grid = b.pts_seconds
    step = float(np.median(np.diff(grid)))
    at = (offset + rate * a.pts_seconds)[:, None] + step * np.arange(-reach, reach + 1)
    inside = (at[:, 0] >= grid[0]) & (at[:, -1] <= grid[-1])
    position = np.interp(at, grid, np.arange(len(b)))
    before = np.floor(position).astype(np.int64).clip(0, max(0, len(b) - 2))
    share = position - before
    near = np.empty(at.shape)
    for first, block in similarity_blocks(a, b):
        rows = slice(first, first + len(block))
        own, values = np.arange(len(block))[:, None], block.numpy()
        near[rows] = values[own, before[rows]] * (1 - share[rows]) + values[own, before[rows] + 1] * share[rows]
    return a.pts_seconds[inside], near[inside]


def _peak(values: NDArray[np.float64], wide: int) -> float:
    """The peak of a curve, to a fraction of a step, by a parabola `wide` to either side; NaN without one."""
    top = int(values.argmax())
    low, high = max(0, top - wide), min(len(values), top + wide + 1)
    if high - low < 3:
        return math.nan
    bend, tilt, _ = np.polyfit(np.arange(low, high) - top, values[low:high], 2)
    shift = -tilt / (2 * bend) if bend < 0 else math.nan
    return float(top + shift) if abs(shift) <= wide else math.nan


def nearest_times(a: Embedding, b: Embedding, path: NDArray[np.int64], reach: int = 15) -> NDArray[np.float64]:
    """Times of pairs moved to the most similar frame of B within `reach` frames: (k, 2) float64 s.

    A path that pays for gaps follows a small drift in steps; the nearest frames follow it evenly. Frames whose nearest
    lies at the edge of what is looked at are left out.
    """
    if not len(path):
        return np.zeros((0, 2))
    columns = path[:, 1:] + np.arange(-reach, reach + 1)
    inside = (columns >= 0) & (columns < len(b))
    near = np.empty(columns.shape)
    for first, block in similarity_blocks(a, b):
        own = (path[:, 0] >= first) & (path[:, 0] < first + len(block))
        near[own] = block.numpy()[path[own, :1] - first, columns[own].clip(0, len(b) - 1)]
    values = np.where(inside, near, -np.inf)
    best = values.argmax(axis=1)
    peak = (best > 0) & (best < 2 * reach)
    rows, best = np.flatnonzero(peak), best[peak]
    before, top, after = (values[rows, best + step] for step in (-1, 0, 1))
    whole = np.isfinite(before) & np.isfinite(after)
    rows, best, before, top, after = rows[whole], best[whole], before[whole], top[whole], after[whole]
    shift = (before - after) / (2 * np.minimum(before - 2 * top + after, -1e-9))
    position = columns[rows, best] + shift.clip(-0.5, 0.5)
    return np.stack([a.pts_seconds[path[rows, 0]], np.interp(position, np.arange(len(b)), b.pts_seconds)], axis=1)
