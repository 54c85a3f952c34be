"""Nearest frames in other videos, exactly, at the speed of single-precision matrix products.

The squared distances of many frames to all others come from one float32 product. Its rounding error has a bound, so
only frames within that bound of the best are computed again in float64, in the same order of additions as the slow
definition (``metrics_reference.py``); ties go to the first frame. The result equals that of the slow definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64
from threadpoolctl import threadpool_limits

from syncline.alignment.numba_compiled import compiled
from syncline.evaluation.metric_inputs import Array
from syncline.parallel import results_in_order

_ROWS = 128  # query frames a product: keeps the distances of 30,000 frames in 15 MB


@dataclass(frozen=True)
class Neighbours:
    """Neighbours of every frame. Frames are numbered through all videos, in order.

    Attributes:
        closest: (t, k) int64 frame numbers of the k closest frames of comparable videos, ascending distance; -1 where
            there are fewer.
        nearest: (t, videos) int64, the closest frame of each video, counted from that video's start; -1 where the
            video is not comparable or empty.
        offsets: (videos + 1,) int64; frames offsets[i] .. offsets[i + 1] - 1 are those of video i.
    """

    closest: Int64[np.ndarray, "t k"]
    nearest: Int64[np.ndarray, "t videos"]
    offsets: Int64[np.ndarray, " bounds"]


def find_neighbours(
    x: Sequence[Float64[np.ndarray, "t d"]],
    allowed: Bool[np.ndarray, "videos videos"],
    *,
    k: int = 0,
    per_video: bool = False,
) -> Neighbours:
    """The ``k`` closest frames of all allowed videos and, if ``per_video``, the closest one of each, for every frame.

    ``allowed[i, j]``: frames of video j may be neighbours of frames of video i. Distance: squared Euclidean.

    Examples:
        >>> import numpy as np
        >>> x = [np.array([[0.0], [1.0]]), np.array([[0.9], [0.2], [5.0]])]
        >>> found = find_neighbours(x, ~np.eye(2, dtype=bool), k=2, per_video=True)
        >>> found.closest.tolist()
        [[3, 2], [2, 3], [1, 0], [0, 1], [1, 0]]
        >>> found.nearest[:2, 1].tolist()
        [1, 0]
    """
    offsets = np.cumsum([0, *map(len, x)])
    frames = np.concatenate(x) if x else np.zeros((0, 1))
    rough, norms, tolerance = _rough(frames)
    closest = np.full((len(frames), k), -1, dtype=np.int64)
    nearest = np.full((len(frames), len(x) if per_video else 0), -1, dtype=np.int64)

    def block(video: int, start: int) -> None:
        rows = slice(start, min(start + _ROWS, int(offsets[video + 1])))
        # |x - y|^2 less |x|^2, which is the same for all candidates of one query
        distances = rough[rows] @ rough.T
        distances *= np.float32(-2)
        distances += norms
        if per_video:
            _nearest(distances, tolerance[rows], frames, start, offsets, allowed[video], nearest[rows])
        if k:
            _closest(distances, tolerance[rows], frames, start, offsets, allowed[video], closest[rows])

    starts = [(v, s) for v in range(len(x)) for s in range(int(offsets[v]), int(offsets[v + 1]), _ROWS)]
    # the kernels release the lock; a product that brought threads of its own would fight with them
    with threadpool_limits(1, user_api="blas"):
        for _ in results_in_order(starts, lambda found: block(*found), workers=torch.get_num_threads()):
            pass
    return Neighbours(closest, nearest, offsets)


def _rough(
    frames: Float64[np.ndarray, "t d"],
) -> tuple[Float32[np.ndarray, "t d"], Float32[np.ndarray, " t"], Float64[np.ndarray, t]]:
    """float32 frames about their mean, scaled to at most 1; their squared norms; and how wrong a distance can be.

    The bound: -2xy + |y|^2 in float32 is off by at most (2d + 4) eps |x| |y| + (d + 2) eps |y|^2, and the rounding of
    the inputs adds 2 eps (|x| + |y|)^2; twice the sum covers the comparison of two distances. eps includes what the
    subtraction of a mean far larger than the spread loses.
    """
    if not len(frames):
        return frames.astype(np.float32), np.zeros(0, np.float32), np.zeros(0)
    centred = frames - frames.mean(axis=0)
    scale = np.abs(centred).max()
    rough = (centred / (scale if scale > 0 else 1.0)).astype(np.float32)
    norms = np.einsum("td,td->t", rough, rough, dtype=np.float32)
    longest = float(norms.max()) ** 0.5
    own = np.sqrt(norms.astype(np.float64))
    epsilon = np.finfo(np.float32).eps + np.finfo(np.float64).eps * np.abs(frames).max() / max(scale, 1e-300)
    tolerance = 4 * (frames.shape[1] + 8) * epsilon * (own + longest) * longest
    return rough, norms, tolerance


@compiled
def _distance(frames: Array, i: int, j: int) -> float:
    total = 0.0
    for c in range(frames.shape[1]):
        difference = frames[i, c] - frames[j, c]
        total += difference * difference
    return total


@compiled
def _nearest(
    distances: Array, tolerance: Array, frames: Array, start: int, offsets: Array, allowed: Array, out: Array
) -> None:
    """Fills ``out`` (rows, videos) with the closest frame of each allowed video, the first of equally close ones."""
    for row in range(distances.shape[0]):
        for video in range(len(allowed)):
            first, end = offsets[video], offsets[video + 1]
            if not allowed[video] or first == end:
                continue
            least = distances[row, first]
            for j in range(first + 1, end):
                least = min(least, distances[row, j])
            limit = least + tolerance[row]
            best, candidates = -1, 0
            for j in range(first, end):
                if distances[row, j] <= limit:
                    candidates += 1
                    best = j if best < 0 else best
            if candidates > 1:
                exact = _distance(frames, start + row, best)
                for j in range(best + 1, end):
                    if distances[row, j] <= limit:
                        other = _distance(frames, start + row, j)
                        if other < exact:
                            exact, best = other, j
            out[row, video] = best - first


@compiled
def _closest(
    distances: Array, tolerance: Array, frames: Array, start: int, offsets: Array, allowed: Array, out: Array
) -> None:
    """Fills ``out`` (rows, k) with the k closest frames of all allowed videos; of equally close ones the first."""
    k = out.shape[1]
    values = np.empty(k)
    for row in range(distances.shape[0]):
        values[:] = np.inf
        for video in range(len(allowed)):  # the k-th smallest rough distance
            if allowed[video]:
                for j in range(offsets[video], offsets[video + 1]):
                    if distances[row, j] < values[k - 1]:
                        _insert(values, distances[row, j])
        limit = values[k - 1] + tolerance[row]
        values[:] = np.inf
        for video in range(len(allowed)):
            if allowed[video]:
                for j in range(offsets[video], offsets[video + 1]):
                    if distances[row, j] <= limit:
                        exact = _distance(frames, start + row, j)
                        if exact < values[k - 1]:
                            position = _insert(values, exact)
                            for slot in range(k - 1, position, -1):
                                out[row, slot] = out[row, slot - 1]
                            out[row, position] = j


@compiled
def _insert(values: Array, value: float) -> int:
    """Puts ``value`` into the ascending ``values`` behind its equals; the last one falls out. Returns its position."""
    position = len(values) - 1
    while position > 0 and values[position - 1] > value:
        values[position] = values[position - 1]
        position -= 1
    values[position] = value
    return position
