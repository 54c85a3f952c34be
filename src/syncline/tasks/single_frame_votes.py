"""Votes of single frames: where a target's frames look like those at an event, and their weight.

Single frames may be compared by other vectors than those that are aligned (`Embedding.frame_vectors`). A trained run
makes single frames comparable, while frozen features do not depend on time and are better aligned, above all in clips
that the run was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from syncline.alignment import unit_rows
from syncline.alignment.centring import centred_similarity
from syncline.data import Embedding
from syncline.tasks.carry_by_consensus import Density, Marks, carried_by_consensus, near_event
from syncline.tasks.folder_consensus import FolderConsensus
from syncline.video.on_display import frames_within, nearest_frames

FRAMES_SHARE = 0.3
"""What single frames count beside alignments where a folder cannot tell it."""
NEIGHBOUR_GAMMA = 2.0
"""Temperature of the softmax over the similarities by which frames vote."""
_ASKED, _MOMENTS = 12, 16
"""Voters of which so many frames each are looked for in others, to see whether nearest frames can be trusted."""
_LEAST_TOLD = 0.05
"""Share of the alignments' mass that time at least does not explain."""


def carried_by_frames(
    folder: FolderConsensus, marks: Marks, targets: Sequence[int], *, half_width: float = 0.0
) -> list[Density]:
    """Softmax (k, n_t) of the similarity of every target's frames to those at each event, mean over videos."""
    found = []
    for t in targets:
        count = len(next(iter(marks.values())))
        votes, have = np.zeros((count, len(folder.embeddings[t]))), np.zeros(count)
        for one, events in marks.items():
            if one == t:
                continue
            matrix = frame_similarity(folder.embeddings[one], folder.embeddings[t])
            for k, event in enumerate(events):
                if event is not None:
                    votes[k] += frame_votes(matrix, near_event(folder.embeddings[one], event, half_width))
                    have[k] += 1
        found.append(np.asarray(votes / np.maximum(have, 1)[:, None]))
    return found


def with_frames(
    folder: FolderConsensus, marks: Marks, targets: Sequence[int], aligned: Sequence[Density], share: float, *,
    half_width: float = 0.0,
) -> list[Density]:  # fmt: skip
    """The votes of alignments and of single frames together, (k, n_t) of every target.

    Frames say where an event is, alignments also whether it is there: frames share out what alignments have, no more.

    Args:
        aligned: of every target what alignments say. share: what frames count, in [0, 1].
        half_width: seconds of an event to each side.
    """
    if not share:
        return list(aligned)
    frames = carried_by_frames(folder, marks, targets, half_width=half_width)
    return [
        (1 - share) * one + share * other * one.sum(axis=1, keepdims=True)
        for one, other in zip(aligned, frames, strict=True)
    ]


def frame_similarity(a: Embedding, b: Embedding) -> torch.Tensor:
    """(n, m) float32, as `pair_similarity.similarity`, by the vectors for single frames."""
    return centred_similarity(a.by_frame, b.by_frame)


def frame_votes(matrix: torch.Tensor, near: slice) -> Density:
    """(m,) softmax of the mean similarity (n, m) of the frames `near` an event."""
    mean = matrix[near].mean(0).double()
    return np.asarray(torch.softmax(mean / NEIGHBOUR_GAMMA, dim=0).numpy())


_known: WeakKeyDictionary[FolderConsensus, dict[float, float]] = WeakKeyDictionary()
"""By tolerance what `frames_share` has measured; the page asks for it with every search and label."""


def frames_share(folder: FolderConsensus, tolerance: float) -> float:
    """How much single frames should count against alignments, in [0, 1], without any label.

    Some frames of the voters are looked for in other videos: by the folder's alignments, by the nearest frame, and at
    the same share of the clip, which is what a run says that has learnt no more than time. With m(.) the alignments'
    mass within the tolerance of such a frame, the share is

        (m(nearest) - m(time)) / (m(best) - m(time)),    best: where most of the mass lies

    so that frames which know no more than time count nothing, and those that follow all that alignments agree on count
    alone. It is 0 of frozen features; of runs about .6 in the folder of golf swings or of robot takes that they were
    trained on, less where half of the clips are new, and below .2 where a run has learnt time (pull-ups). One figure
    for the folder: in single videos it is low just where alignments are wrong and frames could help.
    """
    shares = _known.setdefault(folder, {})
    if tolerance not in shares:
        shares[tolerance] = _measured_share(folder, tolerance)
    return shares[tolerance]


def _measured_share(folder: FolderConsensus, tolerance: float) -> float:
    group = folder.group
    voters = [z for z in group.voters if group.weights[z] > 0]
    if len(voters) < 3:
        return FRAMES_SHARE
    known = [i for i in range(len(folder.embeddings)) if i not in folder.votes.strangers]
    asked, looked_at = _evenly(voters, _ASKED), _evenly(known, 2 * _ASKED)
    rows = {z: unit_rows(folder.embeddings[z].by_frame) for z in {*asked, *looked_at}}
    mass = np.zeros(3)  # at the nearest frames, at the same share of the clip, at its best
    for i in asked:
        pts = folder.embeddings[i].pts_seconds
        frames = np.array(_evenly(range(len(pts)), _MOMENTS))
        shares = (pts[frames] - pts[0]) / max(pts[-1] - pts[0], 1e-9)
        others, each = [t for t in looked_at if t != i], np.arange(len(frames))
        carried = carried_by_consensus(folder, {i: pts[frames].tolist()}, others, rounds=1)
        for t, votes in zip(others, carried, strict=True):
            shown = folder.embeddings[t].pts_seconds
            alike = (rows[i][frames] @ rows[t].T).argmax(axis=1)
            timed = nearest_frames(shown, shown[0] + shares * (shown[-1] - shown[0]))
            within = _within(votes, shown, tolerance)
            mass += within[each, alike].sum(), within[each, timed].sum(), within.max(axis=1).sum()
    nearest_mass, time_mass, best = mass
    told = max(best - time_mass, _LEAST_TOLD * best, 1e-9)  # little, where all clips go at one pace
    return float(np.clip((nearest_mass - time_mass) / told, 0.0, 1.0))


def _evenly(items: Sequence[int], most: int) -> list[int]:
    """At most so many of them, evenly drawn."""
    return [items[k] for k in np.linspace(0, len(items) - 1, min(len(items), most)).round().astype(int)]


def _within(votes: Density, pts: NDArray[np.float64], tolerance: float) -> Density:
    """(k, n) the votes within the tolerance of every frame."""
    total = np.concatenate([np.zeros((len(votes), 1)), np.cumsum(votes, axis=1)], axis=1)
    first, end = frames_within(pts, pts, tolerance)
    return np.asarray(total[:, end] - total[:, first])
