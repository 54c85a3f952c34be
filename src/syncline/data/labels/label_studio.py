"""Labels of Label Studio: its JSON export, whole or short (JSON-MIN), and tasks for its import.

Notable choices:
- A video timeline counts frames of the project's own rate (`frameRate` of its Video tag, 24 unless set), from 1. They
  are times, not frames of the film: second = (frame - 1) / rate. The export does not hold the rate. The caller gives
  it, or the task does (`fps` in its data, as `frameRate="$fps"` reads it), or the length of a box in frames and
  seconds. Without any of these the file is refused.
- Labels over a synchronised sound track are in seconds, and so are the key frames of boxes.
- The first annotation that was not cancelled is taken, without any the first prediction.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from syncline.data.labels.attach_labels import url_name
from syncline.data.labels.event_order import in_time
from syncline.data.labels.event_remarks import as_columns, parse_remark, remarks_of
from syncline.data.labels.video_labels import LabelTrack, counted_frame, film_end, frame_at, known_events
from syncline.errors import SynclineError

_log = logging.getLogger(__name__)
_RATES = ("fps", "frame_rate", "framerate", "frameRate")
_NAMES = ("timelinelabels", "labels", "videolabels", "rectanglelabels", "audiolabels")
_WRITTEN_RATES = (24.0, 25.0, 30.0, 50.0, 60.0, 100.0, 120.0, 240.0, 1000.0)


def is_label_studio(entry: dict[str, Any]) -> bool:
    """Whether an object of a JSON list is a task of Label Studio, whole or short."""
    return bool({"annotations", "completions", "data", "file_upload", "annotation_id"} & set(entry))


def parse_label_studio(tasks: list[dict[str, Any]], *, frame_rate: float | None = None) -> list[LabelTrack]:
    """The regions of every task: the beginning of each is an event. Of uploaded videos the name is their own.

    Args:
        tasks: the export. frame_rate: of the project, None where the tasks say it.
    """
    tracks = []
    passed_over: Counter[str] = Counter()
    several = []
    for task in tasks:
        name = _film_name(task)
        if len(_annotations(task)) > 1:
            several.append(name)
        regions = list(_regions(task, passed_over))
        rate = frame_rate or _said_rate(task, [value for value, _ in regions])
        marks: list[tuple[str, float, str]] = []
        for value, words in regions:
            for label in _labels(value):
                marks.extend((label, seconds, words) for seconds in _begins(value, rate, name))
        marks.sort(key=lambda mark: mark[1])
        confidence, provenance = as_columns([parse_remark(words) for *_, words in marks])
        events = in_time([(label, seconds) for label, seconds, _ in marks])
        tracks.append(LabelTrack(name, events, confidence=confidence, provenance=provenance))
    if several:
        _log.warning("annotated more than once, of which the first is read: %s", ", ".join(several[:8]))
    if passed_over:
        _log.warning(
            "results that are not read as labels: %s", ", ".join(f"{n} {kind}" for kind, n in passed_over.items())
        )
    return tracks


def _film_name(task: dict[str, Any]) -> str:
    data = task["data"] if isinstance(task.get("data"), dict) else task
    urls = [value for value in data.values() if isinstance(value, str)]
    said = task.get("file_upload") or data.get("video") or data.get("video_url") or next(iter(urls), "")
    name = url_name(str(said))
    if task.get("file_upload") or "data/upload/" in name:  # which puts eight digits before the name
        name = re.sub(r"(^|/)[0-9a-f]{8}-(?=[^/]+$)", r"\1", name)
    return name


def _annotations(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The annotations of people that were not cancelled, or the predictions of a model if there are none."""
    found = task.get("annotations") or task.get("completions") or task.get("predictions") or []
    return [one for one in found if not one.get("was_cancelled")]


