"""Keypoints -> numbers that compare bodies; the one place for centre, scale, mirror, smoothing, velocities.

What is done, in this order (METHODS of the body pose trial; each step can be switched off or set by `PoseOptions`):

1. Gaps of a joint up to `max_gap` are filled by straight lines. A frame where less than half of the joints in use are
   known then is *unknown*: its vector is zero, which is like nothing. In other frames a joint that is not known
   stands where it is on average, about the centre.
2. Minus the *centre* of each frame: the middle of the hips, of other skeletons the mean of all joints, or as given.
3. Divided by the clip's median *scale*: from the middle of the hips to that of the shoulders, of other skeletons the
   mean distance of the joints from the centre, or as given. In 3-D likewise.
4. If asked for, turned in the plane so that the clip's median trunk stands upright (tilted cameras).
5. *Mirrored*, left for right, where the clip is then more like the rest of the folder (left-handers, the other side).
6. Smoothed over time by a Gaussian.
7. Beside the positions the *velocities*, central differences in units of scale a second.
8. Every column minus its mean over the folder, by a scale: the geometric mean of its own standard deviation and the
   usual one (root mean square) of positions or of velocities. Dividing by its own alone would make as much of the
   jitter of a joint that stands still as of a hand that swings (docs/pose.md has the figures).

Lengths of time go by the clip: `max_gap` and `smoothing` are shares of the folder's median duration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.pose.keypoints import Keypoints
from syncline.pose.skeleton import Skeleton, canonical

Array = NDArray[np.float64]

KNOWN_SHARE = 0.5
LONGEST_GAP = 1.0
LONGEST_SMOOTHING = 0.1
MIRROR_MARGIN = 0.02
MIRROR_FRAMES = 24
MIRROR_CLIPS = 24


@dataclass(frozen=True)
class PoseOptions:
    """How bodies are made comparable.

    Attributes:
        centre: names of the joints whose mean is the centre; empty: as the skeleton says.
        scale: two names of joints, whose distance is the scale; empty: as the skeleton says.
        mirror: `auto` decides for each clip against the folder, `off` leaves all as they are.
        upright: turn each clip so that its median trunk stands upright.
        max_gap: share of the median duration up to which gaps are filled, at most `LONGEST_GAP` seconds.
        smoothing: standard deviation of the Gaussian as a share of the median duration, at most
            `LONGEST_SMOOTHING` seconds.
        velocities: how much velocities count beside positions; 0 leaves them out.
    """

    centre: tuple[str, ...] = ()
    scale: tuple[str, ...] = ()
    mirror: str = "off"
    upright: bool = False
    max_gap: float = 0.2
    smoothing: float = 0.025
    velocities: float = 1.0

    def __post_init__(self) -> None:
        if self.mirror not in ("auto", "off"):
            raise SynclineError(f"--mirror must be auto or off, got {self.mirror!r}")
        if self.scale and len(self.scale) != 2:
            raise SynclineError(f"--scale wants two joints, as hip,shoulder; got {','.join(self.scale)!r}")
        if not min(self.max_gap, self.smoothing, self.velocities) >= 0:
            raise SynclineError("max_gap, smoothing and velocities must be at least 0")


@dataclass(frozen=True, eq=False)
class NormalisedFolder:
    """The bodies of a folder in one space.

    Attributes:
        embeddings: one a clip, in order; unknown frames are zeros.
        known: (t,) bool for each clip: frames whose pose is known.
        mirrored: whether each clip was mirrored.
    """

    embeddings: list[Embedding]
    known: list[NDArray[np.bool_]]
    mirrored: list[bool]


def pose_embeddings(clips: Sequence[Keypoints], options: PoseOptions | None = None) -> NormalisedFolder:
    """Positions and velocities of the bodies of a folder, standardised over it.

    Args:
        clips: keypoints at the sampled frames, of one skeleton; several skeletons are compared by the joints that all
            have.
        options: None for the defaults.

    Raises:
        SynclineError: skeletons without a joint in common, or joints that are not there.

    Examples:
        >>> from syncline.pose.skeleton import by_count
        >>> walk = np.cumsum(np.random.default_rng(0).normal(size=(20, 17, 2)), axis=0)
        >>> clip = Keypoints(walk, np.ones((20, 17)), np.arange(20) / 10, by_count(17), "a.mp4")
        >>> pose_embeddings([clip]).embeddings[0].vectors.shape
        (20, 52)
    """
    options = PoseOptions() if options is None else options
    if not clips:
        return NormalisedFolder([], [], [])
    duration = time_scale(clips)
    filled = [clip.interpolated(min(LONGEST_GAP, options.max_gap * duration)) for clip in _alike(clips)]
    placed = [place_bodies(clip, options) for clip in filled]
    names = filled[0].skeleton.used
    known = [np.isfinite(bodies[:, :, 0]).mean(axis=1) >= KNOWN_SHARE for bodies in placed]
    mirrored = [False] * len(placed)
    if options.mirror == "auto":
        mirrored = decide_mirror(placed, known, names)
        placed = [mirror(bodies, names) if turned else bodies for bodies, turned in zip(placed, mirrored, strict=True)]
    sigma = min(LONGEST_SMOOTHING, options.smoothing * duration)
    parts = [
        _with_velocities(bodies, there, clip.pts_seconds, sigma, options.velocities > 0)
        for bodies, there, clip in zip(placed, known, filled, strict=True)
    ]
    vectors = _standardised(parts, known, options.velocities)
    embeddings = [Embedding(rows, clip.pts_seconds, clip.source) for rows, clip in zip(vectors, clips, strict=True)]
    return NormalisedFolder(embeddings, known, mirrored)


def time_scale(clips: Sequence[Keypoints]) -> float:
    """Median duration of clips in seconds; 1 where none has two frames."""
    spans = [float(clip.pts_seconds[-1] - clip.pts_seconds[0]) for clip in clips if len(clip) > 1]
    return float(np.median(spans)) if spans else 1.0


def _alike(clips: Sequence[Keypoints]) -> list[Keypoints]:
    """The same clips with one skeleton: the joints that all have, in the order of the first."""
    if len({clip.skeleton.joints for clip in clips}) == 1:
        return list(clips)
    dimensions = min(clip.positions.shape[2] for clip in clips)
    shared = [name for name in clips[0].skeleton.joints if all(name in clip.skeleton.joints for clip in clips)]
    if not shared:
        raise SynclineError(
            f"{clips[0].source} and others have no joint in common ({', '.join(clips[0].skeleton.joints[:4])}, … and "
            f"{', '.join(clips[-1].skeleton.joints[:4])}, …); give keypoints of one skeleton"
        )
    return [_only_joints(clip, shared, dimensions) for clip in clips]


def _only_joints(clip: Keypoints, names: list[str], dimensions: int) -> Keypoints:
    from syncline.pose.skeleton import skeleton_of

    kept = clip.skeleton.indices_of(names)
    return replace(
        clip, positions=clip.positions[:, kept, :dimensions], confidence=clip.confidence[:, kept],
        skeleton=skeleton_of(names),
    )  # fmt: skip


def joints_named(skeleton: Skeleton, names: Sequence[str], option: str) -> tuple[str, ...]:
    """The joints of a skeleton that a user's words mean.

    Raises:
        SynclineError: there is no such joint.
    """
    found = []
    for name in names:
        spelled = name if name in skeleton.joints else canonical(name)
        if spelled not in skeleton.joints:
            raise SynclineError(f"{option} {name}: there is no such joint; there are {', '.join(skeleton.joints[:40])}")
        found.append(spelled)
    return tuple(found)


def place_bodies(clip: Keypoints, options: PoseOptions) -> Array:
    """Joints in use about the centre in units of the scale: (t, j, 2 or 3), NaN where not known."""
    skeleton = clip.skeleton
    centre = joints_named(skeleton, options.centre, "--centre") or skeleton.centre or skeleton.used
    positions = clip.positions.astype(np.float64)
    used = positions[:, skeleton.indices_of(skeleton.used)]
    middle = _mean(positions[:, skeleton.indices_of(centre)])
    bodies = used - middle[:, None]
    if options.scale:
        one, other = joints_named(skeleton, options.scale, "--scale")
        lengths = np.linalg.norm(positions[:, skeleton.index_of(one)] - positions[:, skeleton.index_of(other)], axis=1)
    elif skeleton.scale is not None:
        trunk = _trunk(positions, skeleton)
        lengths = np.linalg.norm(trunk, axis=1)
    else:
        with np.errstate(invalid="ignore"):
            lengths = _mean(np.linalg.norm(bodies, axis=2))
    lengths = lengths[np.isfinite(lengths)]
    scale = float(np.median(lengths)) if len(lengths) else 1.0
    bodies /= scale if scale > 0 else 1.0
    if options.upright and skeleton.scale is not None:
        bodies = _upright(bodies, _trunk(positions, skeleton))
    return bodies


def _trunk(positions: Array, skeleton: Skeleton) -> Array:
    assert skeleton.scale is not None
    low, high = skeleton.scale
    return _mean(positions[:, skeleton.indices_of(high)]) - _mean(positions[:, skeleton.indices_of(low)])


def _mean(values: Array) -> Array:
    """Mean over the second axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _upright(bodies: Array, trunk: Array) -> Array:
    """Turned in the plane of x and y so that the median trunk points up (y is downwards)."""
    known = np.isfinite(trunk).all(axis=1)
    if not known.any():
        return bodies
    x, y = np.median(trunk[known, :2], axis=0)
    length = float(np.hypot(x, y))
    if length == 0:
        return bodies
    cos, sin = -y / length, -x / length
    turned = bodies.copy()
    turned[:, :, 0] = cos * bodies[:, :, 0] - sin * bodies[:, :, 1]
    turned[:, :, 1] = sin * bodies[:, :, 0] + cos * bodies[:, :, 1]
    return turned


