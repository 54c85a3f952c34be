"""Labels as JSON: events in seconds and frames, and phases, of any number of videos."""

from __future__ import annotations

from typing import Any

import numpy as np

from syncline.data.labels.event_order import told_apart
from syncline.data.labels.event_remarks import as_columns
from syncline.data.labels.label_arrays import as_labels
from syncline.data.labels.video_labels import LabelTrack
from syncline.errors import SynclineError


def parse_entry(entry: dict[str, Any], frame_rate: float | None) -> LabelTrack:
    """The track of one object; `frame_rate` is the one that the caller guarantees.

    Raises:
        SynclineError: no video, or events of which some are in seconds only and others in frames only.
    """
    if "video" not in entry:
        raise SynclineError(f"an entry names no 'video'; it has {', '.join(map(repr, list(entry)[:12])) or 'nothing'}")
    given = entry.get("events") or []
    frames = [None if event.get("frame") is None else int(event["frame"]) for event in given]
    seconds = [None if event.get("seconds") is None else float(event["seconds"]) for event in given]
    if any(f is None and s is not None for f, s in zip(frames, seconds, strict=True)):
        if any(f is not None and s is None for f, s in zip(frames, seconds, strict=True)):
            raise SynclineError(f"{entry['video']}: some of its events are in seconds, others in frames; give one")
        frames = [None] * len(given)
    if frame_rate:
        seconds = [f / frame_rate if s is None and f is not None else s for f, s in zip(frames, seconds, strict=True)]
    names = told_apart([str(event["name"]) for event in given])
    confidence, provenance = as_columns([(str(e.get("provenance") or ""), e.get("confidence")) for e in given])
    phases = entry.get("phases")
    return LabelTrack(
        video=str(entry["video"]),
        events=tuple(zip(names, seconds, strict=True)),
        phases=None if phases is None else as_labels(np.asarray(phases)),
        frame_rate=frame_rate,
        num_frames=None if entry.get("num_frames") is None else int(entry["num_frames"]),
        split=str(entry.get("split") or ""),
        frames=tuple(frames) if any(frame is not None for frame in frames) else None,
        phase_names=tuple(str(name) for name in entry.get("phase_names") or ()),
        confidence=confidence,
        provenance=provenance,
    )


def format_entry(track: LabelTrack) -> dict[str, Any]:
    """The object of one track; what is not known is left out."""
    events: list[dict[str, Any]] = [{"name": name, "seconds": seconds} for name, seconds in track.events]
    for key, values in (("frame", track.frames), ("confidence", track.confidence), ("provenance", track.provenance)):
        for event, value in zip(events, values or (), strict=False):
            event[key] = value
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
