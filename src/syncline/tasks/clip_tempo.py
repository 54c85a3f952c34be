"""How fast each clip of a folder is against the others, by alignments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from syncline.data import Embedding
from syncline.progress import Callback, Steps, silent
from syncline.tasks.align import align

OTHERS = 8
"""Clips that each is aligned with, so that the work grows with the folder and not with its square."""
_LEAST = 5  # matched frames that say something about tempo


def tempos(embeddings: Sequence[Embedding], *, callback: Callback = silent) -> list[float | None]:
    """How many times as long each clip takes for what it shares with the others; None where it shares nothing.

    The median over the `OTHERS` clips that come after it (round to the first) of how long the matched part lasts in
    the clip, for every second of the other one.

    Args:
        embeddings: of the clips, in seconds. callback: told of every clip.

    Examples:
        >>> course = lambda n: np.sin(np.outer(np.linspace(0, 3, n), np.arange(1, 9))).astype(np.float32)
        >>> clips = [Embedding(course(n), np.arange(n) / 10, str(n)) for n in (30, 30, 60)]
        >>> [round(tempo, 1) for tempo in tempos(clips)]
        [0.7, 0.7, 1.8]
    """
    step = Steps("comparing tempo", len(embeddings), callback)
    found: list[float | None] = []
    for k, clip in enumerate(embeddings):
        others = [embeddings[(k + n) % len(embeddings)] for n in range(1, min(OTHERS, len(embeddings) - 1) + 1)]
        ratios = []
        for other in others:
            times = align(other, clip, verdict=False).times
            spans = times[-1] - times[0] if len(times) >= _LEAST else np.zeros(2)
            if (spans > 0).all():
                ratios.append(float(spans[1] / spans[0]))
        found.append(float(np.exp(np.median(np.log(ratios)))) if ratios else None)
        step()
    return found
