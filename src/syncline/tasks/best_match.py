"""Whether a video has anything in common with the others: its best match score with one of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.data import Embedding
from syncline.tasks.folder_consensus import FolderConsensus
from syncline.tasks.pair_similarity import shared_course


def match_scores(
    embeddings: Sequence[Embedding], folder: FolderConsensus | None, labelled: Sequence[int], videos: Sequence[int]
) -> list[float]:
    """The best match score of each video with another one that votes on labels; NaN where there is none.

    A say have the labelled videos, and those with a vote in a cluster that holds a labelled one. Without a consensus
    the labelled ones are asked first, and all others only about a video that matches none of those. Where no labelled
    video has anything in common with the others, only the labelled ones vote on them.

    Args:
        embeddings: of all. folder: their consensus, with the scores that its votes were made of.
        labelled, videos: indices.
    """

    def best(video: int) -> float:
        if folder is None:
            return _best_without(embeddings, video, labelled)
        return _best(folder, video, labelled)

    known = {video: best(video) for video in {*labelled, *videos}}
    if all(known[i] < MATCH_THRESHOLD for i in labelled):
        for video in set(videos) - set(labelled):
            known[video] = max(shared_course(embeddings[video], embeddings[i]) for i in labelled)
    return [known[video] for video in videos]


def _best(folder: FolderConsensus, video: int, labelled: Collection[int]) -> float:
    votes = folder.votes
    groups = {votes.groups[i] for i in labelled}
    known = [
        float(score)
        for score, judge in zip(votes.matches[video], votes.judges, strict=True)
        if judge in labelled or (votes.weights[judge] > 0 and votes.groups[judge] in groups)
    ]
    known = [score for score in known if not np.isnan(score)]
    if not known and video not in labelled:
        known = [shared_course(folder.embeddings[video], folder.embeddings[i]) for i in labelled]
    return max(known, default=float("nan"))


def _best_without(embeddings: Sequence[Embedding], video: int, labelled: Sequence[int]) -> float:
    best = float("nan")
    for i in [*labelled, *(i for i in range(len(embeddings)) if i not in labelled)]:
        if i != video:
            best = float(np.fmax(best, shared_course(embeddings[video], embeddings[i])))
        if best >= MATCH_THRESHOLD:
            break
    return best
