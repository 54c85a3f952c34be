"""Reads when each frame of a stream is shown, from its packets; usually decodes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av.error
import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.video.frame_source import MAX_FRAMES
from syncline.video.picture_streams import reason

_PACK = 2048  # bytes of a pack of an MPEG program stream
_STRAY, _STRAYING = 3.0, 0.005  # frames by which guessed stamps may be off, and more for every frame before


@dataclass(frozen=True, eq=False)
class PacketTable:
    """The result of a scan of the packets.

    Attributes:
        pts: (n,) int64 time stamps of all frames that are shown, ascending. keys: those of the key frames.
        stamped: whether the file gave them. counted: whether they go by the order of the frames instead, at an even
            rate. repeated: how many stamps came twice. reordered: whether
            frames are stored in another order than they are shown (B-frames).
    """

    pts: NDArray[np.int64]
    keys: list[int]
    stamped: bool
    repeated: int
    reordered: bool = False
    counted: bool = False


def scan_packets(path: Path, container: Any, stream: Any) -> PacketTable:
    """Read all packets of a stream.

    A recording cut out of a longer one begins without a key frame, or with one that an edit list hides: frames before
    the first that the decoder gives are left out, and a hidden key frame counts as one at the first that is shown.

    Raises:
        SynclineError: no frame, or more than can be read.
    """
    shown: list[int] = []
    size = 0  # of all pictures
    keys: list[int] = []
    unstamped = 0
    first: Any = None  # frame that the decoder gives
    headless: bool | None = None  # whether the first packet holds no key frame
    hidden_key = False
    try:
        for packet in container.demux(stream):
            if headless is None and packet.size:
                headless = not packet.is_keyframe
            if first is None and headless:
                first = frame_of(path, packet, lenient=True)
            if packet.is_discard or not packet.size:
                hidden_key = hidden_key or (bool(packet.size) and packet.is_keyframe and not shown)
                continue
            if packet.pts is None:
                unstamped += 1
            else:
                shown.append(packet.pts)
                size += packet.size
                if packet.is_keyframe:
                    keys.append(packet.pts)
            if len(shown) + unstamped > MAX_FRAMES:
                raise SynclineError(f"{path}: more than {MAX_FRAMES} frames")
    except av.error.FFmpegError as error:
        if not shown and not unstamped:
            raise SynclineError(f"{path}: cannot be read ({reason(error)})") from error
    if not shown and not unstamped:
        raise SynclineError(f"{path}: holds no frame")
    if unstamped > len(shown):  # a bare stream: the rate that its pictures name is all there is, or FFmpeg's guess
        step = 1.0 / (float(stream.guessed_rate or 25) * float(stream.time_base))
        pts = np.unique(np.round(np.arange(unstamped + len(shown)) * max(1.0, step)).astype(np.int64))
        return PacketTable(pts, [0], False, 0)
    if container.format.name == "mpeg" and not headless and size < _PACK * len(shown):
        even = even_stamps(np.sort(np.array(shown, dtype=np.int64)), stream)
        if even is not None:
            return PacketTable(even, [int(even[0])], True, 0, counted=True)
    if headless and first is not None and first.pts is not None:
        shown = [pts for pts in shown if pts >= first.pts] or shown
    pts = np.unique(np.array(shown, dtype=np.int64))
    if hidden_key or not keys:
        keys.append(int(pts[0]))
    reordered = bool((np.diff(shown) < 0).any())
    return PacketTable(pts, sorted(keys), True, len(shown) - len(pts), reordered)


def even_stamps(stamps: NDArray[np.int64], stream: Any) -> NDArray[np.int64] | None:
    """As many stamps at the even rate that the pictures themselves name; None where these are no such film's.

    Where a pack of an MPEG program stream holds several pictures, it has the stamp of one. Those of the others are
    FFmpeg's guess, and may come twice or too late.
    """
    rate = stream.codec_context.framerate
    if not rate:
        return None
    number = np.arange(len(stamps))
    exact = stamps[0] + number / (float(rate) * float(stream.time_base))
    off = np.abs(stamps - exact) * float(rate) * float(stream.time_base)
    return np.round(exact).astype(np.int64) if (off <= _STRAY + _STRAYING * number).all() else None


def frame_of(path: Path, packet: Any, *, lenient: bool) -> Any:
    """The first frame that the packet gives, None without one; the empty packet at the end flushes the decoder.

    `lenient` of packets that cannot be decoded: they give none, as what precedes the first key frame does.
    """
    try:
        return next(iter(packet.decode()), None)
    except av.error.FFmpegError as error:
        if lenient:
            return None
        raise SynclineError(f"{path}: its first frame cannot be decoded ({reason(error)})") from error
