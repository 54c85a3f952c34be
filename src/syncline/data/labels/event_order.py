"""Sorts the events of many videos into one order in time; videos that disagree are an error.

Names that occur more than once in a video are told apart by number, so that the second `up` of one video is the second
of another.
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from syncline.data.labels.video_labels import LabelTrack
from syncline.errors import SynclineError


def with_names(tracks: Sequence[LabelTrack], names: Sequence[str] | None = None) -> list[LabelTrack]:
    """Give all tracks the same events in the same order, None where absent.

    Args:
        tracks: labels of the videos.
        names: which events, in which order. None takes all that occur, in the order in which they happen; what no
            video orders comes behind the event that it follows in its file.

    Raises:
        SynclineError: two videos have two events in opposite orders; it names them.

    Examples:
        >>> a, b = with_names([LabelTrack("a", (("x", 0.0), ("z", 2.0))), LabelTrack("b", (("x", 0.0), ("y", 1.0)))])
        >>> a.events
        (('x', 0.0), ('y', None), ('z', 2.0))
        >>> with_names([LabelTrack("a", (("grasp", 3.0), ("approach", 1.0)))])[0].event_names
        ('approach', 'grasp')
    """
    order = list(names) if names is not None else order_in_time(tracks)
    return [_arranged(track, order) if track.events else track for track in tracks]


def _arranged(track: LabelTrack, order: Sequence[str]) -> LabelTrack:
    """The track with these events in this order, None where it has none of a name."""
    index = {name: number for number, name in enumerate(track.event_names)}
    at = [index.get(name) for name in order]
    events = tuple((name, None if k is None else track.events[k][1]) for name, k in zip(order, at, strict=True))
    frames, confidence, provenance = track.frames, track.confidence, track.provenance
    return replace(
        track,
        events=events,
        frames=None if frames is None else tuple(None if k is None else frames[k] for k in at),
        confidence=None if confidence is None else tuple(None if k is None else confidence[k] for k in at),
        provenance=None if provenance is None else tuple("" if k is None else provenance[k] for k in at),
    )


def order_in_time(tracks: Sequence[LabelTrack]) -> list[str]:
    """Names of all events in the order in which they happen.

    Raises:
        SynclineError: two videos have two events in opposite orders; it names them.
    """
    listed = _listed(tracks)
    rank = {name: number for number, name in enumerate(listed)}
    after: dict[str, set[str]] = {name: set() for name in listed}
    for track in tracks:
        groups = _moments(track)
        for earlier, later in itertools.pairwise(groups):
            for name in earlier:
                after[name].update(later)
    waits = dict.fromkeys(listed, 0)
    for followers in after.values():
        for name in followers:
            waits[name] += 1
    ready = [rank[name] for name in listed if not waits[name]]
    order: list[str] = []
    while ready:
        name = listed[heapq.heappop(ready)]
        order.append(name)
        for follower in after[name]:
            waits[follower] -= 1
            if not waits[follower]:
                heapq.heappush(ready, rank[follower])
    if len(order) < len(listed):
        raise _disagreement(tracks, set(listed) - set(order))
    return order


def _listed(tracks: Sequence[LabelTrack]) -> list[str]:
    """All names as the files list them, each behind the one it follows."""
    order: list[str] = []
    for track in tracks:
        index = 0
        for name in track.event_names:
            if name in order:
                index = order.index(name) + 1
            else:
                order.insert(index, name)
                index += 1
    return order


def _moments(track: LabelTrack) -> list[list[str]]:
    """Names of the events that are there, in groups of the same moment, in order of time."""
    found: dict[float, list[str]] = defaultdict(list)
    for number, (name, seconds) in enumerate(track.events):
        moment = track.frames[number] if track.frames is not None else seconds
        if moment is not None:
            found[float(moment)].append(name)
    return [found[moment] for moment in sorted(found)]


def _disagreement(tracks: Sequence[LabelTrack], names: set[str]) -> SynclineError:
    """Two events that two videos have in opposite orders, or events that several videos together order in a ring."""
    before: dict[tuple[str, str], str] = {}
    for track in tracks:
        own = [[name for name in group if name in names][:200] for group in _moments(track)]
        for k, group in enumerate(own):
            for name in group:
                for later in (other for following in own[k + 1 : k + 200] for other in following):
                    if (later, name) in before:
                        return SynclineError(
                            f"event {name!r} comes before {later!r} in {track.video}, but after it in "
                            f"{before[later, name]}; correct one of them, or choose events of one order "
                            "(--events, event_names)"
                        )
                    before.setdefault((name, later), track.video)
    some = ", ".join(repr(name) for name in sorted(names)[:4])
    return SynclineError(
        f"the videos order the events {some} in a ring; choose events of one order (--events, event_names)"
    )


def in_time(marks: Iterable[tuple[str, float]]) -> tuple[tuple[str, float | None], ...]:
    """Events in order of time; the second of a name becomes `name #2`."""
    ordered = sorted(marks, key=lambda mark: mark[1])
    names = told_apart([name for name, _ in ordered])
    return tuple((name, seconds) for name, (_, seconds) in zip(names, ordered, strict=True))


def told_apart(names: Sequence[str]) -> list[str]:
    """The same names, of which the second becomes `name #2`.

    Examples:
        >>> told_apart(["up", "down", "up"])
        ['up', 'down', 'up #2']
    """
    seen: dict[str, int] = defaultdict(int)
    apart = []
    for name in names:
        seen[name] += 1
        apart.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return apart


def with_absent(
    events: tuple[tuple[str, float | None], ...], vocabulary: Sequence[str]
) -> tuple[tuple[str, float | None], ...]:
    """Events in the order of a vocabulary, None where absent; as they are if they hold a name that it lacks."""
    times = dict(events)
    if not vocabulary or any(name not in vocabulary for name in times):
        return events
    return tuple((name, times.get(name)) for name in dict.fromkeys(vocabulary))
