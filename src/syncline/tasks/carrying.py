"""Key events carried along a folder's consensus: densities over the frames of every target.

With e_l the weights over a labelled video's frames about its event (they sum to 1), P the expected alignments and L the
labelled videos that have the event, every unlabelled voter z hears from the labelled ones, and then, some rounds long,
from the other voters:

    d_z = mean_l e_l P_lz,        d'_z = sum_{y != z} w_y d_y P_yz / sum_{y != z} w_y |d_y|,        ...

With s_z the sum over rounds, target t gets

    v = [(1 + 1/|L|) sum_l e_l P_lt + sum_{z != t} w_z s_z P_zt] / (|L| + 1 + sum_{z != t} w_z |s_z|)

Mass lost on the way to a voter is ignorance, mass lost on the last step speaks for absence. Labelled videos without
the event say nothing about its place. Frames vote too: by the similarity of a target's frames to those about the event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from syncline.alignment import Consensus, unit_rows
from syncline.alignment.pins import allowed_cells
from syncline.data import Embedding
from syncline.tasks.folder import FolderConsensus
from syncline.tasks.pairs import similarity

ROUNDS = 4
"""Hops among unlabelled voters, the first one from the labelled included. Inside the training clips of five real sets
four placed more events than one in three sets, and fewer in none by more than 1.6 points of F1.
"""
EVENT_SHARE = 0.01
"""Half width of an event as a share of the median clip; one frame to each side at least."""
FRAMES_SHARE = 0.3
"""What single frames count beside alignments where a folder cannot tell it."""
_AGREEMENT_POWER = 8
NEIGHBOUR_GAMMA = 2.0
"""Temperature of the softmax over the similarities by which frames vote."""

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
    row = int(np.abs(pts - event).argmin())
    first = int(np.searchsorted(pts, pts[row] - half_width - 1e-9))
    end = int(np.searchsorted(pts, pts[row] + half_width + 1e-9, side="right"))
    return slice(max(0, min(first, row - 1)), max(end, row + 2))


def carried_by_consensus(
    folder: FolderConsensus,
    marks: Marks,
    targets: Sequence[int],
    *,
    rounds: int = ROUNDS,
    half_width: float | None = None,
) -> list[Density]:
    """Of every target (k, n_t) densities of the events, rows summing to at most 1.

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
    told = _Hearsay.of(group, start, rounds)
    found: list[Density] = []
    for t in targets:
        others = {one: rows for one, rows in start.items() if one != t}
        have = _have(others)
        direct = group.carry(others, [t], weights=dict.fromkeys(others, 1.0))[0]
        spread = (_Hearsay.of(group, others, rounds) if t in start else told).without(t)
        through = group.carry(spread, [t])[0] if spread else np.zeros_like(direct)
        mass = sum((group.weights[z] * rows.sum(axis=1) for z, rows in spread.items()), np.zeros(len(direct)))
        votes = (1 + 1 / np.maximum(have, 1))[:, None] * direct + through
        votes /= (np.maximum(have, 1) + 1 + mass)[:, None]
        found.append(np.where(have[:, None] > 0, votes, 0.0))
    return found


@dataclass(frozen=True)
class _Hearsay:
    """What unlabelled voters are told about the events.

    Attributes:
        group: the consensus. heard: of each round, voter -> (k, n_z). known: of each later round, voter -> (k, 1), what
            the votes that reached it were divided by.
    """

    group: Consensus
    heard: tuple[dict[int, Density], ...]
    known: tuple[dict[int, Density], ...]

    @classmethod
    def of(cls, group: Consensus, start: Mapping[int, Density], rounds: int) -> _Hearsay:
        """From the labelled videos, and `rounds` - 1 times among each other."""
        voters = [z for z in group.voters if z not in start and group.weights[z] > 0]
        if not rounds or not voters:
            return cls(group, (), ())
        have = np.maximum(_have(start), 1)[:, None]
        told = group.carry(start, voters, weights=dict.fromkeys(start, 1.0))
        heard = [{z: rows / have for z, rows in zip(voters, told, strict=True)}]
        known: list[dict[int, Density]] = []
        for _ in range(rounds - 1 if len(voters) > 1 else 0):
            last = heard[-1]
            mass = {z: group.weights[z] * last[z].sum(axis=1, keepdims=True) for z in voters}
            total = sum(mass.values(), np.zeros((len(have), 1)))
            known.append({z: np.maximum(total - mass[z], 1e-9) for z in voters})
            moved = group.carry(last, voters)
            heard.append({z: rows / known[-1][z] for z, rows in zip(voters, moved, strict=True)})
        return cls(group, tuple(heard), tuple(known))

    def without(self, target: int) -> dict[int, Density]:
        """Voter -> sum over rounds of what it was told, but for what it has from the target itself: no echo."""
        if not self.heard:
            return {}
        total = {z: sum((told[z] for told in self.heard[1:]), self.heard[0][z]) for z in self.heard[0] if z != target}
        if target in self.heard[0]:
            for z in total:
                own = [told[target] / known[z] for told, known in zip(self.heard[:-1], self.known, strict=True)]
                if own:
                    echo = self.group.carry({target: sum(own[1:], own[0])}, [z])[0]
                    total[z] = np.maximum(total[z] - echo, 0.0)
        return total


