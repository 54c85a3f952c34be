"""`Keypoints`: the joints of one body in the frames of one video, and filling in the missing ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.pose.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The joints of one body over time.

    Attributes:
        positions: (t, j, 2) or (t, j, 3) float32; in pixels of the picture where its size is known, else in the units
            of the file; y downwards. NaN where a joint is not known.
        confidence: (t, j) float32 in [0, 1]; 0 where a joint is not known.
        pts_seconds: (t,) float64, when each frame is shown, ascending.
        skeleton: what the joints are.
        source: whose frames these are (the video's name or path).
        picture_size: (width, height) that positions in pixels refer to; None if not known.

    Raises:
        SynclineError: shapes that do not fit, or times that do not ascend.

    Examples:
        >>> from syncline.pose.skeleton import by_count
        >>> seen = Keypoints(np.zeros((2, 17, 2)), np.ones((2, 17)), np.array([0.0, 0.1]), by_count(17), "a.mp4")
        >>> len(seen), float(seen.known.mean())
        (2, 1.0)
    """

    positions: NDArray[np.float32]
    confidence: NDArray[np.float32]
    pts_seconds: NDArray[np.float64]
    skeleton: Skeleton
    source: str
    picture_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        positions = np.asarray(self.positions, dtype=np.float32)
        confidence = np.array(self.confidence, dtype=np.float32)
        seconds = np.asarray(self.pts_seconds, dtype=np.float64)
        t, joints = len(seconds), len(self.skeleton.joints)
        if positions.shape not in ((t, joints, 2), (t, joints, 3)) or confidence.shape != (t, joints):
            raise SynclineError(
                f"keypoints of {self.source}: positions {positions.shape} and confidence {confidence.shape}; expected "
                f"({t}, {joints}, 2 or 3) and ({t}, {joints}) for {t} times and {joints} joints"
            )
        if not np.isfinite(seconds).all() or (np.diff(seconds) < 0).any():
            raise SynclineError(f"keypoints of {self.source}: times do not ascend")
        lost: Any = ~np.isfinite(positions).all(axis=2)
        if lost.any():
            positions = np.where(lost[:, :, None], np.float32(np.nan), positions)
        confidence[lost | ~np.isfinite(confidence)] = 0
        object.__setattr__(self, "positions", positions)
        object.__setattr__(self, "confidence", confidence.clip(0, 1))
        object.__setattr__(self, "pts_seconds", seconds)

    def __len__(self) -> int:
        return len(self.pts_seconds)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(t, j): whether a joint has a position."""
        return np.isfinite(self.positions[:, :, 0])

    @property
    def people_share(self) -> float:
        """Share of the frames in which at least half of the joints that features are made of are known."""
        if not len(self):
            return 0.0
        return float((self.known[:, self.skeleton.indices_of(self.skeleton.used)].mean(axis=1) >= 0.5).mean())

    def confident(self, threshold: float) -> Keypoints:
        """The same, with joints below a confidence as missing."""
        return replace(self, positions=np.where((self.confidence >= threshold)[:, :, None], self.positions, np.nan))

    def interpolated(self, max_gap_seconds: float) -> Keypoints:
        """Missing joints between two known moments of theirs that are at most so far apart lie on a straight line.

        A joint that is missing at the start or the end, or for longer, stays missing.
        """
        positions = self.positions.copy()
        known = self.known
        for joint in range(positions.shape[1]):
            there = np.flatnonzero(known[:, joint])
            missing = np.flatnonzero(~known[:, joint])
            if len(there) < 2 or not len(missing):
                continue
            after = np.searchsorted(there, missing)
            between = (after > 0) & (after < len(there))
            missing, after = missing[between], after[between]
            apart = self.pts_seconds[there[after]] - self.pts_seconds[there[after - 1]]
            filled = missing[apart <= max_gap_seconds + 1e-9]
            for axis in range(positions.shape[2]):
                positions[filled, joint, axis] = np.interp(
                    self.pts_seconds[filled], self.pts_seconds[there], self.positions[there, joint, axis]
                )
        return replace(self, positions=positions)

    def at(self, pts_seconds: NDArray[np.float64], max_gap_seconds: float) -> Keypoints:
        """The joints at other moments, on straight lines between the known ones.

        A moment is missing that lies outside what is known by more than half the usual distance of its frames, or in
        a gap longer than `max_gap_seconds`.

        Args:
            pts_seconds: (k,) ascending.
        """
        wanted = np.asarray(pts_seconds, dtype=np.float64)
        joints, axes = self.positions.shape[1:]
        positions = np.full((len(wanted), joints, axes), np.nan, np.float32)
        confidence = np.zeros((len(wanted), joints), np.float32)
        slack = 0.5 * float(np.median(np.diff(self.pts_seconds))) if len(self) > 1 else 0.5 / 30
        for joint in range(joints):
            there = np.flatnonzero(self.known[:, joint])
            if not len(there):
                continue
            seconds = self.pts_seconds[there]
            after = np.searchsorted(seconds, wanted - 1e-9)
            before, after = (after - 1).clip(0), after.clip(0, len(there) - 1)
            inside = (wanted >= seconds[0] - slack - 1e-9) & (wanted <= seconds[-1] + slack + 1e-9)
            near = np.minimum(abs(seconds[before] - wanted), abs(seconds[after] - wanted)) <= slack + 1e-9
            good = inside & (near | (seconds[after] - seconds[before] <= max_gap_seconds + 1e-9))
            for axis in range(axes):
                positions[good, joint, axis] = np.interp(wanted[good], seconds, self.positions[there, joint, axis])
            confidence[good, joint] = np.interp(wanted[good], seconds, self.confidence[there, joint])
        return replace(self, positions=positions, confidence=confidence, pts_seconds=wanted)
