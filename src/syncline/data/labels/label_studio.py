"""Labels of Label Studio: the regions of its video timeline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from syncline.data.labels.attach import url_name
from syncline.data.labels.event_order import numbered
from syncline.data.labels.track import LabelTrack, counted_frame, known_events
from syncline.errors import SynclineError


def parse_label_studio(tasks: list[dict[str, Any]], *, frame_rate: float | None = None) -> list[LabelTrack]:
    """Tasks with timeline labels: frames count from 1; the first annotation that was not cancelled is taken.

    Of uploaded videos the name is the one they had before.
    """
    tracks = []
    for task in tasks:
        data = task.get("data") or {}
        said = task.get("file_upload") or data.get("video") or data.get("video_url") or next(iter(data.values()), "")
        annotations = task.get("annotations") or task.get("completions") or []
        results: list[dict[str, Any]] = next(
            (found["result"] for found in annotations if not found.get("was_cancelled")), []
        )
        marks: list[tuple[str, float]] = []
        for result in results:
            value = result.get("value") or {}
            for name in value.get("timelinelabels") or []:
                starts = [max(int(part["start"]) - 1, 0) for part in value["ranges"]]
                marks.extend((str(name), float(start)) for start in starts)
        in_frames = numbered(marks)
        events = tuple(
            (name, frame / frame_rate if frame is not None and frame_rate else None) for name, frame in in_frames
        )
        frames = tuple(None if frame is None else int(frame) for _, frame in in_frames)
        name = url_name(str(said))
        if task.get("file_upload") or "data/upload/" in name:  # which puts eight digits before the name
            name = re.sub(r"(^|/)[0-9a-f]{8}-(?=[^/]+$)", r"\1", name)
        tracks.append(LabelTrack(name, events, None, frame_rate, frames=frames))
    return tracks


def format_label_studio(tracks: Sequence[LabelTrack]) -> list[dict[str, Any]]:
    """Tasks for import: each event a timeline region up to the next one; absent events have no place in the form."""
    tasks = []
    for number, track in enumerate(map(known_events, tracks), 1):
        if track.frame_rate is None:
            raise SynclineError(f"{track.video}: Label Studio counts frames; its frame rate is not known")
        rate = track.frame_rate
        frames = track.frames or [None if s is None else counted_frame(s, rate) for _, s in track.events]
        marks = [(name, frame) for (name, _), frame in zip(track.events, frames, strict=True) if frame is not None]
        results = []
        for place, (name, frame) in enumerate(marks):
            stop = marks[place + 1][1] if place + 1 < len(marks) else track.num_frames or frame + 1
            value = {"ranges": [{"start": frame + 1, "end": max(stop, frame + 1)}], "timelinelabels": [name]}
            origin = {"from_name": "timelineLabels", "to_name": "video", "type": "timelinelabels"}
            results.append({"id": f"event{place + 1}", **origin, "value": value})
        tasks.append({"id": number, "data": {"video": quote(track.video)}, "annotations": [{"result": results}]})
    return tasks