def _have(start: Mapping[int, Density]) -> NDArray[np.float64]:
    """(k,) how many labelled videos have each event."""
    return np.asarray(sum((rows.sum(axis=1) > 0.5).astype(np.float64) for rows in start.values()))


def carried_by_frames(
    folder: FolderConsensus, marks: Marks, targets: Sequence[int], *, half_width: float = 0.0
) -> list[Density]:
    """Of every target (k, n_t) softmax of the similarity of its frames to those about each event, mean over videos."""
    found = []
    for t in targets:
        count = len(next(iter(marks.values())))
        votes, have = np.zeros((count, len(folder.embeddings[t]))), np.zeros(count)
        for one, events in marks.items():
            if one == t:
                continue
            matrix = similarity(folder.embeddings[one], folder.embeddings[t])
            for k, event in enumerate(events):
                if event is not None:
                    votes[k] += frame_votes(matrix, near_event(folder.embeddings[one], event, half_width))
                    have[k] += 1
        found.append(np.asarray(votes / np.maximum(have, 1)[:, None]))
    return found


def frame_votes(matrix: torch.Tensor, near: slice) -> Density:
    """(m,) softmax of the mean similarity (n, m) of the frames `near` an event."""
    mean = matrix[near].mean(0).double()
    return np.asarray(torch.softmax(mean / NEIGHBOUR_GAMMA, dim=0).numpy())


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
            row = int(np.abs(pts - event).argmin())
            found[k] *= allowed[row]
            pinned = pairs[pairs[:, 0] == row, 1]
            found[k, pinned] = 1.0
    return found


def frames_share(folder: FolderConsensus, tolerance: float, *, most: int = 12) -> float:
    """How much single frames should count against alignments, in [0, 1], without any label.

    Nearest frames can be trusted where they agree: the frame of z nearest to one of x is the same directly and by way
    of y. Counted is the share of frames that agree, in some triples of voters, beyond what agrees by chance, which is
    much where many frames have one and the same nearest. It is .98 of a run in the folder that it was trained on, and
    .2 to .5 of frozen features of five real sets. Inside the training clips frames alone place most events with the
    former, and alignments alone with the latter; so a high power of it decides.
    """
    group = folder.group
    voters = [z for z in group.voters if group.weights[z] > 0]
    chosen = [voters[k] for k in np.linspace(0, len(voters) - 1, min(len(voters), most)).round().astype(int)]
    if len(chosen) < 3:
        return FRAMES_SHARE
    rows = {z: unit_rows(torch.from_numpy(np.ascontiguousarray(folder.embeddings[z].vectors))) for z in chosen}

    def nearest(i: int, j: int) -> NDArray[np.int64]:
        return np.asarray((rows[i] @ rows[j].T).argmax(1).numpy())

    agreed, by_chance = [], []
    for k, i in enumerate(chosen):
        j, z = chosen[(k + 1) % len(chosen)], chosen[(k + 2) % len(chosen)]
        pts = folder.embeddings[z].pts_seconds
        directly, by_way = pts[nearest(i, z)], pts[nearest(j, z)[nearest(i, j)]]
        agreed.append(np.mean(np.abs(directly - by_way) <= tolerance + 1e-9))
        by_chance.append(np.mean(np.abs(directly[:, None] - by_way) <= tolerance + 1e-9))
    chance = float(np.mean(by_chance))
    if chance >= 1:
        return 0.0
    return float(max(0.0, (np.mean(agreed) - chance) / (1 - chance)) ** _AGREEMENT_POWER)
