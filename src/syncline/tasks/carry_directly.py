"""Carries key events by alignment with the labelled videos alone, without a consensus."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from syncline.alignment import expected_alignment
from syncline.alignment.alignment_settings import TRANSFER
from syncline.data import Embedding
from syncline.tasks.carry_by_consensus import near_event
from syncline.tasks.pair_similarity import similarity
from syncline.tasks.single_frame_votes import frame_similarity, frame_votes
from syncline.tasks.transfer_result import LabelledVideo


def event_votes(
    labelled: Sequence[LabelledVideo],
    target: Embedding,
    *,
    alignment_weight: float = 0.7,
    gap_open: float = TRANSFER.gap_open,
    gap_extend: float = TRANSFER.gap_extend,
    gamma: float = TRANSFER.gamma,
) -> NDArray[np.float64]:
    """Share of the votes for every event and target frame: (k, m) float64 in [0, 1], rows sum to at most 1.

    A row's missing mass is the share of the votes that say that the event is not there.
    """
    count, width = len(labelled[0].events), len(target.vectors)
    votes = np.zeros((count, width))
    for video in labelled:
        present = [k for k, event in enumerate(video.events) if event is not None]
        if len(present) == 0:
            continue
        matrix = similarity(video.embedding, target)
        posterior = expected_alignment(matrix[None], gap_open=gap_open, gap_extend=gap_extend, gamma=gamma)[0]
        posterior = posterior.double()
        frames = matrix if target.frame_vectors is None else frame_similarity(video.embedding, target)
        for k in present:
            event = video.events[k]
            assert event is not None
            near = near_event(video.embedding, event)
            aligned = posterior[near].sum(0).numpy()
            aligned /= max(1.0, aligned.sum())
            votes[k] += alignment_weight * aligned + (1 - alignment_weight) * frame_votes(frames, near)
    return np.asarray(votes / len(labelled))
