"""Finds gaps that are only tempo: one video shows for longer what the other shows, too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from syncline.data import Embedding
from syncline.tasks.alignment_result import Alignment, Gap
from syncline.tasks.pair_similarity import similarity_blocks

_AS_SURE = 0.9
"""Similarity that a halt must reach, in units of matched frames'; at less, something else in the same scene is taken
for a halt (chosen on training clips of two real sets)."""
_GOING_BACK = 0.05
"""Price of going back, for each frame of a gap in the same units; where it pays anyway, the gap is no halt."""
_LEAST_FRAMES = 3


def with_tempo(alignment: Alignment, a: Embedding, b: Embedding) -> Alignment:
    """The alignment with those of its gaps moved to `slower` in which a video only takes its time.

    Args:
        alignment: of the two. a, b: the videos.
    """
    if not alignment.gaps or not len(alignment.path):
        return alignment
    sums, around = 0.0, [_around(alignment, gap, a, b) for gap in alignment.gaps]
    parts: list[list[NDArray[np.float32]]] = [[] for _ in around]
    for top, block in similarity_blocks(a, b):
        values = block.numpy()
        own = alignment.path[(alignment.path[:, 0] >= top) & (alignment.path[:, 0] < top + len(values))]
        sums += float(values[own[:, 0] - top, own[:, 1]].sum())
        for part, found in zip(parts, around, strict=True):
            if found is not None:
                rows, columns, _ = found
                part.append(values[max(0, rows.start - top) : max(0, rows.stop - top), columns].copy())
    kept: list[Gap] = []
    slower: list[Gap] = []
    for gap, found, part in zip(alignment.gaps, around, parts, strict=True):
        matrix = np.concatenate(part) if found is not None else np.zeros((0, 0), np.float32)
        matrix = matrix.T if gap.video == "b" else matrix
        halts = found is not None and takes_time(matrix, found[2], sums / len(alignment.path))
        (slower if halts else kept).append(gap)
    return replace(alignment, gaps=tuple(kept), slower=tuple(_joined(slower, kept)))


def _joined(slower: list[Gap], kept: list[Gap]) -> list[Gap]:
    """Stretches of one slow passage, between which a few frames are matched, as one."""
    joined: list[Gap] = []
    for one in sorted(slower, key=lambda gap: (gap.video, gap.start)):
        last = joined[-1] if joined and joined[-1].video == one.video else None
        parted = last is None or any(gap.video == one.video and last.end <= gap.start < one.start for gap in kept)
        if last is None or parted or one.start - last.end > max(one.end - one.start, last.end - last.start):
            joined.append(one)
        else:
            joined[-1] = replace(last, end=one.end)
    return joined


def _around(alignment: Alignment, gap: Gap, a: Embedding, b: Embedding) -> tuple[slice, slice, slice] | None:
    """Rows and columns of the similarity that tell of a gap, and its frames among those of its video; None: too few."""
    own = 0 if gap.video == "a" else 1
    pts = (a, b)[own].pts_seconds
    frames = np.flatnonzero((pts >= gap.start - 1e-9) & (pts < gap.end - 1e-9))
    if len(frames) < _LEAST_FRAMES:
        return None
    first, end = max(0, int(frames[0]) - len(frames)), min(len(pts), int(frames[-1]) + 1 + len(frames))
    near = alignment.path[(alignment.path[:, own] >= first) & (alignment.path[:, own] < end), 1 - own]
    if not len(near):
        return None
    mine, theirs = slice(first, end), slice(int(near[0]), int(near[-1]) + 1)
    inside = slice(int(frames[0]) - first, int(frames[-1]) + 1 - first)
    return (mine, theirs, inside) if own == 0 else (theirs, mine, inside)


def takes_time(matrix: NDArray[np.float32], gap: slice, matched: float) -> bool:
    """Whether the frames of a gap belong to what is matched around it, each to no earlier moment than the one before.

    Args:
        matrix: (frames of the video, moments of the reference) similarity, of the gap and as much to either side.
        gap: its frames. matched: mean similarity of matched frames.
    """
    moments = np.arange(matrix.shape[1])
    # of the best course that ends at each moment: its sum, what of that lies in the gap, and its sum if it may go back
    best, inside, back = (np.zeros(len(moments)) for _ in range(3))
    cost = _GOING_BACK * matched * (gap.stop - gap.start)
    for i, row in enumerate(matrix):
        before = np.maximum.accumulate(best)
        came_from = np.maximum.accumulate(np.where(best == before, moments, 0))
        inside = inside[came_from] + row * (gap.start <= i < gap.stop)
        best = row + before
        back = row + np.maximum(np.maximum.accumulate(back), back.max() - cost)
    reached = inside[best.argmax()] / (gap.stop - gap.start)
    return bool(reached >= _AS_SURE * matched and back.max() <= best.max() + 1e-9)
