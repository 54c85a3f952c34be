"""Finds what a video does differently: missing, added, repeated or out-of-order parts, slower or faster stretches.

Against one reference (`deviate`), stretches come from the alignment of the two. Against a group (`deviate_from_group`),
the reference is the video that represents the group, and the consensus of all videos decides: a part of the reference
is missing if it has no counterpart in the video by any way through the others, a part of the video is added if the
others do not show it. `slower` and `faster` stretches do not count in how odd a video is.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from syncline.alignment import smith_waterman
from syncline.alignment.alignment_settings import MATCH_THRESHOLD, PAIR
from syncline.alignment.consensus import Consensus
from syncline.alignment.inference import match_score
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.progress import Callback, Steps, silent
from syncline.tasks.align import align
from syncline.tasks.align_by_folder import align_within, reference_of
from syncline.tasks.alignment_result import Alignment, Gap, Segment
from syncline.tasks.deviation_result import TEMPO, Deviation, Report
from syncline.tasks.gap_scale import gap_seconds
from syncline.tasks.pair_similarity import check_pair, similarity, similarity_blocks
from syncline.tasks.tempo_only_gaps import takes_time

UNKNOWN_SHARE = 0.5
"""Of the probability that most frames have of a counterpart: a stretch whose frames have less is missing or added, any
other gap is tempo."""
LEAST_SHARE = 0.1
"""Of the median video: shorter stretches are not reported (a second of ten)."""
STRANGER = 10.0
"""Oddness of a video that shows another activity: above what any other reaches."""


def deviate(
    reference: Embedding,
    video: Embedding,
    *,
    alignment: Alignment | None = None,
    min_seconds: float | None = None,
    tempo: float = 1.6,
    window: float | None = None,
) -> Report:
    """Compare a video with a reference.

    Args:
        reference, video: embeddings of one width.
        alignment: of the two, reference first; made here by default.
        min_seconds: shorter stretches are not reported. None: `LEAST_SHARE` of the reference.
        tempo: a stretch is slower or faster if its tempo differs from the pair's median by at least this factor (> 1).
        window: seconds over which tempo is measured. None: twice as long as the shortest stretch.

    Raises:
        SynclineError: widths that differ, empty embeddings, or `tempo` not above 1.
    """
    if tempo <= 1:
        raise SynclineError(f"tempo must be above 1, got {tempo}")
    check_pair(reference, video)
    least = gap_seconds([reference], share=LEAST_SHARE) if min_seconds is None else min_seconds
    alignment = align(reference, video, min_gap=least) if alignment is None else alignment
    found: list[Deviation] = []
    cuts: list[Gap] = []
    halts = [halt for halt in alignment.slower if halt.video == "b"]
    unlike = unlikeness(reference, video)
    for gap in alignment.gaps:
        if gap.video == "a":
            inside = (reference.pts_seconds >= gap.start) & (reference.pts_seconds < gap.end)
            weight = _weighted(unlike[0][inside], gap.end - gap.start)
            shown_at = _expected_at(alignment, gap.start, video)
            found.append(Deviation("missing", gap.start, gap.end, weight, shown_at))
        else:
            inside = (video.pts_seconds >= gap.start) & (video.pts_seconds < gap.end)
            kind = kind_of_extra(reference, video, np.flatnonzero(inside), alignment)
            weight = _weighted(unlike[1][inside], gap.end - gap.start)
            if kind == "slower":
                halts.append(gap)
                continue
            found.append(Deviation(kind, gap.start, gap.end, weight, gap.start))
        cuts.append(gap)
    for halt in halts:
        if not len(alignment.times) or not alignment.times[0, 1] < halt.start < alignment.times[-1, 1]:
            weight = float((halt.end - halt.start) * np.log2(tempo))  # the tempo of all others is measured below
            found.append(Deviation("slower", halt.start, halt.end, weight, halt.start))
            cuts.append(halt)
    parts = _between(cuts, alignment, reference, video)
    found += _tempo(alignment, parts, tempo, 2 * least if window is None else window, least)
    return _report(video, found, alignment.match_score)


def deviate_from_group(
    embeddings: Sequence[Embedding],
    consensus: Consensus,
    *,
    reference: int | None = None,
    min_seconds: float | None = None,
    tempo: float = 1.6,
    only: Sequence[int] | None = None,
    doubtful: Sequence[int] = (),
    callback: Callback = silent,
) -> tuple[int, list[Report]]:
    """Compare every video of a folder with the one that represents it, by the folder's consensus.

    Args:
        embeddings: of the folder.
        consensus: of them; videos of weight 0, and those of another group than the reference's, are strangers to it:
            they show another activity, and are not compared.
        reference: index of the video to compare with. None: `reference_of` the consensus.
        min_seconds: shorter stretches are not reported. None: `LEAST_SHARE` of the folder's median video.
        tempo: as `deviate` takes it.
        only: indices of the videos that are compared; all by default.
        doubtful: indices of videos of weight 0 that are compared anyway (`Votes.doubtful`).
        callback: told ("comparing", done, total) after every video that is compared.

    Returns:
        The reference's index, and a report of every other video that is compared, in the order given.
    """
    start = reference_of(consensus) if reference is None else reference
    least = gap_seconds(embeddings, share=LEAST_SHARE) if min_seconds is None else min_seconds
    reports = []
    chosen = range(len(embeddings)) if only is None else only
    step = Steps("comparing", len(chosen), callback)
    for i in chosen:
        video = embeddings[i]
        known = consensus.weights[i] > 0 or i in doubtful
        if i != start and not (known and consensus.groups[i] == consensus.groups[start]):
            score = match_score(similarity(embeddings[start], video))
            duration = float(video.pts_seconds[-1] - video.pts_seconds[0])
            reports.append(Report(video.source, (), STRANGER, duration, score, stranger=True))
        elif i != start:
            alignment = align_within(consensus, embeddings, start, i, min_gap=least)
            reports.append(_by_consensus(consensus, embeddings, start, i, alignment, least, tempo))
        step()
    return start, reports


def _by_consensus(
    consensus: Consensus,
    embeddings: Sequence[Embedding],
    reference: int,
    number: int,
    alignment: Alignment,
    least: float,
    tempo: float,
) -> Report:
    """A report in which those stretches are missing or added of which the consensus knows no counterpart."""
    in_video = np.asarray(consensus.matrix(reference, number).sum(axis=1))
    of_reference = _unshared(in_video, embeddings[reference].pts_seconds, least)
    of_video = _unshared(consensus.coverage(number), embeddings[number].pts_seconds, least)
    kept = [Gap("a", start, end) for start, end in of_reference] + [Gap("b", start, end) for start, end in of_video]
    passed = [gap for gap in alignment.gaps if not any(_overlap(gap, other) for other in kept)]
    only = replace(alignment, gaps=tuple(kept))
    report = deviate(embeddings[reference], embeddings[number], alignment=only, min_seconds=least, tempo=tempo)
    found = list(report.deviations)
    for gap in passed:  # shown at another pace than one frame for one
        if gap.end - gap.start < 2 * least:
            continue
        weight = float((gap.end - gap.start) * np.log2(tempo))
        if gap.video == "b":
            found.append(Deviation("slower", gap.start, gap.end, weight, gap.start))
        elif len(alignment.times):
            at = _expected_at(alignment, gap.start, embeddings[number])
            after = alignment.times[alignment.times[:, 1] > at, 1]
            found.append(Deviation("faster", at, float(after[0]) if len(after) else at, weight, at))
    return _report(embeddings[number], found, alignment.match_score)


def _unshared(shares: NDArray[np.float64], pts: NDArray[np.float64], least: float) -> list[tuple[float, float]]:
    """(start, end) seconds of runs, `least` long or longer, whose frames have few counterparts for this video.

    Args:
        shares: (n,) probability of each frame to have a counterpart; single frames have one by chance, so what counts
            is their mean over `least` seconds.
    """
    step = float(np.median(np.diff(pts))) if len(pts) > 1 else 0.0
    reach = int(least / step / 2) if step else 0
    padded = np.pad(shares, reach, mode="edge")
    smooth = np.convolve(padded, np.full(2 * reach + 1, 1 / (2 * reach + 1)), mode="valid")
    few = smooth < UNKNOWN_SHARE * np.median(shares)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], few.astype(np.int8), [0]]))).reshape(-1, 2)
    runs: list[tuple[float, float]] = []
    for first, end in edges:
        start, stop = float(pts[first]), float(pts[end - 1]) + step
        if runs and start - runs[-1][1] < least:  # a few frames that look like something of the group
            start = runs.pop()[0]
        runs.append((start, stop))
    return [(start, end) for start, end in runs if end - start >= least - 1e-9]


def _overlap(gap: Gap, other: Gap) -> bool:
    """Whether a gap lies, by half or more, in another of the same video."""
    both = min(gap.end, other.end) - max(gap.start, other.start)
    return gap.video == other.video and both >= 0.5 * (gap.end - gap.start)


def _report(video: Embedding, found: Sequence[Deviation], score: float) -> Report:
    duration = float(video.pts_seconds[-1] - video.pts_seconds[0])
    odd = sum(deviation.score for deviation in found if deviation.kind not in TEMPO)
    oddness = odd / max(duration, 1e-3) + max(0.0, MATCH_THRESHOLD - score)
    ordered = tuple(sorted(found, key=lambda deviation: deviation.shown_at))
    return Report(video.source, ordered, oddness, duration, score)


def rank(reports: Sequence[Report]) -> list[Report]:
    """Sorts from typical to odd; among equally odd ones, fewer deviations (of tempo) first."""
    return sorted(reports, key=lambda report: (report.oddness, len(report.deviations)))


def _expected_at(alignment: Alignment, second: float, video: Embedding) -> float:
    """The moment of the video at which the reference's would come: the last one matched before it, else its first."""
    before = np.flatnonzero(alignment.times[:, 0] <= second)
    return float(alignment.times[before[-1], 1] if len(before) else video.pts_seconds[0])


