"""Makes bodies comparable: centre, scale, mirroring, smoothing and velocities of keypoints.

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

Lengths of time go by the clip: `max_gap` and `smoothing` are shares of the folder's median duration. What is measured
on a folder (these lengths, mean and scale of step 8, which side is which) is a `PoseSpace`; it can be kept, so that
clips which come later, or that an encoder is shown, are made comparable with those before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import scipy  # whose parts are imported when first used
from numpy.typing import NDArray

from syncline.data import Embedding
from syncline.errors import SynclineError, check_choice
from syncline.pose.keypoints import Keypoints
from syncline.pose.mirror import is_mirrored, mirror, settled_sides
from syncline.pose.skeleton import Skeleton, canonical

Array = NDArray[np.float64]

KNOWN_SHARE = 0.5
LONGEST_GAP = 1.0
LONGEST_SMOOTHING = 0.1

Mirror = Literal["auto", "off"]


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
    mirror: Mirror = "off"
    upright: bool = False
    max_gap: float = 0.2
    smoothing: float = 0.025
    velocities: float = 1.0

    def __post_init__(self) -> None:
        check_choice("--mirror", self.mirror, Mirror, error=SynclineError)
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


@dataclass(frozen=True, eq=False)
class PoseSpace:
    """The measurements on the bodies of a folder, which make other bodies comparable with them.

    Attributes:
        joints: names of those that are used; axes: 2 or 3 coordinates of each.
        gap_seconds: gaps up to which are filled. smoothing_seconds: standard deviation of the Gaussian.
        options: how bodies are made comparable.
        mean, factor: (p,) of each column of positions and velocities: what is taken off, and what it is multiplied by.
        sides: (clips, frames, joints axes), which side is which (`mirror.settled_sides`); empty where nobody asks.
    """

    joints: tuple[str, ...]
    axes: int
    gap_seconds: float
    smoothing_seconds: float
    options: PoseOptions
    mean: Array
    factor: Array
    sides: Array

    @classmethod
    def fit(cls, clips: Sequence[Keypoints], options: PoseOptions | None = None) -> PoseSpace:
        """Measured on the clips of a folder, at least one.

        Args:
            clips: keypoints at the sampled frames, of one skeleton; several skeletons are compared by the joints that
                all have.
            options: None for the defaults.

        Raises:
            SynclineError: skeletons without a joint in common, 2-D beside 3-D, or joints that are not there.
        """
        options = PoseOptions() if options is None else options
        duration = time_scale(clips)
        alike = _alike(clips)
        names, axes = alike[0].skeleton.used, alike[0].positions.shape[2]
        none = np.zeros(0)
        raw = cls(
            names, axes, min(LONGEST_GAP, options.max_gap * duration),
            min(LONGEST_SMOOTHING, options.smoothing * duration), options, none, none, none,
        )  # fmt: skip
        bodies = [raw._placed(clip) for clip in alike]
        if options.mirror == "auto":
            raw = replace(raw, sides=settled_sides([placed for placed, _ in bodies], [k for _, k in bodies], names))
        rows = [raw._rows(clip) for clip in alike]
        mean, factor = _measured([part[known] for part, known, _ in rows], rows[0][0].shape[1], options.velocities)
        return replace(raw, mean=mean, factor=factor)

    def project(self, clips: Sequence[Keypoints]) -> NormalisedFolder:
        """Positions and velocities of bodies in this space.

        Raises:
            SynclineError: a skeleton that lacks one of the joints.
        """
        embeddings, known, mirrored = [], [], []
        for clip in clips:
            rows, there, turned = self._rows(self._fitting(clip))
            vectors = np.where(there[:, None], (rows - self.mean) * self.factor, 0.0).astype(np.float32)
            embeddings.append(Embedding(vectors, clip.pts_seconds, clip.source))
            known.append(there)
            mirrored.append(turned)
        return NormalisedFolder(embeddings, known, mirrored)

    @property
    def width(self) -> int:
        """p, numbers a frame."""
        return len(self.joints) * self.axes * (2 if self.options.velocities > 0 else 1)

    def settings(self) -> dict[str, Any]:
        """All but the arrays, as JSON."""
        return {
            "joints": list(self.joints), "axes": self.axes, "gap_seconds": self.gap_seconds,
            "smoothing_seconds": self.smoothing_seconds, "options": asdict(self.options),
        }  # fmt: skip

    @classmethod
    def of(cls, settings: Mapping[str, Any], mean: Array, factor: Array, sides: Array) -> PoseSpace:
        """From `settings` and the arrays.

        Raises:
            ValueError, KeyError, TypeError: settings that are none.
        """
        given = settings["options"]
        options = PoseOptions(**{**given, "centre": tuple(given["centre"]), "scale": tuple(given["scale"])})
        return cls(
            tuple(settings["joints"]), int(settings["axes"]), float(settings["gap_seconds"]),
            float(settings["smoothing_seconds"]), options, mean, factor, sides,
        )  # fmt: skip

    def _fitting(self, clip: Keypoints) -> Keypoints:
        if clip.skeleton.used == self.joints and clip.positions.shape[2] == self.axes:
            return clip
        lacking = [name for name in self.joints if name not in clip.skeleton.joints]
        clip = clip if clip.known.any() else _with_axes(clip, self.axes)
        axes = clip.positions.shape[2]
        if lacking:
            raise SynclineError(f"{clip.source}: its keypoints have no joint {lacking[0]}, which the others have")
        if axes != self.axes:
            raise SynclineError(f"{clip.source}: its keypoints are {axes}-D, the others {self.axes}-D; give one kind")
        return _only_joints(clip, list(self.joints))

    def _placed(self, clip: Keypoints) -> tuple[Array, NDArray[np.bool_]]:
        bodies = place_bodies(clip.interpolated(self.gap_seconds), self.options)
        return bodies, np.isfinite(bodies[:, :, 0]).mean(axis=1) >= KNOWN_SHARE

    def _rows(self, clip: Keypoints) -> tuple[Array, NDArray[np.bool_], bool]:
        """(t, p) before step 8, (t,) frames whose pose is known, and whether it was mirrored."""
        bodies, known = self._placed(clip)
        turned = is_mirrored(bodies, known, self.joints, self.sides)
        bodies = mirror(bodies, self.joints) if turned else bodies
        rows = _with_velocities(bodies, known, clip.pts_seconds, self.smoothing_seconds, self.options.velocities > 0)
        return rows, known, turned


def pose_embeddings(clips: Sequence[Keypoints], options: PoseOptions | None = None) -> NormalisedFolder:
    """Positions and velocities of the bodies of a folder, standardised over it.

    Args:
        clips, options: as `PoseSpace.fit` takes them.

    Raises:
        SynclineError: skeletons without a joint in common, 2-D beside 3-D, or joints that are not there.

    Examples:
        >>> from syncline.pose.skeleton import by_count
        >>> walk = np.cumsum(np.random.default_rng(0).normal(size=(20, 17, 2)), axis=0)
        >>> clip = Keypoints(walk, np.ones((20, 17)), np.arange(20) / 10, by_count(17), "a.mp4")
        >>> pose_embeddings([clip]).embeddings[0].vectors.shape
        (20, 52)
    """
    return PoseSpace.fit(clips, options).project(clips) if clips else NormalisedFolder([], [], [])


def time_scale(clips: Sequence[Keypoints]) -> float:
    """Median duration of clips in seconds; 1 where none has two frames."""
    spans = [float(clip.pts_seconds[-1] - clip.pts_seconds[0]) for clip in clips if len(clip) > 1]
    return float(np.median(spans)) if spans else 1.0


def _alike(clips: Sequence[Keypoints]) -> list[Keypoints]:
    """The same clips with one skeleton: the joints that all have, in the order of the first."""
    of_axes = {clip.positions.shape[2]: clip.source for clip in clips if clip.known.any()}
    if len(of_axes) > 1:  # which way the axes in space point is not known
        raise SynclineError(f"{of_axes[2]} has keypoints in 2-D, {of_axes[3]} in 3-D; give one kind")
    axes = next(iter(of_axes), clips[0].positions.shape[2])
    clips = [_with_axes(clip, axes) for clip in clips]
    if len({clip.skeleton.joints for clip in clips}) == 1:
        return list(clips)
    shared = [name for name in clips[0].skeleton.joints if all(name in clip.skeleton.joints for clip in clips)]
    if not shared:
        raise SynclineError(
            f"{clips[0].source} and others have no joint in common ({', '.join(clips[0].skeleton.joints[:4])}, … and "
            f"{', '.join(clips[-1].skeleton.joints[:4])}, …); give keypoints of one skeleton"
        )
    return [_only_joints(clip, shared) for clip in clips]


def _with_axes(clip: Keypoints, axes: int) -> Keypoints:
    """A clip that shows nobody, with as many coordinates as the others have."""
    if clip.positions.shape[2] == axes:
        return clip
    return replace(clip, positions=np.full((*clip.positions.shape[:2], axes), np.nan, np.float32))


def _only_joints(clip: Keypoints, names: list[str]) -> Keypoints:
    from syncline.pose.skeleton import skeleton_of

    kept = clip.skeleton.indices_of(names)
    return replace(
        clip, positions=clip.positions[:, kept], confidence=clip.confidence[:, kept],
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
            smooth[own] = scipy.ndimage.gaussian_filter1d(flat[own], sigma_seconds / step, axis=0, mode="nearest")
        if step > 0:
            speed[own] = np.gradient(smooth[own], axis=0) / step
    return np.concatenate([smooth, speed], axis=1) if velocities else smooth


def _measured(rows: Sequence[Array], width: int, velocity_weight: float) -> tuple[Array, Array]:
    """Mean and factor of each column over the folder's known frames (step 8)."""
    all_rows = np.concatenate(rows)
    if not len(all_rows):
        return np.zeros(width), np.ones(width)
    mean, own = all_rows.mean(axis=0), all_rows.std(axis=0)
    groups = [slice(0, width // 2), slice(width // 2, width)] if velocity_weight > 0 else [slice(0, width)]
    factor = np.ones(width)
    for group, weight in zip(groups, (1.0, velocity_weight), strict=False):
        usual = float(np.sqrt((own[group] ** 2).mean()))
        factor[group] = weight / np.sqrt(own[group].clip(min=1e-3 * usual) * usual) if usual > 0 else 0.0
    return mean, factor
