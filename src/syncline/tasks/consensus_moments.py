"""Finds the same moment in the other videos of a folder, by their consensus.

Comparing single frames finds the query's own room: the most similar frame is often another moment in front of the same
wall. The consensus knows where a moment lies in the activity. It is asked as in `transfer`, with the query as the only
known event, and its votes say where the moment lies in every video. The similarity of the two frames then helps to sort
the videos.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from syncline.alignment import unit_rows
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.progress import Callback, silent
from syncline.tasks.carry_by_consensus import EVENT_SHARE, Density, carried_by_consensus, event_weights, near_event
from syncline.tasks.folder_consensus import FolderConsensus, gather_folder
from syncline.tasks.search import Hit, MomentIndex, check_inside
from syncline.tasks.single_frame_votes import frames_share, with_frames
from syncline.video.on_display import frames_within, nearest_frame

MOST_VIDEOS = 200
"""Of more videos, those are asked whose frames are most like the query."""


def find_moments(
    videos: Sequence[Embedding], query: int, start: float, end: float | None = None, *, k: int = 10,
    per_video: int | None = 1, min_separation: float = 1.0, own: bool = False, callback: Callback = silent,
) -> list[Hit]:  # fmt: skip
    """`same_moments` by a consensus that is made for it, of `MOST_VIDEOS` videos at most.

    Args:
        videos: of one width. callback: called with how far the consensus is. The rest as `same_moments`.
    """
    check_inside(videos[query].source, videos[query].pts_seconds, start, end)
    chosen = list(range(len(videos)))
    if len(chosen) > MOST_VIDEOS:
        named = [Embedding(e.vectors, e.pts_seconds, str(i)) for i, e in enumerate(videos)]
        index = MomentIndex(named)
        alike = index.search(index.query(str(query), start, end), MOST_VIDEOS - 1, per_video=1, exclude=str(query))
        chosen = sorted({query, *(int(hit.source) for hit in alike)})
    folder = gather_folder([videos[i] for i in chosen], callback=callback)
    return same_moments(
        folder, chosen.index(query), start, end, k=k, per_video=per_video, min_separation=min_separation, own=own
    )


def same_moments(
    folder: FolderConsensus, query: int, start: float, end: float | None = None, *, k: int = 10,
    per_video: int | None = 1, min_separation: float = 1.0, own: bool = False,
) -> list[Hit]:  # fmt: skip
    """The moments of a folder's videos that are the same as one of them, surest first.

    Args:
        folder: the consensus.
        query: index of the query's video. start: its second; with `end` a range.
        k: how many moments at most; fewer where the folder knows no more.
        per_video: how many of one video at most; None for any number.
        min_separation: seconds between two hits of one video.
        own: look in the query's own video, too.

    Returns:
        Hits whose score, in [0, 1], is the share of the votes within the folder's tolerance of the moment, times
        (1 + similarity) / 2.

    Raises:
        SynclineError: a video without frames, or a time outside it.

    Examples:
        >>> course = lambda n: np.sin(np.outer(np.linspace(0, 3, n), np.arange(1, 9))).astype(np.float32)
        >>> clips = [Embedding(course(n), np.arange(n) / 10, str(n)) for n in (20, 39, 30)]
        >>> [(hit.source, round(hit.seconds, 1)) for hit in same_moments(gather_folder(clips), 0, 1.0)]
        [('30', 1.5), ('39', 2.0)]
    """
    asked = folder.embeddings[query]
    if not len(asked):
        raise SynclineError(f"{asked.source} has no embedded frames, so no moment to look for")
    check_inside(asked.source, asked.pts_seconds, start, end)
    middle = start if end is None else (start + end) / 2
    wide = 0.0 if end is None else abs(end - start) / 2
    targets = [t for t in range(len(folder.embeddings)) if own or t != query]
    rows = near_event(asked, middle, wide) if wide else [nearest_frame(asked.pts_seconds, middle)]
    like = unit_rows(unit_rows(asked.by_frame[rows]).mean(0, keepdims=True))[0]
    hits: list[Hit] = []
    for t, density in zip(targets, _densities(folder, query, middle, wide, targets), strict=True):
        alike = unit_rows(folder.embeddings[t].by_frame) @ like
        hits += _peaks(folder, t, density, alike, per_video, min_separation)
    return sorted(hits, key=lambda hit: -hit.score)[:k]


def _densities(
    folder: FolderConsensus, query: int, second: float, wide: float, targets: Sequence[int]
) -> list[Density]:
    """The share of the votes (n,) for each frame of every target; the query's own video gets the others' votes."""
    half_width = max(EVENT_SHARE * folder.clip_seconds, wide)
    marks, others = {query: [second]}, [t for t in targets if t != query]
    aligned = carried_by_consensus(folder, marks, others, half_width=half_width)
    share = frames_share(folder, folder.tolerance)
    found = [votes[0] for votes in with_frames(folder, marks, others, aligned, share, half_width=wide)]
    if query not in targets:
        return found
    start = event_weights(folder.embeddings[query], [second], half_width)
    voters = [z for z in folder.group.voters if z != query and folder.group.weights[z] > 0]
    told = dict(zip(voters, folder.group.carry({query: start}, voters, weights={query: 1.0}), strict=True))
    back = folder.group.carry(told, [query])[0] / sum(folder.group.weights[z] for z in voters) if told else 0 * start
    found.insert(targets.index(query), (start + back)[0])
    return found


def _peaks(
    folder: FolderConsensus, target: int, density: Density, alike: NDArray[np.floating], per_video: int | None,
    min_separation: float,
) -> list[Hit]:  # fmt: skip
    """The moments of one video at which most votes gather, at least `min_separation` seconds from each other."""
    embedding = folder.embeddings[target]
    pts, tolerance = embedding.pts_seconds, folder.tolerance + 1e-9
    total = np.concatenate([[0.0], np.cumsum(density)])
    first, end = frames_within(pts, pts, folder.tolerance)
    gathered = total[end] - total[first]
    free = np.ones(len(pts), dtype=bool)
    hits: list[Hit] = []
    while free.any() and (per_video is None or len(hits) < per_video):
        row = int(np.where(free, gathered, -1.0).argmax())
        if gathered[row] < 1e-6:
            break
        window = slice(first[row], end[row])
        second = float((density[window] * pts[window]).sum() / gathered[row])
        frame = nearest_frame(pts, second)
        similarity = float(alike[frame])
        votes = min(1.0, float(gathered[row]))
        hits.append(Hit(embedding.source, float(pts[frame]), votes * (1 + similarity) / 2, similarity))
        free &= np.abs(pts - pts[frame]) >= min_separation + tolerance  # the next one may move by the tolerance
        free[row] = False
    return hits
