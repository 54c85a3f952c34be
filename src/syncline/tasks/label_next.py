"""Suggests which videos to label first: those that have most in common with all others.

Video c covers frame a of video j by the sum of row a of the consensus P'_jc. Videos are chosen greedily: each time the
one that adds most to the coverage of all frames, where a frame counts by its best covering video. Each cluster of the
folder gets one video first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.tasks.folder_consensus import FolderConsensus


@dataclass(frozen=True)
class Suggestion:
    """Videos to label, in this order.

    Attributes:
        videos: indices into the folder's embeddings.
        covered: share of the folder that is found again in the first, in the first two and so on, in [0, 1].
        clusters: groups of videos that do not match each other; one if all videos match.
        strangers: indices of videos that match no other, and that labels are not carried to well.
    """

    videos: tuple[int, ...]
    covered: tuple[float, ...]
    clusters: tuple[tuple[int, ...], ...]
    strangers: tuple[int, ...]


def suggest(folder: FolderConsensus, count: int) -> Suggestion:
    """The `count` videos whose labels reach most of the folder; all, where there are no more.

    Args:
        folder: at least one video. count: at least 1.

    Raises:
        SynclineError: a count below 1.

    Examples:
        >>> from syncline.data import Embedding
        >>> from syncline.tasks.folder_consensus import gather_folder
        >>> t = np.linspace(0, 3, 20)
        >>> part = lambda t: Embedding(np.stack([np.cos(t), np.sin(t)], 1).astype(np.float32), t, "part")
        >>> suggest(gather_folder([part(t[:8]), part(t), part(t[12:])]), 1).videos
        (1,)
    """
    if count < 1:
        raise SynclineError(f"at least one video to label must be asked for, got {count}")
    votes, total = folder.votes, len(folder.embeddings)
    covers = covered_frames(folder)
    wanted = min(count, total)
    best = np.zeros(len(covers))
    chosen: list[int] = []
    shares: list[float] = []
    first = [cluster for cluster in votes.clusters if len(cluster) > 1] or [tuple(range(total))]
    while len(chosen) < wanted:
        among = first[len(chosen)] if len(chosen) < len(first) else tuple(range(total))
        gain = np.maximum(covers, best[:, None]).sum(axis=0)
        left = [i for i in among if i not in chosen] or [i for i in range(total) if i not in chosen]
        taken = max(left, key=lambda i: (round(float(gain[i]), 9), -i))
        chosen.append(taken)
        best = np.maximum(best, covers[:, taken])
        shares.append(float(best.mean()))
    return Suggestion(tuple(chosen), tuple(shares), votes.clusters, votes.strangers)


def covered_frames(folder: FolderConsensus) -> NDArray[np.float32]:
    """(frames of all videos that vote, n) how much of each frame is found again in each video, in [0, 1].

    Frames of near-duplicates count as one video's, strangers' not at all.
    """
    group, weights = folder.group, folder.votes.weights
    count = len(group)
    mass = {z: group.row_masses(z) for z in group.voters}
    stacked = np.concatenate([mass[z] for z in group.voters]) if group.voters else np.zeros((0, count))
    parts = []
    for j in range(count):
        if not weights[j]:
            continue
        own = mass[j] if j in mass else group.row_masses(j)
        found = group.consistent_masses(j, own, stacked)
        parts.append((weights[j] * found).astype(np.float32))
    return np.concatenate(parts) if parts else np.zeros((0, count), np.float32)
