"""Alignments and timelines -> videos to look at: side by side, each at its own pace, and a grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.data.video_set import nearest
from syncline.errors import SynclineError
from syncline.tasks.alignment_result import Alignment
from syncline.tasks.sync import Timeline
from syncline.video import VideoReader, VideoWriter, mark_result

BAR = 12

Pixels = NDArray[np.uint8]


def side_by_side(
    a: Path, b: Path, alignment: Alignment, out: Path, *, height: int = 360, max_rate: float = 30.0
) -> None:
    """Write an mp4 of A (left, its clock and sound) and of B following it; B is dimmed while it waits.

    Args:
        a, b: the two videos.
        alignment: of A's and B's embeddings; it must not be empty.
        out: the mp4 to write, whole or not at all.
        height: pixels of both pictures.
        max_rate: frames a second at most.

    Raises:
        SynclineError: an empty alignment or an unreadable video.
    """
    left, right = _open(a, height), _open(b, height)
    seconds = _ticks(left.pts_seconds, max_rate)
    follow, waiting = alignment.follow(seconds), np.isnan(alignment.b_at(seconds))
    with VideoWriter(
        out,
        height=left.height + BAR,
        width=left.width + right.width,
        rate=min(max_rate, left.frame_rate),
        audio_from=a if left.has_audio else None,
    ) as writer:
        for k, (picture_a, picture_b) in enumerate(zip(_shown(left, seconds), _shown(right, follow), strict=True)):
            if waiting[k]:
                picture_b = picture_b // 2
            strip = [_bar(left, seconds[k], alignment, 0), _bar(right, follow[k], alignment, 1)]
            row = np.concatenate([picture_a, picture_b], axis=1)
            writer.write(np.concatenate([row, np.concatenate(strip, axis=1)]), float(seconds[k]))
    mark_result(out)


def own_pace(a: Path, b: Path, alignment: Alignment, out: Path, *, height: int = 360, max_rate: float = 30.0) -> None:
    """Write an mp4 of both at their own pace; bars show where each is and (white) where the other's moment is."""
    left, right = _open(a, height), _open(b, height)
    end = max(left.duration, right.duration)
    rate = min(max_rate, max(left.frame_rate, right.frame_rate))
    seconds = np.arange(0.0, end, 1.0 / rate)
    at_a, at_b = np.minimum(seconds, left.pts_seconds[-1]), np.minimum(seconds, right.pts_seconds[-1])
    with VideoWriter(
        out,
        height=left.height + BAR,
        width=left.width + right.width,
        rate=rate,
        audio_from=a if left.has_audio else None,
    ) as writer:
        others_a, others_b = alignment.a_at(at_b), alignment.b_at(at_a)
        for k, (picture_a, picture_b) in enumerate(zip(_shown(left, at_a), _shown(right, at_b), strict=True)):
            strip = [_bar(left, at_a[k], alignment, 0, others_a[k]), _bar(right, at_b[k], alignment, 1, others_b[k])]
            row = np.concatenate([picture_a, picture_b], axis=1)
            writer.write(np.concatenate([row, np.concatenate(strip, axis=1)]), float(seconds[k]))
    mark_result(out)


def grid(videos: Sequence[Path], timeline: Timeline, out: Path, *, height: int = 240, rate: float = 15.0) -> None:
    """Write an mp4 of all videos on the common timeline, dimmed where they have no part in it.

    Args:
        videos: the files, in the order of `timeline.sources`.
        timeline: from `synchronize`.
        out: the mp4 to write.
        height: pixels of every picture; the first video's aspect ratio serves for all.
        rate: frames a second.

    Raises:
        SynclineError: other than one file a source, or an unreadable video.
    """
    if len(videos) != len(timeline.sources):
        raise SynclineError(f"{len(videos)} files for a timeline of {len(timeline.sources)} videos")
    first = VideoReader(videos[0])
    width = max(2, round(first.width / first.height * height / 2) * 2)
    readers = [VideoReader(video, size=(height, width)) for video in videos]
    columns = math.ceil(math.sqrt(len(videos)))
    rows = math.ceil(len(videos) / columns)
    seconds = np.arange(0.0, float(timeline.seconds[-1]) + 1e-9, 1.0 / rate)
    held, absent = timeline.held(), np.isnan(timeline.positions)
    instants = nearest(timeline.seconds, seconds)
    streams = [_shown(reader, np.interp(seconds, timeline.seconds, held[i])) for i, reader in enumerate(readers)]
    with VideoWriter(out, height=rows * height, width=columns * width, rate=rate) as writer:
        for at, instant, *pictures in zip(seconds, instants, *streams, strict=True):
            canvas = np.zeros((rows * height, columns * width, 3), dtype=np.uint8)
            for i, picture in enumerate(pictures):
                top, side = i // columns * height, i % columns * width
                canvas[top : top + height, side : side + width] = picture // 3 if absent[i, instant] else picture
            writer.write(canvas, float(at))
    mark_result(out)


def _open(path: Path, height: int) -> VideoReader:
    reader = VideoReader(path)
    height -= height % 2
    return VideoReader(path, size=(height, max(2, round(reader.width / reader.height * height / 2) * 2)))


def _ticks(pts: NDArray[np.float64], max_rate: float) -> NDArray[np.float64]:
    """The frames' own times, thinned to at most `max_rate` a second."""
    kept: list[float] = []
    for second in pts:
        if not kept or second - kept[-1] >= 1.0 / max_rate - 1e-3:
            kept.append(float(second))
    return np.array(kept)


def _shown(reader: VideoReader, seconds: NDArray[np.float64]) -> Iterator[Pixels]:
    """The picture on display at each moment, decoded in one pass as long as the moments ascend."""
    indices = reader.index_at(seconds)
    edges = [0, *(np.flatnonzero(np.diff(indices) < 0) + 1).tolist(), len(indices)]
    for first, last in itertools.pairwise(edges):
        wanted = indices[first:last]
        pictures = (picture for chunk in reader.chunks(np.unique(wanted), chunk_size=8) for picture in chunk.pixels)
        held, picture = -1, np.zeros((0, 0, 3), np.uint8)
        for index in wanted:
            if index != held:
                held, picture = index, next(pictures)
            yield picture


def _bar(reader: VideoReader, second: float, alignment: Alignment, column: int, other: float = float("nan")) -> Pixels:
    """The strip under a picture: matched stretches blue, the rest grey, the present moment orange, `other` white."""
    width = reader.width
    scale = (width - 1) / max(reader.duration, 1e-6)
    strip = np.full((BAR, width, 3), 70, dtype=np.uint8)
    for segment in alignment.segments:
        ends = (segment.start_a, segment.end_a) if column == 0 else (segment.start_b, segment.end_b)
        strip[:, int(ends[0] * scale) : int(ends[1] * scale) + 1] = (60, 110, 200)
    for at, colour in ((other, (255, 255, 255)), (second, (255, 150, 40))):
        if math.isfinite(at):
            centre = min(width - 1, max(0, int(at * scale)))
            strip[:, max(0, centre - 1) : centre + 2] = colour
    return strip


def moments(video: Path, seconds: Sequence[float], *, height: int = 90) -> Iterator[Pixels]:
    """Pictures (h, w, 3) of the given moments of a video, for thumbnails."""
    reader = _open(video, height)
    yield from reader.frames_at(seconds).pixels
