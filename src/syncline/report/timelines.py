"""Alignments and common timelines as projects of film editors: OpenTimelineIO, FCPXML and CMX 3600 EDL.

Every film is a video track of its own. Where it belongs to the common time it is cut into pieces whose speed is
constant, each a clip with a linear time warp (or a freeze frame); where it has no moment there is a gap. Events are
markers on the clips. Cuts lie on whole frames of the timeline, so a piece may be off by half a frame.

Times of a film count from its first picture, or from the time code that the file gives it, as editors count them.

A piece ends where one speed would place a moment more than a frame wrong, so a smooth path becomes few clips. FCPXML
and EDL are written by OpenTimelineIO's adapters. That of FCPXML leaves changes of speed out, so a project that has any
is refused. An EDL holds one track, so each film gets a file of its own; where speed changes, the adapter writes ends of
sources that are divided by the speed instead of multiplied, and these are set right.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from syncline.errors import SynclineError
from syncline.files import replacing

if TYPE_CHECKING:
    import opentimelineio

FORMS = (".otio", ".fcpxml", ".edl")
_USUAL_RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0, 100.0, 120.0)


@dataclass(frozen=True)
class TimelineFilm:
    """One film of a timeline.

    Attributes:
        name: on its track. path: of its file. duration: seconds. frame_rate: mean frames a second.
        positions: (k,) second of the film at each instant of the common time, NaN where it has none.
        events: (name, second of the film, remark) of what is marked in it.
        begins: seconds that editors give to its first picture: its time code, 0 without one.
    """

    name: str
    path: Path
    duration: float
    frame_rate: float
    positions: Float64[np.ndarray, " k"]
    events: tuple[tuple[str, float, str], ...] = ()
    begins: float = 0.0


@dataclass(frozen=True)
class Piece:
    """A stretch of the common time at one speed: when it begins and ends, and where in the film."""

    start: float
    end: float
    film_start: float
    film_end: float

    @property
    def speed(self) -> float:
        """Seconds of the film for each second of the common time."""
        return (self.film_end - self.film_start) / (self.end - self.start)


def check_timeline_path(path: Path) -> None:
    """Refuse a file that cannot be written, before any work.

    Raises:
        SynclineError: another suffix, or the extra is missing.
    """
    if path.suffix.lower() not in FORMS:
        raise SynclineError(f"--timeline {path}: its suffix says the form; expected one of {', '.join(FORMS)}")
    _otio()


def write_timeline(
    path: str | Path, seconds: Float64[np.ndarray, " k"], films: Sequence[TimelineFilm], *, name: str = "syncline"
) -> list[Path]:
    """Write a project of several films on one common time.

    Args:
        path: `.otio`, `.fcpxml` or `.edl`; of an EDL, whose films get files of their own, the beginning of their names.
        seconds: (k,) ascending instants of the common time. films: what is shown then. name: of the project.

    Returns:
        The files written.

    Raises:
        SynclineError: a suffix or adapter that is not there, or an adapter that cannot carry the project.
    """
    path = Path(path)
    check_timeline_path(path)
    otio = _otio()
    whole = make_timeline(seconds, films, name=name)
    if path.suffix.lower() == ".otio":
        return [_written(path, whole, "otio_json")]
    adapter = "fcpx_xml" if path.suffix.lower() == ".fcpxml" else "cmx_3600"
    if adapter not in otio.adapters.available_adapter_names():
        raise SynclineError(f"--timeline {path}: its adapter is not installed; run: pip install 'syncline[timeline]'")
    if adapter == "fcpx_xml":
        warped = next((clip.name for clip in whole.find_clips() if clip.effects), None)
        if warped is not None:
            raise SynclineError(
                f"{path}: OpenTimelineIO writes no changes of speed into FCPXML, and {warped} has some; give .otio or "
                ".edl"
            )
        return [_written(path, whole, adapter)]
    files = []
    for number, film in enumerate(films):
        single = make_timeline(seconds, [film], name=f"{name} {film.name}")
        target = path if len(films) == 1 else path.with_name(f"{path.stem}-{number + 1}-{Path(film.name).stem}.edl")
        files.append(_written(target, single, adapter))
    return files


def make_timeline(
    seconds: Float64[np.ndarray, " k"], films: Sequence[TimelineFilm], *, name: str = "syncline"
) -> opentimelineio.schema.Timeline:
    """The project as an object of OpenTimelineIO; its rate is a usual one that shows the fastest film's frames evenly.

    Raises:
        SynclineError: fewer than two instants, or the extra is missing.
    """
    otio = _otio()
    if len(seconds) < 2:
        raise SynclineError("a timeline needs at least two instants")
    rate = _usual_rate(max(film.frame_rate for film in films))
    timeline = otio.schema.Timeline(name, global_start_time=otio.opentime.RationalTime(0, rate))
    for film in films:
        timeline.tracks.append(_track(otio, seconds, film, rate))
    return timeline


def pieces_of(
    seconds: Float64[np.ndarray, " k"], positions: Float64[np.ndarray, " k"], tolerance: float
) -> list[Piece]:
    """The stretches of constant speed that follow positions within a tolerance, in order.

    Args:
        seconds: (k,) ascending. positions: (k,) seconds of a film, NaN where it has none. tolerance: seconds.

    Examples:
        >>> pieces = pieces_of(np.arange(6.0), np.array([0, 1, 2, 4, 6, np.nan]), 0.01)
        >>> [(p.start, p.end, p.speed) for p in pieces]
        [(0.0, 2.0, 1.0), (2.0, 4.0, 2.0)]
    """
    pieces: list[Piece] = []
    known = ~np.isnan(positions)
    k = 0
    while k < len(seconds) - 1:
        if not (known[k] and known[k + 1]):
            k += 1
            continue
        last = k + 1
        while last + 1 < len(seconds) and known[last + 1] and _straight(seconds, positions, k, last + 1, tolerance):
            last += 1
        pieces.append(Piece(*(float(v) for v in (seconds[k], seconds[last], positions[k], positions[last]))))
        k = last
    return pieces


def _straight(
    seconds: Float64[np.ndarray, " k"], positions: Float64[np.ndarray, " k"], first: int, last: int, tolerance: float
) -> bool:
    """Whether one speed from one instant to another stays near all positions in between."""
    line = np.interp(seconds[first : last + 1], seconds[[first, last]], positions[[first, last]])
    return bool(np.abs(line - positions[first : last + 1]).max() <= tolerance)


def _track(
    otio: Any, seconds: Float64[np.ndarray, " k"], film: TimelineFilm, rate: float
) -> opentimelineio.schema.Track:
    """The track of a film: gaps and warped clips that add up to the whole common time."""
    track = otio.schema.Track(film.name, kind=otio.schema.TrackKind.Video)
    at = 0
    for piece in pieces_of(seconds, film.positions, 1 / rate):
        start, end = (_frame(moment - float(seconds[0]), rate) for moment in (piece.start, piece.end))
        start = max(start, at)
        if end <= start:
            continue  # shorter than a frame of the timeline
        if start > at:
            track.append(otio.schema.Gap(duration=otio.opentime.RationalTime(start - at, rate)))
        track.append(_clip(otio, film, piece, end - start, rate))
        at = end
    end = _frame(float(seconds[-1] - seconds[0]), rate)
    if end > at:
        track.append(otio.schema.Gap(duration=otio.opentime.RationalTime(end - at, rate)))
    return track


def _clip(otio: Any, film: TimelineFilm, piece: Piece, frames: int, rate: float) -> opentimelineio.schema.Clip:
    """A piece as a clip: from its second of the film, for so many frames of the timeline, at its speed."""
    opentime = otio.opentime
    first = _frame(film.begins, rate)
    whole = opentime.TimeRange(
        opentime.RationalTime(first, rate), opentime.RationalTime(_frame(film.duration, rate), rate)
    )
    media = otio.schema.ExternalReference(film.path.absolute().as_uri(), whole)
    begin = first + _frame(piece.film_start, rate)
    shown = opentime.TimeRange(opentime.RationalTime(begin, rate), opentime.RationalTime(frames, rate))
    clip = otio.schema.Clip(film.name, media, shown)
    clip.metadata["syncline"] = {"film_start": piece.film_start, "film_end": piece.film_end, "speed": piece.speed}
    if abs(piece.speed) < 1e-6:
        clip.effects.append(otio.schema.FreezeFrame())
    elif frames > 1 and round(abs(piece.speed - 1) * frames) > 0:  # a single frame has no speed
        clip.effects.append(otio.schema.LinearTimeWarp(time_scalar=piece.speed))
    for name, second, remark in film.events:
        if piece.film_start <= second < piece.film_end:
            marker = otio.schema.Marker(
                name,
                opentime.TimeRange(
                    opentime.RationalTime(first + _frame(second, rate), rate), opentime.RationalTime(0, rate)
                ),
            )
            marker.metadata["syncline"] = {"second": second, "remark": remark}
            clip.markers.append(marker)
    return clip


def _frame(seconds: float, rate: float) -> int:
    return round(seconds * rate)


def _usual_rate(rate: float) -> float:
    """The rate of editors that is the film's or the least multiple of it, else the one nearest in ratio.

    Examples:
        >>> [_usual_rate(rate) for rate in (15.0, 25.0, 29.97, 12.5, 33.0)]
        [30.0, 25.0, 29.97002997002997, 25.0, 30.0]
    """
    for usual in sorted(_USUAL_RATES):
        if abs(usual / rate / max(1, round(usual / rate)) - 1) < 5e-4:
            return usual
    return min(_USUAL_RATES, key=lambda usual: abs(math.log(usual / max(rate, 1e-3))))


def _written(path: Path, timeline: opentimelineio.schema.Timeline, adapter: str) -> Path:
    otio = _otio()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path) as temporary:
            text = otio.adapters.write_to_string(timeline, adapter_name=adapter)
            if adapter == "cmx_3600":
                text = _right_ends(text, timeline.tracks[0].duration().rate)
            temporary.write_text(text, encoding="utf-8")
    except OSError:
        raise
    except Exception as error:  # adapters raise types of their own
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise SynclineError(f"{path} cannot be written by the adapter {adapter}: {said}") from error
    return path


def _right_ends(text: str, rate: float) -> str:
    """An EDL whose sources end where the speed takes them, and whose M2 lines name the reel of their event."""
    opentime = _otio().opentime
    lines = text.splitlines()
    for number, (line, effect) in enumerate(itertools.pairwise(lines)):
        event = re.fullmatch(r"(\d+ +(\S+) .* )(\S+) (\S+) (\S+) (\S+)", line)
        speed = re.fullmatch(r"M2 .*?(-?[\d.]+)\s+([\d:]+)", effect)
        if event is None or speed is None:
            continue
        begin, start, end = (opentime.from_timecode(event[k], rate).to_frames() for k in (3, 5, 6))
        per_second = float(speed[1])
        until = begin + max(1, round((end - start) * per_second / rate))
        source_end = opentime.to_timecode(opentime.RationalTime(until, rate), rate)
        lines[number] = f"{event[1]}{event[3]} {source_end} {event[5]} {event[6]}"
        lines[number + 1] = f"M2   {event[2]:<8} {per_second:05.1f}                {speed[2]}"
    return "\n".join(lines) + "\n"


def _otio() -> Any:
    try:
        import opentimelineio
    except ImportError as error:
        raise SynclineError("editor timelines need OpenTimelineIO; run: pip install 'syncline[timeline]'") from error
    return opentimelineio