def mirror(bodies: Array, names: Sequence[str]) -> Array:
    """Left for right: joints change over and x its sign."""
    turned: Array = bodies[:, Skeleton(tuple(names)).mirrored()]
    turned[:, :, 0] *= -1
    return turned


def decide_mirror(placed: Sequence[Array], known: Sequence[NDArray[np.bool_]], names: Sequence[str]) -> list[bool]:
    """Which clips are to be mirrored so that all are most alike; the larger part stays as it is.

    Two clips are as far from each other as the mean over the frames of one of the distance to the nearest frame of the
    other, both ways. Starting with none, the clip that gains most is turned until none gains; a gain below
    `MIRROR_MARGIN` of the distance is none. Of large folders `MIRROR_CLIPS` clips are settled first, and the others
    against them.
    """
    usable = [i for i, there in enumerate(known) if there.sum() >= 2]
    rows = {i: _thinned(placed[i][known[i]]) for i in usable}
    if len(usable) < 2:
        return [False] * len(placed)
    both = {i: (rows[i].reshape(len(rows[i]), -1), mirror(rows[i], names).reshape(len(rows[i]), -1)) for i in usable}
    core = [usable[i] for i in np.unique(np.linspace(0, len(usable) - 1, MIRROR_CLIPS).round().astype(int))]
    same = np.array([[_apart(both[i][0], both[j][0]) if i != j else 0.0 for j in core] for i in core])
    other = np.array([[_apart(both[i][1], both[j][0]) if i != j else 0.0 for j in core] for i in core])
    signs = np.ones(len(core))
    for _ in range(4 * len(core)):
        agree = signs[:, None] == signs[None, :]
        now = np.where(agree, same, other).sum(axis=1)
        turned = np.where(agree, other, same).sum(axis=1)
        gain = (now - turned) / np.maximum(now, 1e-12)
        best = int(gain.argmax())
        if gain[best] <= MIRROR_MARGIN:
            break
        signs[best] = -signs[best]
    if (signs < 0).sum() > len(signs) / 2:
        signs = -signs
    decided = [False] * len(placed)
    settled = [both[i][1 if sign < 0 else 0] for i, sign in zip(core, signs, strict=True)]
    for i, sign in zip(core, signs, strict=True):
        decided[i] = bool(sign < 0)
    for i in set(usable) - set(core):
        as_is, turned_sum = (sum(_apart(both[i][k], rest) for rest in settled) for k in (0, 1))
        decided[i] = turned_sum < (1 - MIRROR_MARGIN) * as_is
    return decided


