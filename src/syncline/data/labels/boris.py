"""Labels of BORIS: its project file, and its tabular and aggregated exports.

Notable choices:
- BORIS keeps the sum of three times: where in the player's row of films, the observation's time offset, and, if asked
  for, the time at which the film was made. The latter two are taken off, and of several films in a row the lengths of
  those before. What cannot be taken off, for want of a length or a time of making, is refused.
- A second player shows other films at the same time; its films get the same events, by that player's own offset.
- Frame rates and lengths of the project are means and rounded, so no frame is counted by them.
"""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from syncline.data.labels.attach_labels import media_name
from syncline.data.labels.event_order import in_time, with_absent
from syncline.data.labels.event_remarks import as_columns, parse_remark, remarks_of
from syncline.data.labels.spreadsheet import as_seconds, columns_seen, raw_rows
from syncline.data.labels.video_labels import LabelTrack, film_end, known_events
from syncline.errors import SynclineError
from syncline.wording import counted

_TIMES = ("Start (s)", "Time")
_MEDIA = ("Media file name", "Media file path", "Media file", "Source")
_KINDS = ("Behavior type", "Status")
_COMMENTS = ("Comment", "Comment start")
_OFFSETS = ("Time offset (s)", "Time offset")
_LENGTHS = ("Media duration (s)", "Total length")


def parse_boris(document: dict[str, Any]) -> list[LabelTrack]:
    """Observations of a BORIS project: its behaviours are the events; of a state, the beginning."""
    behaviours = [document["behaviors_conf"][key] for key in sorted(document["behaviors_conf"], key=_as_number)]
    names = [str(behaviour["code"]) for behaviour in behaviours]
    states = {str(b["code"]) for b in behaviours if "state" in str(b.get("type", "")).lower()}
    tracks = []
    for observation_id, observation in document["observations"].items():
        marks = _beginnings(observation["events"], states)
        for film, shift, own in _by_film(str(observation_id), observation, marks):
            events = in_time([(code, time - shift) for code, time, _ in own])
            words = [parse_remark(text) for _, _, text in sorted(own, key=lambda mark: mark[1])]
            said = dict(zip((name for name, _ in events), words, strict=True))
            whole = with_absent(events, names)
            confidence, provenance = as_columns([said.get(name, ("", None)) for name, _ in whole])
            tracks.append(LabelTrack(film, whole, confidence=confidence, provenance=provenance))
    if all(seconds is None for track in tracks for _, seconds in track.events):
        raise SynclineError(f"it marks no event in its {counted(len(document['observations']), 'observation')}")
    return tracks


Mark = tuple[str, float, str]  # name, time on BORIS's own scale, comment


def _beginnings(events: Sequence[Sequence[Any]], states: set[str]) -> list[Mark]:
    """The events in order of time; of a state, whose marks come in pairs, the first of each."""
    marks: list[Mark] = []
    running: set[tuple[str, str, str]] = set()
    for event in sorted(events, key=lambda event: float(event[0])):
        code = str(event[2])
        what = (str(event[1]), code, str(event[3]) if len(event) > 3 else "")
        if code in states and what in running:
            running.discard(what)
            continue
        running.add(what)
        marks.append((code, float(event[0]), str(event[4]) if len(event) > 4 else ""))
    return marks


def _by_film(
    observation_id: str, observation: dict[str, Any], marks: list[Mark]
) -> list[tuple[str, float, list[Mark]]]:
    """Every film of an observation, what to take off BORIS's times for its own, and the events in it."""
    players = {str(player): list(map(str, files)) for player, files in (observation.get("file") or {}).items() if files}
    offset = float(observation.get("time offset") or 0.0)
    info = observation.get("media_info") or {}
    if not players:
        return [(observation_id, offset, marks)]
    found = []
    for player, films in players.items():
        late = float((info.get("offset") or {}).get(player) or 0.0)
        made = _made(observation_id, observation, films)
        begins = _row_of_films(observation_id, films, info.get("length") or {})
        if made is not None:  # the time of making already tells the films of a row apart
            shifts = [offset + when + begin for when, begin in zip(made, begins, strict=True)]
        else:
            shifts = [offset + late + begin for begin in begins]
        own: list[list[Mark]] = [[] for _ in films]
        bounds = sorted(range(len(films)), key=shifts.__getitem__)
        starts = [shifts[k] for k in bounds]
        for mark in marks:
            at = bisect_right(starts, mark[1] + 1e-6) - 1
            if at < 0:
                raise SynclineError(
                    f"observation {observation_id!r}: event {mark[0]!r} at {mark[1]:g} s lies before {films[0]!r}, "
                    f"which begins at {starts[0]:g} s with its offset"
                )
            own[bounds[at]].append(mark)
        found += [(media_name(film), shift, part) for film, shift, part in zip(films, shifts, own, strict=True)]
    return found


