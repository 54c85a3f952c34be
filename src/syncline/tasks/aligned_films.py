"""Films of alignments and timelines: side by side, each at its own pace, and a grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.progress import Callback, Steps, silent
from syncline.tasks.alignment_result import Alignment
from syncline.tasks.colours import A_COLOUR, B_COLOUR
from syncline.tasks.film_canvas import Canvas, Foot, Planes, fitted, foot_height
from syncline.tasks.sync import Timeline
from syncline.video import VideoReader, VideoWriter, mark_result

_ANNOUNCED = 0.3
"""Seconds for which a video must have no part in a timeline before the grid says so."""


def side_by_side(
    a: Path,
    b: Path,
    alignment: Alignment,
    out: Path,
    *,
    height: int = 360,
    max_rate: float = 30.0,
    callback: Callback = silent,
) -> None:
    """Write an mp4 of A (left, its times and sound) and of B following it; B is dimmed while it waits in a gap.

    Under each picture stand its name and time, and a bar: matched stretches in the video's colour, gaps in another.

    Args:
        a, b: the two videos.
        alignment: of A's and B's embeddings; it must not be empty.
        out: the mp4 to write, whole or not at all.
        height: pixels of both pictures.
        max_rate: frames a second at most.
        callback: told of every frame.

    Raises:
        SynclineError: an empty alignment or an unreadable video.
    """
    pair = _Pair(a, b, alignment, height)
    seconds = _ticks(pair.left.pts_seconds, max_rate)
    follow = alignment.follow(seconds)
    waiting = _inside(seconds, [(gap.start, gap.end) for gap in alignment.gaps if gap.video == "a"])
    step = Steps(f"writing {out.name}", len(seconds), callback)
    with pair.writer(out, min(max_rate, pair.left.frame_rate)) as writer:
        for k, pictures in enumerate(pair.pictures(seconds, follow)):
            canvas = pair.canvas()
            canvas.paste(pictures[0], 0, 0)
            canvas.paste(pictures[1], 0, pair.left.width, dimmed=bool(waiting[k]))
            pair.feet[0].draw_moment(canvas, seconds[k])
            pair.feet[1].draw_moment(canvas, follow[k], "waits: only in A" if waiting[k] else "")
            writer.write_planes(canvas.planes, float(seconds[k]))
            step()
    mark_result(out)


def own_pace(
    a: Path,
    b: Path,
    alignment: Alignment,
    out: Path,
    *,
    height: int = 360,
    max_rate: float = 30.0,
    callback: Callback = silent,
) -> None:
    """Write an mp4 of both at their own pace; bars show where each is and, shorter, where the other's moment is.

    Args:
        a, b, alignment, out, height, max_rate, callback: as of `side_by_side`; the alignment may be empty.
    """
    pair = _Pair(a, b, alignment, height)
    left, right = pair.left, pair.right
    rate = min(max_rate, max(left.frame_rate, right.frame_rate))
    seconds = np.arange(0.0, max(left.duration, right.duration), 1.0 / rate)
    at = np.minimum(seconds, left.pts_seconds[-1]), np.minimum(seconds, right.pts_seconds[-1])
    others = alignment.a_at(at[1]), alignment.b_at(at[0])
    alone = [_inside(at[i], [(gap.start, gap.end) for gap in alignment.gaps if gap.video == "ab"[i]]) for i in range(2)]
    step = Steps(f"writing {out.name}", len(seconds), callback)
    with pair.writer(out, rate) as writer:
        for k, pictures in enumerate(pair.pictures(*at)):
            canvas = pair.canvas()
            canvas.paste(pictures[0], 0, 0)
            canvas.paste(pictures[1], 0, left.width)
            for i, foot in enumerate(pair.feet):
                foot.draw_moment(canvas, at[i][k], f"only in {'AB'[i]}" if alone[i][k] else "", others[i][k])
            writer.write_planes(canvas.planes, float(seconds[k]))
            step()
    mark_result(out)


def grid(
    videos: Sequence[Path],
    timeline: Timeline,
    out: Path,
    *,
    height: int = 240,
    rate: float = 15.0,
    names: Sequence[str] | None = None,
    callback: Callback = silent,
) -> None:
    """Write an mp4 of all videos on the common timeline, dimmed where they have no part in it.

    All cells have one shape, the median of the videos'; a picture of another shape stands between bars. Under each
    stand its name, its own time, and a bar of the timeline with the stretches in which it has a part.

    Args:
        videos: the files, in the order of `timeline.sources`.
        timeline: from `synchronize`. out: the mp4 to write.
        height: pixels of every cell, without what stands under it.
        rate: frames a second.
        names: what the videos are called; their files' names by default.
        callback: told of every frame.

    Raises:
        SynclineError: other than one file a source, or an unreadable video.
    """
    if len(videos) != len(timeline.sources):
        raise SynclineError(f"{len(videos)} files for a timeline of {len(timeline.sources)} videos")
    height -= height % 2
    whole = [VideoReader(video) for video in videos]
    shape = float(np.median([reader.width / reader.height for reader in whole]))
    width = max(2, round(shape * height / 2) * 2)
    readers = [reader.scaled(fitted(reader.height, reader.width, (height, width))) for reader in whole]
    columns, cell = math.ceil(math.sqrt(len(videos))), height + foot_height(height)
    end = float(timeline.seconds[-1])
    absent = [_runs(np.isnan(row), timeline.seconds) for row in timeline.positions]
    corners = [(i // columns * cell, i % columns * width) for i in range(len(videos))]
    feet = [
        Foot(top + height, left, width, height, name, A_COLOUR, end, [(0.0, end)], gaps)
        for (top, left), name, gaps in zip(corners, names or [v.name for v in videos], absent, strict=True)
    ]
    background = Canvas(math.ceil(len(videos) / columns) * cell, columns * width)
    for foot in feet:
        foot.draw(background)
    seconds = np.arange(0.0, end + 1e-9, 1.0 / rate)
    at = [np.interp(seconds, timeline.seconds, row) for row in timeline.held()]
    away = [_inside(seconds, gaps) for gaps in absent]
    streams = [_shown(reader, moments) for reader, moments in zip(readers, at, strict=True)]
    canvas = Canvas(background.height, background.width)
    step = Steps(f"writing {out.name}", len(seconds), callback)
    with VideoWriter(out, height=canvas.height, width=canvas.width, rate=rate, quick=True, reorders=False) as writer:
        for k, pictures in enumerate(zip(*streams, strict=True)):
            canvas.planes[:] = background.planes
            for i, (picture, (top, left)) in enumerate(zip(pictures, corners, strict=True)):
                aside = (height - readers[i].height) // 4 * 2, (width - readers[i].width) // 4 * 2
                canvas.paste(picture, top + aside[0], left + aside[1], dimmed=bool(away[i][k]))
                feet[i].draw_moment(canvas, at[i][k], "has no part here" if away[i][k] else "", at=seconds[k])
            writer.write_planes(canvas.planes, float(seconds[k]))
            step()
    mark_result(out)


class _Pair:
    """Two videos beside each other, and what stands under them."""

    def __init__(self, a: Path, b: Path, alignment: Alignment, height: int) -> None:
        self.left, self.right = _open(a, height), _open(b, height)
        self._sound = a if self.left.has_audio else None
        spans = [
            [((s.start_a, s.end_a) if i == 0 else (s.start_b, s.end_b)) for s in alignment.segments] for i in range(2)
        ]
        gaps = [[(gap.start, gap.end) for gap in alignment.gaps if gap.video == video] for video in "ab"]
        tall = self.left.height
        self.feet = [
            Foot(tall, corner, reader.width, tall, f"{letter}  {path.name}", colour, reader.duration, spans[i], gaps[i])
            for i, (corner, reader, letter, path, colour) in enumerate(
                ((0, self.left, "A", a, A_COLOUR), (self.left.width, self.right, "B", b, B_COLOUR))
            )
        ]
        self._background = Canvas(tall + foot_height(tall), self.left.width + self.right.width)
        for foot in self.feet:
            foot.draw(self._background)
        self._canvas = Canvas(self._background.height, self._background.width)

    def canvas(self) -> Canvas:
        """The canvas with what does not change; the same one each time."""
        self._canvas.planes[:] = self._background.planes
        return self._canvas

    def pictures(self, at_a: NDArray[np.float64], at_b: NDArray[np.float64]) -> Iterator[tuple[Planes, Planes]]:
        """The pictures on display at these moments of A and of B."""
        return zip(_shown(self.left, at_a), _shown(self.right, at_b), strict=True)

    def writer(self, out: Path, rate: float) -> VideoWriter:
        """A writer of a film with A's sound."""
        height, width = self._canvas.height, self._canvas.width
        return VideoWriter(
            out, height=height, width=width, rate=rate, audio_from=self._sound, quick=True, reorders=False
        )


