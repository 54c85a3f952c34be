"""Aligns two videos by the consensus of their folder, and finds the video that represents it.

A pair's own alignment uses two videos only. The path of the consensus (`alignment.consensus`) from A to B also uses the
alignments of A with all other videos and of those with B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from syncline.alignment import Path
from syncline.alignment.consensus import Consensus
from syncline.alignment.inference import match_score
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks.alignment_result import NEAR, Alignment, alignment_of, posterior_near
from syncline.tasks.folder_consensus import LEAST_MATCH, TOLERANCE_SHARE, Votes
from syncline.tasks.gap_scale import gap_seconds
from syncline.tasks.pair_similarity import similarity
from syncline.tasks.tempo_only_gaps import with_tempo


def align_within(
    consensus: Consensus,
    embeddings: Sequence[Embedding],
    a: int,
    b: int,
    *,
    min_gap: float | None = None,
    verdict: bool = True,
    votes: Votes | None = None,
) -> Alignment:
    """Align two videos of a folder by the folder's consensus.

    Args:
        consensus: of `embeddings`, in their order.
        embeddings: of the folder.
        a, b: indices of the two.
        min_gap: seconds; shorter unmatched runs are tempo, not gaps. None: `gap_seconds` of the folder.
        verdict: compute `match_score`, of the pair by itself; NaN otherwise.
        votes: who belongs to the folder. With it the folder answers whether the two match (`Alignment.carried`).

    Returns:
        The alignment, of mode `consensus`; its path is empty if the folder knows of no common moment.

    Raises:
        SynclineError: an index outside the folder, or a consensus of another number of videos.
    """
    if len(consensus) != len(embeddings):
        raise SynclineError(f"the consensus is of {len(consensus)} videos, {len(embeddings)} embeddings were given")
    if not (0 <= a < len(embeddings) and 0 <= b < len(embeddings)):
        raise SynclineError(f"videos are numbered from 0 to {len(embeddings) - 1}, asked for {a} and {b}")
    one, other = embeddings[a], embeddings[b]
    min_gap = gap_seconds(embeddings) if min_gap is None else min_gap
    posterior = consensus.matrix(a, b).toarray()
    path = consensus.path(a, b)
    near = posterior_near(posterior, path.matches)
    found = alignment_of(
        _stretches(path, one.pts_seconds, other.pts_seconds, min_gap), near, one, other, min_gap=min_gap,
        match_score=match_score(similarity(one, other)) if verdict else float("nan"), mode="consensus",
    )  # fmt: skip
    carried = None if votes is None else _carried(posterior, path.matches, votes, {a, b})
    return with_tempo(replace(found, carried=carried), one, other)


def _carried(posterior: NDArray[np.float32], pairs: NDArray[np.int64], votes: Votes, pair: set[int]) -> float | None:
    """Share of the shorter video that a consensus carries along a path: the mass near it, as `Alignment.carried`.

    All of the mass says little: between strangers most of it remains, spread over the whole video.
    """
    if not votes.usual_match >= LEAST_MATCH:
        return None
    if pair & set(votes.strangers):
        return 0.0
    width = max(NEAR, round(TOLERANCE_SHARE * posterior.shape[1]))
    mass = sum(float(posterior[i, max(0, j - width) : j + width + 1].sum()) for i, j in pairs)
    return mass / float(min(posterior.shape))


def reference_of(consensus: Consensus) -> int:
    """The sequence that represents the group: it has most in common with the others, as a part of both lengths.

    Of i and z, with m the mass of their expected alignment, that part is 2 m / (n_i + n_z): 1 where each frame of both
    has its counterpart. Neither a long nor a slow sequence gains by being long.

    Returns:
        Its index; one of weight 0 only where all have it.
    """
    lengths = np.array(consensus.lengths, dtype=np.float64)
    own = np.array(consensus.voters, dtype=np.int64)
    weights = consensus.weights[own]
    shared = np.zeros(len(lengths))
    for i in range(len(lengths)):
        parts = 2 * consensus.mass(i).sum(axis=0) / (lengths[i] + lengths[own])
        others = weights * (own != i)
        shared[i] = parts @ others / max(others.sum(), 1e-12)
    if consensus.weights.any():
        shared[consensus.weights == 0] = -1.0
    return int(shared.argmax())


def _stretches(path: Path, pts_a: NDArray[np.float64], pts_b: NDArray[np.float64], min_gap: float) -> list[Path]:
    """The path, cut wherever either video passes over `min_gap` seconds between two matches."""
    pairs = path.matches
    if not len(pairs):
        return []
    apart = np.maximum(np.diff(pts_a[pairs[:, 0]]), np.diff(pts_b[pairs[:, 1]]))
    cuts = np.flatnonzero(apart > min_gap) + 1
    share = path.score / len(pairs)
    return [
        Path(indices=part, score=share * len(part), is_match=np.ones(len(part), dtype=bool))
        for part in np.split(pairs, cuts)
    ]
