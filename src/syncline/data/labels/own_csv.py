"""Labels as a table: one row a video, with the columns of a manifest."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from syncline.data.labels.event_order import told_apart
from syncline.data.labels.track import LabelTrack, counted_frame, known_events
from syncline.errors import SynclineError


def parse_csv(text: str, delimiter: str, frame_rate: float | None) -> list[LabelTrack]:
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    if not rows or "video" not in rows[0]:
        raise SynclineError("it has no column 'video'" if rows else "it has no rows")
    tracks = []
    for number, row in enumerate(rows, 2):
        try:
            tracks.append(_csv_track({k: (v or "").strip() for k, v in row.items() if k}, frame_rate))
        except ValueError as error:
            raise SynclineError(f"row {number}: {error}") from error
    return tracks


def _csv_track(row: dict[str, str], frame_rate: float | None) -> LabelTrack:
    rate = float(row["fps"]) if row.get("fps") else frame_rate
    length = int(row["num_frames"]) if row.get("num_frames") else None
    in_seconds = "event_seconds" in row and bool(row["event_seconds"])
    cells = (row["event_seconds"] if in_seconds else row.get("events", "")).split(";")
    cells = [] if cells == [""] else [cell.strip() for cell in cells]
    names = [name.strip() for name in row.get("event_names", "").split(";")] if row.get("event_names") else []
    names = names or [f"event {number}" for number in range(1, len(cells) + 1)]
    if cells and len(names) != len(cells):
        raise ValueError(f"{len(cells)} events, {len(names)} event_names")
    frames = None
    if in_seconds:
        seconds = [None if cell in ("", "-1") else float(cell) for cell in cells]
    else:
        frames = tuple(None if cell in ("", "-1") else int(cell) for cell in cells)
        seconds = [None if frame is None or not rate else frame / rate for frame in frames]
    names = told_apart(names)
    events = tuple(zip(names, seconds, strict=True)) if cells else tuple((name, None) for name in names)
    frames = frames if frames or not events else None
    return LabelTrack(row["video"], events, None, rate, length, row.get("split", ""), frames)


def format_csv(tracks: Sequence[LabelTrack]) -> str:
    tracks = [known_events(track) for track in tracks]
    in_frames = all(track.frame_rate is not None for track in tracks)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    column = "events" if in_frames else "event_seconds"
    table.writerow(["video", "num_frames", "fps", "split", column, "event_names"])
    for track in tracks:
        if any(";" in name for name in track.event_names):
            raise SynclineError(f"{track.video}: the name of an event holds ';', which separates events in the CSV")
        if in_frames:
            rate = track.frame_rate or 1.0
            places = track.frames or [None if s is None else counted_frame(s, rate) for _, s in track.events]
            cells = ["" if place is None else str(place) for place in places]
        else:
            cells = ["" if seconds is None else repr(float(seconds)) for _, seconds in track.events]
        if cells == [""]:
            cells = ["-1"]  # one absent event is not the same as no events
        fixed = [track.video, "" if track.num_frames is None else track.num_frames, track.frame_rate or ""]
        table.writerow([*fixed, track.split, ";".join(cells), ";".join(track.event_names)])
    return text.getvalue()
