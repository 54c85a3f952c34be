"""Opens a file and chooses its picture stream.

Notable choices:
- Cover pictures and thumbnails are ignored: streams that the file marks as such, and streams of a single picture beside
  one of several.
- Of several films, FFmpeg's choice (the default one, then the larger) is used, as players do.
- A header may claim anything: pictures above `MAX_PIXELS` and sample tables longer than their file are refused before
  memory is taken, and the decoder holds to the same limit.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

import av
import av.error
from av.stream import Disposition

from syncline.errors import SynclineError
from syncline.video.frame_source import MAX_PIXELS
from syncline.video.mp4_boxes import refuse_false_tables

_PATIENCE = 60.0  # seconds that opening, or reading one packet, may take
_LOOKED_AT = 2000  # packets, to tell a thumbnail from a film
_NO_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


def opened(path: Path) -> Any:
    """The container of a file that has pictures.

    Raises:
        SynclineError: one line naming the file and what is wrong with it.
    """
    if not os.path.isfile(path):  # which, unlike Path.is_file, takes a name that is too long
        raise SynclineError(f"{path}: no such file")
    try:
        refuse_false_tables(path)
        # the whole path: what stands before a colon at the beginning would be the name of a protocol
        container = av.open(str(path.absolute()), metadata_errors="ignore", timeout=(_PATIENCE, _PATIENCE))
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise SynclineError(f"{path}: is no video that can be opened ({reason(error)})") from error
    if not films(container):
        sound, covers = bool(container.streams.audio), len(container.streams.video)
        container.close()
        what = f" (only sound{' and a cover picture' if covers else ''})" if sound else ""
        raise SynclineError(f"{path}: holds no video stream{what}")
    return container


def start_timecode(path: Path) -> str | None:
    """The time code of the first picture, `hh:mm:ss:ff` or `;ff`, where the file has one; editors count from it."""
    if path.is_dir():
        return None
    with opened(path) as container:
        for holder in (container.streams[find_film(path, container)], container, *container.streams):
            said = {key.lower(): value for key, value in holder.metadata.items()}.get("timecode")
            if said:
                return str(said)
    return None


def films(container: Any) -> list[Any]:
    """The picture streams that are not marked as covers or thumbnails."""
    return [stream for stream in container.streams.video if not stream.disposition & _NO_FILM]


def find_film(path: Path, container: Any) -> int:
    """Index of the stream that is the film, of a container that has not been read from."""
    candidates = films(container)
    if len(candidates) > 1:
        moving = _moving(path, [stream.index for stream in candidates])
        candidates = [stream for stream in candidates if stream.index in moving] or candidates
    chosen = [stream.index for stream in candidates]
    best = container.streams.best("video")
    return int(best.index) if best is not None and best.index in chosen else int(chosen[0])


def _moving(path: Path, indices: list[int]) -> set[int]:
    """Those of the streams that have more than one picture."""
    counts: Counter[int] = Counter()
    with opened(path) as container, contextlib.suppress(av.error.FFmpegError):  # whoever reads the frames says so
        for number, packet in enumerate(container.demux(*(container.streams[index] for index in indices))):
            counts[packet.stream_index] += bool(packet.size)
            if number > _LOOKED_AT or all(counts[index] > 1 for index in indices):
                break
    return {index for index, count in counts.items() if count > 1}


def decodable(container: Any, index: int, path: Path) -> Any:
    """The stream of that index, its decoder held to `MAX_PIXELS`.

    Raises:
        SynclineError: a codec that is not known.
    """
    stream = container.streams[index]
    if stream.codec_context is None:
        raise SynclineError(f"{path}: its codec is not known")
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def decoded_from(container: Any, stream: Any, pts: int) -> Any:
    """The frames of a stream from the last key frame at or before ``pts`` on; a seek."""
    container.seek(pts, stream=stream, backward=True, any_frame=False)
    return container.decode(stream)


def reason(error: BaseException) -> str:
    """The first line of what an error says."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]
