"""Copies a video for browsers, with the times of our frames: 0 at the first picture."""

from __future__ import annotations

import contextlib
from pathlib import Path

import av
import av.error
import numpy as np

from syncline.errors import SynclineError
from syncline.files import replacing
from syncline.progress import Callback, Progress, silent
from syncline.video.picture_streams import opened
from syncline.video.reader import VideoReader
from syncline.video.writer import VideoWriter

PLAYED = frozenset(["h264", "vp8", "vp9", "av1"])
PLAYED_SUFFIXES = frozenset([".mp4", ".m4v", ".webm", ".mov"])
_MP4 = PLAYED - {"vp8"}
_APART = 5e-4  # seconds between two times at which the same frame is shown


def plays_in_step(reader: VideoReader) -> bool:
    """Whether browsers play the file itself, at our times.

    A browser counts from the container's beginning, plays the first of several films, and may not mirror. Chromium
    begins to decode at the key frame whose decoding time it finds, which is too late with B-frames at a variable rate.
    """
    if reader.path.suffix.lower() not in PLAYED_SUFFIXES or reader.codec not in PLAYED or reader.seeks_astray:
        return False
    begins = max(abs(reader.container_offset), abs(reader.first_pts_seconds))
    return begins <= _APART and reader.reading == 1


def write_browser_copy(
    path: str | Path,
    out: str | Path,
    *,
    height: int = 480,
    span: tuple[int, int] | None = None,
    callback: Callback = silent,
) -> None:
    """Write an mp4 that every browser plays, with the frames' own times, counted from the first, and the sound.

    A film that browsers know is packed anew, as large as it is; any other is encoded again, at most ``height`` high.

    Args:
        path: the video. out: the mp4 to write, whole or not at all.
        height: of pictures that are encoded again.
        span: (first, one past the last) frame of a part; its time counts from 0, and it has no sound.
        callback: called with a ``Progress`` of the frames done, now and then.

    Raises:
        SynclineError: the video cannot be read.
    """
    if span is None and _repacked(VideoReader(path), Path(out)):
        return
    write_proxy(path, out, height=height, span=span, callback=callback)


def _repacked(reader: VideoReader, out: Path) -> bool:
    """Copy the packets of the film and its sound; False where that does not give the same frames at the same times."""
    if (
        reader.seeks_astray
        or reader.codec not in _MP4
        or reader.rotation
        or reader.reading > 1
        or reader.stream_index is None
    ):
        return False
    try:
        with replacing(out) as temporary:
            _repack(reader, temporary)
            copy = VideoReader(temporary)
            same = len(copy) == len(reader) and np.abs(copy.pts_seconds - reader.pts_seconds).max() <= _APART
            if not same or max(abs(copy.container_offset), abs(copy.first_pts_seconds)) > _APART:
                raise SynclineError(f"{reader.path}: its frames would be shown at other times")
    except (SynclineError, av.error.FFmpegError, ValueError):
        return False
    return True


def _repack(reader: VideoReader, out: Path) -> None:
    options = {"movflags": "+faststart"}
    with opened(reader.path) as source, av.open(str(out), "w", format="mp4", options=options) as target:
        film = source.streams[reader.stream_index]
        kept = {film.index: target.add_stream_from_template(film)}
        if source.streams.audio:
            sound = source.streams.audio[0]
            with contextlib.suppress(ValueError, av.error.FFmpegError):  # a codec that mp4 cannot hold
                kept[sound.index] = target.add_stream_from_template(sound)
        shift = {i: round(reader.first_pts_seconds / float(source.streams[i].time_base)) for i in kept}
        for packet in source.demux(*(source.streams[index] for index in kept)):
            if packet.pts is None or not packet.size:
                continue
            index = packet.stream_index
            packet.pts -= shift[index]
            if packet.dts is not None:  # Matroska has none, and the writer finds its own
                packet.dts -= shift[index]
            if packet.pts < 0:
                if index == film.index:
                    raise SynclineError(f"{reader.path}: begins with pictures that are not shown")
                continue
            packet.stream = kept[index]
            target.mux(packet)


def write_proxy(
    path: str | Path,
    out: str | Path,
    *,
    height: int = 480,
    span: tuple[int, int] | None = None,
    callback: Callback = silent,
) -> None:
    """A copy encoded again: H.264 at most ``height`` high, with the frames' own times and sound.

    Of a ``span`` (first, one past the last frame) only these, from 0 s on and without sound. ``callback`` is told
    a ``Progress`` of the frames done, now and then.
    """
    reader = VideoReader(path)
    scale = min(1.0, height / reader.height)
    size = tuple(max(2, round(side * scale / 2) * 2) for side in (reader.height, reader.width))
    reader = reader.scaled((size[0], size[1]))
    audio = path if reader.has_audio and span is None else None
    wanted = np.arange(*(span or (0, reader.num_frames)))
    first = float(reader.pts_seconds[wanted[0]])
    rate = reader.frame_rate
    with VideoWriter(out, height=size[0], width=size[1], rate=rate, audio_from=audio, reorders=False) as writer:
        for chunk in reader.chunks(wanted, chunk_size=32):
            for picture, at in zip(chunk.pixels, chunk.pts_seconds):
                writer.write(picture, float(at) - first)
            callback(Progress("copying", int(chunk.indices[-1] - wanted[0]) + 1, len(wanted)))
