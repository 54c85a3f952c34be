"""Labels as JSON: events in seconds and frames, and phases, of any number of videos."""

from __future__ import annotations

from typing import Any

import numpy as np

from syncline.data.labels.arrays import as_labels
from syncline.data.labels.event_order import told_apart
from syncline.data.labels.track import LabelTrack


def parse_entry(entry: dict[str, Any], frame_rate: float | None) -> LabelTrack:
    said = entry.get("frame_rate") or entry.get("fps") or frame_rate
    rate = None if said is None else float(said)
    events: list[tuple[str, float | None]] = []
    frames: list[int | None] = []
    for event in entry.get("events") or []:
        frame, seconds = event.get("frame"), event.get("seconds")
        if frame is not None and seconds is None and rate:
            seconds = int(frame) / rate
        events.append((str(event["name"]), None if seconds is None else float(seconds)))
        frames.append(None if frame is None else int(frame))
    names = told_apart([name for name, _ in events])
    counted = any(frame is not None for frame in frames)
    phases = entry.get("phases")
    return LabelTrack(
        video=str(entry["video"]),
        events=tuple((name, seconds) for name, (_, seconds) in zip(names, events, strict=True)),
        phases=None if phases is None else as_labels(np.asarray(phases)),
        frame_rate=rate,
        num_frames=None if entry.get("num_frames") is None else int(entry["num_frames"]),
        split=str(entry.get("split") or ""),
        frames=tuple(frames) if counted else None,
        phase_names=tuple(str(name) for name in entry.get("phase_names") or ()),
    )


def format_entry(track: LabelTrack) -> dict[str, Any]:
    events: list[dict[str, Any]] = [{"name": name, "seconds": seconds} for name, seconds in track.events]
    for event, frame in zip(events, track.frames or [], strict=False):
        event["frame"] = frame
    entry = {
        "video": track.video,
        "num_frames": track.num_frames,
        "frame_rate": track.frame_rate,
        "split": track.split,
        "events": events,
        "phases": None if track.phases is None else track.phases.tolist(),
        "phase_names": list(track.phase_names),
    }
    return {key: value for key, value in entry.items() if value not in (None, "", [])}
