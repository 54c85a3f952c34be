"""What somebody marked in one video: ordered events with their times, or a label for every frame.

Notable choices:
- An event is held in seconds, because that is what people mark; where a form counts frames, the frame number is kept
  beside it and wins, because in a video of variable rate number / rate is not the time. Where the form does not say
  the rate, the seconds stay None and only the frame is known.
- A segment (ELAN, Label Studio, a BORIS state) is the event of its beginning. It lasts up to the next event, as phases
  do everywhere here; where it ends earlier, that end is not kept.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syncline.data.labels import events_from_phases, phases_from_events
from syncline.data.videos import Video, VideoSet
from syncline.errors import SynclineError
from syncline.video.on_display import ROUNDING, frames_on_display
from syncline.video.scan import SUFFIXES

MAX_PHASES = 10_000
SLACK = 2  # frames by which labels and video may differ


@dataclass(frozen=True, eq=False)
class LabelTrack:
    """The labels of one video.

    Attributes:
        video: name of its file, as the label file has it.
        events: (name, seconds) in order; seconds None where the event is absent, or only its frame is known.
        phases: (num_frames,) int64 label of every frame, -1 unknown; None where the form has events only.
        frame_rate: frames a second as the label file says; None where it does not.
        num_frames: length of the video, None where unknown.
        split: "train", "val" or "".
        frames: frame number of every event, None where absent; None altogether for forms that count seconds.
        phase_names: names of the numbers in `phases`, () where they are only numbers.
    """

    video: str
    events: tuple[tuple[str, float | None], ...] = ()
    phases: NDArray[np.int64] | None = None
    frame_rate: float | None = None
    num_frames: int | None = None
    split: str = ""
    frames: tuple[int | None, ...] | None = None
    phase_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.frame_rate is not None and not 0 < self.frame_rate < 1e6:
            raise SynclineError(f"labels of {self.video}: {self.frame_rate} frames a second is no frame rate")
        for name, seconds in self.events:
            if seconds is not None and not -1e-3 <= seconds < 1e9:
                raise SynclineError(f"labels of {self.video}: event {name!r} at {seconds} s is not in a video")
        if self.frames is not None and len(self.frames) != len(self.events):
            raise SynclineError(f"labels of {self.video}: {len(self.events)} events with {len(self.frames)} frames")
        if self.frames is not None and any(frame is not None and frame < 0 for frame in self.frames):
            raise SynclineError(f"labels of {self.video}: an event at a frame below 0; frames count from 0")
        if self.phases is not None and len(self.phases) and self.phases.min() < -1:
            raise SynclineError(f"labels of {self.video}: label {self.phases.min()}; -1 is unknown, others start at 0")
        if self.phases is not None and len(self.phases) and self.phases.max() >= MAX_PHASES:
            raise SynclineError(f"labels of {self.video}: label {self.phases.max()}; up to {MAX_PHASES - 1} is read")

    @property
    def event_names(self) -> tuple[str, ...]:
        """Names of the events in order."""
        return tuple(name for name, _ in self.events)


def labels_to_phases(track: LabelTrack, num_frames: int, pts_seconds: ArrayLike) -> NDArray[np.int64]:
    """Phase of every frame of a video: (num_frames,) int64, -1 where unknown.

    An event belongs to the frame on display at its time. Labels one or two frames too long or too short for the video
    are trimmed, or their last repeated. A track in which nothing is marked gives -1 throughout.

    Args:
        track: labels of the video.
        num_frames: length of the video.
        pts_seconds: (num_frames,) when each frame is shown.

    Raises:
        SynclineError: labels of another length, events out of order or after the end.

    Examples:
        >>> track = LabelTrack("a.mp4", (("lift", 0.2), ("pour", None), ("stop", 0.4)))
        >>> labels_to_phases(track, 6, np.arange(6) / 10).tolist()
        [0, 0, 1, 1, 3, 3]
    """
    seconds = np.asarray(pts_seconds, dtype=np.float64)
    if seconds.shape != (num_frames,):
        raise SynclineError(f"{track.video}: {num_frames} frames with times of shape {seconds.shape}")
    if track.phases is not None:
        return fitted(track.phases, num_frames, track.video)
    if track.frames is not None:
        places: list[int | None] = list(track.frames)
    else:
        places = [None if time is None else frame_at(seconds, time) for _, time in track.events]
    if all(place is None for place in places):
        return np.full(num_frames, -1, dtype=np.int64)
    try:
        return phases_from_events(places, num_frames)
    except SynclineError as error:
        raise SynclineError(f"labels of {track.video}: {error}") from error


def frame_at(pts_seconds: NDArray[np.float64], seconds: float) -> int:
    """The frame on display at a time, by the rule of `video.on_display`.

    One past the last for a time after the end, which `phases_from_events` refuses.
    """
    gaps = np.diff(pts_seconds)
    shown = float(np.median(gaps)) if len(gaps) else 1.0
    after_end = len(pts_seconds) > 0 and seconds > float(pts_seconds[-1]) + shown + ROUNDING
    return len(pts_seconds) if after_end or not len(pts_seconds) else int(frames_on_display(pts_seconds, seconds)[0])


def counted_frame(seconds: float, frame_rate: float) -> int:
    """`frame_at` where of the video only its rate is known.

    Examples:
        >>> counted_frame(0.26, 10.0), counted_frame(0.3, 10.0)
        (2, 3)
    """
    return int((seconds + ROUNDING) * frame_rate)


def track_of_shown(
    video: Video, names: Sequence[str], seconds: Sequence[float | None], clock: NDArray[np.float64]
) -> LabelTrack:
    """The events of one video: the frames on display and their times, so that every form names the same frames.

    Args:
        video: its name, rate and split. names, seconds: of the events, None where absent; on the video's own clock.
        clock: when each of its frames is shown.
    """
    frames = tuple(None if s is None else min(frame_at(clock, s), len(clock) - 1) for s in seconds)
    times = [None if frame is None else max(0.0, float(clock[frame])) for frame in frames]
    events = tuple(zip(names, times, strict=True))
    return LabelTrack(video.name, events, None, video.frame_rate, len(clock), video.split, frames)


def fitted(labels: NDArray[np.int64], num_frames: int, video: str) -> NDArray[np.int64]:
    """Labels trimmed, or their last one repeated, to the length of the video: (num_frames,); at most two frames.

    Raises:
        SynclineError: the lengths differ by more, or there is no label at all.
    """
    if len(labels) == num_frames:
        return labels
    if abs(len(labels) - num_frames) > SLACK or not len(labels):
        raise SynclineError(f"{video}: {len(labels)} labels for {num_frames} frames; they may differ by {SLACK}")
    return labels[np.minimum(np.arange(num_frames), len(labels) - 1)]


def known_events(track: LabelTrack, num_phases: int = 0) -> LabelTrack:
    """The track with events in seconds: its own, or those that its phases imply (frames need a frame rate for that).

    Args:
        track: labels of one video.
        num_phases: how many phases there are at least, where the others of a set have more; those without a name are
            called by their number.

    Raises:
        SynclineError: frames without a frame rate, or labels that go back (no order of events has them).

    Examples:
        >>> known_events(LabelTrack("a", phases=np.array([0, 0, 1, 2]), frame_rate=10.0)).events
        (('phase 1', 0.2), ('phase 2', 0.3))
    """
    if track.events or track.phases is None:
        return replace(track, events=_in_seconds(track, track.event_names, track.frames)) if track.frames else track
    known = track.phases[track.phases >= 0]
    if (np.diff(known) < 0).any():
        raise SynclineError(f"{track.video}: its labels go back, so they are no ordered events; write .npy or .txt")
    num_phases = max(int(known.max()) + 1 if len(known) else 0, len(track.phase_names), num_phases)
    frames = events_from_phases(track.phases, num_phases)
    names = (*track.phase_names, *(f"phase {number}" for number in range(len(track.phase_names), num_phases)))
    return replace(track, events=_in_seconds(track, names[1:], frames), frames=frames)


def _in_seconds(
    track: LabelTrack, names: Sequence[str], frames: Sequence[int | None]
) -> tuple[tuple[str, float | None], ...]:
    """Events with the seconds that the track has of them, otherwise by their frames at its rate."""
    said = [second for _, second in track.events] or [None] * len(names)
    if track.frame_rate is None and any(f is not None and s is None for f, s in zip(frames, said, strict=True)):
        raise SynclineError(f"{track.video}: labels of frames have no times without a frame rate; give frame_rate")
    rate = track.frame_rate or 1.0
    return tuple(
        (name, second if second is not None or frame is None else frame / rate)
        for name, frame, second in zip(names, frames, said, strict=True)
    )


def known_phases(track: LabelTrack) -> NDArray[np.int64]:
    """Phase of every frame without looking at the video, from its number of frames and frame rate.

    Raises:
        SynclineError: the track does not say how long the video is or at which rate it runs.
    """
    if track.phases is not None:
        return track.phases
    if track.num_frames is None or track.frame_rate is None:
        raise SynclineError(f"{track.video}: a label for every frame needs num_frames and frame_rate")
    return labels_to_phases(track, track.num_frames, np.arange(track.num_frames) / track.frame_rate)


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


def tracks_of(videos: VideoSet, tracks: Sequence[LabelTrack]) -> dict[int, LabelTrack]:
    """Place of a video -> its track: that of its whole name, otherwise of its name without suffix or folders.

    A name without folders may fit several videos (`cam1/x.mp4`, `cam2/x.mp4`); which of them it means is not guessed.

    Raises:
        SynclineError: two tracks for one video, or a track that fits several videos.

    Examples:
        >>> from pathlib import Path
        >>> cameras = [Video(Path(name), name, name, 9, 3.0) for name in ("cam1/x.mp4", "cam2/x.mp4")]
        >>> list(tracks_of(VideoSet(tuple(cameras), "cameras"), [LabelTrack("cam2/x.mp4")]))
        [1]
    """
    stems = [video_stem(video.name) for video in videos]
    alike = Counter(video_stem(track.video) for track in tracks)
    once = {stem for stem, count in Counter(stems).items() if count == 1 == alike[stem]}
    found: dict[int, LabelTrack] = {}
    left = list(tracks)
    ways: tuple[Callable[[str, str], bool], ...] = (
        str.__eq__,
        lambda name, other: _whole(name) == _whole(other),
        lambda name, other: _ends_alike(_whole(name), _whole(other)) or video_stem(name) in once,
    )
    for fits in ways:
        by_stem: dict[str, list[LabelTrack]] = defaultdict(list)
        for track in left:
            by_stem[video_stem(track.video)].append(track)
        pairs = [(i, t) for i, stem in enumerate(stems) for t in by_stem[stem] if fits(videos[i].name, t.video)]
        pairs = _with_most_folders(videos, pairs)
        meant = Counter(id(track) for _, track in pairs)
        new: dict[int, LabelTrack] = {}
        for i, track in pairs:
            if i in found:
                continue
            name = videos[i].name
            if meant[id(track)] > 1:
                raise _several(track, name)
            if i in new:
                raise SynclineError(f"{name} has two labels ({new[i].video!r}, {track.video!r}); take one out")
            new[i] = track
        found |= new
        left = [track for track in left if not meant[id(track)]]
    for track in left:  # a path on another machine says less than a folder of the set does
        bearers = [video.name for video, stem in zip(videos, stems) if stem == video_stem(track.video)]
        if track.video.startswith("/") and len(bearers) > 1:
            raise _several(track, bearers[0])
    return found


def _with_most_folders(videos: VideoSet, pairs: list[tuple[int, LabelTrack]]) -> list[tuple[int, LabelTrack]]:
    """Of the videos whose names end a track's path only the one with most folders."""
    longest: dict[int, int] = {}
    for place, track in pairs:
        name = _whole(videos[place].name)
        if f"/{_whole(track.video)}".endswith(f"/{name}"):
            longest[id(track)] = max(longest.get(id(track), 0), len(name))
    return [(i, t) for i, t in pairs if longest.get(id(t)) in (None, len(_whole(videos[i].name)))]


