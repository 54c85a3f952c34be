"""Chooses the sampling rate of a folder, by how long its clips are.

A golf swing lasts 1.3 seconds. At 7.5 frames a second that is ten frames, and no alignment can place an event within a
tenth of a second. A minute of cooking has 450 frames at the same rate, which is plenty.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from syncline.data.video_set import Video

LEAST_RATE_HZ = 7.5
"""What folders of longer clips are looked at with; saved runs and published tables rely on it."""
LEAST_FRAMES = 60
"""A typical clip has at least this many sampled frames, where its file has them: below, one sampled frame more or less
is more than a hundredth of the activity."""


def choose_rate(videos: Sequence[Video]) -> float:
    """Frames a second at which a folder is sampled: the fewest that give its median clip `LEAST_FRAMES` frames.

    The rate is the files' own (their median) divided by a whole number, so that sampled frames are evenly spaced; it
    is never above the files' own rate, and never below `LEAST_RATE_HZ` where the files have that many.

    Args:
        videos: those of the folder; re-cuts count with the frames that they list.

    Returns:
        Frames a second, above 0. `LEAST_RATE_HZ` for an empty list.

    Examples:
        >>> from pathlib import Path
        >>> def clip(seconds, rate):
        ...     return Video(Path("a.mp4"), "a", "a", int(seconds * rate), rate)
        >>> choose_rate([clip(12, 30)]), choose_rate([clip(4, 30)]), choose_rate([clip(1.3, 30)])
        (7.5, 15.0, 30.0)
    """
    lengths = np.array([_num_frames(video) for video in videos], dtype=np.float64)
    rates = np.array([video.frame_rate for video in videos], dtype=np.float64)
    known = (lengths > 0) & (rates > 0)
    if not known.any():
        return LEAST_RATE_HZ
    own_rate = float(np.median(rates[known]))
    seconds = float(np.median(lengths[known] / rates[known]))
    if seconds * LEAST_RATE_HZ >= LEAST_FRAMES or own_rate <= LEAST_RATE_HZ:
        return LEAST_RATE_HZ
    most_apart = int(own_rate / LEAST_RATE_HZ + 1e-9)
    stride = max(1, min(most_apart, int(seconds * own_rate / LEAST_FRAMES + 1e-9)))
    return own_rate / stride


def _num_frames(video: Video) -> int:
    if video.frames is not None:
        return len(video.frames)
    first, end = video.span or (0, video.num_frames)
    return end - first
