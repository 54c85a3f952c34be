"""The protocols: whole, re-timed and spliced clips, built from cached features.

- whole: the videos as they are, sampled as in training; events are carried at full frame rate.
- retimed: re-cuts of them (head and tail trimmed, pieces sped up or slowed down), as a CSV lists them.
- spliced: each validation clip with foreign stretches before, inside and after it, at full frame rate. A global
  alignment must give all of them a counterpart; a local one must not.

Clips hold the features of source frames, so a spliced clip has the features that its spliced film would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from syncline.data import Sampling, Video, VideoSet, events_from_phases
from syncline.encoder import FeatureCache
from syncline.evaluation.metric_inputs import Array, Group, sources_of
from syncline.video import VideoReader

PROTOCOLS = ("whole", "retimed", "spliced")
FULL = Sampling(stride=1)


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip to be embedded.

    Attributes:
        name: of the video. source: of which video it is. group: that, or the set of all sources that are in it.
        features: (t, f) float16, cached maps. steps: (t,) positions in the sampled sequence, in training steps.
        labels: (t,) int64 phases, -1 where unknown or not of the course.
        times: (t,) float64 seconds: of re-cuts the source's, of spliced clips their own.
        absent: numbers, from 0, of the key events that are marked as not happening in its source.
    """

    name: str
    source: str
    group: Group
    features: Array
    steps: Float64[np.ndarray, " t"]
    labels: Int64[np.ndarray, " t"]
    times: Float64[np.ndarray, " t"]
    absent: frozenset[int] = frozenset()

    def events(self, num_phases: int) -> tuple[int | None, ...]:
        """Position of every key event among its frames, None where it is absent: num_phases - 1 of them."""
        found = events_from_phases(self.labels, num_phases)
        return tuple(None if k in self.absent else event for k, event in enumerate(found))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Protocol:
    """The clips of one table: probes are fitted on `train`; events are carried between the clips of `dense`.

    `train` and `val` may be empty: then there is no probe, or nothing but events.
    """

    name: str
    train: tuple[Clip, ...]
    val: tuple[Clip, ...]
    dense: tuple[Clip, ...]


def evaluation_sampling(videos: VideoSet, rate_hz: float = 7.5) -> Sampling:
    """Sampling by a fixed stride, as the tables want it: every n-th frame so that about `rate_hz` a second are left.

    10 frames a second and fewer are all taken; 30 become every 4th.
    """
    rate = float(np.median([video.frame_rate for video in videos]))
    return Sampling(rate_hz=rate_hz, stride=max(1, round(rate / rate_hz)))


def make_protocols(
    videos: VideoSet,
    cache: FeatureCache,
    *,
    sampling: Sampling,
    recuts: VideoSet | None = None,
    names: Sequence[str] = PROTOCOLS,
    foreign: Sequence[Clip] = (),
    seed: int = 0,
) -> list[Protocol]:
    """The protocols `names`, of which `retimed` needs `recuts`.

    Args:
        videos: with splits; one without is its own validation set, and nothing is fitted.
        cache: of the backbone's features. sampling: of training.
        recuts: of the same videos, as `read_recuts` gives them.
        foreign: clips of another activity to splice in; without, stretches of other clips of the set that are out of
            their stead serve. seed: of the splicing.
    """
    train, val = videos.split("train"), videos.split("val")
    if not len(val):
        train, val = videos.split("none"), videos
    dense = [whole_clip(video, cache, sampling, dense=True) for video in val]
    made = []
    for name in names:
        if name == "whole":
            parts = [tuple(whole_clip(video, cache, sampling) for video in part) for part in (train, val)]
            made.append(Protocol(name, parts[0], parts[1], tuple(dense)))
        elif name == "retimed" and recuts is not None:
            fitted = tuple(recut_clip(video, cache) for video in recuts.split("train") if len(train))
            chosen = recuts.split("val") if len(train) else recuts
            cut = tuple(recut_clip(video, cache) for video in chosen)
            made.append(Protocol(name, fitted, cut, cut))
        elif name == "spliced":
            made.append(Protocol(name, (), (), tuple(splice(dense, foreign=foreign, seed=seed))))
        elif name != "retimed":
            raise ValueError(f"no protocol {name!r}; there are {', '.join(PROTOCOLS)}")
    return made


def whole_clip(video: Video, cache: FeatureCache, sampling: Sampling, *, dense: bool = False) -> Clip:
    """A video's sampled frames, or all of them (`dense`)."""
    found = cache.features(video, sampling=FULL if dense else sampling)
    steps = np.arange(len(found.frame_indices), dtype=np.float64)
    if dense and sampling.stride:
        steps = steps / sampling.stride
    elif dense:
        steps = (found.pts_seconds - found.pts_seconds[:1]) * sampling.rate_hz
    return Clip(
        video.name,
        video.source,
        video.source,
        found.features[0],
        steps,
        _labels(video, found.frame_indices),
        found.pts_seconds,
        video.absent_events,
    )


def recut_clip(video: Video, cache: FeatureCache) -> Clip:
    """A re-cut: its frames are sampled as in training, its times are the source's."""
    found = cache.features(video)
    pts_seconds = VideoReader(video.path).pts_seconds
    steps = np.arange(len(found.frame_indices), dtype=np.float64)
    return Clip(
        video.name,
        video.source,
        video.source,
        found.features[0],
        steps,
        _labels(video, found.frame_indices),
        pts_seconds[found.frame_indices],
        video.absent_events,
    )


