"""`LabelTrack`: the labels of one video, as ordered events with times or one label a frame.

Notable choices:
- Seconds count from the first displayed picture of the film.
- An event is held in seconds, because that is what people mark; where a form counts frames, the frame number is kept
  beside it and wins, because in a film of variable rate number / rate is not the time.
- Seconds become frames, and frames seconds, by the film's own time stamps. Where the film is not available that takes a
  frame rate that somebody guarantees: the rate that a label file names is a mean, and serves nothing here.
- A segment (ELAN, Label Studio, a BORIS state) is the event of its beginning. It lasts up to the next event, as phases
  do everywhere here; where it ends earlier, that end is not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syncline.data.phases import events_from_phases, phases_from_events
from syncline.data.video_set import Video
from syncline.errors import SynclineError
from syncline.video.on_display import ROUNDING, frames_on_display

MAX_PHASES = 10_000
SLACK = 2  # frames by which labels and video may differ


@dataclass(frozen=True, eq=False)
class LabelTrack:
    """The labels of one video.

    Attributes:
        video: name of its file, as the label file has it.
        events: (name, seconds) in order; seconds None where the event is absent, or only its frame is known.
        phases: (num_frames,) int64 label of every frame, -1 unknown; None where the form has events only.
        frame_rate: frames a second of a film whose rate is constant, as the caller says; None where nobody does. Beside
            `pts_seconds` it is only the mean.
        num_frames: length of the video, None where unknown.
        split: "train", "val" or "".
        frames: frame number of every event, None where absent; None altogether for forms that count seconds.
        phase_names: names of the numbers in `phases`, () where they are only numbers.
        pts_seconds: (num_frames,) float64 time stamps of the film; None where it is not available.
        confidence: of every event, in [0, 1], None where nobody said; None altogether without any.
        provenance: of every event who placed it (`by hand`, `carried`), "" unknown; None altogether without any.
        folder: where the label file lies, None where the labels come from no file; the film is looked for beside it.
    """

    video: str
    events: tuple[tuple[str, float | None], ...] = ()
    phases: NDArray[np.int64] | None = None
    frame_rate: float | None = None
    num_frames: int | None = None
    split: str = ""
    frames: tuple[int | None, ...] | None = None
    phase_names: tuple[str, ...] = ()
    pts_seconds: NDArray[np.float64] | None = None
    confidence: tuple[float | None, ...] | None = None
    provenance: tuple[str, ...] | None = None
    folder: Path | None = None

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
        for what in (self.confidence, self.provenance):
            if what is not None and len(what) != len(self.events):
                raise SynclineError(f"labels of {self.video}: {len(self.events)} events with {len(what)} remarks")
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
        frames: list[int | None] = list(track.frames)
    else:
        frames = [None if time is None else frame_at(seconds, time) for _, time in track.events]
    if all(frame is None for frame in frames):
        return np.full(num_frames, -1, dtype=np.int64)
    _check_end(track, frames, num_frames)
    try:
        return phases_from_events(frames, num_frames)
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
    video: Video,
    names: Sequence[str],
    seconds: Sequence[float | None],
    pts_seconds: NDArray[np.float64],
    *,
    confidence: Sequence[float | None] | None = None,
    provenance: Sequence[str] | None = None,
) -> LabelTrack:
    """The events of one video: the frames on display and their times, so that every form names the same frames.

    Args:
        video: its name, rate and split. names, seconds: of the events, None where absent.
        pts_seconds: when each of its frames is shown. confidence, provenance: as in `LabelTrack`.
    """
    events = tuple(zip(names, seconds, strict=True))
    remarks = None if confidence is None else tuple(confidence), None if provenance is None else tuple(provenance)
    track = LabelTrack(video.name, events, None, video.frame_rate, len(pts_seconds), video.split)
    return with_times(replace(track, confidence=remarks[0], provenance=remarks[1]), pts_seconds)


def with_times(track: LabelTrack, pts_seconds: NDArray[np.float64]) -> LabelTrack:
    """The track with its film's time stamps: frames and seconds of every event name the same moment.

    Raises:
        SynclineError: phases of another length than the film, or an event after its end.
    """
    count = len(pts_seconds)
    if track.phases is not None and not track.events:
        return replace(
            track, phases=fitted(track.phases, count, track.video), num_frames=count, pts_seconds=pts_seconds
        )
    frames = track.frames
    if frames is None:
        frames = tuple(None if time is None else frame_at(pts_seconds, time) for _, time in track.events)
    _check_end(track, frames, count)
    shown = [None if frame is None else max(0.0, float(pts_seconds[frame])) for frame in frames]
    events = tuple(zip(track.event_names, shown, strict=True))
    return replace(track, events=events, frames=frames, num_frames=count, pts_seconds=pts_seconds)


def _check_end(track: LabelTrack, frames: Sequence[int | None], count: int) -> None:
    """Raises SynclineError, naming the event, where one lies after the last of `count` frames."""
    late = next((k for k, frame in enumerate(frames) if frame is not None and frame >= count), None)
    if late is not None:
        name, seconds = track.events[late]
        said = f"frame {frames[late]}" if seconds is None else f"{seconds:g} s"
        raise SynclineError(f"labels of {track.video}: event {name!r} at {said} is outside the video of {count} frames")


def film_end(track: LabelTrack) -> float | None:
    """Seconds at which the last frame goes, by the film's time stamps or a guaranteed rate; None without both."""
    if track.pts_seconds is not None and len(track.pts_seconds):
        gaps = np.diff(track.pts_seconds)
        return float(track.pts_seconds[-1]) + (float(np.median(gaps)) if len(gaps) else 0.0)
    if track.num_frames is not None and track.frame_rate is not None:
        return track.num_frames / track.frame_rate
    return None


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
    """Events with the track's own seconds, otherwise by the film's time stamps or its guaranteed rate."""
    said = [second for _, second in track.events] or [None] * len(names)
    if track.pts_seconds is not None:
        said = [None if frame is None else float(track.pts_seconds[frame]) for frame in frames]
    elif track.frame_rate is None and any(f is not None and s is None for f, s in zip(frames, said, strict=True)):
        raise SynclineError(f"{track.video}: labels of frames have no times without the film; give it or frame_rate")
    rate = track.frame_rate or 1.0
    return tuple(
        (name, second if second is not None or frame is None else frame / rate)
        for name, frame, second in zip(names, frames, said, strict=True)
    )


