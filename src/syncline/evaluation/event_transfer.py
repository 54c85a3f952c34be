"""Event transfer error, the primary metric: how far off is a key event that is carried from one video to another?

Ours. The frame of event k is the one that is given, otherwise the first frame labelled k or later; then the event
counts as there if that frame exists and is not the clip's first. Phases alone cannot tell an absent event from one that
happens with the next, so data sets that mark events as absent hand the events over. For all ordered pairs (A, B) of
videos of different sources, every event that is there in A is mapped onto a frame of B:

    nearest   the frame of B with the closest embedding (squared Euclidean, first of equals)
    dtw       by the path of dynamic time warping on 1 - cosine; of several frames of B the middle one
    local     by the local alignment; abstains where no matched frame of A lies within two frames

If the event is there in B too, the error is |time of the mapped frame - time of B's event|. F1 counts at the tolerance:
a mapped event that B lacks is a false positive, one that B has and nothing was mapped to a false negative, one that is
off by more than the tolerance both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64, Int64

from syncline.alignment.alignment_settings import EVALUATION
from syncline.alignment.inference import carried, local_alignment, warp
from syncline.data import events_from_phases
from syncline.errors import check_choice
from syncline.evaluation.metric_inputs import Array, Group, as_embeddings, as_labels, comparable
from syncline.evaluation.neighbours import find_neighbours

By = Literal["nearest", "dtw", "local"]
TOLERANCE = 0.5
"""Seconds within which a carried event is right."""
REACH = 2
"""Frames of A that a matched frame may lie away from the event, for `local` to answer."""
SUMMARIES = ("median", "p90", "within", "f1", "median_percent", "answered")


def event_transfer_error(
    x: Sequence[Any],
    y: Sequence[Any],
    *,
    times: Sequence[Any] | None = None,
    groups: Sequence[Group] | None = None,
    by: By = "nearest",
    events: Sequence[Sequence[int | None]] | None = None,
    tolerance: float | None = None,
) -> dict[str, Any]:
    """Errors of key events carried between all ordered pairs of videos of different sources.

    Args:
        x: embeddings, one (t, d) array or tensor a video.
        y: phases, one (t,) array of integers a video; -1 where unknown, as in stretches that are not of the course.
        times: (t,) seconds of each video's frames; of re-cuts the source's. None: frame numbers in place of seconds.
        groups: source of each video; pairs that share one are left out.
        by: `nearest`, `dtw` or `local`.
        events: position in its embedding of every event of a video, None where it is absent; as many in each. None
            takes them from the phases.
        tolerance: seconds (of `times`) within which a carried event is right; None is .5.

    Returns:
        `median`, `p90`: of the errors, in seconds. `within`: share of errors within the tolerance. `median_percent`:
        median error in percent of B's duration. `f1`, `precision`, `recall` at the tolerance. `answered`: share of the
        events there in both that were mapped. `count`: how many these are. `per_video`: one dictionary a video with
        the same summaries over the pairs in which it is A. `per_pair`: `a`, `b`, `errors`, `hits`,
        `false_positives`, `false_negatives`. NaN where there is nothing to measure.

    Raises:
        ValueError: naming the argument.

    Examples:
        >>> import numpy as np
        >>> x = [np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [0.1, 1.0], [1.0, 1.0]])]
        >>> found = event_transfer_error(x, [np.array([0, 1, 1]), np.array([0, 0, 1])], times=[[0, 1, 2], [5, 6, 7]])
        >>> found["median"], found["f1"]
        (0.0, 1.0)
    """
    check_choice("by", by, By)
    embeddings = as_embeddings(x)
    labels = as_labels(y, embeddings)
    pts_seconds = _seconds(times, embeddings)
    allowed = comparable(groups, len(embeddings))
    phases = max((int(label.max()) for label in labels if label.size), default=-1) + 1
    within = TOLERANCE if tolerance is None else float(tolerance)
    if not within >= 0:
        raise ValueError(f"tolerance is {tolerance}; expected seconds of at least 0")
    if events is None:
        events = [events_from_phases(label, phases) for label in labels]
    else:
        events = _checked(events, embeddings)
    mapped = _mapped(embeddings, events, allowed, by)
    tallies = []
    for a, b in zip(*np.nonzero(allowed)):
        if len(embeddings[a]) and len(embeddings[b]):
            tallies.append(_tally(int(a), int(b), mapped[int(a), int(b)], events, pts_seconds, within))
    per_video = [summary([t for t in tallies if t.a == a], within) for a in range(len(embeddings))]
    return summary(tallies, within) | {"per_video": per_video, "per_pair": [tally.as_dict() for tally in tallies]}


@dataclass
class Tally:
    """Errors, hits and misses of the events of one pair of videos."""

    a: int
    b: int
    duration: float = 0.0
    errors: list[float] = field(default_factory=list)
    both: int = 0
    hits: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As in the result of `event_transfer_error`."""
        names = ("a", "b", "errors", "hits", "false_positives", "false_negatives")
        return {name: getattr(self, name) for name in names}


def _checked(events: Sequence[Sequence[int | None]], x: Sequence[Array]) -> list[tuple[int | None, ...]]:
    """The given events, if there are as many of every video and each lies in its embedding."""
    if len(events) != len(x):
        raise ValueError(f"{len(x)} videos, but events of {len(events)}")
    for index, (own, video) in enumerate(zip(events, x)):
        if len(own) != len(events[0]):
            raise ValueError(
                f"events[{index}] holds {len(own)} events, events[0] {len(events[0])}; None marks absent ones"
            )
        outside = next((event for event in own if event is not None and not 0 <= event < len(video)), None)
        if outside is not None:
            raise ValueError(f"events[{index}] has an event at {outside}; the video has {len(video)} frames")
    return [tuple(None if event is None else int(event) for event in own) for own in events]


