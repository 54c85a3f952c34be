"""Carries key events by the folder's consensus: a density over the frames of every target.

With e_l the weights over a labelled video's frames about its event (they sum to 1), P the expected alignments and L the
labelled videos that have the event, every unlabelled voter z receives votes from the labelled ones, and then, some
rounds long, from the other voters:

    d_z = mean_l e_l P_lz,        d'_z = sum_{y != z} w_y d_y P_yz / sum_{y != z} w_y |d_y|,        ...

With s_z the sum over rounds, target t gets

    v = [(1 + 1/|L|) sum_l e_l P_lt + sum_{z != t} w_z s_z P_zt] / (|L| + 1 + sum_{z != t} w_z |s_z|)

Mass lost on the way to a voter is ignorance, mass lost on the last step speaks for absence. Labelled videos without
the event say nothing about its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syncline.alignment import Consensus
from syncline.alignment.pin_masks import allowed_cells
from syncline.data import Embedding
from syncline.tasks.folder_consensus import FolderConsensus
from syncline.video.on_display import frames_within, nearest_frame

ROUNDS = 4
"""Hops among unlabelled voters, the first one from the labelled included. Inside the training clips of five real sets
four placed more events than one in three sets, and fewer in none by more than 1.6 points of F1.
"""
EVENT_SHARE = 0.01
"""Half width of an event as a share of the median clip; one frame to each side at least."""

Marks = Mapping[int, Sequence[float | None]]
Density = NDArray[np.float64]


def event_weights(embedding: Embedding, events: Sequence[float | None], half_width: float) -> Density:
    """(k, n) weights over a video's frames about each event that sum to 1; a row of zeros where it is absent."""
    found = np.zeros((len(events), len(embedding)))
    for k, event in enumerate(events):
        if event is not None:
            found[k, near_event(embedding, event, half_width)] = 1.0
    return np.asarray(found / np.maximum(found.sum(axis=1, keepdims=True), 1.0))


def near_event(embedding: Embedding, event: float, half_width: float = 0.0) -> slice:
    """The frame nearest to an event and those within `half_width` seconds of it, one to each side at least."""
    pts = embedding.pts_seconds
    row = nearest_frame(pts, event)
    first, end = frames_within(pts, pts[row], half_width)
    return slice(max(0, min(int(first[0]), row - 1)), max(int(end[0]), row + 2))


def carried_by_consensus(
    folder: FolderConsensus,
    marks: Marks,
    targets: Sequence[int],
    *,
    rounds: int = ROUNDS,
    half_width: float | None = None,
) -> list[Density]:
    """Densities (k, n_t) of the events over the frames of every target, rows summing to at most 1.

    Args:
        folder: with the labelled videos, the targets and all who vote, by index.
        marks: labelled video -> seconds of its events, None where absent.
        targets: indices; one that is labelled is not told its own events.
        rounds: hops among unlabelled voters; 0 leaves the labelled ones alone.
        half_width: seconds of an event to each side; `EVENT_SHARE` of the median clip by default.
    """
    group = folder.group
    half_width = EVENT_SHARE * folder.clip_seconds if half_width is None else half_width
    start = {one: event_weights(folder.embeddings[one], events, half_width) for one, events in marks.items()}
    messages = _Messages.of(group, start, rounds)
    found: list[Density] = []
    for t in targets:
        others = {one: rows for one, rows in start.items() if one != t}
        have = _have(others)
        direct = group.carry(others, [t], weights=dict.fromkeys(others, 1.0))[0]
        spread = (_Messages.of(group, others, rounds) if t in start else messages).without(t)
        through = group.carry(spread, [t])[0] if spread else np.zeros_like(direct)
        mass = sum((group.weights[z] * rows.sum(axis=1) for z, rows in spread.items()), np.zeros(len(direct)))
        votes = (1 + 1 / np.maximum(have, 1))[:, None] * direct + through
        votes /= (np.maximum(have, 1) + 1 + mass)[:, None]
        found.append(np.where(have[:, None] > 0, votes, 0.0))
    return found


@dataclass(frozen=True)
class _Messages:
    """The votes on the events that unlabelled voters receive.

    Attributes:
        group: the consensus. received: of each round, voter -> (k, n_z). known: of each later round, voter -> (k, 1),
            what the votes that reached it were divided by.
    """

    group: Consensus
    received: tuple[dict[int, Density], ...]
    known: tuple[dict[int, Density], ...]

    @classmethod
    def of(cls, group: Consensus, start: Mapping[int, Density], rounds: int) -> _Messages:
        """Votes of the labelled videos, then `rounds` - 1 times of the videos on each other."""
        voters = [z for z in group.voters if z not in start and group.weights[z] > 0]
        if not rounds or not voters:
            return cls(group, (), ())
        have = np.maximum(_have(start), 1)[:, None]
        first = group.carry(start, voters, weights=dict.fromkeys(start, 1.0))
        received = [{z: rows / have for z, rows in zip(voters, first, strict=True)}]
        known: list[dict[int, Density]] = []
        for _ in range(rounds - 1 if len(voters) > 1 else 0):
            last = received[-1]
            mass = {z: group.weights[z] * last[z].sum(axis=1, keepdims=True) for z in voters}
            total = sum(mass.values(), np.zeros((len(have), 1)))
            known.append({z: np.maximum(total - mass[z], 1e-9) for z in voters})
            moved = group.carry(last, voters)
            received.append({z: rows / known[-1][z] for z, rows in zip(voters, moved, strict=True)})
        return cls(group, tuple(received), tuple(known))

    def without(self, target: int) -> dict[int, Density]:
        """Voter -> sum over rounds of what it received, but for what it has from the target itself: no echo."""
        if not self.received:
            return {}
        first, later = self.received[0], self.received[1:]
        total = {z: sum((votes[z] for votes in later), first[z]) for z in first if z != target}
        if target in first:
            for z in total:
                own = [votes[target] / known[z] for votes, known in zip(self.received[:-1], self.known, strict=True)]
                if own:
                    echo = self.group.carry({target: sum(own[1:], own[0])}, [z])[0]
                    total[z] = np.maximum(total[z] - echo, 0.0)
        return total


def _have(start: Mapping[int, Density]) -> NDArray[np.float64]:
    """(k,) how many labelled videos have each event."""
    return np.asarray(sum((rows.sum(axis=1) > 0.5).astype(np.float64) for rows in start.values()))


def within_pins(folder: FolderConsensus, marks: Marks, target: int, votes: Density) -> Density:
    """The votes for a target, with those taken out that contradict a pin; all of them at a pin of an event itself."""
    found = votes.copy()
    for one, events in marks.items():
        pairs = folder.group.pins_of(one, target)
        if pairs is None or one == target:
            continue
        pts = folder.embeddings[one].pts_seconds
        allowed = allowed_cells(len(pts), votes.shape[1], pairs)
        for k, event in enumerate(events):
            if event is None:
                continue
            row = nearest_frame(pts, event)
            found[k] *= allowed[row]
            pinned = pairs[pairs[:, 0] == row, 1]
            found[k, pinned] = 1.0
    return found
