"""Which frame is on display at a time, and which is nearest: the one rule for the whole package.

A frame is on display from its time stamp until that of the next one. A time up to `ROUNDING` before a frame means that
frame, for label files and tables count milliseconds: 0.333 s is the frame at 1/3 s. Where frames are closer together
than two milliseconds, it is the nearer one that such a time means. Before the first frame the first is on display,
after the last one the last.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

ROUNDING = 1e-3
"""Seconds by which a written time may be too early for its frame."""


def frames_on_display(pts_seconds: NDArray[np.float64], seconds: ArrayLike) -> NDArray[np.int64]:
    """The frame on display at each moment.

    Args:
        pts_seconds: (t,) ascending, when each frame is shown; at least one.
        seconds: (k,) moments, or one.

    Returns:
        (k,) int64 frame indices.

    Examples:
        >>> frames_on_display(np.arange(4) / 3, [-1.0, 0.332, 0.333, 0.5, 9.0]).tolist()
        [0, 0, 1, 1, 3]
    """
    wanted = np.atleast_1d(np.asarray(seconds, dtype=np.float64))
    last = len(pts_seconds) - 1
    shown = (np.searchsorted(pts_seconds, wanted + 1e-9, side="right") - 1).clip(0, last)
    following = np.minimum(shown + 1, last)
    until = pts_seconds[following] - wanted
    gap = pts_seconds[following] - pts_seconds[shown]
    early = (until <= np.minimum(ROUNDING + 1e-9, gap / 2)) & (wanted >= pts_seconds[0])
    return np.asarray(np.where(early, following, shown), dtype=np.int64)


def nearest_frames(pts_seconds: NDArray[np.float64], seconds: ArrayLike) -> NDArray[np.int64]:
    """The frame whose time stamp is nearest to each moment, of two the earlier: (k,) int64.

    Args:
        pts_seconds: (t,) ascending, when each frame is shown; at least one.
        seconds: (k,) moments, or one.

    Examples:
        >>> nearest_frames(np.array([0.0, 1.0, 2.0]), [-1.0, 0.4, 0.5, 1.6, 9.0]).tolist()
        [0, 0, 0, 2, 2]
    """
    wanted = np.atleast_1d(np.asarray(seconds, dtype=np.float64))
    after = np.searchsorted(pts_seconds, wanted).clip(0, len(pts_seconds) - 1)
    before = np.maximum(after - 1, 0)
    return np.asarray(
        np.where(wanted - pts_seconds[before] <= pts_seconds[after] - wanted, before, after), dtype=np.int64
    )


def nearest_frame(pts_seconds: NDArray[np.float64], seconds: float) -> int:
    """As `nearest_frames`, of one moment."""
    return int(nearest_frames(pts_seconds, seconds)[0])


def frames_within(
    pts_seconds: NDArray[np.float64], seconds: ArrayLike, tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The frames within a tolerance of each moment, a nanosecond more included: (k,) int64 first, (k,) int64 end.

    Args:
        pts_seconds: (t,) ascending, when each frame is shown. seconds: (k,) moments, or one. tolerance: seconds.

    Examples:
        >>> first, end = frames_within(np.arange(5) / 2, [0.0, 1.0, 9.0], 0.5)
        >>> first.tolist(), end.tolist()
        ([0, 1, 5], [2, 4, 5])
    """
    wanted = np.atleast_1d(np.asarray(seconds, dtype=np.float64))
    first = np.searchsorted(pts_seconds, wanted - tolerance - 1e-9)
    end = np.searchsorted(pts_seconds, wanted + tolerance + 1e-9, side="right")
    return np.asarray(first, dtype=np.int64), np.asarray(end, dtype=np.int64)
