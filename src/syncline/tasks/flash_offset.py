"""Several recordings of one event by flashes of light: a lamp, a camera's flash, a slate that lights up.

Notable choices:
- A flash is a frame whose mean brightness rises by far more than brightness usually moves in this recording; two
  recordings see it in the frame that was exposed then, so one flash says the offset to half a frame of both.
- Flashes are matched by their distances: the offset at which most of them meet counts. One flash in each says an offset
  and no more; of two or more the rate follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.video import VideoReader
from syncline.video.geometry import split_planes

_LEAST = 6.0  # of 255: a smaller rise is no flash
_FAR = 12.0  # times the usual change from frame to frame
_APART = 0.3  # seconds between two flashes
_MOST = 40
_MOST_DRIFT = 0.02
Seconds = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Flashes:
    """When a recording shows flashes: `seconds` (k,) ascending, and `step`, the seconds from frame to frame."""

    seconds: Seconds
    step: float


@dataclass(frozen=True)
class FlashOffset:
    """second of B = offset + rate * second of A.

    Attributes:
        offset: seconds. offset_within: half a frame of both, within which it lies.
        rate: how fast B's time runs; 1 where fewer than three flashes meet.
        flashes: how many of them meet. of: how many the recording with fewer shows.
    """

    offset: float
    offset_within: float
    rate: float
    flashes: int
    of: int


def flashes_of(video: str | Path) -> Flashes:
    """The flashes of a recording; every frame is decoded, small."""
    seconds, light = brightness(video)
    return Flashes(flashes(seconds, light), float(np.median(np.diff(seconds))) if len(seconds) > 1 else 1.0)


def brightness(video: str | Path) -> tuple[Seconds, NDArray[np.float64]]:
    """Seconds and mean brightness (16 to 235) of every frame."""
    reader = VideoReader(video)
    small = reader.scaled((64, max(2, round(64 * reader.width / reader.height / 2) * 2)))
    planes = small.planes(np.arange(reader.num_frames))
    return reader.pts_seconds, np.array([float(split_planes(picture)[0].mean()) for picture in planes])


def flashes(seconds: Seconds, light: NDArray[np.float64]) -> Seconds:
    """When light rises at once by far more than it usually moves: (k,) seconds, the strongest `_MOST` of them.

    Examples:
        >>> light = np.full(100, 90.0)
        >>> light[40:43] = 180
        >>> flashes(np.arange(100) / 25, light).tolist()
        [1.6]
    """
    rise = np.diff(light, prepend=light[:1])
    least = max(_LEAST, _FAR * float(np.median(np.abs(rise))))
    found: list[int] = []
    for frame in np.argsort(-rise).tolist():
        if rise[frame] < least or len(found) == _MOST:
            break
        if all(abs(seconds[frame] - seconds[other]) >= _APART for other in found):
            found.append(frame)
    return np.asarray(seconds[sorted(found)], dtype=np.float64)


def match_flashes(one: Flashes, other: Flashes) -> FlashOffset:
    """The offset at which most flashes of two recordings meet.

    Raises:
        SynclineError: one of them shows no flash, or both show several, of which no two meet.

    Examples:
        >>> match_flashes(Flashes(np.array([1.0, 2.5, 7.0]), 0.04), Flashes(np.array([3.0, 4.5, 9.0]), 0.04))
        FlashOffset(offset=2.0, offset_within=0.04, rate=1.0, flashes=3, of=3)
    """
    a, b, within = one.seconds, other.seconds, (one.step + other.step) / 2
    fewer = min(len(a), len(b))
    if not fewer:
        raise SynclineError("no flash of light in one of the two")
    best: list[tuple[float, float]] = []
    for first, offset in ((x, y - x) for x in a.tolist() for y in b.tolist()):
        nearest = b[np.abs(b[None] - (a[:, None] + offset)).argmin(axis=1)]
        room = within + (_MOST_DRIFT * np.abs(a - first) if len(a) > 2 else 0.0)
        near = np.abs(nearest - a - offset) <= room
        met = list(zip(a[near].tolist(), nearest[near].tolist(), strict=True))
        if len({y for _, y in met}) == len(met) > len(best):
            best = met
    if len(best) < 2 <= fewer:
        raise SynclineError(f"of {fewer} flashes of light no two meet")
    x, y = np.array(best).T
    rate = 1.0
    if len(best) > 2:
        slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
        if abs(slope - 1) * float(np.ptp(x)) > within:  # else no more than the frames' own grain
            rate = slope
    return FlashOffset(round(float((y - rate * x).mean()), 6), within, round(rate, 6), len(best), fewer)
