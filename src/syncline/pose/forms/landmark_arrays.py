"""MediaPipe's landmarks as arrays: `.npy` of (t, j, 2 to 4), as people and freemocap save them, one a video.

The last axis is x, y; x, y, z; or x, y, z, visibility. A third number that lies in [0, 1] beside x and y in pixels, or
as shares of the picture (whose z would be negative in part), is a confidence. A joint of zeros is missing, as many
write frames without anybody; in 3-D it may be the joint that all are measured from, which is zero wherever another is
known. freemocap: (1, t, j, c) for one camera; more than 136 joints are body, hands and face, of which the
body's 33 are taken.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from syncline.errors import SynclineError
from syncline.pose.followed_person import Detections
from syncline.pose.forms.form_reading import MOST_NUMBERS
from syncline.pose.skeleton import BLAZEPOSE, by_count

MOST_NAMED = 136


def read(path: Path) -> Detections:
    """The one body of a video.

    Raises:
        SynclineError: no array of numbers of such a shape.
    """
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, TypeError, SyntaxError, MemoryError) as error:
        raise SynclineError(f"{path}: is no .npy of numbers that can be read ({str(error)[:80]})") from error
    shape = mapped.shape
    if len(shape) == 4 and shape[0] == 1:
        mapped, shape = mapped[0], shape[1:]
    if mapped.dtype.kind not in "fiu" or len(shape) != 3 or shape[2] not in (2, 3, 4) or not shape[0] or not shape[1]:
        raise SynclineError(f"{path}: an array {shape} of {mapped.dtype}; expected numbers (frames, joints, 2 to 4)")
    if mapped.size > MOST_NUMBERS:
        raise SynclineError(f"{path}: more than {MOST_NUMBERS} numbers")
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.array(mapped, dtype=np.float32)
    if shape[1] > MOST_NAMED:
        array = array[:, : len(BLAZEPOSE.joints)]
    array[~np.isfinite(array).all(axis=2)] = np.nan
    array[_zeros(array)] = np.nan
    known = np.isfinite(array[:, :, 0])
    axes, confidence = array.shape[2], known.astype(np.float32)
    if axes == 4 or (axes == 3 and _is_confidence(array[known])):
        confidence = np.where(known, array[:, :, -1], 0).clip(0, 1)
        axes -= 1
    if axes == 3 and shares(array[known]):
        axes = 2  # the depth of landmarks in the picture is a guess, and far noisier than x and y
    seen = np.flatnonzero(known.any(axis=1))
    joints = array.shape[1]
    return Detections(
        frames=seen, positions=array[seen][:, :, :axes], confidence=confidence[seen].astype(np.float32),
        tracks=np.zeros(len(seen), np.int64), num_frames=len(array), skeleton=by_count(joints, axes),
    )  # fmt: skip


def shares(rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
    """Whether positions (n, 2 or more) are shares of the picture and not pixels or metres: nearly all lie within it."""
    return bool(len(rows)) and float(((rows[:, :2] >= 0) & (rows[:, :2] <= 1)).all(axis=1).mean()) >= 0.8


def _is_confidence(rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
    third = rows[:, 2]
    if not len(rows) or not ((third >= 0) & (third <= 1)).all():
        return False
    return float(np.abs(rows[:, :2]).max()) > 2 or (shares(rows) and bool((third > 0).any()))


def _zeros(array: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """(t, j): joints that are not known but written as zeros."""
    zero: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = (array == 0).all(axis=2)
    if array.shape[2] == 2:
        return zero
    others = ~zero.all(axis=1)
    origin = zero[others].all(axis=0)
    zero[np.ix_(others, origin)] = False
    return zero
