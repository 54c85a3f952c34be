"""MediaPipe's landmarks as arrays: `.npy` of (t, j, 2 to 4), as people and freemocap save them, one a video.

The last axis is x, y; x, y, z; or x, y, z, visibility. A third number that lies in [0, 1] beside x and y that do not
is a confidence. freemocap: (1, t, j, c) for one camera; more than 133 joints are body, hands and face, of which the
body's 33 are taken.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from syncline.errors import SynclineError
from syncline.pose.forms.reading import MOST_NUMBERS
from syncline.pose.people import Detections
from syncline.pose.skeleton import BLAZEPOSE, by_count

MOST_NAMED = 133


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
    known = np.isfinite(array[:, :, 0])
    axes, confidence = array.shape[2], known.astype(np.float32)
    if axes == 4 or (axes == 3 and _is_confidence(array[known])):
        confidence = np.where(known, array[:, :, -1], 0).clip(0, 1)
        axes -= 1
    if axes == 3 and shares(array[known]):
        axes = 2  # the depth of landmarks in the picture is a guess, and far noisier than x and y
    seen = np.flatnonzero(known.any(axis=1))
    return Detections(
        frames=seen, positions=array[seen][:, :, :axes], confidence=confidence[seen].astype(np.float32),
        tracks=np.zeros(len(seen), np.int64), num_frames=len(array), skeleton=by_count(array.shape[1]),
    )  # fmt: skip


def shares(rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
    """Whether positions (n, 2 or more) are shares of the picture and not pixels or metres: nearly all lie within it."""
    return bool(len(rows)) and float(((rows[:, :2] >= 0) & (rows[:, :2] <= 1)).all(axis=1).mean()) >= 0.8


def _is_confidence(rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bool:
    third = rows[:, 2]
    return bool(len(rows)) and bool(((third >= 0) & (third <= 1)).all()) and float(np.abs(rows[:, :2]).max()) > 2
