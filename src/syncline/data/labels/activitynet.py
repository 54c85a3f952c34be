"""Labels as ActivityNet's JSON, which toolboxes of temporal action localisation read and write.

    {"version": "...", "database": {ID: {"duration": 12.5, "subset": "training", "annotations": [
        {"label": "pour", "segment": [3.2, 7.9]}]}}}

or `{"results": {ID: [{"label": ..., "segment": [...], "score": 0.8}]}}` of predictions. An event is the beginning of a
segment; written segments last up to the next event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncline.data.labels.attach_labels import without_suffix
from syncline.data.labels.event_order import in_time
from syncline.data.labels.event_remarks import as_columns
from syncline.data.labels.video_labels import LabelTrack, film_end, known_events

_SPLITS = {"training": "train", "train": "train", "validation": "val", "val": "val", "testing": "val", "test": "val"}
_SUBSETS = {"train": "training", "val": "validation"}


def is_activitynet(value: Any) -> bool:
    """Whether a JSON value is such a file."""
    return isinstance(value, dict) and any(isinstance(value.get(key), dict) for key in ("database", "results"))


def parse_activitynet(value: dict[str, Any]) -> list[LabelTrack]:
    """Labels of every video of a database, or of every video of a file of predictions."""
    database = value.get("database")
    entries: dict[str, Any] = database if isinstance(database, dict) else value["results"]
    tracks = []
    for video, entry in entries.items():
        segments = entry["annotations"] if isinstance(entry, dict) else entry
        split = _SPLITS.get(str(entry.get("subset", "")).lower(), "") if isinstance(entry, dict) else ""
        marks = sorted(
            (float(part["segment"][0]), str(part["label"]), part.get("score"), str(part.get("provenance") or ""))
            for part in segments
        )
        confidence, provenance = as_columns([(who, None if s is None else float(s)) for _, _, s, who in marks])
        events = in_time([(label, begin) for begin, label, _, _ in marks])
        tracks.append(LabelTrack(str(video), events, split=split, confidence=confidence, provenance=provenance))
    return tracks


def format_activitynet(tracks: Sequence[LabelTrack]) -> dict[str, Any]:
    """The database of some tracks; absent events have no segment."""
    database: dict[str, Any] = {}
    for track in map(known_events, tracks):
        end = film_end(track)
        count = len(track.events)
        sure, who = track.confidence or (None,) * count, track.provenance or ("",) * count
        marks = [
            (name, seconds, sure[k], who[k]) for k, (name, seconds) in enumerate(track.events) if seconds is not None
        ]
        annotations = []
        for k, (name, begin, score, by) in enumerate(marks):
            stop = marks[k + 1][1] if k + 1 < len(marks) else max(end or begin, begin)
            said = {"score": score, "provenance": by or None}
            part: dict[str, Any] = {"label": name, "segment": [begin, stop]}
            annotations.append(part | {key: value for key, value in said.items() if value is not None})
        entry: dict[str, Any] = {"subset": _SUBSETS.get(track.split, ""), "annotations": annotations}
        database[without_suffix(track.video)] = entry if end is None else {"duration": end, **entry}
    return {"version": "syncline", "database": database, "taxonomy": []}
