"""What a video does differently: parts missing, added, repeated or out of order, and stretches slower or faster."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from syncline.alignment import smith_waterman
from syncline.alignment.settings import PAIR
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks.align import align
from syncline.tasks.alignment_result import Alignment, Gap, Segment
from syncline.tasks.pairs import similarity, similarity_blocks

_AS_SURE = 0.9
"""Similarity that a halt must reach, in units of matched frames'; less takes foreign frames of one scene for halts
(training clips of two real sets)."""
_GOING_BACK = 0.05
"""Price of going back, for each frame of a gap in the same units; where it pays all the same, the gap is no halt."""
KINDS = ("missing", "extra", "repeated", "out_of_order", "slower", "faster")


@dataclass(frozen=True)
class Deviation:
    """One deviating stretch.

    Attributes:
        kind: `missing` (in the reference only), `extra` (in the video only), `repeated` (the video shows a part of the
            reference once more), `out_of_order` (shows it elsewhere), `slower` (halts included), `faster`.
        start, end: seconds, on the reference's clock for `missing`, on the video's for all others.
        score: how much: seconds without counterpart weighted by how unlike they are (0.5 to 1 a second) for the
            first four, seconds times |log2 of the tempo ratio| for the last two (at either end of the video, where
            there is none, of the least ratio that counts).
        shown_at: seconds on the video's clock: where a missing stretch ought to be; `start` for all others.
    """

    kind: str
    start: float
    end: float
    score: float
    shown_at: float


@dataclass(frozen=True)
class Report:
    """What one video does differently.

    Attributes:
        source: the video.
        deviations: in order of `shown_at`.
        oddness: >= 0, by which `rank` sorts; 0 is like the reference.
        duration: seconds of the video.
        match_score: of its alignment with the reference.
    """

    source: str
    deviations: tuple[Deviation, ...]
    oddness: float
    duration: float
    match_score: float


def deviate(
    reference: Embedding, video: Embedding, *, min_seconds: float = 1.0, tempo: float = 1.6, window: float = 2.0
) -> Report:
    """Compare a video with a reference.

    Args:
        reference, video: embeddings of one width.
        min_seconds: shorter stretches are not reported.
        tempo: a stretch is slower or faster if its tempo differs from the pair's median by at least this factor (> 1).
        window: seconds over which tempo is measured.

    Raises:
        SynclineError: widths that differ, empty embeddings, or `tempo` not above 1.
    """
    if tempo <= 1:
        raise SynclineError(f"tempo must be above 1, got {tempo}")
    alignment = align(reference, video, min_gap=min_seconds)
    found: list[Deviation] = []
    cuts: list[Gap] = []
    unlike = _unlikeness(reference, video)
    for gap in alignment.gaps:
        if gap.video == "a":
            inside = (reference.pts_seconds >= gap.start) & (reference.pts_seconds < gap.end)
            weight = _weighted(unlike[0][inside], gap.end - gap.start)
            found.append(Deviation("missing", gap.start, gap.end, weight, _expected_at(alignment, gap.start, video)))
        else:
            inside = (video.pts_seconds >= gap.start) & (video.pts_seconds < gap.end)
            kind = _kind_of_extra(reference, video, np.flatnonzero(inside), alignment)
            weight = _weighted(unlike[1][inside], gap.end - gap.start)
            if kind == "slower":
                if alignment.times[0, 1] < gap.start < alignment.times[-1, 1]:
                    continue  # its tempo is measured below
                weight = float((gap.end - gap.start) * np.log2(tempo))
            found.append(Deviation(kind, gap.start, gap.end, weight, gap.start))
        cuts.append(gap)
    parts = _between(cuts, alignment, reference, video)
    found += _tempo(alignment, parts, tempo, window, min_seconds)
    duration = float(video.pts_seconds[-1] - video.pts_seconds[0])
    oddness = sum(deviation.score for deviation in found) / max(duration, 1e-3) + max(0.0, 0.5 - alignment.match_score)
    ordered = tuple(sorted(found, key=lambda deviation: deviation.shown_at))
    return Report(video.source, ordered, oddness, duration, alignment.match_score)


def rank(reports: Sequence[Report]) -> list[Report]:
    """From typical to odd."""
    return sorted(reports, key=lambda report: report.oddness)


def _expected_at(alignment: Alignment, second: float, video: Embedding) -> float:
    """The moment of the video at which the reference's would come: the last one matched before it, else its first."""
    before = np.flatnonzero(alignment.times[:, 0] <= second)
    return float(alignment.times[before[-1], 1] if len(before) else video.pts_seconds[0])


