"""Puts many embedded videos on one common timeline.

`joint` uses the consensus of all alignments (`alignment.consensus`), which says which moment of one video is which of
another. The timeline follows the video that has most in common with the others; stretches that most videos have and it
lacks are taken from another. `star` aligns every video with one reference alone: simple, but worse wherever the
reference lacks a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.alignment.consensus import Consensus
from syncline.data import Embedding
from syncline.data.embedding import dataframe, equal_results, rows_between
from syncline.data.notebook_results import NotebookResult
from syncline.errors import SynclineError, check_choice
from syncline.tasks.align import PairAligner, align_pairs
from syncline.tasks.align_by_folder import align_within, reference_of
from syncline.tasks.alignment_result import Alignment
from syncline.tasks.folder_consensus import FolderConsensus, gather_folder
from syncline.tasks.gap_scale import gap_seconds
from syncline.tasks.pair_similarity import check_pair, local_score
from syncline.video.on_display import nearest_frames

LENT_SHARE = 0.5
"""Of the videos: a stretch that more than these have and the reference lacks is put into the timeline."""
MOST_MISFIT = 0.25
"""Of the part that a video has in the timeline: with a larger misfit its place is a guess."""
PARTNERS = 10
"""Videos with whose own alignments the timeline is compared, for the misfit of each."""

Method = Literal["joint", "star"]


@dataclass(frozen=True, eq=False, repr=False)
class Timeline(NotebookResult):
    """All videos on one timeline.

    Attributes:
        sources: the n videos, in the order given.
        seconds: (k,) float64, the common time from 0: the sampled frames of the reference, as even as those are, and
            of what other videos lend it.
        positions: (n, k) float64, the second of each video that belongs to each instant; NaN where it has none.
        reference: the source along which the timeline runs.
        inconsistency: (n,) float64 s, the misfit: median difference between going from this video to another one
            directly and by way of the timeline; large where a video fits badly. NaN where nothing could be compared.
        coverage: (n,) share of the timeline on which the video has a position.
        match_score: (n,) of each with the reference, by the consensus of a folder its best with any other video; NaN
            for the reference; None by another consensus.
    """

    sources: tuple[str, ...]
    seconds: NDArray[np.float64]
    positions: NDArray[np.float64]
    reference: str
    inconsistency: NDArray[np.float64]
    coverage: NDArray[np.float64]
    match_score: NDArray[np.float64] | None = None

    @property
    def doubtful(self) -> NDArray[np.bool_]:
        """(n,) whose place is a guess: its misfit is large beside its part, or its match score is too low."""
        length = float(self.seconds[-1] - self.seconds[0]) if len(self.seconds) else 0.0
        guess = self.inconsistency > MOST_MISFIT * self.coverage * length
        return guess if self.match_score is None else guess | (self.match_score < MATCH_THRESHOLD)

    def __repr__(self) -> str:
        end = float(self.seconds[-1]) if len(self.seconds) else 0.0
        return f"Timeline({len(self.sources)} videos on {end:.2f} s, reference {FilePath(self.reference).name!r})"

    def __eq__(self, other: object) -> bool:
        return equal_results(self, other)

    def __hash__(self) -> int:
        return hash((self.sources, self.reference, self.positions.shape))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.positions, dtype=dtype, copy=copy)

    def to_dataframe(self) -> Any:
        """A pandas ``DataFrame``: a row an instant, indexed by ``seconds``, a column a video (NaN: no part in it)."""
        return dataframe(dict(zip(self.sources, self.positions, strict=True)), index=("seconds", self.seconds))

    def __getitem__(self, seconds: slice) -> Timeline:
        """The instants from ``seconds.start`` on and before ``seconds.stop`` of the common time, as ``t[1.5:3.0]``."""
        if not isinstance(seconds, slice) or seconds.step is not None:
            raise TypeError("a timeline is sliced by seconds, as timeline[1.5:3.0]")
        rows = rows_between(self.seconds, seconds)
        positions = self.positions[:, rows]
        coverage = (~np.isnan(positions)).sum(axis=1) / max(1, positions.shape[1])
        return replace(self, seconds=self.seconds[rows], positions=positions, coverage=coverage)

    def plot(self) -> Any:
        """A matplotlib ``Figure``: each video's own seconds over the common time; a break where it has no part."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.6, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for source, row in zip(self.sources, self.positions, strict=True):
            axes.plot(self.seconds, row, linewidth=1.2, label=FilePath(source).name[-30:])
        axes.set(xlabel="common time (s)", ylabel="second of the video", title=repr(self)[9:-1])
        if len(self.sources) <= 10:
            axes.legend(fontsize=7, frameon=False)
        return figure

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


