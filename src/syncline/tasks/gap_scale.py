"""How long an unmatched run must be to count as a gap: a share of the clips' length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from syncline.data import Embedding

GAP_SHARE = 1 / 24
"""Of the median clip: unmatched runs shorter than this are tempo, not gaps (half a second of a clip of twelve)."""
GAP_STEPS = 3
"""Sampled steps that a gap lasts at least, however short the clips are."""
MOST_OF_A_PAIR = 0.5
"""Seconds: of two videos alone, runs as long are gaps however long the two are, so that nothing left out is untold."""


def gap_seconds(embeddings: Sequence[Embedding], *, share: float = GAP_SHARE, most: float = float("inf")) -> float:
    """Seconds that a gap lasts at least among clips like these: a share of their median, and `GAP_STEPS` samples.

    Args:
        embeddings: of the clips. share: of the median. most: seconds that the share counts at most.
    """
    durations = [float(e.pts_seconds[-1] - e.pts_seconds[0]) for e in embeddings if len(e) > 1]
    steps = [float(np.median(np.diff(e.pts_seconds))) for e in embeddings if len(e) > 1]
    if not durations:
        return 0.0
    return max(min(share * float(np.median(durations)), most), GAP_STEPS * float(np.median(steps)))


def pair_gap_seconds(a: Embedding, b: Embedding) -> float:
    """`gap_seconds` of two videos by themselves; at most `MOST_OF_A_PAIR` where samples are not far apart."""
    return gap_seconds([a, b], most=MOST_OF_A_PAIR)
