"""Chooses and follows one person where several are in the picture.

Notable choices:
- People are matched from frame to frame all at once (Hungarian assignment), by where each would be at constant motion,
  so that two who cross keep their identities.
- Identities in a file are trusted, except one that two people of a frame share: AlphaPose without tracking gives
  everybody 0.
- A person who leaves and comes back gets a new track. Two tracks are taken for one person if they are about equally
  large and never visible together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.pose.skeleton import Skeleton

REACH = 0.6
"""How far joints may be from where they were expected, as a share of the body's size; twice as far after a pause."""
PATIENCE = 8
"""Frames after which somebody who is not seen has left."""
LIKE_SIZE = 1.8
"""Somebody who comes back is at most so many times as large or as small."""


FARTHEST = np.float32(1e7)
"""A position beyond this, in pixels or millimetres, is none."""


@dataclass(frozen=True, eq=False)
class Detections:
    """Bodies found in the frames of a video, in any order.

    Attributes:
        frames: (n,) int64, the frame of each.
        positions: (n, j, 2 or 3) float32, NaN where a joint is not known.
        confidence: (n, j) float32.
        tracks: (n,) int64, the number that the file gives each person; -1 where it gives none.
        num_frames: frames that the file speaks of.
        skeleton: what the joints are.
    """

    frames: NDArray[np.int64]
    positions: NDArray[np.float32]
    confidence: NDArray[np.float32]
    tracks: NDArray[np.int64]
    num_frames: int
    skeleton: Skeleton

    def __post_init__(self) -> None:
        near = np.abs(self.positions) <= FARTHEST  # nor is nan
        object.__setattr__(self, "positions", np.where(near.all(axis=2, keepdims=True), self.positions, np.nan))

    def __len__(self) -> int:
        return len(self.frames)


def sizes(positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,): the diagonal of the box around each body's known joints; 0 for one without any.

    Args:
        positions: (n, j, 2 or 3).
    """
    known: Any = np.isfinite(positions[:, :, 0])
    low = np.where(known[:, :, None], positions, np.inf).min(axis=1, initial=np.inf)
    high = np.where(known[:, :, None], positions, -np.inf).max(axis=1, initial=-np.inf)
    found: NDArray[np.float64] = np.linalg.norm(np.where(known.any(axis=1)[:, None], high - low, 0.0), axis=1)
    return found


def follow(found: Detections, person: tuple[float, float] | None = None) -> NDArray[np.int64]:
    """Which detection is the one person in each frame: (num_frames,) int64, -1 where they are not seen.

    Args:
        person: (x, y) in the units of the positions: who is nearest to it, when they are first seen, is followed.
            None: whoever is largest for longest.
    """
    chosen = np.full(found.num_frames, -1, dtype=np.int64)
    tracks = _tracks(found)
    if not tracks:
        return chosen
    size = sizes(found.positions)
    if person is None:
        # the area tells who is in front; the time is weighed less, because who leaves and comes back is in parts
        first = max(tracks, key=lambda track: float(np.median(size[track])) ** 2 * len(track) ** 0.5)
    else:
        start = min(int(found.frames[track[0]]) for track in tracks)
        there = [track for track in tracks if found.frames[track[0]] <= start + PATIENCE]
        first = min(there, key=lambda track: _away(found.positions[track[0]], person))
    kept = [first]
    typical = float(np.median(size[first]))
    others = [track for track in tracks if track is not first and _like(float(np.median(size[track])), typical)]
    others.sort(key=lambda track: abs(np.log(float(np.median(size[track])) / typical)))
    taken = set(found.frames[first].tolist())
    for track in others:
        frames = set(found.frames[track].tolist())
        if not frames & taken:
            kept.append(track)
            taken |= frames
    for track in kept:
        chosen[found.frames[track]] = track
    return chosen


def _like(size: float, other: float) -> bool:
    return min(size, other) > 0 and max(size, other) / min(size, other) <= LIKE_SIZE


def _away(positions: NDArray[np.float32], person: tuple[float, float]) -> float:
    """How far a point is from the middle of a body's known joints."""
    known = positions[np.isfinite(positions[:, 0]), :2]
    return float(np.linalg.norm(known.mean(axis=0) - np.asarray(person))) if len(known) else np.inf


def _tracks(found: Detections) -> list[NDArray[np.int64]]:
    """Indices of the detections of each person, one a frame, in order of time; those without any joint are left out."""
    size = sizes(found.positions)
    order = np.flatnonzero(size > 0)
    order = order[np.argsort(found.frames[order], kind="stable")]
    named = found.tracks[order] >= 0
    tracks: list[NDArray[np.int64]] = []
    nobodys = [order[~named]]
    for number in np.unique(found.tracks[order[named]]):
        own = order[found.tracks[order] == number]
        alone = len(np.unique(found.frames[own])) == len(own)
        (tracks if alone else nobodys).append(own)
    return tracks + _linked(found, size, np.concatenate(nobodys))


def _linked(found: Detections, size: NDArray[np.float64], order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Tracks of detections that nobody numbered: each goes to who was expected nearest to it."""
    from scipy.optimize import linear_sum_assignment  # slow to import, and needed here alone

    tracks: list[list[int]] = []
    open_tracks: list[list[int]] = []
    for frame in np.unique(found.frames[order]):
        here = order[found.frames[order] == frame]
        open_tracks = [track for track in open_tracks if frame - found.frames[track[-1]] <= PATIENCE]
        cost = np.full((len(open_tracks), len(here)), np.inf)
        for row, track in enumerate(open_tracks):
            pause = int(frame - found.frames[track[-1]])
            expected = _expected(found, track, pause)
            for column, detection in enumerate(here):
                apart = np.linalg.norm(expected - found.positions[detection], axis=1)
                known = np.isfinite(apart)
                if known.any() and _like(size[track[-1]], size[detection]):
                    cost[row, column] = float(np.median(apart[known])) / max(size[track[-1]], size[detection])
        reach = np.array([REACH if found.frames[track[-1]] == frame - 1 else 2 * REACH for track in open_tracks])
        allowed = cost <= reach[:, None] if len(open_tracks) else np.zeros_like(cost, dtype=bool)
        rows, columns = linear_sum_assignment(np.where(allowed, cost, 1e3))
        met = {int(c): int(r) for r, c in zip(rows, columns, strict=True) if allowed[r, c]}
        for column, detection in enumerate(here):
            if column in met:
                open_tracks[met[column]].append(int(detection))
            else:
                tracks.append([int(detection)])
                open_tracks.append(tracks[-1])
    return [np.array(track, dtype=np.int64) for track in tracks]


def _expected(found: Detections, track: list[int], pause: int) -> NDArray[np.float32]:
    """(j, 2 or 3): where the joints of a track would be, moved on as the whole body moved over its last few frames."""
    last: NDArray[np.float32] = found.positions[track[-1]]
    before = track[-min(len(track), 5)]
    frames = int(found.frames[track[-1]] - found.frames[before])
    if not frames:
        return last
    moved = last - found.positions[before]
    known = np.isfinite(moved[:, 0])
    if not known.any():
        return last
    expected: NDArray[np.float32] = last + np.median(moved[known], axis=0) / frames * pause
    return expected