def _thinned(rows: Array) -> Array:
    """At most `MIRROR_FRAMES` frames, joints that are not known at the centre."""
    chosen = np.unique(np.linspace(0, len(rows) - 1, MIRROR_FRAMES).round().astype(int))
    thinned: Array = np.nan_to_num(rows[chosen], nan=0.0)
    return thinned


def _apart(one: Array, other: Array) -> float:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2 * one @ other.T
    away = np.sqrt(squares.clip(0))
    return float(away.min(axis=1).mean() + away.min(axis=0).mean()) / 2


def _with_velocities(
    bodies: Array, known: NDArray[np.bool_], seconds: Array, sigma_seconds: float, velocities: bool
) -> Array:
    """(t, 2 j c) or (t, j c): smoothed positions and their velocities, frame by frame within each known stretch."""
    flat = bodies.reshape(len(bodies), -1)
    average = _mean(np.where(known[:, None], flat, np.nan).T)[None]
    flat = np.where(np.isfinite(flat), flat, np.nan_to_num(average, nan=0.0))
    smooth, speed = flat.copy(), np.zeros_like(flat)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        own = slice(start, end)
        step = float(np.median(np.diff(seconds[own]))) if end - start > 1 else 0.0
        if step > 0 and sigma_seconds > 0:
            smooth[own] = gaussian_filter1d(flat[own], sigma_seconds / step, axis=0, mode="nearest")
        if step > 0:
            speed[own] = np.gradient(smooth[own], axis=0) / step
    return np.concatenate([smooth, speed], axis=1) if velocities else smooth


def _standardised(
    parts: Sequence[Array], known: Sequence[NDArray[np.bool_]], velocity_weight: float
) -> list[NDArray[np.float32]]:
    """Columns over the folder's known frames to mean 0, divided by their scale (step 8); unknown frames are zeros."""
    rows = np.concatenate([part[there] for part, there in zip(parts, known, strict=True)])
    width = parts[0].shape[1]
    mean = rows.mean(axis=0) if len(rows) else np.zeros(width)
    own = rows.std(axis=0) if len(rows) else np.ones(width)
    groups = [slice(0, width // 2), slice(width // 2, width)] if velocity_weight > 0 else [slice(0, width)]
    factor = np.ones(width)
    for group, weight in zip(groups, (1.0, velocity_weight), strict=False):
        usual = float(np.sqrt((own[group] ** 2).mean()))
        factor[group] = weight / np.sqrt(own[group].clip(min=1e-3 * usual) * usual) if usual > 0 else 0.0
    return [
        np.where(there[:, None], (part - mean) * factor, 0.0).astype(np.float32)
        for part, there in zip(parts, known, strict=True)
    ]
