"""Finds clips that show the other side (left-handers, cameras on the other side), by poses.

Two clips are as far from each other as the mean over the frames of one of the distance to the nearest frame of the
other, both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from syncline.pose.keypoints import Keypoints
from syncline.pose.skeleton import Skeleton

Array = NDArray[np.float64]

MARGIN = 0.02
"""A gain below this share of the distance is none."""
FRAMES = 24
"""Frames of a clip that are compared."""
CLIPS = 24
"""Clips of a folder that are settled together; the others are compared with them."""


def mirror(bodies: Array, names: Sequence[str]) -> Array:
    """Bodies (t, j, 2 or 3), left for right: joints change over and x its sign."""
    turned: Array = bodies[:, Skeleton(tuple(names)).mirrored()]
    turned[:, :, 0] *= -1
    return turned


def mirrored(clip: Keypoints) -> Keypoints:
    """A clip left for right, about the left edge of the picture."""
    positions = mirror(clip.positions.astype(np.float64), clip.skeleton.joints).astype(np.float32)
    return replace(clip, positions=positions, confidence=clip.confidence[:, clip.skeleton.mirrored()])


def settled_sides(placed: Sequence[Array], known: Sequence[NDArray[np.bool_]], names: Sequence[str]) -> Array:
    """Clips of a folder, turned so that all are most alike: (clips, FRAMES, j c). The larger part stays as it is.

    Starting with none, the clip that gains most is turned until none gains. Empty where fewer than two clips have a
    body.

    Args:
        placed: (t, j, c) bodies about the centre. known: (t,) frames whose pose is known.
    """
    usable = [i for i, there in enumerate(known) if there.sum() >= 2]
    width = placed[0].shape[1] * placed[0].shape[2] if placed else 0
    if len(usable) < 2:
        return np.zeros((0, FRAMES, width))
    core = [usable[i] for i in np.unique(np.linspace(0, len(usable) - 1, CLIPS).round().astype(int))]
    both = [_both(placed[i][known[i]], names) for i in core]
    same, crossed = (
        np.array([[_apart(one[side], other[0]) if one is not other else 0.0 for other in both] for one in both])
        for side in (0, 1)
    )
    signs = np.ones(len(core))
    for _ in range(4 * len(core)):
        agree = signs[:, None] == signs[None, :]
        now = np.where(agree, same, crossed).sum(axis=1)
        turned = np.where(agree, crossed, same).sum(axis=1)
        gain = (now - turned) / np.maximum(now, 1e-12)
        best = int(gain.argmax())
        if gain[best] <= MARGIN:
            break
        signs[best] = -signs[best]
    if (signs < 0).sum() > len(signs) / 2:
        signs = -signs
    return np.array([one[1 if sign < 0 else 0] for one, sign in zip(both, signs, strict=True)])


def is_mirrored(bodies: Array, known: NDArray[np.bool_], names: Sequence[str], sides: Array) -> bool:
    """Whether a clip is more like the settled clips of its folder when it is turned left for right.

    Args:
        sides: as `settled_sides` gives them.
    """
    if not len(sides) or known.sum() < 2:
        return False
    as_it_is, turned = (sum(_apart(rows, other) for other in sides) for rows in _both(bodies[known], names))
    return turned < (1 - MARGIN) * as_it_is


def _both(bodies: Array, names: Sequence[str]) -> tuple[Array, Array]:
    """(FRAMES, j c) as the clip is and turned; joints that are not known stand at the centre."""
    chosen = np.linspace(0, len(bodies) - 1, FRAMES).round().astype(int)
    thinned: Array = np.nan_to_num(bodies[chosen], nan=0.0)
    return thinned.reshape(FRAMES, -1), mirror(thinned, names).reshape(FRAMES, -1)


def _apart(one: Array, other: Array) -> float:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)[None, :] - 2 * one @ other.T
    away = np.sqrt(squares.clip(0))
    return float(away.min(axis=1).mean() + away.min(axis=0).mean()) / 2