def _several(track: LabelTrack, name: str) -> SynclineError:
    return SynclineError(
        f"the labels of {track.video!r} may be of {name} or of another video of that name; give its folder in the "
        "label file"
    )


def attach_labels(videos: VideoSet, tracks: Sequence[LabelTrack]) -> VideoSet:
    """Videos with the labels of the tracks that bear their names (see `tracks_of`); others stay as they are.

    Raises:
        SynclineError: no track fits any video, tracks that fit several, or labels that do not fit their video.
    """
    from syncline.video import VideoReader

    found = tracks_of(videos, tracks)
    if not found:
        given = tracks[0].video if tracks else "none"
        raise SynclineError(f"the labels name none of the {len(videos)} videos of {videos.name} (the first: {given})")
    labelled: list[Video] = list(videos)
    for i, track in found.items():
        video = videos[i]
        pts = VideoReader(video.path).pts_seconds
        first, end = video.span or (0, video.num_frames)
        phases = np.full(video.num_frames, -1, dtype=np.int64)  # of a part, the rest of the file is unknown
        phases[first:end] = labels_to_phases(track, end - first, video.clock(pts)[: end - first])
        labelled[i] = replace(video, phases=phases, split=track.split or video.split)
    names = max((track.event_names for track in tracks), key=len, default=()) or videos.event_names
    return replace(videos, videos=tuple(labelled), event_names=names)


def video_stem(name: str) -> str:
    """The name of a video without folders and without the suffix of a film; other dots stay.

    Examples:
        >>> video_stem("day 1/cup.v2.MP4"), video_stem("cup.v2")
        ('cup.v2', 'cup.v2')
    """
    return _whole(name).rsplit("/", 1)[-1]


def _whole(name: str) -> str:
    """The name of a video with its folders, without the suffix of a film; letters with accents count as one.

    macOS writes `é` in the names of files as two, people in tables as one.
    """
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    rest, dot, suffix = name.rpartition(".")
    return rest if dot and rest and rest[-1] != "/" and f".{suffix.lower()}" in SUFFIXES else name


def _ends_alike(name: str, other: str) -> bool:
    """Whether one of two names is the other without some of its folders."""
    return f"/{name}".endswith(f"/{other}") or f"/{other}".endswith(f"/{name}")
