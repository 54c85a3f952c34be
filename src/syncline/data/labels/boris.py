"""Labels of BORIS: its project file, and its tabular and aggregated exports."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from syncline.data.labels.attach import media_name
from syncline.data.labels.event_order import completed, numbered
from syncline.data.labels.track import LabelTrack, known_events
from syncline.errors import SynclineError

_TIMES = ("Start (s)", "Time")
_MEDIA = ("Media file name", "Media file path", "Media file", "Source")
_RATES = ("FPS", "FPS (frame/s)")
_KINDS = ("Behavior type", "Status")


def parse_boris(project: dict[str, Any]) -> list[LabelTrack]:
    """Observations of a BORIS project: its behaviours in their order are the events; of a state, the beginning."""
    behaviours = [project["behaviors_conf"][key] for key in sorted(project["behaviors_conf"], key=_as_number)]
    names = [str(behaviour["code"]) for behaviour in behaviours]
    states = {str(b["code"]) for b in behaviours if "state" in str(b.get("type", "")).lower()}
    tracks = []
    for observation_id, observation in project["observations"].items():
        media = [path for files in (observation.get("file") or {}).values() for path in files]
        if len(media) > 1:
            raise SynclineError(f"observation {observation_id!r} has {len(media)} media files; one is read")
        video = media_name(str(media[0])) if media else str(observation_id)
        marks = []
        running: set[tuple[str, str, str]] = set()
        for event in sorted(observation["events"], key=lambda event: float(event[0])):
            code = str(event[2])
            what = (str(event[1]), code, str(event[3]) if len(event) > 3 else "")
            if code in states and what in running:  # the second of a pair is the end
                running.discard(what)
                continue
            running.add(what)
            marks.append((code, float(event[0])))
        info = observation.get("media_info") or {}
        rates = list((info.get("fps") or {}).values())
        rate = float(rates[0]) if rates and float(rates[0]) > 0 else None
        seconds = list((info.get("length") or {}).values())
        frames = round(float(seconds[0]) * rate) if seconds and rate else None
        tracks.append(LabelTrack(video, completed(numbered(marks), names), None, rate, frames))
    return tracks


def format_boris(tracks: Sequence[LabelTrack]) -> dict[str, Any]:
    """A BORIS project: one observation a video, every event a point event."""
    tracks = [known_events(track) for track in tracks]
    names = list(dict.fromkeys(name for track in tracks for name in track.event_names))
    observations: dict[str, Any] = {}
    for track in tracks:
        rate, frames = track.frame_rate, track.num_frames
        observations[track.video] = {
            "file": {"1": [track.video], **{str(player): [] for player in range(2, 9)}},
            "type": "MEDIA",
            "date": "1970-01-01T00:00:00",
            "description": "",
            "time offset": 0.0,
            "events": [[seconds, "", name, "", ""] for name, seconds in track.events if seconds is not None],
            "independent_variables": {},
            "media_info": {
                "length": {track.video: frames / rate} if rate and frames else {},
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
    rows = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    start = next(number for number, row in enumerate(rows) if is_boris_header(row))
    header = rows[start]
    time, media = _column(header, _TIMES), _column(header, _MEDIA)
    rate, kind = _column(header, _RATES), _column(header, _KINDS)
    behaviour = header.index("Behavior")
    observation = header.index("Observation id") if "Observation id" in header else None
    if time is None or (media is None and observation is None):
        raise ValueError("it has no column of times, or none of media files")
    marks: dict[str, list[tuple[str, float]]] = defaultdict(list)  # by the whole path: folders tell cameras apart
    rates: dict[str, float] = {}
    for row in rows[start + 1 :]:
        if not row:
            continue
        video = row[media] if media is not None and row[media] else row[observation] if observation is not None else ""
        if rate is not None and row[rate].replace(".", "", 1).isdigit() and float(row[rate]) > 0:
            rates[video] = float(row[rate])
        if kind is None or row[kind].strip().upper() != "STOP":
            marks[video].append((row[behaviour], float(row[time])))
    return [LabelTrack(media_name(video), numbered(found), None, rates.get(video)) for video, found in marks.items()]


def format_boris_csv(tracks: Sequence[LabelTrack]) -> str:
    """The aggregated export, every event a point; an absent event leaves no row (the form has no place for it)."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns = ["Observation id", "Observation date", "Description", "Media file", "Total length", "FPS", "Subject"]
    columns += ["Behavior", "Behavioral category", "Modifiers", "Behavior type", "Start (s)", "Stop (s)"]
    table.writerow([*columns, "Duration (s)", "Comment start", "Comment stop"])
    for track in map(known_events, tracks):
        rate, frames = track.frame_rate, track.num_frames
        length = f"{frames / rate:.3f}" if rate and frames else ""
        for name, seconds in track.events:
            if seconds is not None:
                fixed = [track.video, "1970-01-01 00:00:00", "", track.video, length, rate or "", "No focal subject"]
                table.writerow([*fixed, name, "", "", "POINT", f"{seconds:.3f}", f"{seconds:.3f}", 0, "", ""])
    return text.getvalue()


def is_boris_header(row: Sequence[str]) -> bool:
    """Whether a row names the columns of a BORIS export."""
    return "Behavior" in row and any(name in row for name in _TIMES)


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _as_number(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdigit() else (1 << 62, key)
