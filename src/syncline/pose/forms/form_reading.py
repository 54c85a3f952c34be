"""Shared by the readers of keypoint files: assembling `Detections`, careful JSON and numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.pose.followed_person import Detections
from syncline.pose.skeleton import Skeleton, by_count

MAX_FRAMES = 20_000_000
MAX_BYTES = 1 << 31
MOST_NUMBERS = 1 << 28


@dataclass(frozen=True, eq=False)
class Body:
    """One body in one frame: positions (j, 2 or 3), NaN where not known, confidence (j,), the person's number or -1."""

    frame: int
    positions: NDArray[np.float64]
    confidence: NDArray[np.float64]
    track: int = -1


def detections(path: Path, bodies: Sequence[Body], num_frames: int, skeleton: Skeleton | None = None) -> Detections:
    """Bodies of one file together.

    Raises:
        SynclineError: bodies with different joints, frames that do not exist, or no body and so no joints.
    """
    if not bodies and skeleton is None:
        raise SynclineError(f"{path}: holds no keypoints; expected at least one person in one frame")
    shapes = {body.positions.shape for body in bodies}
    if len(shapes) > 1:
        raise SynclineError(f"{path}: people with different joints ({', '.join(map(str, sorted(shapes)[:4]))})")
    joints, axes = shapes.pop() if shapes else (len(skeleton.joints) if skeleton else 0, 2)
    skeleton = by_count(joints, axes) if skeleton is None else skeleton
    if joints != len(skeleton.joints):
        raise SynclineError(f"{path}: {joints} joints, but {len(skeleton.joints)} names of joints")
    if any(not 0 <= body.frame < MAX_FRAMES for body in bodies) or num_frames > MAX_FRAMES:
        raise SynclineError(f"{path}: frame numbers must lie in 0 to {MAX_FRAMES - 1}")
    positions = np.array([body.positions for body in bodies], np.float64).reshape(-1, joints, axes)
    confidence = np.array([body.confidence for body in bodies], np.float64).reshape(-1, joints)
    with np.errstate(over="ignore"):
        single = positions.astype(np.float32)
    return Detections(
        frames=np.array([body.frame for body in bodies], np.int64),
        positions=np.where(np.isfinite(single).all(axis=2, keepdims=True), single, np.float32(np.nan)),
        confidence=np.nan_to_num(confidence, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1).astype(np.float32),
        tracks=np.array([body.track for body in bodies], np.int64),
        num_frames=max(num_frames, max((body.frame + 1 for body in bodies), default=0)),
        skeleton=skeleton,
    )


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        SynclineError: it cannot be read, or is no JSON.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SynclineError(f"{path}: larger than {MAX_BYTES >> 30} GiB")
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SynclineError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise SynclineError(f"{path}: is no JSON ({str(error)[:80]})") from error


def numbers(path: Path, flat: Any, width: int) -> NDArray[np.float64]:
    """A list of numbers in rows of `width`: (j, width) float64; `null` is NaN.

    Raises:
        SynclineError: no list, something else in it, or a length that does not fit.
    """
    if not isinstance(flat, list) or not flat or len(flat) % width:
        raise SynclineError(f"{path}: keypoints must be a list of {width} numbers a joint")
    return np.array([number(path, value) for value in flat], dtype=np.float64).reshape(-1, width)


def number(path: Path, value: Any) -> float:
    """A number of a JSON file; `null` is NaN.

    Raises:
        SynclineError: something else.
    """
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SynclineError(f"{path}: {str(value)[:40]!r} where a number was expected")
    try:
        return float(value)
    except OverflowError:
        return math.nan