def known_frames(track: LabelTrack) -> tuple[int | None, ...]:
    """Frame of every event: the track's own, or by the film's time stamps, or by the rate that the caller guarantees.

    Raises:
        SynclineError: only seconds are known, and neither the film nor a rate is available.
    """
    if track.frames is not None:
        return track.frames
    if track.pts_seconds is not None:
        return with_times(track, track.pts_seconds).frames or ()
    if track.frame_rate is None and any(seconds is not None for _, seconds in track.events):
        raise SynclineError(f"{track.video}: labels in seconds have no frames without the film; give it or frame_rate")
    rate = track.frame_rate or 1.0
    return tuple(None if seconds is None else counted_frame(seconds, rate) for _, seconds in track.events)


def known_phases(track: LabelTrack) -> NDArray[np.int64]:
    """Phase of every frame, from the film's time stamps, or from a number of frames and a guaranteed rate.

    Raises:
        SynclineError: the track does not say how long the video is, or neither film nor rate is available.
    """
    if track.phases is not None:
        return track.phases
    frames = known_frames(track)
    if track.num_frames is None:
        raise SynclineError(f"{track.video}: a label for every frame needs the film, or num_frames and frame_rate")
    if all(frame is None for frame in frames):
        return np.full(track.num_frames, -1, dtype=np.int64)
    return phases_from_events(frames, track.num_frames)
