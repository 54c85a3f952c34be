"""Places events in densities over frames: windows, their means, and an order that holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from syncline.video.on_display import nearest_frame


def columns_in_order(smooth: NDArray[np.float64], absent_below: float) -> list[int]:
    """Columns of the events, ascending, that gather the most votes together; -1 where leaving the event out is better.

    Dynamic program over events: leaving one out earns `absent_below`, placing it at a column earns its votes there.
    """
    count, width = smooth.shape
    best = np.zeros(width + 1)  # best[j]: most votes so far with all placed events in columns < j
    choices: list[NDArray[np.int64]] = []
    for k in range(count):
        # placing event k at column j follows everything that ended at a column < j
        placing = best[:-1] + smooth[k]
        upto = np.maximum.accumulate(placing)
        where = np.zeros(width, dtype=np.int64)
        peak = 0
        for j in range(width):
            peak = j if placing[j] > placing[peak] else peak
            where[j] = peak
        left_out = best + absent_below
        placed = np.concatenate([[-np.inf], upto])
        choices.append(np.where(placed > left_out, np.concatenate([[-1], where]), -1))
        best = np.maximum(placed, left_out)
    columns, end = [], width
    for k in reversed(range(count)):
        column = int(choices[k][end])
        columns.append(column)
        if column >= 0:
            end = column
    return columns[::-1]


def mean_time(votes: NDArray[np.float64], pts: NDArray[np.float64], window: slice) -> float:
    """Seconds of a window's frames, by their votes; plain where there are none."""
    weights = votes[window]
    return float((weights * pts[window]).sum() / weights.sum()) if weights.sum() > 0 else float(pts[window].mean())


def frame_time(votes: NDArray[np.float64], pts: NDArray[np.float64], window: slice) -> float:
    """When the frame nearest to the mean time is shown."""
    return float(pts[nearest_frame(pts, mean_time(votes, pts, window))])


def lie_on_frames(pts: NDArray[np.float64], events: Sequence[float | None]) -> bool:
    """Whether all events are at sampled frames, give or take a tenth of the time between two.

    Labels are put on frames of a film. Where all of its frames are sampled, an event that is carried is at one, too.
    """
    apart = float(np.median(np.diff(pts))) if len(pts) > 1 else 0.0
    return all(event is None or np.abs(pts - event).min() <= 0.1 * apart + 1e-9 for event in events)
