"""The similarity and the local score of two embedded videos, before any path.

Of two long videos (`LONG` pairs of frames) neither holds the whole matrix.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from syncline.alignment import smith_waterman_streamed
from syncline.alignment.alignment_settings import PAIR
from syncline.alignment.centring import CentredPair, centred_similarity, similarity_unit, thinned
from syncline.alignment.inference import local_alignment, match_score
from syncline.data import Embedding
from syncline.errors import SynclineError

LONG = 25_000_000
_ENOUGH = 1000


def is_long(a: Embedding, b: Embedding) -> bool:
    """Whether two videos have so many pairs of frames that their matrix is not held whole."""
    return len(a) * len(b) > LONG


def similarity(a: Embedding, b: Embedding) -> torch.Tensor:
    """Cosine of all frames minus its mean, in units of a quarter of its standard deviation: (n, m) float32."""
    check_pair(a, b)
    return centred_similarity(a.vectors, b.vectors)


def similarity_blocks(a: Embedding, b: Embedding) -> Iterator[tuple[int, torch.Tensor]]:
    """`similarity` a few rows at a time: number of the first, and (k, m) float32; of two short videos all at once."""
    check_pair(a, b)
    if not is_long(a, b):
        yield 0, similarity(a, b)
        return
    centred = CentredPair.of(a.vectors, b.vectors)
    step = max(1, LONG // len(b))
    for first in range(0, len(a), step):
        yield first, centred.block(slice(first, first + step))


def local_score(a: Embedding, b: Embedding) -> float:
    """Score of the best local alignment, of two long videos without their matrix."""
    check_pair(a, b)
    if not is_long(a, b):
        return local_alignment(a.vectors, b.vectors, segments=1, posterior=False).score
    x, y = torch.tensor(a.vectors), torch.tensor(b.vectors)
    scale = similarity_unit(x, y)
    return smith_waterman_streamed(x, y, scale=scale, **PAIR.prices)[0].score


def shared_course(a: Embedding, b: Embedding) -> float:
    """The match score of two videos without an alignment: about 0 for strangers, of long ones by `_ENOUGH` frames.

    Raises:
        SynclineError: as `check_pair`.
    """
    check_pair(a, b)
    return match_score(centred_similarity(thinned(a.vectors, _ENOUGH), thinned(b.vectors, _ENOUGH)))


def check_pair(a: Embedding, b: Embedding) -> None:
    """Raises SynclineError where two embeddings cannot be compared: no frames, or widths that differ."""
    if not len(a.vectors) or not len(b.vectors):
        raise SynclineError(f"{(a if not len(a.vectors) else b).source} has no embedded frames, so nothing to align")
    if a.vectors.shape[1] != b.vectors.shape[1]:
        raise SynclineError(
            f"embeddings of {a.source} and {b.source} have widths {a.vectors.shape[1]} and {b.vectors.shape[1]}; "
            "embed both with the same run"
        )
