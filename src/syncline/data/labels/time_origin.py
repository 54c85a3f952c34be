"""Converts times that count from the start of a container to times from the first picture.

Everywhere else here seconds count from the first picture. A container begins with its earliest stream: where sound
comes before the pictures, `container_offset` seconds lie between the two. Nothing else turns one into the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from syncline.data.labels.attach_labels import tracks_of
from syncline.data.labels.video_labels import LabelTrack
from syncline.data.video_set import Video, VideoSet
from syncline.errors import SynclineError


def container_offset(video: Video) -> float:
    """Seconds by which the first picture of a video comes after its container's beginning.

    Raises:
        SynclineError: a video that is a part of a file, whose labels count from where the part begins.
    """
    from syncline.video import open_video

    if video.span is not None:
        raise SynclineError(
            f"{video.name} is a part of a file, and its seconds count from where it begins, never from the "
            "container's beginning"
        )
    return float(open_video(video.path).container_offset)


def origins_of(videos: Iterable[Video], origin: str) -> list[float]:
    """The seconds to add, for each video, to times from the first picture to get times from the origin.

    Args:
        origin: "picture" (nothing is added) or "container" (`container_offset`).

    Raises:
        SynclineError: with "container", a part of a file.
    """
    return [container_offset(video) if origin == "container" else 0.0 for video in videos]


def from_container(track: LabelTrack, offset: float) -> LabelTrack:
    """The track in seconds from the first picture; given are seconds from the container's beginning.

    Args:
        track: whose events' seconds are meant so; frames stay what they are. offset: `container_offset` of its video.

    Raises:
        SynclineError: an event before the first picture.

    Examples:
        >>> from_container(LabelTrack("a.mkv", (("lift", 1.5), ("stop", None))), 0.5).events
        (('lift', 1.0), ('stop', None))
    """
    for name, seconds in track.events:
        if seconds is not None:
            second_from_container(seconds, offset, f"labels of {track.video}: event {name!r}")
    return _moved(track, -offset)


def second_from_container(second: float, offset: float, what: str) -> float:
    """A second from the first picture; given is one from the container's beginning.

    Args:
        second: of the container. offset: `container_offset`. what: named in the error.

    Raises:
        SynclineError: more than a millisecond before the first picture.
    """
    if second < offset - 1e-3:
        raise SynclineError(
            f"{what} at {second:g} s of the container comes before its first picture, at {offset:.3f} s"
        )
    return second - offset


def in_container(track: LabelTrack, offset: float) -> LabelTrack:
    """The track with its events and its film's time stamps in seconds from the container's beginning, to be written.

    Examples:
        >>> in_container(LabelTrack("a.mkv", (("lift", 1.0),)), 0.5).events
        (('lift', 1.5),)
    """
    return _moved(track, offset)


def tracks_from_container(videos: VideoSet, tracks: Sequence[LabelTrack]) -> list[LabelTrack]:
    """The tracks, those of the videos in seconds from the first picture of each.

    Raises:
        SynclineError: a part of a file, or an event before the first picture.
    """
    offsets = {id(track): container_offset(videos[i]) for i, track in tracks_of(videos, tracks).items()}
    return [from_container(track, offsets[id(track)]) if id(track) in offsets else track for track in tracks]


def _moved(track: LabelTrack, by: float) -> LabelTrack:
    events = tuple((name, None if seconds is None else seconds + by) for name, seconds in track.events)
    return replace(track, events=events, pts_seconds=None if track.pts_seconds is None else track.pts_seconds + by)