def summary(tallies: Sequence[Tally], tolerance: float = TOLERANCE) -> dict[str, float]:
    """The numbers of `event_transfer_error` over some pairs."""
    errors = np.array([error for tally in tallies for error in tally.errors])
    shares = np.array([error / t.duration for t in tallies if t.duration > 0 for error in t.errors])
    hits = sum(tally.hits for tally in tallies)
    said = hits + sum(tally.false_positives for tally in tallies)
    there = hits + sum(tally.false_negatives for tally in tallies)
    both = sum(tally.both for tally in tallies)
    return {
        "median": float(np.median(errors)) if len(errors) else math.nan,
        "p90": float(np.quantile(errors, 0.9)) if len(errors) else math.nan,
        "within": float(np.mean(errors <= tolerance + 1e-9)) if len(errors) else math.nan,
        "median_percent": 100 * float(np.median(shares)) if len(shares) else math.nan,
        "f1": 2 * hits / (said + there) if said + there else math.nan,
        "precision": hits / said if said else math.nan,
        "recall": hits / there if there else math.nan,
        "answered": len(errors) / both if both else math.nan,
        "count": both,
    }


Events = Sequence[int | None]


def _mapped(
    x: Sequence[Float64[np.ndarray, "t d"]], events: Sequence[Events], allowed: Array, by: By
) -> dict[tuple[int, int], Int64[np.ndarray, " k"]]:
    """The frame of B for each event of A, for each allowed pair; -1 where it is absent or unanswered."""
    result = {}
    frames = [np.array([-1 if event is None else event for event in video], dtype=np.int64) for video in events]
    nearest = find_neighbours(x, allowed, per_video=True) if by == "nearest" else None
    for a, b in zip(*np.nonzero(allowed)):
        there = frames[a] >= 0
        found = np.full(len(frames[a]), -1, dtype=np.int64)
        if len(x[a]) and len(x[b]) and there.any():
            if nearest is not None:
                found[there] = nearest.nearest[nearest.offsets[a] + frames[a][there], b]
            elif by == "dtw":
                found[there] = carried(warp(x[a], x[b]).indices, frames[a][there], reach=0)
            else:
                matches = local_alignment(
                    x[a], x[b], scale=EVALUATION.unit, **EVALUATION.prices, posterior=False
                ).matches
                found[there] = carried(matches, frames[a][there], reach=REACH)
        result[int(a), int(b)] = found
    return result


def _tally(
    a: int,
    b: int,
    mapped: Int64[np.ndarray, " k"],
    events: Sequence[Events],
    pts_seconds: Sequence[Float64[np.ndarray, t]],
    tolerance: float = TOLERANCE,
) -> Tally:
    seconds = pts_seconds[b]
    tally = Tally(a, b, duration=float(np.ptp(seconds)))
    for own, other, frame in zip(events[a], events[b], mapped.tolist()):
        if own is None:
            continue
        if other is None:
            tally.false_positives += frame >= 0
            continue
        tally.both += 1
        if frame < 0:
            tally.false_negatives += 1
            continue
        error = abs(float(seconds[frame] - seconds[other]))
        tally.errors.append(error)
        if error <= tolerance + 1e-9:
            tally.hits += 1
        else:
            tally.false_positives += 1
            tally.false_negatives += 1
    return tally


def _seconds(times: Sequence[Any] | None, x: Sequence[Array]) -> list[Float64[np.ndarray, " t"]]:
    if times is None:
        return [np.arange(len(video), dtype=np.float64) for video in x]
    if len(times) != len(x):
        raise ValueError(f"{len(x)} videos, but {len(times)} of times")
    pts_seconds = [np.asarray(seconds, dtype=np.float64) for seconds in times]
    for index, (seconds, video) in enumerate(zip(pts_seconds, x)):
        if seconds.shape != (len(video),):
            raise ValueError(f"times[{index}] has shape {seconds.shape}; the video has {len(video)} frames")
    return pts_seconds


def label_floor(
    y: Sequence[Any],
    others: Sequence[Any],
    times: Sequence[Any],
    *,
    absent: Sequence[frozenset[int]] | None = None,
) -> dict[str, float]:
    """How far the same events lie apart under other labels of the same videos: no method is ranked below it.

    Args:
        y, others: phases of the same videos, one (t,) array each. times: (t,) seconds.
        absent: numbers, from 0, of the events that do not happen in each video.

    Returns:
        `median`, `p90`, `within` (.5 s) of the differences in seconds, and `median_percent`, `f1` ... as of
        `event_transfer_error`.

    Examples:
        >>> label_floor([[0, 0, 1, 1]], [[0, 1, 1, 1]], [[0.0, 0.25, 0.5, 0.75]])["median"]
        0.25
    """
    labels, moved = [np.asarray(v) for v in y], [np.asarray(v) for v in others]
    phases = max(int(v.max()) for v in labels) + 1
    tallies = []
    for i, (own, other) in enumerate(zip(labels, moved)):
        left_out = absent[i] if absent is not None else frozenset()
        events = [
            tuple(None if k in left_out else frame for k, frame in enumerate(events_from_phases(v, phases)))
            for v in (other, own)
        ]
        frames = np.array([-1 if event is None else event for event in events[0]], dtype=np.int64)
        tallies.append(_tally(0, 1, frames, events, [np.asarray(times[i])] * 2))
    return summary(tallies)