def _unlikeness(reference: Embedding, video: Embedding) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of every frame of each video, how far its best counterpart is: 0 (as like as matched frames are) to 1."""
    blocks = [(block.amax(1), block.amax(0)) for _, block in similarity_blocks(reference, video)]
    best_a = torch.cat([rows for rows, _ in blocks]).double().numpy()
    best_b = torch.stack([columns for _, columns in blocks]).amax(0).double().numpy()
    typical = max(float(np.median(np.concatenate([best_a, best_b]))), 1e-6)
    return np.clip(1.0 - best_a / typical, 0.0, 1.0), np.clip(1.0 - best_b / typical, 0.0, 1.0)


def _weighted(unlike: NDArray[np.float64], seconds: float) -> float:
    return seconds * (0.5 + 0.5 * float(unlike.mean())) if len(unlike) else 0.0


def _kind_of_extra(
    reference: Embedding, video: Embedding, rows: NDArray[np.int64], alignment: Alignment, share: float = 0.6
) -> str:
    """What a stretch without counterpart is: `slower` if the video only takes its time (`_takes_time`), `repeated` or
    `out_of_order` if it aligns with part of the reference nearly as well as matched frames do, `extra` otherwise.
    """
    if len(rows) < 3 or not len(alignment.path):
        return "extra"
    first, end = max(0, rows[0] - len(rows)), rows[-1] + 1 + len(rows)
    values, parts = [], []
    for top, block in similarity_blocks(reference, video):
        own = alignment.path[(alignment.path[:, 0] >= top) & (alignment.path[:, 0] < top + len(block))]
        values.append(block[own[:, 0] - top, own[:, 1]])
        parts.append(block[:, first:end].clone())
    matched = torch.cat(values).mean().item()
    around = torch.cat(parts)
    inside = slice(int(rows[0] - first), int(rows[-1] - first) + 1)
    near = alignment.path[(alignment.path[:, 1] >= first) & (alignment.path[:, 1] < end), 0]
    if len(near) and _takes_time(around[near[0] : near[-1] + 1].T.numpy(), inside, matched):
        return "slower"
    path = smith_waterman(around[None, :, inside], **PAIR.prices)[0]
    pairs = path.indices[path.is_match]
    if len(pairs) < share * len(rows) or path.score < share * matched * len(pairs):
        return "extra"
    elsewhere = np.isin(pairs[:, 0], alignment.path[:, 0]).mean()
    return "repeated" if elsewhere > 0.5 else "out_of_order"


def _takes_time(matrix: NDArray[np.float32], gap: slice, matched: float) -> bool:
    """Whether the frames of a gap belong to what is matched around it, each to no earlier moment than the one before.

    Args:
        matrix: (frames of the video, moments of the reference) similarity, of the gap and as much to either side.
        gap: its frames. matched: mean similarity of matched frames.
    """
    moments = np.arange(matrix.shape[1])
    # of the best course that ends at each moment: its sum, what of that lies in the gap, and its sum if it may go back
    best, inside, back = (np.zeros(len(moments)) for _ in range(3))
    cost = _GOING_BACK * matched * (gap.stop - gap.start)
    for i, row in enumerate(matrix):
        before = np.maximum.accumulate(best)
        came_from = np.maximum.accumulate(np.where(best == before, moments, 0))
        inside = inside[came_from] + row * (gap.start <= i < gap.stop)
        best = row + before
        back = row + np.maximum(np.maximum.accumulate(back), back.max() - cost)
    reached = inside[best.argmax()] / (gap.stop - gap.start)
    return bool(reached >= _AS_SURE * matched and back.max() <= best.max() + 1e-9)


def tempo_curve(
    alignment: Alignment, window: float = 2.0, *, segments: Sequence[Segment] | None = None
) -> NDArray[np.float64]:
    """Seconds of B that pass in one second of A: (k, 2) float64 of (time in A, slope), one a matched pair that
    has another near it.

    Slopes are least-squares lines through the pairs of one segment within half a window to either side; of all
    segments, or of those given.
    """
    rows = []
    for segment in alignment.segments if segments is None else segments:
        times = alignment.times[segment.first : segment.last + 1]
        for centre in times[:, 0]:
            near = times[np.abs(times[:, 0] - centre) <= window / 2]
            spread = near[:, 0].var()
            if spread > 0:
                slope = ((near[:, 0] - near[:, 0].mean()) * (near[:, 1] - near[:, 1].mean())).mean() / spread
                rows.append((centre, max(0.0, float(slope))))
    return np.array(rows).reshape(-1, 2)


def _between(gaps: Sequence[Gap], alignment: Alignment, reference: Embedding, video: Embedding) -> list[Segment]:
    """The segments, cut at those of `gaps` that lie inside them: what is missing or added has no tempo."""
    cuts = set()
    for gap in gaps:
        column, pts = (0, reference.pts_seconds) if gap.video == "a" else (1, video.pts_seconds)
        cuts.add(int((pts[alignment.path[:, column]] < gap.start).sum()))
    parts = []
    for segment in alignment.segments:
        inside = sorted(cut for cut in cuts if segment.first < cut <= segment.last)
        for first, end in itertools.pairwise([segment.first, *inside, segment.last + 1]):
            parts.append(replace(segment, first=first, last=end - 1))
    return parts


def _tempo(
    alignment: Alignment, parts: Sequence[Segment], factor: float, window: float, min_seconds: float
) -> list[Deviation]:
    """Runs inside `parts` in which the tempo keeps beyond `factor` of the pair's median, on the video's clock."""
    curves = [tempo_curve(alignment, window, segments=[part]) for part in parts]
    slopes = np.concatenate([np.zeros(0), *(curve[:, 1] for curve in curves)])
    if len(slopes) < 3:
        return []
    typical = max(float(np.median(slopes)), 1e-3)
    found = []
    for curve in curves:
        ratio = np.log2(np.clip(curve[:, 1] / typical, 1 / 16, 16))
        at = alignment.b_at(curve[:, 0])
        for kind, beyond in (("slower", ratio >= np.log2(factor)), ("faster", ratio <= -np.log2(factor))):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], beyond.astype(np.int8), [0]])))
            for first, end in edges.reshape(-1, 2):
                start, stop = at[first], at[end - 1]
                if np.isfinite(start) and np.isfinite(stop) and stop - start >= min_seconds:
                    score = float((stop - start) * np.abs(ratio[first:end]).mean())
                    found.append(Deviation(kind, float(start), float(stop), score, float(start)))
    return found


def distance_rule(reference: Embedding, video: Embedding) -> NDArray[np.bool_]:
    """The simple rule others ship, for comparison: (m,) true where the distance along DTW is beyond mean + 2 sd."""
    path = align(reference, video, mode="global", verdict=False).path
    distance = -similarity(reference, video).numpy()[path[:, 0], path[:, 1]]
    odd = np.zeros(len(video.vectors), dtype=bool)
    odd[path[distance > distance.mean() + 2 * distance.std(), 1]] = True
    return odd