def synchronize(
    embeddings: Sequence[Embedding],
    *,
    method: Method = "joint",
    reference: str | None = None,
    consensus: Consensus | FolderConsensus | None = None,
    seed: int = 0,
    aligner: PairAligner = align_pairs,
) -> Timeline:
    """Put all videos on one timeline.

    Args:
        embeddings: at least two, of one width.
        method: `joint` (the group decides; of two videos the same as `star`) or `star` (the reference decides).
        reference: source of the reference video; None takes the one that represents the group.
        consensus: of these embeddings, for `joint`; None makes one (`gather_folder`). Videos of weight 0 are strangers:
            they have no part in the timeline.
        seed: of the partners drawn for the medoid and for the misfit.
        aligner: does the alignments of pairs: on the threads of this process, or on a cluster (`tasks.align_on_ray`).

    Raises:
        SynclineError: fewer than two videos, an unknown reference or method, or widths that differ.
    """
    if len(embeddings) < 2:
        raise SynclineError(f"synchronising needs at least two videos, got {len(embeddings)}")
    check_choice("method", method, Method, error=SynclineError)
    start = None if reference is None else _find(embeddings, reference)
    for other in embeddings:
        check_pair(embeddings[0], other)
    if method == "joint" and len(embeddings) > 2:
        consensus = gather_folder(embeddings) if consensus is None else consensus
        group = consensus.group if isinstance(consensus, FolderConsensus) else consensus
        start = reference_of(group) if start is None else start
        scores = _best_scores(consensus, start) if isinstance(consensus, FolderConsensus) else None
        seconds, positions = _joint(embeddings, start, group)
        misfit = _consensus_misfit(embeddings, positions, group)
    else:
        start = medoid(embeddings, seed=seed) if start is None else start
        seconds, positions, scores = _star(embeddings, start, aligner)
        only = len(embeddings) == 2  # then there is no other way to compare with
        misfit = np.full(2, np.nan) if only else _misfit(embeddings, positions, seed, aligner)
    return Timeline(
        sources=tuple(embedding.source for embedding in embeddings),
        seconds=seconds,
        positions=positions,
        reference=embeddings[start].source,
        inconsistency=misfit,
        coverage=(~np.isnan(positions)).mean(axis=1),
        match_score=scores,
    )


def _best_scores(folder: FolderConsensus, start: int) -> NDArray[np.float64]:
    """(n,) the best match score of each video with another one; NaN where none is known, and of the reference."""
    matches = folder.votes.matches.copy()
    matches[start] = np.nan
    best = np.where(np.isnan(matches), -np.inf, matches).max(axis=1, initial=-np.inf)
    return np.where(best > -np.inf, best, np.nan)


