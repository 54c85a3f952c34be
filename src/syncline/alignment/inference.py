"""Aligns two embedded sequences, arrays (n, d) and (m, d), and scores whether they match.

Shared by evaluation and the verbs; the default numbers are in `alignment_settings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from syncline.alignment.alignment_settings import PAIR
from syncline.alignment.centring import centred_similarity, paired_rows
from syncline.alignment.dtw import dtw
from syncline.alignment.hard import smith_waterman, smith_waterman_streamed
from syncline.alignment.path import Path
from syncline.alignment.soft_smith_waterman import expected_alignment


@dataclass(frozen=True, eq=False)
class LocalAlignment:
    """A local alignment of two sequences.

    Attributes:
        matches: (k, 2) int64, matched pairs of rows, ascending in both columns; (0, 2) where nothing scores above 0.
        posterior: (k,) float32, probability of each pair in the expected alignment, in [0, 1]; empty if not asked for.
        segments: the stretches that follow one another in both sequences; `matches` are theirs, one after the other.
        score: the sum of their scores.
    """

    matches: Int64[np.ndarray, "k 2"]
    posterior: Float32[np.ndarray, " k"]
    segments: tuple[Path, ...]
    score: float


def local_alignment(
    x: Any,
    y: Any,
    *,
    scale: float | None = None,
    gap_open: float = PAIR.gap_open,
    gap_extend: float = PAIR.gap_extend,
    gamma: float = PAIR.gamma,
    segments: int = 3,
    posterior: bool = True,
) -> LocalAlignment:
    """The best local alignment of two sequences, and what else aligns before and after it.

    Args:
        x, y: (n, d), (m, d) arrays or tensors.
        scale: as in `centred_similarity`. gap_open, gap_extend: prices of a gap in that unit.
        gamma: temperature of the expected alignment, from which `posterior` comes.
        segments: the most stretches that are looked for; a further one is kept if it lies before or after all better
            ones in both sequences and scores a tenth of the best at least.
        posterior: whether to compute that; it takes most of the time.

    Raises:
        ValueError: no frames, or widths that differ.

    Examples:
        >>> t = np.linspace(0, 3, 12)
        >>> curve = np.stack([np.cos(t), np.sin(t)], 1)
        >>> local_alignment(curve, curve[4:]).matches[0].tolist()
        [4, 0]
    """
    matrix = centred_similarity(x, y, scale=scale)
    found = smith_waterman(matrix[None], gap_open=gap_open, gap_extend=gap_extend, segments=segments)
    kept = tuple(in_order(found))
    pairs = [path.matches for path in kept]
    matches = np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)
    probability = np.zeros(0, np.float32)
    if posterior:
        cells = expected_alignment(matrix[None], gap_open=gap_open, gap_extend=gap_extend, gamma=gamma)[0].numpy()
        probability = cells[matches[:, 0], matches[:, 1]]
    return LocalAlignment(
        matches=matches,
        posterior=probability,
        segments=kept,
        score=float(sum(path.score for path in kept)),
    )


def in_order(paths: list[Path]) -> list[Path]:
    """Chooses alignments greedily, best first, each wholly before or after all chosen so far."""
    taken: list[Path] = []
    for path in sorted((path for path in paths if path.is_match.any()), key=lambda path: -path.score):
        if taken and path.score < 0.1 * taken[0].score:
            continue
        first, last = path.indices[0], path.indices[-1]
        if all((last < other.indices[0]).all() or (first > other.indices[-1]).all() for other in taken):
            taken.append(path)
    return sorted(taken, key=lambda path: int(path.indices[0, 0]))


def warp(x: Any, y: Any) -> Path:
    """Dynamic time warping on 1 - cosine: every frame of both sequences takes part; score is the cost.

    Raises:
        ValueError: no frames, or widths that differ.

    Examples:
        >>> warp(np.eye(3), np.eye(3)[[0, 0, 1, 2]]).indices.tolist()
        [[0, 0], [0, 1], [1, 2], [2, 3]]
    """
    a, b = paired_rows(x, y)
    return dtw((1 - a @ b.T)[None])[0]


def match_score(similarity: Tensor, *, gap_open: float = PAIR.gap_open, gap_extend: float = PAIR.gap_extend) -> float:
    """1 - (mean local score with y's time reversed or cut into six blocks and shuffled) / (local score).

    About 0 for strangers, up to 1; `MATCH_THRESHOLD` tells the two apart. The wrong orders have the same
    frames, so only the common *order* counts.

    Args:
        similarity: (n, m), of `centred_similarity`.

    Examples:
        >>> from syncline.alignment.alignment_settings import MATCH_THRESHOLD
        >>> t = np.linspace(0, 3, 40)
        >>> curve = np.stack([np.cos(t), np.sin(t)], 1)
        >>> match_score(centred_similarity(curve, curve)) > MATCH_THRESHOLD
        True
    """
    score, wrong = scores_in_wrong_orders(similarity, gap_open=gap_open, gap_extend=gap_extend)
    return _lost(score, wrong)


def scores_in_wrong_orders(
    similarity: Tensor, *, gap_open: float = PAIR.gap_open, gap_extend: float = PAIR.gap_extend
) -> tuple[float, list[float]]:
    """Score of the best local alignment, and with y's time reversed or its six blocks shuffled three times."""
    stack = torch.stack([similarity, *(similarity[:, order] for order in _wrong_orders(similarity.shape[1]))])
    scores = [path.score for path in smith_waterman(stack, gap_open=gap_open, gap_extend=gap_extend)]
    return scores[0], scores[1:]


def match_score_streamed(
    x: Tensor,
    y: Tensor,
    score: float,
    *,
    scale: float,
    gap_open: float = PAIR.gap_open,
    gap_extend: float = PAIR.gap_extend,
) -> float:
    """`match_score` of two sequences (n, d), (m, d) too long for their matrix; ``score``: of their best alignment."""
    wrong = [
        smith_waterman_streamed(x, y[order], scale=scale, gap_open=gap_open, gap_extend=gap_extend)[0].score
        for order in _wrong_orders(len(y))
    ]
    return _lost(score, wrong)


def _wrong_orders(m: int) -> list[Tensor]:
    generator = np.random.default_rng(0)
    blocks = np.array_split(np.arange(m), min(6, m))
    shuffled = [np.concatenate([blocks[i] for i in generator.permutation(len(blocks))]) for _ in range(3)]
    return [torch.arange(m).flip(0), *map(torch.from_numpy, shuffled)]


def _lost(score: float, wrong: list[float]) -> float:
    return 1.0 - float(np.mean(wrong)) / score if score > 0 else 0.0


def carried(matches: Int64[np.ndarray, "k 2"], frames: Int64[np.ndarray, " f"], *, reach: int) -> Int64[np.ndarray, f]:
    """Which frame of y belongs to each of `frames` of x, by matched pairs; -1 where no pair is near enough.

    The pair taken is that of the nearest matched frame of x (the earlier of two), at most `reach` frames away; of
    several frames of y matched with it the middle one (the earlier of two).

    Examples:
        >>> pairs = np.array([[2, 5], [3, 6], [3, 7], [3, 8]])
        >>> carried(pairs, np.array([0, 1, 3, 9]), reach=1).tolist()
        [-1, 5, 7, -1]
    """
    result = np.full(len(frames), -1, dtype=np.int64)
    if not len(matches):
        return result
    distance = np.abs(matches[:, 0][None] - np.asarray(frames)[:, None])
    for row, nearest in enumerate(distance.argmin(axis=1)):
        if distance[row, nearest] <= reach:
            own: Bool[np.ndarray, " k"] = matches[:, 0] == matches[nearest, 0]
            partners = matches[own, 1]
            result[row] = partners[(len(partners) - 1) // 2]
    return result
