"""Many embedded videos -> one common timeline.

`star` aligns every video with one reference: simple, and hurt wherever the reference lacks a part. `joint` starts
from the same reference and then lets the group decide: the reference's frames are averaged with what the others show
at the same moment, stretches that most videos have and the reference lacks are put in, and all are aligned again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from syncline.alignment import unit_rows
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks.align import PairAligner, align, align_pairs
from syncline.tasks.alignment_result import Alignment
from syncline.tasks.pairs import check_pair, local_score, similarity_blocks

JOINT_ROUNDS = 3
INSERT_SHARE = 0.5
INSERT_SECONDS = 1.0
_MOST_PAIRS = 2000  # of a Theil-Sen line, which looks at all pairs of pairs


@dataclass(frozen=True)
class Timeline:
    """All videos on one clock.

    Attributes:
        sources: the n videos, in the order given.
        seconds: (k,) float64, the common clock from 0: the sampled frames of the reference, as even as those are.
        positions: (n, k) float64, the second of each video that belongs to each instant; NaN where it has none.
        reference: the source that the star used or the joint timeline started from.
        inconsistency: (n,) float64 s, median difference between going from this video to another one directly and
            by way of the timeline; large where a video fits badly. NaN where nothing could be compared.
        coverage: (n,) share of the timeline on which the video has a position.
    """

    sources: tuple[str, ...]
    seconds: NDArray[np.float64]
    positions: NDArray[np.float64]
    reference: str
    inconsistency: NDArray[np.float64]
    coverage: NDArray[np.float64]

    def held(self) -> NDArray[np.float64]:
        """Positions for players: where a video has none it waits at its last one (before the first: at the first)."""
        filled = self.positions.copy()
        for row in filled:
            known = np.flatnonzero(~np.isnan(row))
            if len(known):
                last = known[np.maximum(np.searchsorted(known, np.arange(len(row)), side="right") - 1, 0)]
                row[:] = row[last]
            else:
                row[:] = 0.0
        return filled


@dataclass(frozen=True)
class Offset:
    """b = offset + rate * a: two recordings of the same event. `spread` is the median deviation in seconds."""

    offset: float
    rate: float
    spread: float


def synchronize(
    embeddings: Sequence[Embedding],
    *,
    method: Literal["joint", "star"] = "joint",
    reference: str | None = None,
    seed: int = 0,
    aligner: PairAligner = align_pairs,
) -> Timeline:
    """Put all videos on one timeline.

    Args:
        embeddings: at least two, of one width.
        method: `joint` (the group decides) or `star` (the reference decides).
        reference: source of the reference video; None takes the medoid, the video that matches the others best.
        seed: of the partners drawn for the medoid and for the consistency check.
        aligner: does the alignments: on the threads of this process, or on a cluster (`tasks.align_on_ray`).

    Raises:
        SynclineError: fewer than two videos, an unknown reference or method, or widths that differ.
    """
    if len(embeddings) < 2:
        raise SynclineError(f"synchronising needs at least two videos, got {len(embeddings)}")
    if method not in ("joint", "star"):
        raise SynclineError(f"unknown method {method!r}; choose joint or star")
    start = _find(embeddings, reference) if reference is not None else medoid(embeddings, seed=seed)
    hub, own = embeddings[start], start
    if method == "joint":
        hub, own = barycentre(embeddings, hub, aligner=aligner), -1
    others = [embedding for i, embedding in enumerate(embeddings) if i != own]
    alignments: list[Alignment | None] = list(_to_all(hub, others, aligner))
    if own >= 0:
        alignments.insert(own, None)
    seconds = hub.pts_seconds - hub.pts_seconds[0]
    positions = np.stack(
        [
            embeddings[i].pts_seconds if alignment is None else alignment.b_at(hub.pts_seconds)
            for i, alignment in enumerate(alignments)
        ]
    )
    return Timeline(
        sources=tuple(embedding.source for embedding in embeddings),
        seconds=seconds,
        positions=positions,
        reference=embeddings[start].source,
        inconsistency=_inconsistency(embeddings, positions, seed, aligner),
        coverage=(~np.isnan(positions)).mean(axis=1),
    )


def medoid(embeddings: Sequence[Embedding], *, partners: int = 10, seed: int = 0) -> int:
    """Index of the video with the best mean local score against others (at most `partners` of them each).

    Raises:
        SynclineError: a video without frames, or widths that differ.
    """
    for other in embeddings:
        check_pair(embeddings[0], other)
    generator = np.random.default_rng(seed)
    means = []
    for i, candidate in enumerate(embeddings):
        others = np.delete(np.arange(len(embeddings)), i)
        chosen = generator.permutation(others)[:partners]
        means.append(np.mean([local_score(candidate, embeddings[j]) for j in chosen]))
    return int(np.argmax(means))


def estimate_offset(a: Embedding, b: Embedding) -> Offset:
    """Clock offset and drift of two recordings of the *same* event (several cameras), by a Theil-Sen line.

    Raises:
        SynclineError: if the two have fewer than five matched frames.
    """
    pairs = _nearest_times(a, b, align(a, b, verdict=False).path)
    if len(pairs) < 5:
        raise SynclineError(f"{a.source} and {b.source} share {len(pairs)} matched frames; five are needed")
    thin = pairs[np.linspace(0, len(pairs) - 1, min(len(pairs), _MOST_PAIRS)).round().astype(int)]
    # the intercept is the median of what is left: of the medians of both clocks, one-sided stray pairs move one alone
    from scipy import stats  # slow to import, and needed here alone

    line = stats.theilslopes(thin[:, 1], thin[:, 0], method="joint")
    deviation = pairs[:, 1] - (line.intercept + line.slope * pairs[:, 0])
    return Offset(float(line.intercept), float(line.slope), float(np.median(np.abs(deviation))))


def _nearest_times(a: Embedding, b: Embedding, path: NDArray[np.int64], reach: int = 15) -> NDArray[np.float64]:
    """Times of pairs moved to the most similar frame of B within `reach` frames: (k, 2) float64 s.

    A path that pays for gaps follows a small drift in steps; the nearest frames follow it evenly. Frames whose nearest
    lies at the edge of what is looked at are left out.
    """
    if not len(path):
        return np.zeros((0, 2))
    columns = path[:, 1:] + np.arange(-reach, reach + 1)
    inside = (columns >= 0) & (columns < len(b))
    near = np.empty(columns.shape)
    for first, block in similarity_blocks(a, b):
        own = (path[:, 0] >= first) & (path[:, 0] < first + len(block))
        near[own] = block.numpy()[path[own, :1] - first, columns[own].clip(0, len(b) - 1)]
    values = np.where(inside, near, -np.inf)
    best = values.argmax(axis=1)
    peak = (best > 0) & (best < 2 * reach)
    rows, best = np.flatnonzero(peak), best[peak]
    before, top, after = (values[rows, best + step] for step in (-1, 0, 1))
    whole = np.isfinite(before) & np.isfinite(after)
    rows, best, before, top, after = rows[whole], best[whole], before[whole], top[whole], after[whole]
    shift = (before - after) / (2 * np.minimum(before - 2 * top + after, -1e-9))
    position = columns[rows, best] + shift.clip(-0.5, 0.5)
    return np.stack([a.pts_seconds[path[rows, 0]], np.interp(position, np.arange(len(b)), b.pts_seconds)], axis=1)


def _find(embeddings: Sequence[Embedding], source: str) -> int:
    for i, embedding in enumerate(embeddings):
        if embedding.source == source:
            return i
    raise SynclineError(f"no video {source!r} among the {len(embeddings)} given; the first is {embeddings[0].source!r}")


def _to_all(hub: Embedding, embeddings: Sequence[Embedding], aligner: PairAligner) -> list[Alignment]:
    pairs = [(0, i + 1) for i in range(len(embeddings))]
    return [alignment for _, _, alignment in aligner([hub, *embeddings], pairs)]


def barycentre(embeddings: Sequence[Embedding], start: Embedding, *, aligner: PairAligner = align_pairs) -> Embedding:
    """The group's own course: an embedding on an even clock whose frames are averages over the videos.

    Args:
        embeddings: the group.
        start: where to begin, one of them; what it lacks and most others show is put in, what it alone shows stays.
        aligner: as `synchronize` takes it.
    """
    step = float(np.median(np.diff(start.pts_seconds))) if len(start.pts_seconds) > 1 else 1.0
    vectors = unit_rows(start.vectors)
    for round_ in range(JOINT_ROUNDS):
        hub = Embedding(vectors, step * np.arange(len(vectors), dtype=np.float64), "timeline")
        alignments = _to_all(hub, embeddings, aligner)
        vectors = _average(vectors, hub, embeddings, alignments)
        if round_ < JOINT_ROUNDS - 1:
            vectors = _insert(vectors, hub, embeddings, alignments, step)
    return Embedding(vectors, step * np.arange(len(vectors), dtype=np.float64), "timeline")


def _average(
    vectors: NDArray[np.float32], hub: Embedding, embeddings: Sequence[Embedding], alignments: Sequence[Alignment]
) -> NDArray[np.float32]:
    total = vectors.astype(np.float64)
    for embedding, alignment in zip(embeddings, alignments, strict=True):
        at = alignment.b_at(hub.pts_seconds)
        known = np.flatnonzero(~np.isnan(at))
        rows = np.searchsorted(embedding.pts_seconds, at[known]).clip(0, len(embedding.pts_seconds) - 1)
        np.add.at(total, known, unit_rows(embedding.vectors)[rows])
    return unit_rows(total.astype(np.float32))


def _insert(
    vectors: NDArray[np.float32],
    hub: Embedding,
    embeddings: Sequence[Embedding],
    alignments: Sequence[Alignment],
    step: float,
) -> NDArray[np.float32]:
    """Put in, at the ends and between hub frames, stretches that more than half of the videos show and the hub lacks.

    Of the videos that have such a stretch, the one whose stretch is of median length lends it.
    """
    insertions: dict[int, list[NDArray[np.float32]]] = {}
    for embedding, alignment in zip(embeddings, alignments, strict=True):
        for gap in alignment.gaps:
            if gap.video != "b" or gap.end - gap.start < INSERT_SECONDS or not len(alignment.times):
                continue
            before = alignment.times[:, 1] <= gap.start
            row = int(alignment.path[before, 0].max()) + 1 if before.any() else 0
            seconds = np.arange(gap.start, gap.end, step)
            rows = np.searchsorted(embedding.pts_seconds, seconds).clip(0, len(embedding.pts_seconds) - 1)
            near = next((other for other in insertions if abs(other - row) * step <= INSERT_SECONDS), row)
            insertions.setdefault(near, []).append(unit_rows(embedding.vectors)[rows])
    for row in sorted(insertions, reverse=True):
        lent = sorted(insertions[row], key=len)
        if len(lent) > INSERT_SHARE * len(embeddings):
            vectors = np.concatenate([vectors[:row], lent[len(lent) // 2], vectors[row:]])
    return vectors


def _inconsistency(
    embeddings: Sequence[Embedding],
    positions: NDArray[np.float64],
    seed: int,
    aligner: PairAligner,
    partners: int = 3,
) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    found = np.full(len(embeddings), np.nan)
    pairs = [
        (i, int(j))
        for i in range(len(embeddings))
        for j in generator.permutation(np.delete(np.arange(len(embeddings)), i))[:partners]
    ]
    differences: list[list[NDArray[np.float64]]] = [[] for _ in embeddings]
    for i, j, alignment in aligner(embeddings, pairs):
        both = ~np.isnan(positions[i]) & ~np.isnan(positions[j])
        differences[i].append(np.abs(alignment.b_at(positions[i, both]) - positions[j, both]))
    for i, apart in enumerate(differences):
        pooled = np.concatenate(apart)
        pooled = pooled[~np.isnan(pooled)]
        if len(pooled):
            found[i] = np.median(pooled)
    return found
