"""Key events from a few labelled videos -> to all the others.

Every labelled video votes, for each of its events, on where the event lies in the target, in two ways: by the expected
local alignment (the posterior row of the event's frame: little mass where the target lacks the event) and by nearest
neighbours (similarity of the frames around the event). The votes add up to one density a target frame; events are
placed at its peaks, in their order; an event whose peak gathers too few votes is reported absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from syncline.alignment import expected_alignment
from syncline.alignment.settings import TRANSFER
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.tasks.pairs import similarity

NEIGHBOUR_GAMMA = 2.0
"""Temperature of the softmax over the similarities by which neighbours vote."""

WINDOW = 0.5
"""Seconds: votes within this distance count for the same moment; confidence is their share."""


@dataclass(frozen=True)
class LabelledVideo:
    """An embedding and its key events in seconds, one a event in the common order; None where the event is absent."""

    embedding: Embedding
    events: tuple[float | None, ...]


@dataclass(frozen=True)
class Transferred:
    """What was carried to one video.

    Attributes:
        source: the video.
        events: seconds of each event, None where it was found absent.
        confidence: (k,) float64 in [0, 1], of each placed event the (calibrated, if there were at least three labelled
            videos) probability that it lies within half a second; of an absent one, that it is absent.
    """

    source: str
    events: tuple[float | None, ...]
    confidence: NDArray[np.float64]


def transfer_events(
    labelled: Sequence[LabelledVideo],
    targets: Sequence[Embedding],
    *,
    alignment_weight: float = 0.7,
    absent_below: float = 0.25,
    gap_open: float = TRANSFER.gap_open,
    gap_extend: float = TRANSFER.gap_extend,
    gamma: float = TRANSFER.gamma,
    calibrate: bool = True,
) -> list[Transferred]:
    """Place the key events of `labelled` in every target.

    Args:
        labelled: one or a few videos with events, all of the same number of events.
        targets: embeddings of the same width.
        alignment_weight: share of the alignment's vote against the neighbours', in [0, 1].
        absent_below: an event with less than this share of the possible votes at its peak is absent.
        gap_open, gap_extend, gamma: of the expected alignment, in units of the similarity.
        calibrate: with at least three labelled videos, map confidences through leave-one-out hits among them.

    Raises:
        SynclineError: no labelled video, one without frames, different numbers of events, or an event outside its
            video.
    """
    _check(labelled)
    options = {"gap_open": gap_open, "gap_extend": gap_extend, "gamma": gamma}
    placed = [_place(labelled, target, alignment_weight, absent_below, options) for target in targets]
    if calibrate and len(labelled) >= 3:
        raw, hit = leave_one_out(
            labelled, alignment_weight=alignment_weight, absent_below=absent_below, gap_open=gap_open,
            gap_extend=gap_extend, gamma=gamma,
        )  # fmt: skip
        placed = [Transferred(video.source, video.events, _calibrated(video.confidence, raw, hit)) for video in placed]
    return placed


def leave_one_out(
    labelled: Sequence[LabelledVideo],
    *,
    alignment_weight: float = 0.7,
    absent_below: float = 0.25,
    gap_open: float = TRANSFER.gap_open,
    gap_extend: float = TRANSFER.gap_extend,
    gamma: float = TRANSFER.gamma,
    calibrated: bool = False,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is claimed of each labelled video from the others, against its own labels.

    Args:
        labelled: at least two.
        alignment_weight, absent_below, gap_open, gap_extend, gamma: as in `transfer_events`.
        calibrated: map each video's confidences through the other videos' hits, as a new video's would be; this is
            what a reliability plot shows.

    Returns:
        confidence (k,) and hit (k,), one entry an event of a video; hit is 1 where the event was placed within half a
        second, or rightly called absent.

    Raises:
        SynclineError: as `transfer_events`; fewer than two videos.
    """
    _check(labelled)
    if len(labelled) < 2:
        raise SynclineError("leaving one out needs at least two labelled videos")
    options = {"gap_open": gap_open, "gap_extend": gap_extend, "gamma": gamma}
    raw, hit = [], []
    for i, video in enumerate(labelled):
        rest = [other for j, other in enumerate(labelled) if j != i]
        found = _place(rest, video.embedding, alignment_weight, absent_below, options)
        for event, truth in zip(found.events, video.events, strict=True):
            right = (event is None) == (truth is None)
            if event is not None and truth is not None:
                right = abs(event - truth) <= WINDOW
            hit.append(float(right))
        raw.extend(found.confidence.tolist())
    confidence, right_or_not = np.array(raw), np.array(hit)
    if calibrated:
        whose = np.repeat(np.arange(len(labelled)), len(labelled[0].events))
        mapped = [
            _calibrated(confidence[whose == i], confidence[whose != i], right_or_not[whose != i])
            for i in range(len(labelled))
        ]
        confidence = np.concatenate(mapped)
    return confidence, right_or_not


def next_to_label(transferred: Sequence[Transferred]) -> str:
    """The source whose label would teach most: the one with the least mean confidence."""
    if not transferred:
        raise SynclineError("nothing was transferred, so there is no next video to label")
    return min(transferred, key=lambda video: float(video.confidence.mean())).source


