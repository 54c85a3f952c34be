"""In which order the events of a video, and of many, come; and names that occur more than once told apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from syncline.data.labels.track import LabelTrack


def with_names(tracks: Sequence[LabelTrack], names: Sequence[str] | None = None) -> list[LabelTrack]:
    """Give all tracks the same events: `names`, or all that occur, each behind the one it follows; absent ones None.

    Examples:
        >>> a, b = with_names([LabelTrack("a", (("x", 0.0), ("z", 2.0))), LabelTrack("b", (("x", 0.0), ("y", 1.0)))])
        >>> a.events
        (('x', 0.0), ('y', None), ('z', 2.0))
    """
    order = list(names or ())
    if names is None:
        for track in tracks:
            place = 0
            for name in track.event_names:
                if name in order:
                    place = order.index(name) + 1
                else:
                    order.insert(place, name)
                    place += 1
    named = []
    for track in tracks:
        if not track.events:
            named.append(track)
            continue
        places = {name: number for number, name in enumerate(track.event_names)}
        events = tuple((name, track.events[places[name]][1] if name in places else None) for name in order)
        frames = None
        if track.frames is not None:
            frames = tuple(track.frames[places[name]] if name in places else None for name in order)
        named.append(replace(track, events=events, frames=frames))
    return named


def numbered(marks: Iterable[tuple[str, float]]) -> tuple[tuple[str, float | None], ...]:
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


def completed(
    events: tuple[tuple[str, float | None], ...], vocabulary: Sequence[str]
) -> tuple[tuple[str, float | None], ...]:
    """Events in the order of a vocabulary, None where absent; as they are if they hold a name that it lacks."""
    times = dict(events)
    if not vocabulary or any(name not in vocabulary for name in times):
        return events
    return tuple((name, times.get(name)) for name in dict.fromkeys(vocabulary))