def _regions(task: dict[str, Any], passed_over: Counter[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """Value and comment of every region of a task that has a label and a time; others are counted by their type."""
    if "annotation_id" in task and "annotations" not in task:  # the short export: a list of values a control
        results: list[dict[str, Any]] = [
            {"type": key, "value": value}
            for key, values in task.items()
            if isinstance(values, list)
            for value in values
            if isinstance(value, dict)
        ]
    else:
        results = next((found["result"] for found in _annotations(task)), [])
    for result in results:
        value: dict[str, Any] = result.get("value") or {}
        if not _labels(value) or not {"ranges", "start", "sequence"} & set(value):
            passed_over[str(result.get("type"))] += 1
            continue
        text = (result.get("meta") or {}).get("text") or []
        yield value, " ".join(map(str, text)) if isinstance(text, list) else str(text)


def _labels(value: dict[str, Any]) -> list[str]:
    return [str(label) for kind in _NAMES for label in value.get(kind) or []]


def _begins(value: dict[str, Any], rate: float | None, video: str) -> list[float]:
    """Seconds at which a region begins; a timeline label may have several ranges."""
    if "sequence" in value:  # a box: key frames with their times
        shown = [key for key in value["sequence"] if key.get("enabled", True)] or value["sequence"]
        first = min(shown, key=lambda key: float(key["frame"]))
        if first.get("time") is not None:
            return [float(first["time"])]
        frames = [first["frame"]]
    elif "ranges" in value:
        frames = [part["start"] for part in value["ranges"]]
    else:
        return [float(value["start"])]
    if rate is None:
        raise SynclineError(
            f"{video}: Label Studio counts frames of the project's rate (24 unless set), which its export does not "
            "hold; give it (--label-rate, frame_rate)"
        )
    return [max(float(frame) - 1, 0.0) / rate for frame in frames]


def _said_rate(task: dict[str, Any], values: Sequence[dict[str, Any]]) -> float | None:
    """The project's rate by the data of the task, or by the length of a box in frames and seconds."""
    data = task["data"] if isinstance(task.get("data"), dict) else task
    said = next((float(data[key]) for key in _RATES if data.get(key)), None)
    if said is None:
        boxes = [v for v in values if v.get("framesCount") and v.get("duration")]
        said = next((float(v["framesCount"]) / float(v["duration"]) for v in boxes), None)
    return said if said is not None and 0 < said < 1e6 else None


def format_label_studio(tracks: Sequence[LabelTrack]) -> list[dict[str, Any]]:
    """Tasks for import, each event a timeline region up to the next one; absent events have no form here.

    The rate that frames are counted at stands as `fps` in the data of each task: set `frameRate="$fps"` in the project.
    """
    tasks = []
    for number, track in enumerate(map(known_events, tracks), 1):
        rate = _written_rate(track)
        guaranteed = track.pts_seconds is None and track.frame_rate is not None
        marks = [
            (name, (counted_frame(seconds, rate) if guaranteed else round(seconds * rate)) + 1, words)
            for (name, seconds), words in zip(track.events, remarks_of(track), strict=True)
            if seconds is not None
        ]
        end = round((film_end(track) or 0.0) * rate)
        results = []
        for index, (name, start, words) in enumerate(marks):
            stop = marks[index + 1][1] - 1 if index + 1 < len(marks) else end
            value = {"ranges": [{"start": start, "end": max(stop, start)}], "timelinelabels": [name]}
            origin = {"from_name": "timelineLabels", "to_name": "video", "type": "timelinelabels"}
            said = {"meta": {"text": [words]}} if words else {}
            results.append({"id": f"event{index + 1}", **origin, "value": value, **said})
        data = {"video": quote(track.video), "fps": rate}
        tasks.append({"id": number, "data": data, "annotations": [{"result": results}]})
    return tasks


def _written_rate(track: LabelTrack) -> float:
    """The lowest usual rate at which every event keeps its frame, or its time where the film is not available."""
    seconds = [time for _, time in track.events if time is not None]
    pts_seconds = track.pts_seconds
    if pts_seconds is None and track.frame_rate is not None:
        return track.frame_rate
    for rate in (*([] if track.frame_rate is None else [track.frame_rate]), *_WRITTEN_RATES):
        if pts_seconds is not None:
            kept = all(
                frame_at(pts_seconds, round(time * rate) / rate) == frame_at(pts_seconds, time) for time in seconds
            )
        else:
            kept = all(abs(round(time * rate) / rate - time) < 1e-4 for time in seconds)
        if kept:
            return rate
    return _WRITTEN_RATES[-1]
