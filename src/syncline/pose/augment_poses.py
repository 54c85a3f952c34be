"""Augments poses: what a clip's keypoints might be of another person or camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from syncline.pose.keypoints import Keypoints
from syncline.pose.mirror import mirrored

TURN = 0.2
"""Standard deviation of the turn in the plane of the picture, in radians."""
STRETCH = 0.15
"""Standard deviation of the logarithm of each axis' stretch: cameras that look from more or less to the side."""
LIMBS = 0.06
"""Standard deviation of each joint's place for the whole clip, as a share of the body's size: other limbs."""
JITTER = 0.015
"""Standard deviation of each joint in each frame, likewise: an estimator that errs."""


def augmented(clip: Keypoints, *, seed: int, flip: bool) -> Keypoints:
    """A clip turned, stretched, with other limbs and some noise, and if `flip` in half of all cases mirrored.

    Args:
        seed: the same draw for the same seed.
    """
    rng = np.random.default_rng(seed)
    positions = clip.positions.astype(np.float64)
    axes = positions.shape[2]
    known = clip.known
    if not known.any():
        return clip
    frames = [positions[t][known[t]] for t in np.flatnonzero(known.any(axis=1))]
    size = float(np.median([np.linalg.norm(rows.max(axis=0) - rows.min(axis=0)) for rows in frames]))
    angle = TURN * rng.normal()
    turn = np.eye(axes)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    positions = positions @ turn.T * np.exp(STRETCH * rng.normal(size=axes))
    positions += size * LIMBS * rng.normal(size=(1, positions.shape[1], axes))
    positions += size * JITTER * rng.normal(size=positions.shape)
    made = replace(clip, positions=positions.astype(np.float32))
    return mirrored(made) if flip and rng.random() < 0.5 else made