def unlikeness(reference: Embedding, video: Embedding) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How unlike its best counterpart every frame of each video is: 0 (as like as matched frames are) to 1."""
    blocks = [(block.amax(1), block.amax(0)) for _, block in similarity_blocks(reference, video)]
    best_a = torch.cat([rows for rows, _ in blocks]).double().numpy()
    best_b = torch.stack([columns for _, columns in blocks]).amax(0).double().numpy()
    typical = max(float(np.median(np.concatenate([best_a, best_b]))), 1e-6)
    return np.clip(1.0 - best_a / typical, 0.0, 1.0), np.clip(1.0 - best_b / typical, 0.0, 1.0)


def _weighted(unlike: NDArray[np.float64], seconds: float) -> float:
    return seconds * (0.5 + 0.5 * float(unlike.mean())) if len(unlike) else 0.0


def kind_of_extra(
    reference: Embedding, video: Embedding, rows: NDArray[np.int64], alignment: Alignment, share: float = 0.6
) -> str:
    """What a stretch without counterpart is: `slower` if the video only takes its time (`takes_time`), `repeated` or
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
    if len(near) and takes_time(around[near[0] : near[-1] + 1].T.numpy(), inside, matched):
        return "slower"
    path = smith_waterman(around[None, :, inside], **PAIR.prices)[0]
    pairs = path.indices[path.is_match]
    if len(pairs) < share * len(rows) or path.score < share * matched * len(pairs):
        return "extra"
    elsewhere = np.isin(pairs[:, 0], alignment.path[:, 0]).mean()
    return "repeated" if elsewhere > 0.5 else "out_of_order"


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
    """Runs inside `parts` in which the tempo keeps beyond `factor` of the pair's median, in seconds of the video."""
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
