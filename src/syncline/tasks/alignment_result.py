"""`Alignment`: the result of aligning two videos, and what its path says in seconds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment import Path
from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.data import Embedding
from syncline.data.embedding import dataframe, equal_results, rows_between
from syncline.data.notebook_results import NotebookResult
from syncline.errors import SynclineError
from syncline.wording import counted

NEAR = 2
"""Frames of B to either side of a matched one whose probabilities count for it."""
LEAST_CARRIED = 0.25
"""Two videos of a folder match when its consensus carries this share of the shorter one along their path.
It passes twice as many pairs of golf swings as their own score does, and of pairs with a stranger that got a vote up to
one in five:
`benchmarks/strangers.py`.
"""


@dataclass(frozen=True)
class Segment:
    """A stretch in which both videos show the same course; `first` and `last` index rows of the path (inclusive)."""

    start_a: float
    end_a: float
    start_b: float
    end_b: float
    first: int
    last: int
    score: float


@dataclass(frozen=True)
class Gap:
    """A stretch of one video ("a" or "b"), in seconds, that nothing in the other video matches."""

    video: str
    start: float
    end: float


@dataclass(frozen=True, eq=False, repr=False)
class Alignment(NotebookResult):
    """Which moment of A is which moment of B.

    Attributes:
        path: (k, 2) int64, matched pairs of rows of A's and B's embedding, no row twice, ascending in both columns;
            in the other modes than `local` the frames during which one video waits for the other are in no pair.
        times: (k, 2) float64, the same pairs in seconds, as a player shows them; B's is refined below one frame.
        confidence: (k,) float64 in [0, 1], probability that the pair is matched (within one frame of B).
        score: total score of the alignment (`local`) or minus its mean cost (the other modes).
        segments: matched stretches, in order of time; empty if nothing matches.
        gaps: stretches of either video without counterpart, at least `min_gap` seconds long.
        slower: stretches as long in which a video takes its time over what the other shows in fewer frames.
        match_score: share of the local score that is lost when the order of B is destroyed; about 0 for strangers.
        mode: how it was made.
        sources: whose moments these are, A's and B's.
        carried: share of the shorter video that the consensus of a folder carries along the path; 0 where one of the
            two is no part of the folder, None where no folder was asked or it cannot tell who belongs to it.
    """

    path: NDArray[np.int64]
    times: NDArray[np.float64]
    confidence: NDArray[np.float64]
    score: float
    segments: tuple[Segment, ...]
    gaps: tuple[Gap, ...]
    match_score: float
    mode: str
    sources: tuple[str, str] = ("a", "b")
    slower: tuple[Gap, ...] = ()
    carried: float | None = None

    def __repr__(self) -> str:
        stretches = f"{len(self.segments)} segment{'' if len(self.segments) == 1 else 's'}"
        names = " and ".join(FilePath(source).name for source in self.sources)
        match = "match" if self.matches else "no match"
        pairs = f"{counted(len(self.path), 'pair')} in {stretches}"
        return f"Alignment({names}, {self.mode}: {match}, {pairs}; {self.verdict})"

    def __eq__(self, other: object) -> bool:
        return equal_results(self, other)

    def __hash__(self) -> int:
        return hash((self.sources, self.mode, len(self.path)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.times, dtype=dtype, copy=copy)

    def to_dataframe(self) -> Any:
        """A pandas ``DataFrame``: a row a matched pair, with ``time_a``, ``time_b`` and ``confidence``."""
        return dataframe({"time_a": self.times[:, 0], "time_b": self.times[:, 1], "confidence": self.confidence})

    def __getitem__(self, seconds: slice) -> Alignment:
        """The part from ``seconds.start`` on and before ``seconds.stop`` of A, as ``alignment[1.5:3.0]``.

        B's gaps are those between the moments of B that are left. The score stays that of the whole.
        """
        if not isinstance(seconds, slice) or seconds.step is not None:
            raise TypeError("an alignment is sliced by seconds of A, as alignment[1.5:3.0]; its pairs are .times")
        rows = rows_between(self.times[:, 0], seconds)
        kept = self.times[rows]
        ends = {"a": (seconds.start, seconds.stop), "b": (kept[0, 1], kept[-1, 1]) if len(kept) else (0.0, 0.0)}
        parts = [
            replace(
                part, first=first - rows.start, last=last - rows.start,
                start_a=self.times[first, 0], start_b=self.times[first, 1],
                end_a=self.times[last, 0], end_b=self.times[last, 1],
            )
            for part in self.segments
            for first, last in [(max(part.first, rows.start), min(part.last, rows.stop - 1))]
            if first <= last
        ]  # fmt: skip
        return replace(
            self, path=self.path[rows], times=kept, confidence=self.confidence[rows], segments=tuple(parts),
            gaps=_inside(self.gaps, ends), slower=_inside(self.slower, ends),
        )  # fmt: skip

    def plot(self) -> Any:
        """A matplotlib ``Figure``: the path, B's seconds over A's, the surer the darker."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4.2, 3.6), layout="constrained")
        axes = figure.add_subplot()
        dots = axes.scatter(
            self.times[:, 0], self.times[:, 1], c=self.confidence, s=6, cmap="viridis_r", vmin=0, vmax=1
        )
        figure.colorbar(dots, label="confidence")
        a, b = (FilePath(source).name[-30:] for source in self.sources)
        axes.set(xlabel=f"{a} (s)", ylabel=f"{b} (s)", title=f"score {self.match_score:.3f}")
        return figure

    @property
    def matches(self) -> bool:
        """Whether the two videos show the same course at all: by their own score, or because a folder links them."""
        if not len(self.path) or self.carried == 0:
            return False
        return self.match_score >= MATCH_THRESHOLD or self.linked

    @property
    def linked(self) -> bool:
        """Whether the consensus of a folder carries enough from one of the two to the other."""
        return self.carried is not None and self.carried >= LEAST_CARRIED

    @property
    def verdict(self) -> str:
        """The reason of `matches` in words: the score, and with a folder, what it carries."""
        own = f"score {self.match_score:.3f}, needs {MATCH_THRESHOLD:.2f}"
        if self.carried is None:
            return own
        if self.carried == 0:
            return f"the folder carries nothing between the two; by themselves {own}"
        does = "links" if self.linked else "does not link"
        share = f"it carries {self.carried:.0%} of the shorter one, needs {LEAST_CARRIED:.0%}"
        return f"the folder {does} the two: {share}; by themselves {own}"

    def b_at(self, seconds_a: NDArray[np.float64]) -> NDArray[np.float64]:
        """Time in B of moments of A: (k,) seconds -> (k,) seconds, NaN where A matches nothing."""
        return _carry(self, np.asarray(seconds_a, dtype=np.float64), 0)

    def a_at(self, seconds_b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Time in A of moments of B; as `b_at`."""
        return _carry(self, np.asarray(seconds_b, dtype=np.float64), 1)

    def follow(self, seconds_a: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `b_at`, but B waits where A matches nothing: never NaN, never backwards; for players.

        Raises:
            SynclineError: if nothing matches.
        """
        if not len(self.times):
            raise SynclineError("these two videos have no aligned part, so B cannot follow A; try mode='global'")
        seconds = np.asarray(seconds_a, dtype=np.float64)
        followed = self.b_at(seconds)
        last = np.searchsorted(self.times[:, 0], seconds, side="right") - 1
        waiting = np.where(last < 0, self.times[0, 1], self.times[np.maximum(last, 0), 1])
        return np.where(np.isnan(followed), waiting, followed)


def alignment_of(
    paths: Sequence[Path],
    near: NDArray[np.float64],
    a: Embedding,
    b: Embedding,
    *,
    min_gap: float,
    match_score: float,
    mode: str,
) -> Alignment:
    """An `Alignment` in seconds, from paths through two videos.

    Args:
        paths: in order of time, with at least one match each.
        near: (k, 2 NEAR + 1) posterior of every matched pair, of `posterior_near`.
        a, b: the videos. min_gap: seconds; shorter unmatched runs are tempo.
    """
    pairs = matched_pairs(paths)
    times = refined_times(pairs, near, a.pts_seconds, b.pts_seconds)
    return Alignment(
        path=pairs,
        times=times,
        confidence=np.asarray(np.minimum(near[:, NEAR - 1 : NEAR + 2].sum(axis=1), 1.0)),
        score=float(sum(path.score for path in paths)),
        segments=segments_of(paths, times),
        gaps=gaps_of(pairs, a.pts_seconds, b.pts_seconds, min_gap),
        match_score=match_score,
        mode=mode,
        sources=(a.source, b.source),
    )


def matched_pairs(paths: Sequence[Path]) -> NDArray[np.int64]:
    """(k, 2) matched pairs of all paths, one path after the other."""
    return np.concatenate([path.matches for path in paths]) if paths else np.zeros((0, 2), np.int64)


def posterior_near(posterior: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """(k, 5) posterior of each pair's frame of A with the two frames to either side of B's; 0 outside."""
    columns = pairs[:, 1, None] + np.arange(-NEAR, NEAR + 1)
    inside = (columns >= 0) & (columns < posterior.shape[1])
    found = posterior[pairs[:, :1], np.clip(columns, 0, posterior.shape[1] - 1)].astype(np.float64)
    return np.asarray(found * inside)


def refined_times(
    pairs: NDArray[np.int64], near: NDArray[np.float64], pts_a: NDArray[np.float64], pts_b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Times of the pairs; B's is the posterior mean over two frames to either side where that has any weight."""
    times = np.stack([pts_a[pairs[:, 0]], pts_b[pairs[:, 1]]], axis=1) if len(pairs) else np.zeros((0, 2))
    if not len(pairs):
        return times
    columns = np.clip(pairs[:, 1, None] + np.arange(-NEAR, NEAR + 1), 0, len(pts_b) - 1)
    mass = near.sum(axis=1)
    sure = mass > 0.1  # a path matches no frame twice
    times[sure, 1] = (near[sure] * pts_b[columns[sure]]).sum(axis=1) / mass[sure]
    times[:, 1] = np.maximum.accumulate(times[:, 1])
    return times


def segments_of(paths: Sequence[Path], times: NDArray[np.float64]) -> tuple[Segment, ...]:
    """One stretch a path, with its times."""
    found, first = [], 0
    for path in paths:
        last = first + int(path.is_match.sum()) - 1
        (start_a, start_b), (end_a, end_b) = times[first], times[last]
        found.append(Segment(start_a, end_a, start_b, end_b, first, last, path.score))
        first = last + 1
    return tuple(found)


def gaps_of(
    pairs: NDArray[np.int64], pts_a: NDArray[np.float64], pts_b: NDArray[np.float64], min_gap: float
) -> tuple[Gap, ...]:
    """Runs of frames outside every pair that last at least `min_gap` seconds."""
    found = []
    for video, pts, column in (("a", pts_a, 0), ("b", pts_b, 1)):
        step = float(np.median(np.diff(pts))) if len(pts) > 1 else 0.0
        edges = np.concatenate([[-1], pairs[:, column], [len(pts)]])
        for before, after in itertools.pairwise(edges):
            if after - before > 1:
                start, end = float(pts[before + 1]), float(pts[after - 1]) + step
                if after < len(pts):  # frames may lie closer than they do mostly
                    end = min(end, float(pts[after]))
                if end - start >= min_gap:
                    found.append(Gap(video, start, end))
    return tuple(found)


def _inside(gaps: Sequence[Gap], ends: dict[str, tuple[float | None, float | None]]) -> tuple[Gap, ...]:
    """The parts of the stretches between the ends (begin, end) of their video."""
    found = []
    for gap in gaps:
        begin, end = ends[gap.video]
        start = gap.start if begin is None else max(gap.start, begin)
        stop = gap.end if end is None else min(gap.end, end)
        if start < stop:
            found.append(Gap(gap.video, start, stop))
    return tuple(found)


def _carry(alignment: Alignment, seconds: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    carried = np.full(seconds.shape, np.nan)
    for segment in alignment.segments:
        rows = alignment.times[segment.first : segment.last + 1]
        source, target = rows[:, column], rows[:, 1 - column]
        inside = (seconds >= source[0] - 1e-9) & (seconds <= source[-1] + 1e-9)
        carried[inside] = np.interp(seconds[inside], *knots(source, target))
    return carried


def knots(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """A path's seconds without repeats in ``source``, ascending: the mean where one frame has several counterparts.

    Examples:
        >>> [values.tolist() for values in knots(np.array([0.0, 1.0, 1.0]), np.array([5.0, 6.0, 7.0]))]
        [[0.0, 1.0], [5.0, 6.5]]
    """
    found, first = np.unique(source, return_index=True)
    ends = np.append(first[1:], len(source))
    return found, np.array([target[i:j].mean() for i, j in zip(first, ends, strict=True)])
