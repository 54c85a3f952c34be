"""Aligns two embedded videos: where they match, how surely, and where they do not.

`local` is affine-gap Smith-Waterman on the centred cosine similarity: what one video has and the other lacks stays
unaligned. Several segments are kept if they follow one another in both videos. `global` (dynamic time warping),
`subsequence` (the shorter video anywhere inside the longer) and `band` always give a path. For two long videos
(`pair_similarity.LONG` pairs of frames) `local` never holds the whole matrix: its confidences come from windows along
the path.

The similarity and whether two videos match come from `alignment.inference`, gap prices from
`alignment.alignment_settings`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from syncline.alignment import Path, dtw, expected_alignment, smith_waterman, smith_waterman_streamed
from syncline.alignment.alignment_settings import PAIR
from syncline.alignment.centring import CentredPair
from syncline.alignment.inference import in_order, match_score, match_score_streamed
from syncline.alignment.pin_masks import allowed_cells
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.parallel import results_in_order
from syncline.tasks.alignment_result import (
    NEAR,
    Alignment,
    alignment_of,
    matched_pairs,
    posterior_near,
)
from syncline.tasks.gap_scale import pair_gap_seconds
from syncline.tasks.pair_similarity import check_pair, is_long, similarity
from syncline.tasks.tempo_only_gaps import with_tempo

Mode = Literal["local", "global", "subsequence", "band"]
MODES: tuple[Mode, ...] = ("local", "global", "subsequence", "band")
WINDOW, MARGIN = 1024, 128


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
    min_gap: float | None = None,
    verdict: bool = True,
    pins: NDArray[np.int64] | None = None,
) -> Alignment:
    """Align two embedded videos in time.

    Args:
        a, b: embeddings of the same width; any frame features will do.
        mode: `local`, `global`, `subsequence` or `band`.
        gap_open, gap_extend: prices of a gap, in units of `similarity`.
        gamma: temperature of the expected alignment, from which confidences and sub-frame times come.
        segments: the most matched stretches that `local` may return.
        band: half width of the band as a share of the longer video (`band` only).
        min_gap: seconds; shorter unmatched runs are tempo, not gaps. None: `pair_gap_seconds`, a share of the two.
        verdict: compute `match_score` (four more alignments of the same size); NaN otherwise.
        pins: (k, 2) rows of A and of B that must match, ascending in both; the path goes through them. In the
            modes that always answer; `local` has pins by way of `alignment.Consensus`.

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
        raise SynclineError(f"mode must be one of {', '.join(MODES)}; got {mode!r}")
    check_pair(a, b)
    if pins is not None and mode == "local":
        raise SynclineError("pins in local alignments are a matter of the consensus: see align_within")
    min_gap = pair_gap_seconds(a, b) if min_gap is None else min_gap
    prices: dict[str, Any] = {"gap_open": gap_open, "gap_extend": gap_extend}
    if mode == "local" and is_long(a, b):
        paths, near, score = _long(a, b, segments, verdict, gamma, prices)
    else:
        paths, near, score = _short(a, b, mode, segments, band, verdict, gamma, prices, pins)
    return with_tempo(alignment_of(paths, near, a, b, min_gap=min_gap, match_score=score, mode=mode), a, b)


class PairAligner(Protocol):
    """A function that aligns many pairs: ``align_pairs``, or ``pairs_on_ray`` on a cluster."""

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


def _warp(matrix: torch.Tensor, mode: Mode, band: float, pins: NDArray[np.int64] | None = None) -> Path:
    """Dynamic time warping on 1 - cosine, up to a constant and in the units of the similarity.

    What contradicts a pin costs more than any way around it; it is not forbidden, because a pin of a first or last
    frame leaves no other way to the end.
    """
    cost = matrix.max() - matrix
    if pins is not None and len(pins):
        dear = float(cost.max()) * sum(matrix.shape) + 1.0
        cost = cost + dear * torch.from_numpy(~allowed_cells(len(matrix), matrix.shape[1], pins))
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
    prices: dict[str, Any], pins: NDArray[np.int64] | None,
) -> tuple[list[Path], NDArray[np.float64], float]:  # fmt: skip
    """Paths, the posterior near them, and the match score, from the whole matrix."""
    matrix = similarity(a, b)
    if mode == "local":
        paths = in_order(smith_waterman(matrix[None], segments=segments, **prices))
    else:
        paths = [path for path in [_warp(matrix, mode, band, pins)] if path.is_match.any()]
    near = posterior_near(expected_alignment(matrix[None], gamma=gamma, **prices)[0].numpy(), matched_pairs(paths))
    return paths, near, match_score(matrix, **prices) if verdict else float("nan")


def _long(
    a: Embedding, b: Embedding, segments: int, verdict: bool, gamma: float, prices: dict[str, Any]
) -> tuple[list[Path], NDArray[np.float64], float]:
    """Paths, the posterior near their pairs, and the match score of two videos too long for their matrix."""
    x, y = (torch.from_numpy(np.asarray(side.vectors, dtype=np.float32)) for side in (a, b))
    centred = CentredPair.of(x, y)
    found = smith_waterman_streamed(x, y, scale=centred.unit, segments=segments, **prices)
    paths = in_order(found)
    near = [np.zeros((0, 2 * NEAR + 1))]
    for path in paths:
        pairs = path.matches
        start = 0
        while start < len(pairs):
            stop = start + int(np.searchsorted((pairs[start:] - pairs[start]).max(axis=1), WINDOW))
            low = np.maximum(pairs[start] - MARGIN, 0)
            high = pairs[stop - 1] + MARGIN + 1
            window = centred.block(slice(low[0], high[0]), slice(low[1], high[1]))
            posterior = expected_alignment(window[None], gamma=gamma, **prices)[0].numpy()
            near.append(posterior_near(posterior, pairs[start:stop] - low))
            start = stop
    score = match_score_streamed(x, y, found[0].score, scale=centred.unit, **prices) if verdict else float("nan")
    return paths, np.concatenate(near), score