def _star(
    embeddings: Sequence[Embedding], start: int, aligner: PairAligner
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Seconds and positions of a timeline that is the reference's own course, and how well each matches it."""
    hub = embeddings[start]
    pairs = [(start, i) for i in range(len(embeddings)) if i != start]
    positions = np.stack([hub.pts_seconds] * len(embeddings))
    scores = np.full(len(embeddings), np.nan)
    for _, i, alignment in aligner(embeddings, pairs, verdict=True):
        positions[i], scores[i] = alignment.b_at(hub.pts_seconds), alignment.match_score
    return hub.pts_seconds - hub.pts_seconds[0], positions, scores


def _joint(
    embeddings: Sequence[Embedding], start: int, consensus: Consensus
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds and positions of a timeline by the consensus, with what the reference lacks lent by others."""
    there = [i for i in range(len(embeddings)) if i == start or consensus.weights[i] > 0]
    aligned = {i: align_within(consensus, embeddings, start, i, verdict=False) for i in there if i != start}
    pieces = _pieces(embeddings, start, aligned)
    positions = np.full((len(embeddings), sum(len(rows) for _, rows in pieces)), np.nan)
    steps = []
    column = 0
    for lender, rows in pieces:
        pts = embeddings[lender].pts_seconds
        inside = slice(column, column + len(rows))
        for i in there:
            if i == lender:
                positions[i, inside] = pts[rows]
            else:
                own = aligned[i] if lender == start else align_within(consensus, embeddings, lender, i, verdict=False)
                positions[i, inside] = own.b_at(pts[rows])
        steps.append(np.diff(pts)[rows.clip(max=max(0, len(pts) - 2))] if len(pts) > 1 else np.ones(len(rows)))
        column += len(rows)
    for row in positions:  # what is lent may begin before what came last: time goes on
        known = np.flatnonzero(~np.isnan(row))
        row[known[row[known] < np.maximum.accumulate(row[known])]] = np.nan
    seconds = np.concatenate([[0.0], np.cumsum(np.concatenate(steps))[:-1]])
    return seconds, positions


def _pieces(
    embeddings: Sequence[Embedding], start: int, aligned: dict[int, Alignment]
) -> list[tuple[int, NDArray[np.int64]]]:
    """Which frames of which video the timeline shows, in order: (index of the video, rows of its embedding).

    The reference's, and between them and at the ends the stretches that more than `LENT_SHARE` of the videos have and
    the reference lacks; of these videos the one whose stretch is of median length lends it.
    """
    least = gap_seconds(embeddings)
    found: dict[int, list[tuple[int, NDArray[np.int64]]]] = {}
    for i, alignment in aligned.items():
        pts = embeddings[i].pts_seconds
        for gap in alignment.gaps:
            rows = np.flatnonzero((pts >= gap.start) & (pts < gap.end))
            if gap.video != "b" or not len(rows) or not len(alignment.times):
                continue
            before = alignment.path[alignment.path[:, 1] < rows[0], 0]
            at = int(before.max()) + 1 if len(before) else 0
            hub = embeddings[start].pts_seconds
            near = next((other for other in found if abs(hub[min(other, len(hub) - 1)] - hub[min(at, len(hub) - 1)])
                         <= least), at)  # fmt: skip
            found.setdefault(near, []).append((i, rows))
    pieces, last = [], 0
    for at in sorted(found):
        stretches = sorted(found[at], key=lambda stretch: len(stretch[1]))
        if len({i for i, _ in stretches}) > LENT_SHARE * len(embeddings):
            pieces += [(start, np.arange(last, at)), stretches[len(stretches) // 2]]
            last = at
    pieces.append((start, np.arange(last, len(embeddings[start]))))
    return [piece for piece in pieces if len(piece[1])]


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


def _find(embeddings: Sequence[Embedding], source: str) -> int:
    for i, embedding in enumerate(embeddings):
        if embedding.source == source:
            return i
    raise SynclineError(f"no video {source!r} among the {len(embeddings)} given; the first is {embeddings[0].source!r}")


def _misfit(
    embeddings: Sequence[Embedding], positions: NDArray[np.float64], seed: int, aligner: PairAligner
) -> NDArray[np.float64]:
    """(n,) s, of each video the median over some others of how far its own alignment with them is from the timeline."""
    generator = np.random.default_rng(seed)
    pairs = [
        (i, int(j))
        for i in range(len(embeddings))
        for j in generator.permutation(np.delete(np.arange(len(embeddings)), i))[:PARTNERS]
    ]
    apart: list[list[float]] = [[] for _ in embeddings]
    for i, j, alignment in aligner(embeddings, pairs):
        difference = np.abs(alignment.b_at(positions[i]) - positions[j])
        if not np.isnan(difference).all():
            apart[i].append(float(np.nanmedian(difference)))
    return np.array([np.median(found) if found else np.nan for found in apart])


def _consensus_misfit(
    embeddings: Sequence[Embedding], positions: NDArray[np.float64], consensus: Consensus
) -> NDArray[np.float64]:
    """As `_misfit`, with all voters and their expected alignments; means by how sure those are."""
    apart: list[list[float]] = [[] for _ in embeddings]
    for i, embedding in enumerate(embeddings):
        for j in consensus.voters:
            both = np.flatnonzero(~np.isnan(positions[i]) & ~np.isnan(positions[j]))
            if i == j or not consensus.weights[j] or not len(both):
                continue
            posterior = consensus.pair(i, j)[nearest_frames(embedding.pts_seconds, positions[i, both])]
            mass = posterior.sum(axis=1)
            if mass.sum() > 0:
                expected = (posterior @ embeddings[j].pts_seconds) / np.maximum(mass, 1e-9)
                apart[i].append(float(np.average(np.abs(expected - positions[j, both]), weights=mass)))
    return np.array([np.median(found) if found else np.nan for found in apart])