def _check(labelled: Sequence[LabelledVideo]) -> None:
    if not labelled:
        raise SynclineError("no labelled video was given; label the key events of at least one")
    count = len(labelled[0].events)
    for video in labelled:
        source, pts = video.embedding.source, video.embedding.pts_seconds
        if not len(pts):
            raise SynclineError(f"{source} has no embedded frames, so its events lie nowhere")
        if len(video.events) != count:
            raise SynclineError(f"{source} has {len(video.events)} events, {labelled[0].embedding.source} has {count}")
        for event in video.events:
            if event is not None and not pts[0] - 1.0 <= event <= pts[-1] + 1.0:
                raise SynclineError(f"event at {event:.2f} s lies outside {source} ({pts[0]:.2f} to {pts[-1]:.2f} s)")


def event_votes(
    labelled: Sequence[LabelledVideo],
    target: Embedding,
    *,
    alignment_weight: float = 0.7,
    gap_open: float = TRANSFER.gap_open,
    gap_extend: float = TRANSFER.gap_extend,
    gamma: float = TRANSFER.gamma,
) -> NDArray[np.float64]:
    """Share of the votes for every event and target frame: (k, m) float64 in [0, 1], rows sum to at most 1.

    A row's missing mass is the share of the votes that say that the event is not there.
    """
    count, width = len(labelled[0].events), len(target.vectors)
    votes = np.zeros((count, width))
    for video in labelled:
        present = [k for k, event in enumerate(video.events) if event is not None]
        if len(present) == 0:
            continue
        matrix = similarity(video.embedding, target)
        posterior = expected_alignment(matrix[None], gap_open=gap_open, gap_extend=gap_extend, gamma=gamma)[0]
        posterior = posterior.double()
        for k in present:
            event = video.events[k]
            assert event is not None
            row = int(np.abs(video.embedding.pts_seconds - event).argmin())
            near = slice(max(0, row - 1), row + 2)
            aligned = posterior[near].sum(0).numpy()
            aligned /= max(1.0, aligned.sum())
            neighbours = torch.softmax(matrix[near].mean(0).double() / NEIGHBOUR_GAMMA, dim=0).numpy()
            votes[k] += alignment_weight * aligned + (1 - alignment_weight) * neighbours
    return np.asarray(votes / len(labelled))


def _place(
    labelled: Sequence[LabelledVideo],
    target: Embedding,
    alignment_weight: float,
    absent_below: float,
    options: dict[str, float],
) -> Transferred:
    votes = event_votes(labelled, target, alignment_weight=alignment_weight, **options)
    pts = target.pts_seconds
    windows = _windows(pts)
    smooth = np.zeros_like(votes)
    for column, window in enumerate(windows):
        smooth[:, column] = votes[:, window].sum(axis=1)
    chosen = _in_order(smooth, absent_below)
    events: list[float | None] = []
    confidence = np.zeros(len(votes))
    last = -np.inf
    for k, column in enumerate(chosen):
        if column < 0:
            events.append(None)
            confidence[k] = 1.0 - smooth[k].max(initial=0.0)
        else:
            weights = votes[k, windows[column]]
            # the columns ascend; the means of two windows that overlap need not
            last = max(last, float((weights * pts[windows[column]]).sum() / weights.sum()))
            events.append(last)
            confidence[k] = min(1.0, smooth[k, column])
    return Transferred(target.source, tuple(events), confidence)


def _windows(pts: NDArray[np.float64]) -> list[slice]:
    """Of every frame, the frames within `WINDOW` seconds of it."""
    first, end = 0, 0
    windows = []
    for second in pts:
        while second - pts[first] > WINDOW:
            first += 1
        while end < len(pts) and pts[end] - second <= WINDOW:
            end += 1
        windows.append(slice(first, end))
    return windows


def _in_order(smooth: NDArray[np.float64], absent_below: float) -> list[int]:
    """Columns of the events, ascending, that gather the most votes together; -1 where leaving the event out is better.

    Dynamic program over events: leaving one out earns `absent_below`, placing it at a column earns its votes there.
    """
    count, width = smooth.shape
    best = np.zeros(width + 1)  # best[j]: most votes so far with all placed events in columns < j
    choices: list[NDArray[np.int64]] = []
    for k in range(count):
        # placing event k at column j follows everything that ended at a column < j
        placing = best[:-1] + smooth[k]
        upto = np.maximum.accumulate(placing)
        where = np.zeros(width, dtype=np.int64)
        peak = 0
        for j in range(width):
            peak = j if placing[j] > placing[peak] else peak
            where[j] = peak
        left_out = best + absent_below
        placed = np.concatenate([[-np.inf], upto])
        choices.append(np.where(placed > left_out, np.concatenate([[-1], where]), -1))
        best = np.maximum(placed, left_out)
    columns, end = [], width
    for k in reversed(range(count)):
        column = int(choices[k][end])
        columns.append(column)
        if column >= 0:
            end = column
    return columns[::-1]


def _calibrated(
    confidence: NDArray[np.float64], raw: NDArray[np.float64], hit: NDArray[np.float64], prior: float = 4.0
) -> NDArray[np.float64]:
    """Share of leave-one-out hits among the labelled events of nearest raw confidence, shrunk to the overall share."""
    overall = (hit.sum() + 1.0) / (len(hit) + 2.0)
    nearest = max(1, len(raw) // 3)
    calibrated = np.empty_like(confidence)
    for i, value in enumerate(confidence):
        near = np.argsort(np.abs(raw - value), kind="stable")[:nearest]
        calibrated[i] = (hit[near].sum() + prior * overall) / (nearest + prior)
    return calibrated
