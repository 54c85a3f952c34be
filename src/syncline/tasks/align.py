"""Two embedded videos -> where they match, how surely, and where they do not.

`local` is the method's own: affine-gap Smith-Waterman on the centred cosine similarity, so that what one video has
and the other lacks stays unaligned; several segments are kept as long as they follow one another in both videos.
`global` (dynamic time warping), `subsequence` (the shorter video anywhere inside the longer) and `band` always answer.
Of two long videos (`pairs.LONG` pairs of frames) `local` never holds the whole matrix: its confidences come from
windows along the path.

Similarity and verdict are those of `alignment.inference`, prices of gaps those of `alignment.settings`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from syncline.alignment import Path, dtw, expected_alignment, smith_waterman, smith_waterman_streamed, unit_rows
from syncline.alignment.inference import in_order, match_score, match_score_streamed, similarity_unit
from syncline.alignment.settings import MATCH_THRESHOLD, PAIR
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.parallel import results_in_order
from syncline.tasks.pairs import check_pair, is_long, similarity

Mode = Literal["local", "global", "subsequence", "band"]
MODES: tuple[Mode, ...] = ("local", "global", "subsequence", "band")
_WINDOW, _MARGIN, _NEAR = 1024, 128, 2


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


@dataclass(frozen=True)
class Alignment:
    """Which moment of A is which moment of B.

    Attributes:
        path: (k, 2) int64, matched pairs of rows of A's and B's embedding, no row twice, ascending in both columns;
            in the other modes than `local` the frames during which one video waits for the other are in no pair.
        times: (k, 2) float64, the same pairs in seconds on each player's clock; B's is refined below one frame.
        confidence: (k,) float64 in [0, 1], probability that the pair is matched (within one frame of B).
        score: total score of the alignment (`local`) or minus its mean cost (the other modes).
        segments: matched stretches, in order of time; empty if nothing matches.
        gaps: stretches of either video without counterpart, at least `min_gap` seconds long.
        match_score: share of the local score that is lost when the order of B is destroyed; about 0 for strangers.
        mode: how it was made.
    """

    path: NDArray[np.int64]
    times: NDArray[np.float64]
    confidence: NDArray[np.float64]
    score: float
    segments: tuple[Segment, ...]
    gaps: tuple[Gap, ...]
    match_score: float
    mode: str

    @property
    def matches(self) -> bool:
        """Whether the two videos show the same course at all."""
        return bool(len(self.path)) and self.match_score >= MATCH_THRESHOLD

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


def align(
    a: Embedding,
    b: Embedding,
    *,
    mode: Mode = "local",
    gap_open: float = PAIR.gap_open,
    gap_extend: float = PAIR.gap_extend,
    gamma: float = PAIR.gamma,
    segments: int = 3,
    band: float = 0.1,
    min_gap: float = 0.5,
    verdict: bool = True,
) -> Alignment:
    """Align two embedded videos in time.

    Args:
        a, b: embeddings of the same width; any frame features will do.
        mode: `local`, `global`, `subsequence` or `band`.
        gap_open, gap_extend: prices of a gap, in units of `similarity`.
        gamma: temperature of the expected alignment, from which confidences and sub-frame times come.
        segments: the most matched stretches that `local` may return.
        band: half width of the band as a share of the longer video (`band` only).
        min_gap: seconds; shorter unmatched runs are tempo, not gaps.
        verdict: compute `match_score` (four more alignments of the same size); NaN otherwise.

    Returns:
        The alignment; with `local` its path is empty if nothing scores above 0.

    Raises:
        SynclineError: unknown mode, widths that differ, or an empty embedding.

    Examples:
        >>> t = np.linspace(0, 3, 40)
        >>> circle = lambda t: np.stack([np.cos(t), np.sin(t)], 1).astype(np.float32)
        >>> slow, fast = Embedding(circle(t), t, "slow"), Embedding(circle(t[::2]), t[:20], "fast")
        >>> bool(abs(align(slow, fast, mode="global").b_at(np.array([1.5]))[0] - 0.75) < 0.1)
        True
    """
    if mode not in MODES:
        raise SynclineError(f"unknown alignment mode {mode!r}; choose one of {', '.join(MODES)}")
    check_pair(a, b)
    prices: dict[str, Any] = {"gap_open": gap_open, "gap_extend": gap_extend}
    if mode == "local" and is_long(a, b):
        paths, near, score = _long(a, b, segments, verdict, gamma, prices)
    else:
        paths, near, score = _short(a, b, mode, segments, band, verdict, gamma, prices)
    pairs = _pairs(paths)
    times = _refine(pairs, near, a.pts_seconds, b.pts_seconds)
    kept = _segments(paths, times)
    return Alignment(
        path=pairs,
        times=times,
        confidence=np.asarray(np.minimum(near[:, _NEAR - 1 : _NEAR + 2].sum(axis=1), 1.0)),
        score=float(sum(path.score for path in paths)),
        segments=kept,
        gaps=_gaps(pairs, a.pts_seconds, b.pts_seconds, min_gap),
        match_score=score,
        mode=mode,
    )


class PairAligner(Protocol):
    """What aligns many pairs: ``align_pairs``, or ``pairs_on_ray`` on a cluster."""

    def __call__(
        self, embeddings: Sequence[Embedding], pairs: Iterable[tuple[int, int]] | None = None, **options: Any
    ) -> Iterator[tuple[int, int, Alignment]]: ...


def align_pairs(
    embeddings: Sequence[Embedding],
    pairs: Iterable[tuple[int, int]] | None = None,
    *,
    workers: int | None = None,
    **options: Any,
) -> Iterator[tuple[int, int, Alignment]]:
    """Align many pairs, on as many threads as torch has; a few at a time, so that memory does not grow with them.

    Args:
        embeddings: of one width.
        pairs: indices of A and B into `embeddings`; all pairs with the first before the second by default.
        workers: threads; `torch.get_num_threads()` by default. The kernels release the interpreter's lock.
        options: of `align`, the same for all; `verdict` is off by default here.

    Yields:
        (index of A, index of B, alignment), in the order of `pairs`, the same as `align` of each.

    Raises:
        SynclineError: as `align`; fewer than one worker.

    Examples:
        >>> t = np.linspace(0, 3, 40)
        >>> curve = np.stack([np.cos(t), np.sin(t)], 1).astype(np.float32)
        >>> three = [Embedding(curve, t, name) for name in "abc"]
        >>> [(i, j) for i, j, alignment in align_pairs(three)]
        [(0, 1), (0, 2), (1, 2)]
    """
    workers = torch.get_num_threads() if workers is None else workers
    if workers < 1:
        raise SynclineError(f"workers must be at least 1, got {workers}")
    options = {"verdict": False, **options}
    asked = iter(itertools.combinations(range(len(embeddings)), 2) if pairs is None else pairs)

    def one(pair: tuple[int, int]) -> tuple[int, int, Alignment]:
        i, j = pair
        return i, j, align(embeddings[i], embeddings[j], **options)

    yield from results_in_order(asked, one, workers=workers)


def _warp(matrix: torch.Tensor, mode: Mode, band: float) -> Path:
    """Dynamic time warping on 1 - cosine, up to a constant and in the units of the similarity."""
    cost = matrix.max() - matrix
    n, m = cost.shape
    if mode == "band":
        radius = max(1, int(np.ceil(band * max(n, m))))
        path = dtw(cost[None], band=radius)[0]
    elif mode == "subsequence":
        path = dtw((cost if n <= m else cost.T)[None], subsequence=True)[0]
        if n > m:
            path = Path(indices=path.indices[:, ::-1].copy(), score=path.score, is_match=path.is_match)
    else:
        path = dtw(cost[None])[0]
    return Path(indices=path.indices, score=-path.score / max(1, len(path.indices)), is_match=path.is_match)


def _short(
    a: Embedding, b: Embedding, mode: Mode, segments: int, band: float, verdict: bool, gamma: float,
    prices: dict[str, Any],
) -> tuple[list[Path], NDArray[np.float64], float]:  # fmt: skip
    """Paths, the posterior near them, and the match score, from the whole matrix."""
    matrix = similarity(a, b)
    if mode == "local":
        paths = in_order(smith_waterman(matrix[None], segments=segments, **prices))
    else:
        paths = [path for path in [_warp(matrix, mode, band)] if path.is_match.any()]
    near = _near(expected_alignment(matrix[None], gamma=gamma, **prices)[0].numpy(), _pairs(paths))
    return paths, near, match_score(matrix, **prices) if verdict else float("nan")


def _long(
    a: Embedding, b: Embedding, segments: int, verdict: bool, gamma: float, prices: dict[str, Any]
) -> tuple[list[Path], NDArray[np.float64], float]:
    """Paths, the posterior near their pairs, and the match score of two videos too long for their matrix."""
    x, y = (torch.from_numpy(np.asarray(side.vectors, dtype=np.float32)) for side in (a, b))
    scale = similarity_unit(x, y)
    found = smith_waterman_streamed(x, y, scale=scale, segments=segments, **prices)
    x, y = unit_rows(x), unit_rows(y)
    mean = x.mean(0) @ y.mean(0)
    paths = in_order(found)
    near = [np.zeros((0, 2 * _NEAR + 1))]
    for path in paths:
        pairs = path.matches
        start = 0
        while start < len(pairs):
            stop = start + int(np.searchsorted((pairs[start:] - pairs[start]).max(axis=1), _WINDOW))
            low = np.maximum(pairs[start] - _MARGIN, 0)
            high = pairs[stop - 1] + _MARGIN + 1
            window = (x[low[0] : high[0]] @ y[low[1] : high[1]].T - mean) / scale
            posterior = expected_alignment(window[None], gamma=gamma, **prices)[0].numpy()
            near.append(_near(posterior, pairs[start:stop] - low))
            start = stop
    score = match_score_streamed(x, y, found[0].score, scale=scale, **prices) if verdict else float("nan")
    return paths, np.concatenate(near), score


def _pairs(paths: list[Path]) -> NDArray[np.int64]:
    return np.concatenate([path.matches for path in paths]) if paths else np.zeros((0, 2), np.int64)


def _near(posterior: NDArray[np.float32], pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """(k, 5) posterior of each pair's frame of A with the two frames to either side of B's; 0 outside."""
    columns = pairs[:, 1, None] + np.arange(-_NEAR, _NEAR + 1)
    inside = (columns >= 0) & (columns < posterior.shape[1])
    found = posterior[pairs[:, :1], np.clip(columns, 0, posterior.shape[1] - 1)].astype(np.float64)
    return np.asarray(found * inside)


def _refine(
    pairs: NDArray[np.int64], near: NDArray[np.float64], pts_a: NDArray[np.float64], pts_b: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Times of the pairs; B's is the posterior mean over two frames to either side where that has any weight."""
    times = np.stack([pts_a[pairs[:, 0]], pts_b[pairs[:, 1]]], axis=1) if len(pairs) else np.zeros((0, 2))
    if not len(pairs):
        return times
    columns = np.clip(pairs[:, 1, None] + np.arange(-_NEAR, _NEAR + 1), 0, len(pts_b) - 1)
    mass = near.sum(axis=1)
    sure = mass > 0.1  # a path matches no frame twice
    times[sure, 1] = (near[sure] * pts_b[columns[sure]]).sum(axis=1) / mass[sure]
    times[:, 1] = np.maximum.accumulate(times[:, 1])
    return times


def _segments(paths: list[Path], times: NDArray[np.float64]) -> tuple[Segment, ...]:
    found, first = [], 0
    for path in paths:
        last = first + int(path.is_match.sum()) - 1
        (start_a, start_b), (end_a, end_b) = times[first], times[last]
        found.append(Segment(start_a, end_a, start_b, end_b, first, last, path.score))
        first = last + 1
    return tuple(found)


def _gaps(
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


def _carry(alignment: Alignment, seconds: NDArray[np.float64], column: int) -> NDArray[np.float64]:
    carried = np.full(seconds.shape, np.nan)
    for segment in alignment.segments:
        rows = alignment.times[segment.first : segment.last + 1]
        source, target = rows[:, column], rows[:, 1 - column]
        inside = (seconds >= source[0] - 1e-9) & (seconds <= source[-1] + 1e-9)
        knots, first = np.unique(source, return_index=True)
        ends = np.append(first[1:], len(source))
        values = np.array([target[i:j].mean() for i, j in zip(first, ends, strict=True)])
        carried[inside] = np.interp(seconds[inside], knots, values)
    return carried