def _row_of_films(observation_id: str, films: Sequence[str], lengths: dict[str, Any]) -> list[float]:
    """When each film of a player begins, of those that play one after another."""
    if len(films) == 1:
        return [0.0]
    unknown = next((film for film in films[:-1] if not float(lengths.get(film) or 0.0) > 0), None)
    if unknown is not None:
        raise SynclineError(
            f"observation {observation_id!r} plays {len(films)} films one after another, and the project does not say "
            f"how long {unknown!r} is"
        )
    return [0.0, *accumulate(float(lengths[film]) for film in films[:-1])]


def _made(observation_id: str, observation: dict[str, Any], films: Sequence[str]) -> list[float] | None:
    """When each film was made, where BORIS adds that to the times; None where it does not."""
    if not observation.get("media_creation_date_as_offset"):
        return None
    times = (observation.get("media_info") or {}).get("media_creation_time") or {}
    unknown = next((film for film in films if times.get(film) is None), None)
    if unknown is not None:
        raise SynclineError(
            f"observation {observation_id!r} counts from when its films were made, and the project does not say when "
            f"that was for {unknown!r}"
        )
    return [_moment(times[film]) for film in films]


def _moment(value: Any) -> float:
    """Seconds of a time of making: a number, or a date as ISO 8601 writes it."""
    try:
        return float(value)
    except ValueError:
        moment = datetime.fromisoformat(str(value))
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def format_boris(tracks: Sequence[LabelTrack]) -> dict[str, Any]:
    """A BORIS project: one observation a video, every event a point event."""
    tracks = [known_events(track) for track in tracks]
    names = list(dict.fromkeys(name for track in tracks for name in track.event_names))
    observations: dict[str, Any] = {}
    for track in tracks:
        rate, length = track.frame_rate, film_end(track)
        observations[track.video] = {
            "file": {"1": [track.video], **{str(player): [] for player in range(2, 9)}},
            "type": "MEDIA",
            "date": "1970-01-01T00:00:00",
            "description": "",
            "time offset": 0.0,
            "events": [
                [seconds, "", name, "", words]
                for (name, seconds), words in zip(track.events, remarks_of(track), strict=True)
                if seconds is not None
            ],
            "independent_variables": {},
            "media_info": {
                "length": {track.video: length} if length else {},
                "fps": {track.video: rate} if rate else {},
                "hasVideo": {track.video: True},
                "hasAudio": {track.video: False},
            },
        }
    return {
        "time_format": "s",
        "project_date": "1970-01-01T00:00:00",
        "project_name": "events",
        "project_description": "",
        "project_format_version": "7.0",
        "subjects_conf": {},
        "behaviors_conf": {str(number): _behaviour(number, name) for number, name in enumerate(names)},
        "observations": observations,
        "behavioral_categories": [],
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def _behaviour(number: int, name: str) -> dict[str, str]:
    key = "123456789abcdefghijklmnopqrstuvwxyz"[number % 35]
    empty = dict.fromkeys(("description", "color", "category", "modifiers", "excluded", "coding map"), "")
    return {"type": "Point event", "key": key, "code": name, **empty}


def parse_boris_csv(text: str, delimiter: str = ",") -> list[LabelTrack]:
    """The tabular or aggregated export; lines before the header row are passed over, so are the ends of states."""
    rows = raw_rows(text, delimiter)
    start = next(number for number, row in enumerate(rows) if is_boris_header(row))
    header = [cell.strip() for cell in rows[start]]
    time, media, kind = _column(header, _TIMES), _column(header, _MEDIA), _column(header, _KINDS)
    comment = _column(header, _COMMENTS)
    behaviour, observation = header.index("Behavior"), _column(header, ("Observation id",))
    if time is None or (media is None and observation is None):
        raise ValueError("it has no column of times, or none of media files")
    marks: dict[str, list[tuple[str, float, str]]] = defaultdict(list)  # by the whole path: folders tell cameras apart
    for number, row in enumerate(rows[start + 1 :], start + 2):
        if not any(map(str.strip, row)):
            continue
        if len(row) < len(header):
            raise ValueError(f"row {number} has {len(row)} cells for {len(header)} columns")
        video = row[media] if media is not None and row[media] else row[observation] if observation is not None else ""
        said = dict(zip(header, row))
        if kind is None or row[kind].strip().upper() != "STOP":
            seconds = as_seconds(row[time]) - _offset_of(said, number)
            film, begin = _film_of(video, said, seconds, number)
            words = row[comment] if comment is not None else ""
            marks[film].append((row[behaviour].strip(), seconds - begin, words))
    if not marks:
        raise SynclineError(f"it marks no event; {columns_seen(header)}")
    tracks = []
    for video, found in marks.items():
        found.sort(key=lambda mark: mark[1])
        confidence, provenance = as_columns([parse_remark(words) for _, _, words in found])
        events = in_time([(name, seconds) for name, seconds, _ in found])
        tracks.append(LabelTrack(media_name(video), events, confidence=confidence, provenance=provenance))
    return tracks


def _offset_of(row: dict[str, str], number: int) -> float:
    """The time offset of an observation that a row of an export names, 0 without one."""
    text = next((row[name] for name in _OFFSETS if row.get(name, "").strip()), "")
    if text.strip().upper() in ("", "NA"):
        return 0.0
    try:
        return as_seconds(text)
    except ValueError as error:
        raise ValueError(f"row {number}: the time offset {text!r} is no time") from error


def _film_of(video: str, row: dict[str, str], seconds: float, number: int) -> tuple[str, float]:
    """Which film of a row of films an event lies in, and when that film begins.

    An export lists the films of an observation and their lengths with `;` between them, and names the film on display.
    """
    first = re.sub(r"^player #\d+:", "", row.get("Source", video))
    films = [part.strip() for part in re.split(r"player #\d+:", first)[0].strip("|; ").split(";")]
    if len(films) < 2:
        return re.split(r"player #\d+:", re.sub(r"^player #\d+:", "", video))[0].strip("|; "), 0.0
    said = next((row[name] for name in _LENGTHS if row.get(name)), "")
    try:
        lengths = [as_seconds(text) for text in said.split(";")]
    except ValueError:
        lengths = []
    if len(lengths) != len(films):
        raise ValueError(
            f"row {number}: {len(films)} films one after another, and their lengths are {said[:80]!r}; give the project"
        )
    begins = [0.0, *accumulate(lengths[:-1])]
    if video in films and films.count(video) == 1:
        return video, begins[films.index(video)]
    at = max(bisect_right(begins, seconds + 1e-6) - 1, 0)
    return films[at], begins[at]


def format_boris_csv(tracks: Sequence[LabelTrack]) -> str:
    """The aggregated export, every event a point; an absent event leaves no row (the form has no room for it)."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns = ["Observation id", "Observation date", "Description", "Media file", "Total length", "FPS", "Subject"]
    columns += ["Behavior", "Behavioral category", "Modifiers", "Behavior type", "Start (s)", "Stop (s)"]
    table.writerow([*columns, "Duration (s)", "Comment start", "Comment stop"])
    for track in map(known_events, tracks):
        rate, end = track.frame_rate, film_end(track)
        length = f"{end:.3f}" if end else ""
        for (name, seconds), words in zip(track.events, remarks_of(track), strict=True):
            if seconds is not None:
                fixed = [track.video, "1970-01-01 00:00:00", "", track.video, length, rate or "", "No focal subject"]
                table.writerow([*fixed, name, "", "", "POINT", f"{seconds:.3f}", f"{seconds:.3f}", 0, words, ""])
    return text.getvalue()


def is_boris_header(row: Sequence[str]) -> bool:
    """Whether a row names the columns of a BORIS export."""
    return "Behavior" in row and any(name in row for name in _TIMES)


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _as_number(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdigit() else (1 << 62, key)
