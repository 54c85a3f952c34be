"""Angles of joints over time, and which joints two bodies differ in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from syncline.pose.keypoints import Keypoints
from syncline.pose.normalise import LONGEST_GAP, PoseOptions
from syncline.pose.skeleton import Skeleton

Array = NDArray[np.float64]

PEOPLE = {"elbow": ("shoulder", "wrist"), "shoulder": ("elbow", "hip"), "hip": ("shoulder", "knee"),
          "knee": ("hip", "ankle")}  # fmt: skip
"""Of each side: the joint, and the two between whose directions its angle is measured."""


def angles_of(skeleton: Skeleton) -> dict[str, tuple[int, int, int]]:
    """The angles that a skeleton has: name -> indices of the joints (one end, the joint itself, the other end).

    Of people: elbows, shoulders, hips and knees. Of others: every joint with exactly two bones.

    Examples:
        >>> from syncline.pose.skeleton import by_count
        >>> angles_of(by_count(17))["left_elbow"]
        (5, 7, 9)
    """
    index = {name: i for i, name in enumerate(skeleton.joints)}
    found = {}
    for side in ("left", "right"):
        for joint, ends in PEOPLE.items():
            names = [f"{side}_{part}" for part in (ends[0], joint, ends[1])]
            if all(name in index for name in names):
                found[names[1]] = (index[names[0]], index[names[1]], index[names[2]])
    if found:
        return found
    for middle, name in enumerate(skeleton.joints):
        both = [b if a == middle else a for a, b in skeleton.bones if middle in (a, b)]
        if len(both) == 2:
            found[name] = (both[0], middle, both[1])
    return found


def joint_angles(clip: Keypoints) -> dict[str, Array]:
    """Angles (t,) of the joints, in degrees in [0, 180], 180 for a straight limb; NaN where a joint is unknown.

    In the plane of the picture for 2-D keypoints: an arm that points at the camera looks bent or straight as it is
    seen.

    Examples:
        >>> from syncline.pose.skeleton import unknown
        >>> bent = np.array([[[0, 0], [1, 0], [1, 1]]])
        >>> clip = Keypoints(bent, np.ones((1, 3)), np.zeros(1), unknown("abc", [(0, 1), (1, 2)]), "a.mp4")
        >>> {name: values.round(3).tolist() for name, values in joint_angles(clip).items()}
        {'b': [90.0]}
    """
    positions = clip.positions.astype(np.float64)
    return {
        name: _angle(positions[:, one] - positions[:, joint], positions[:, other] - positions[:, joint])
        for name, (one, joint, other) in angles_of(clip.skeleton).items()
    }


def _angle(one: Array, other: Array) -> Array:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = (one * other).sum(axis=1) / lengths
    degrees: Array = np.degrees(np.arccos(cosine.clip(-1, 1)))
    return degrees


def angles_at(clip: Keypoints, seconds: Array) -> dict[str, Array]:
    """`joint_angles` on straight lines between its frames at other moments (k,).

    NaN for a moment that is NaN, lies outside the clip, or in a stretch without the joint that is longer than the gaps
    which `PoseOptions` fills.
    """
    span = float(clip.pts_seconds[-1] - clip.pts_seconds[0]) if len(clip) else 0.0
    filled = clip.interpolated(min(LONGEST_GAP, PoseOptions().max_gap * span))
    found = {}
    for name, values in joint_angles(filled).items():
        there = np.full(len(seconds), np.nan)
        wanted = np.isfinite(seconds)
        if len(clip):
            there[wanted] = np.interp(seconds[wanted], clip.pts_seconds, values, left=np.nan, right=np.nan)
        found[name] = there
    return found


def differing_joints(
    a: Keypoints, b: Keypoints, seconds_a: Array, seconds_b: Array, *, most: int = 3
) -> list[tuple[str, float]]:
    """The angles in which two bodies differ most at moments that are the same.

    Args:
        seconds_a, seconds_b: (k,) moments of each, NaN where it has none.
        most: how many are named.

    Returns:
        (name, mean difference in degrees, positive where b's joint is straighter), the largest first; none where no
        moment has both bodies.
    """
    one, other = angles_at(a, seconds_a), angles_at(b, seconds_b)
    found = []
    for name in one.keys() & other.keys():
        difference = other[name] - one[name]
        known = difference[np.isfinite(difference)]
        if len(known):
            found.append((name, float(np.abs(known).mean()), float(known.mean())))
    found.sort(key=lambda entry: (-entry[1], entry[0]))
    return [(name, signed) for name, _, signed in found[:most]]


def overlay(clip: Keypoints) -> dict[str, object]:
    """Data to draw a body over its film: bones, and for each frame the joints as fractions of the picture.

    Joints in use only, with the others that bones need; `null` where a joint is not known.
    """
    width, height = clip.picture_size or (1, 1)
    shown = sorted(
        {index for bone in clip.skeleton.bones for index in bone} | {*clip.skeleton.indices_of(clip.skeleton.used)}
    )
    position = {index: i for i, index in enumerate(shown)}
    rows: list[list[Sequence[float] | None]] = []
    for frame, known in zip(clip.positions[:, shown, :2] / [width, height], clip.known[:, shown], strict=True):
        rows.append([[round(float(x), 4), round(float(y), 4)] if there else None
                     for (x, y), there in zip(frame, known, strict=True)])  # fmt: skip
    return {
        "joints": [clip.skeleton.joints[index] for index in shown],
        "bones": [[position[a], position[b]] for a, b in clip.skeleton.bones],
        "seconds": clip.pts_seconds.round(5).tolist(),
        "frames": rows,
    }