def moments(video: Path, seconds: Sequence[float], *, height: int = 90) -> Iterator[NDArray[np.uint8]]:
    """Pictures (h, w, 3) of the given moments of a video, for thumbnails."""
    yield from _open(video, height).frames_at(seconds).pixels


def _open(path: Path, height: int) -> VideoReader:
    reader = VideoReader(path)
    height -= height % 2
    return reader.scaled((height, max(2, round(reader.width / reader.height * height / 2) * 2)))


def _ticks(pts: NDArray[np.float64], max_rate: float) -> NDArray[np.float64]:
    """The frames' own times, thinned to at most `max_rate` a second."""
    kept: list[float] = []
    for second in pts:
        if not kept or second - kept[-1] >= 1.0 / max_rate - 1e-3:
            kept.append(float(second))
    return np.array(kept)


def _shown(reader: VideoReader, seconds: NDArray[np.float64]) -> Iterator[Planes]:
    """The picture on display at each moment, decoded in one pass as long as the moments ascend."""
    indices = reader.index_at(seconds)
    edges = [0, *(np.flatnonzero(np.diff(indices) < 0) + 1).tolist(), len(indices)]
    for first, last in itertools.pairwise(edges):
        wanted = indices[first:last]
        pictures = reader.planes(np.unique(wanted))
        held, picture = -1, np.zeros((0, 0), np.uint8)
        for index in wanted:
            if index != held:
                held, picture = index, next(pictures)
            yield picture


def _inside(seconds: NDArray[np.float64], spans: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Whether each moment lies in one of the spans."""
    found = np.zeros(len(seconds), dtype=bool)
    for start, end in spans:
        found |= (seconds >= start - 1e-9) & (seconds < end - 1e-9)
    return found


def _runs(absent: NDArray[np.bool_], seconds: NDArray[np.float64]) -> list[tuple[float, float]]:
    """(start, end) of the stretches in which a video has no part, if they are long enough to be announced."""
    padded = np.concatenate([[False], absent, [False]])
    edges = np.flatnonzero(np.diff(padded.astype(np.int8)))
    ends = np.append(seconds, 2 * seconds[-1] - seconds[-2] if len(seconds) > 1 else seconds[-1])
    spans = [(float(seconds[first]), float(ends[last])) for first, last in zip(edges[::2], edges[1::2], strict=True)]
    return [(start, end) for start, end in spans if end - start >= _ANNOUNCED]