def _labels(video: Video, frames: Int64[np.ndarray, " t"]) -> Int64[np.ndarray, " t"]:
    return np.full(len(frames), -1, dtype=np.int64) if video.phases is None else video.phases[frames]


def recut_by_chance(clip: Clip, *, seed: int) -> Clip:
    """A re-cut of a clip by chance: up to a tenth of head and tail left out, five pieces at 1/3 to 3 times the speed.

    Examples:
        >>> clip = Clip("a", "a", "a", np.zeros((50, 2)), np.arange(50.0), np.zeros(50, int), np.arange(50.0))
        >>> bool((np.diff(recut_by_chance(clip, seed=0).times) >= 0).all())
        True
    """
    random = np.random.default_rng([seed, len(clip)])
    first = random.uniform(0, 0.1) * len(clip)
    last = len(clip) - 1 - random.uniform(0, 0.1) * len(clip)
    edges = np.concatenate([[first], np.sort(random.uniform(first, last, 4)), [last]])
    speeds = np.exp(random.uniform(-np.log(3), np.log(3), 5))
    positions, at = [], first
    while at <= last:
        positions.append(at)
        at += float(speeds[min(int(np.searchsorted(edges, at, side="right")) - 1, 4)])
    return _taken(clip, np.rint(positions).astype(np.int64))


def _taken(clip: Clip, rows: Int64[np.ndarray, " k"]) -> Clip:
    steps = np.arange(len(rows), dtype=np.float64)
    return replace(clip, features=clip.features[rows], steps=steps, labels=clip.labels[rows], times=clip.times[rows])


@dataclass(frozen=True, eq=False)
class _Stretch:
    """Frames that are not of the course: whose, and which, in order of showing."""

    clip: Clip
    rows: Int64[np.ndarray, " k"]


def splice(clips: Sequence[Clip], *, foreign: Sequence[Clip] = (), seed: int = 0) -> list[Clip]:
    """Each clip with a stretch before it, one inside and one after, each a fifth to two fifths as long as the clip.

    A stretch is, by the toss of a coin, the clip itself played backwards, or foreign: of `foreign` if there are any,
    else of another clip of the set, of its last third where it comes before, of its first third where it comes after,
    and from either end inside, so that it shows no moment where it belongs. Labels there are -1, times are the clip's
    own, `group` holds all sources.

    Examples:
        >>> from dataclasses import replace
        >>> clip = Clip("a", "a", "a", np.zeros((50, 2)), np.arange(50.0), np.zeros(50, int), np.arange(50.0) / 10)
        >>> spliced = splice([clip, replace(clip, name="b", source="b", group="b")])
        >>> len(spliced[0]) > 65, int((spliced[0].labels == 0).sum())
        (True, 50)
    """
    result = []
    for index, clip in enumerate(clips):
        random = np.random.default_rng([seed, index])
        if len(clip) < 10:
            continue
        cut = int(random.integers(len(clip) // 4, 3 * len(clip) // 4))
        others = [other for other in (foreign or clips) if other is not clip and len(other) >= 10]
        before, inside, after = (_stretch(clip, others, part, bool(foreign), random) for part in range(3))
        rows = np.arange(len(clip))
        parts = [before, _Stretch(clip, rows[:cut]), inside, _Stretch(clip, rows[cut:]), after]
        result.append(_joined(clip, parts, course=(1, 3)))
    return result


def _stretch(clip: Clip, others: Sequence[Clip], part: int, foreign: bool, random: np.random.Generator) -> _Stretch:
    length = int(random.uniform(0.2, 0.4) * len(clip))
    if not others or random.random() < 0.5:
        first = int(random.integers(0, len(clip) - length + 1))
        return _Stretch(clip, np.arange(first, first + length)[::-1])
    other = others[int(random.integers(len(others)))]
    length = min(length, len(other) if foreign else len(other) // 3)
    late = part == 0 or (part == 1 and random.random() < 0.5)
    low, high = (0, len(other) - length) if foreign else ((len(other) - length,) * 2 if late else (0, 0))
    first = int(random.integers(low, high + 1))
    return _Stretch(other, np.arange(first, first + length))


def _joined(clip: Clip, parts: Sequence[_Stretch], *, course: tuple[int, ...]) -> Clip:
    own = [np.full(len(part.rows), i in course) for i, part in enumerate(parts)]
    labels = [np.where(mine, part.clip.labels[part.rows], -1) for mine, part in zip(own, parts)]
    total = sum(len(part.rows) for part in parts)
    pace = float(np.median(np.diff(clip.steps)))
    tick = float(np.median(np.diff(clip.times)))
    sources = frozenset().union(*(sources_of(part.clip.group) for part in parts))
    return Clip(
        name=f"{clip.name}+",
        source=clip.source,
        group=sources,
        features=np.concatenate([np.asarray(part.clip.features[part.rows]) for part in parts]),
        steps=np.arange(total) * pace,
        labels=np.concatenate(labels),
        times=np.arange(total) * tick,
        absent=clip.absent,
    )
