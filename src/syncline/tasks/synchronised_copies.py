"""Writes synchronised copies of videos: equal lengths, one rate, on their common timeline.

Two kinds: `retimed` shows at every instant of the timeline the picture that belongs to it, so that all copies are in
step throughout; `cut` leaves every video its own pace and only begins all of them at the first moment that they have in
common, as for several cameras at one event.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from syncline.data.video_set import unique_names
from syncline.errors import SynclineError
from syncline.progress import Callback, Steps, silent
from syncline.tasks.sync import Timeline
from syncline.video import VideoReader, VideoWriter, mark_result
from syncline.video.sound import read_sound, retimed

Kind = Literal["retimed", "cut"]
MOST_RATE = 1000
"""Frames a second that a copy may have."""


def write_copies(
    videos: Sequence[Path],
    timeline: Timeline,
    out: Path,
    *,
    kind: Kind = "retimed",
    rate: float | None = None,
    sound: bool = False,
    callback: Callback = silent,
) -> list[Path]:
    """Write a copy of every video on the timeline; all have equally many frames, and none is black.

    Args:
        videos: the files, in the order of `timeline.sources`.
        timeline: from `synchronize`.
        out: the folder; copies bear their videos' names.
        kind: `retimed` or `cut`, see above. A retimed video that has no part somewhere holds its picture there.
        rate: frames a second; that of the reference by default.
        sound: keep it, as fast as the pictures, without changing its pitch.
        callback: told of every frame.

    Returns:
        The files that were written, in the order of the videos.

    Raises:
        SynclineError: other than one file a source, videos that have no moment in common (`cut`), or an unreadable
            video.
    """
    if len(videos) != len(timeline.sources):
        raise SynclineError(f"{len(videos)} files for a timeline of {len(timeline.sources)} videos")
    readers = [VideoReader(video) for video in videos]
    rate = rate or readers[timeline.sources.index(timeline.reference)].frame_rate
    if not 0 < rate <= MOST_RATE:
        raise SynclineError(f"copies of {rate:g} frames a second cannot be written; at most {MOST_RATE} can")
    moments = _retimed(timeline, rate) if kind == "retimed" else _cut(timeline, readers, rate)
    step = Steps("writing copies", sum(len(row) for row in moments), callback)
    written = []
    for video, name, reader, row in zip(videos, unique_names(list(videos)), readers, moments, strict=True):
        target = out / (name if name.lower().endswith(".mp4") else f"{name}.mp4")
        _write(video, reader, row, target, rate, sound, step)
        mark_result(target)
        written.append(target)
    return written


def _retimed(timeline: Timeline, rate: float) -> list[NDArray[np.float64]]:
    """Seconds of each video at every instant of an even timeline."""
    count = max(1, int(float(timeline.seconds[-1]) * rate + 1e-6) + 1)
    even = np.arange(count) / rate
    return [np.maximum.accumulate(np.interp(even, timeline.seconds, row)) for row in timeline.held()]


def _cut(timeline: Timeline, readers: Sequence[VideoReader], rate: float) -> list[NDArray[np.float64]]:
    """Seconds of each video from the first common moment on, at its own pace, as long as the shortest goes on."""
    shared = np.flatnonzero(~np.isnan(timeline.positions).any(axis=0))
    if not len(shared):
        raise SynclineError(
            "the videos have no moment that all of them show; write --copies retimed, or leave some out"
        )
    starts = timeline.positions[:, shared[0]]
    left = min(reader.duration - start for reader, start in zip(readers, starts, strict=True))
    even = np.arange(max(1, int(left * rate + 1e-6))) / rate
    return [start + even for start in starts.tolist()]


def _write(
    video: Path, reader: VideoReader, moments: NDArray[np.float64], target: Path, rate: float, sound: bool, step: Steps
) -> None:
    """One copy, as large as its video, but for sides that must be even."""
    height, width = (max(2, side - side % 2) for side in (reader.height, reader.width))
    heard = read_sound(video) if sound and reader.has_audio else None
    own = None if heard is None else retimed(heard, moments, rate)
    indices = reader.index_at(moments)
    shown = reader.scaled((height, width)).planes(np.unique(indices))
    with VideoWriter(target, height=height, width=width, rate=rate, sound=own) as writer:
        held, picture = -1, np.zeros((0, 0), np.uint8)
        for number, index in enumerate(indices.tolist()):
            if index != held:
                held, picture = index, next(shown)
            writer.write_planes(picture, number / rate)
            step()
