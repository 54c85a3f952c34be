"""Labels as a table: a row a video with the columns of a manifest, a row an event, or a column an event.

| | columns |
|---|---|
| a row a video | `video`, `event_seconds` or `events` (frames), each with `;` between the events, and `event_names` |
| a row an event | `video`, `event`, `seconds` or `frame` |
| a column an event | `video`, and columns of times that are named by their events (`event_columns`) |

beside them `num_frames`, `fps`, `split`, `confidence` and `provenance`. Other spellings of these are known (`file`,
`label`, `time`, `start` ...); a column that is not understood is named in the log.

Seconds are written, because they outlast a film of variable rate; frames only where nothing else is known. Where a row
has both, seconds are read.
"""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Sequence
from dataclasses import replace

from syncline.data.labels.event_columns import EventColumn, event_columns
from syncline.data.labels.event_order import told_apart
from syncline.data.labels.event_remarks import as_columns
from syncline.data.labels.spreadsheet import (
    Table,
    as_frame,
    as_number,
    as_seconds,
    columns_seen,
    is_absent,
    plain_name,
    raw_rows,
    separator_of,
    unit_of,
)
from syncline.data.labels.video_labels import LabelTrack, known_events
from syncline.errors import SynclineError

_log = logging.getLogger(__name__)
SPELLINGS = {
    "video": ("video", "videos", "file", "filename", "videofile", "videoname", "videoid", "videopath", "film", "clip",
              "movie", "media", "mediafile", "mediafilename", "path", "datei", "vidéo", "fichier"),
    "event_seconds": ("eventseconds", "eventsseconds", "eventtimes", "times", "timestamps"),
    "events": ("events", "eventframes", "frames"),
    "event_names": ("eventnames", "names", "labels", "eventlabels"),
    "event": ("event", "eventname", "label", "behavior", "behaviour", "action", "annotation", "name", "mark", "phase",
              "ereignis"),
    "seconds": ("seconds", "second", "time", "timeseconds", "timesec", "eventtime", "starttime", "startseconds",
                "start", "onset", "timestamp", "begin", "begintime", "zeit", "sekunden", "temps"),
    "frame": ("frame", "framenumber", "frameindex", "startframe", "eventframe"),
    "num_frames": ("numframes", "framecount", "nframes"),
    "fps": ("fps", "framerate"),
    "split": ("split", "subset"),
    "confidence": ("confidence", "confidences"),
    "provenance": ("provenance", "by", "state"),
}  # fmt: skip
EVENT_COLUMNS = ("event_seconds", "events", "event_names", "seconds", "frame")
"""Names of columns that mark events."""
_PASSED_OVER = {
    "action",
    "end",
    "endtime",
    "stop",
    "endseconds",
    "endframe",
    "duration",
    "sourcevideo",
    "comment",
    "notes",
}
_BOUNDS = {
    "start", "starttime", "startseconds", "startframe", "begin", "begintime", "onset",
    "end", "endtime", "endseconds", "endframe", "stop",
}  # fmt: skip
"""Names of columns in which a row an event has its two ends; where each event has a column, they may be events."""


def parse_event_table(table: Table, frame_rate: float | None, *, required: bool = True) -> list[LabelTrack]:
    """Labels of a table whose header is understood.

    Args:
        table: its rows. frame_rate: frames a second, as the caller guarantees; for columns of frames and times that
            count them. required: whether a table that marks no event is refused; a manifest's is not.

    Raises:
        SynclineError: no column of videos or of events, or a row that cannot be read, by its number.
    """
    known = _known(table)
    names = set(known.values())
    if "video" not in names:
        raise SynclineError(f"it has no column 'video'; {columns_seen(table.columns)}")
    columns = _columns_of_events(table, manifest=not required)
    taken = {table.columns[column.index] for column in columns}
    left = [c for c in table.unknown(known) if plain_name(c) not in _PASSED_OVER and c not in taken]
    if left:
        tell = _log.warning if required else _log.info  # a manifest may have columns of its own
        tell("columns that are not read as labels: %s", ", ".join(repr(column.strip()) for column in left))
    if columns:
        return _from_columns(table, known, columns, frame_rate)
    rows = _with_a_video(_in_seconds(table, known), names)
    tracks = _from_rows(rows, frame_rate) if names & {"seconds", "frame"} else _from_wide(rows, frame_rate)
    if required and not any(track.events for track in tracks):
        raise SynclineError(
            "it marks no event; expected event_seconds or events and event_names, a row for every event with event and "
            f"seconds, or a column of times for every event; {columns_seen(table.columns)}"
        )
    return tracks


def _columns_of_events(table: Table, manifest: bool) -> list[EventColumn]:
    """The columns of a table with a column an event, [] of another table; of a manifest see `event_columns`.

    `start` and `end` are events beside other columns of times, unless a video has several rows, as of one's segments.

    Raises:
        SynclineError: as `event_columns`.
    """
    plain = {plain_name(column) for column in table.columns}
    timed = plain & {*SPELLINGS["seconds"], *SPELLINGS["frame"]}
    wide = plain & {spelling for name in ("event_seconds", "events", "event_names") for spelling in SPELLINGS[name]}
    if wide or timed - _BOUNDS or (timed and plain & set(SPELLINGS["event"])):
        return []
    others = ("video", "num_frames", "fps", "split", "confidence", "provenance")
    claimed = {spelling for name in others for spelling in SPELLINGS[name]} | (_PASSED_OVER - _BOUNDS)
    bounds = plain & _BOUNDS
    videos = [row["video"] for _, row in table.named(_known(table)) if row["video"]]
    if bounds and (len(set(videos)) < len(videos) or not event_columns(table, claimed | bounds, manifest=manifest)):
        return []
    columns = event_columns(table, claimed, manifest=manifest)
    if manifest and columns and not all(column.unit for column in columns):
        said = ", ".join(repr(column.name) for column in columns)
        _log.warning("columns read as events, in seconds: %s; a header with a unit, 'lift (s)', says so", said)
    elif bounds:
        said = ", ".join(repr(column.name) for column in columns)
        _log.warning("a column is read as an event: %s; a row for every event needs a column event", said)
    return columns


def _from_columns(
    table: Table, known: dict[str, str], columns: Sequence[EventColumn], frame_rate: float | None
) -> list[LabelTrack]:
    """The tracks of a table with a column an event.

    Raises:
        SynclineError: seconds beside frames, a row that marks an event of no video or a video of an earlier row, or a
            cell that cannot be read.
    """
    in_frames = [column.factor is None for column in columns]
    if any(in_frames) and not all(in_frames):
        one, other = columns[in_frames.index(False)].name, columns[in_frames.index(True)].name
        raise SynclineError(f"its column of {one!r} is in seconds, that of {other!r} in frames; give one of them")
    names = told_apart([column.name for column in columns])
    tracks: dict[str, LabelTrack] = {}
    for (number, row), (_, whole) in zip(table.named(known), table.rows, strict=True):
        cells = [whole[c.index] if c.factor in (None, 1.0) else _times(whole[c.index], c.factor) for c in columns]
        try:
            if not row["video"]:
                if not all(map(is_absent, cells)):
                    raise ValueError("it names no video; write it in every row")
                continue
            if row["video"] in tracks:
                raise ValueError(f"{row['video']!r} stands in an earlier row")
            tracks[row["video"]] = _track(row, names, cells, frame_rate, in_seconds=not in_frames[0])
        except ValueError as error:
            raise SynclineError(f"row {number}: {error}") from error
    return list(tracks.values())


_UNITS = {"ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3}
_OTHER_UNITS = ("frame", "frames", "fr", "min", "mins", "minutes", "h", "hours", "us", "µs", "ns", "samples")


def _in_seconds(table: Table, known: dict[str, str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a table by known names; times of a column of milliseconds become seconds.

    Raises:
        SynclineError: a column of times in minutes, frames or another unit.
    """
    rows = table.named(known)
    for name in ("event_seconds", "seconds"):
        column = next((column for column in table.columns if known.get(plain_name(column)) == name), "")
        unit = unit_of(column)
        if unit in _OTHER_UNITS:
            raise SynclineError(f"its column {column.strip()!r} is no time in seconds; give seconds, or call it frame")
        if unit in _UNITS:
            for _, row in rows:
                row[name] = ";".join(_times(cell, _UNITS[unit]) for cell in _parts(row[name]))
    return rows


def _times(cell: str, factor: float) -> str:
    """A cell with its number times a factor; as it is where it holds none, or a time with colons."""
    if is_absent(cell) or ":" in cell:
        return cell
    try:
        return repr(round(as_number(cell) * factor, 9))
    except ValueError:
        return cell


def _with_a_video(rows: list[tuple[int, dict[str, str]]], names: set[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows that name a video; those that mark nothing either are left out.

    Raises:
        SynclineError: a row that marks an event of no video, as of cells that a spreadsheet shows as one.
    """
    marking = names & {*EVENT_COLUMNS, "event"}
    for number, row in rows:
        if not row["video"] and any(row[name] for name in marking):
            raise SynclineError(f"row {number}: it names no video; write it in every row")
    return [(number, row) for number, row in rows if row["video"]]


def _from_wide(rows: list[tuple[int, dict[str, str]]], frame_rate: float | None) -> list[LabelTrack]:
    tracks: dict[str, LabelTrack] = {}
    for number, row in rows:
        try:
            track = parse_row(row, frame_rate)
            before = tracks.get(track.video)
            tracks[track.video] = track if before is None else _joined(before, track)
        except ValueError as error:
            raise SynclineError(f"row {number}: {error}") from error
    return list(tracks.values())


def _joined(one: LabelTrack, other: LabelTrack) -> LabelTrack:
    """The events of two rows of one video; ValueError where they mark the same event, or only one counts frames."""
    twice = sorted(set(one.event_names) & set(other.event_names))
    if twice or (one.frames is None) != (other.frames is None):
        raise ValueError(f"{one.video!r} stands in an earlier row" + (f", with {twice[0]!r} as well" if twice else ""))
    count, added = len(one.events), len(other.events)
    confidence = (*(one.confidence or (None,) * count), *(other.confidence or (None,) * added))
    provenance = (*(one.provenance or ("",) * count), *(other.provenance or ("",) * added))
    return replace(
        one,
        events=one.events + other.events,
        frames=None if one.frames is None else one.frames + (other.frames or ()),
        confidence=confidence if one.confidence or other.confidence else None,
        provenance=provenance if one.provenance or other.provenance else None,
    )


def names_a_video(text: str) -> bool:
    r"""Whether the first line of a text is the header of a table with a column of videos.

    Examples:
        >>> names_a_video("Video\tEvent\tTime (s)\n"), names_a_video("video\nvideo\n")
        (True, False)
    """
    columns = next(iter(raw_rows(text.split("\n")[0], separator_of(text))), [])
    return len(columns) > 1 and any(plain_name(column) in SPELLINGS["video"] for column in columns)


def is_long(columns: Sequence[str]) -> bool:
    """Whether a header is that of a table with a row for every event.

    Examples:
        >>> is_long(["Video", "Event", "Time (s)"]), is_long(["video", "event_seconds", "event_names"])
        (True, False)
    """
    plain = {plain_name(column) for column in columns}
    timed = plain & {*SPELLINGS["seconds"], *SPELLINGS["frame"]}
    wide = plain & {*SPELLINGS["event_seconds"], *SPELLINGS["events"]}
    return bool(timed) and (not wide or bool(plain & set(SPELLINGS["event"])))


def _known(table: Table) -> dict[str, str]:
    """Spellings of this table's columns -> the names that they stand for."""
    plain = {plain_name(column) for column in table.columns}
    spellings = dict(SPELLINGS)
    if is_long(table.columns):
        singular = spellings["event"] + spellings.pop("events") + spellings.pop("event_names")
        spellings["event"] = singular
        del spellings["event_seconds"]
    else:
        for name in ("event", "seconds", "frame"):
            del spellings[name]
    taken = {}
    for name, known in spellings.items():
        first = next((spelling for spelling in known if spelling in plain and spelling not in taken), None)
        if first is not None:
            taken[first] = name
    return taken


def _numbers(row: dict[str, str], frame_rate: float | None) -> tuple[float | None, int | None, float | None]:
    """Rate for times that count frames, number of frames, and the rate that the caller guarantees."""
    said = as_number(row["fps"]) if row.get("fps") else None
    length = as_frame(row["num_frames"]) if row.get("num_frames") else None
    return frame_rate or said, length, frame_rate


def parse_row(row: dict[str, str], frame_rate: float | None) -> LabelTrack:
    """The track of a row that holds all events of a video."""
    in_seconds = bool(row.get("event_seconds"))
    cells = _parts(row["event_seconds"] if in_seconds else row.get("events", ""))
    names = _parts(row.get("event_names", "")) or [""] * len(cells)
    names = [name or f"event {number}" for number, name in enumerate(names, 1)]
    if cells and len(names) != len(cells):
        raise ValueError(f"{len(cells)} events, {len(names)} event_names")
    track = _track(row, told_apart(names), cells, frame_rate, in_seconds=in_seconds)
    moments = [moment for moment in (track.frames or [when for _, when in track.events]) if moment is not None]
    if not row.get("event_names") and min(moments, default=0) >= 0 and moments != sorted(moments):
        raise ValueError(f"events without names must ascend, but they are {'; '.join(cells)[:80]}")
    return track


def _track(
    row: dict[str, str], names: Sequence[str], cells: Sequence[str], frame_rate: float | None, *, in_seconds: bool
) -> LabelTrack:
    """The track of a row whose events are in these cells; without any cell all are absent."""
    rate, length, guaranteed = _numbers(row, frame_rate)
    frames, seconds = None, []
    if in_seconds:
        seconds = [None if is_absent(cell) else as_seconds(cell, rate) for cell in cells]
    else:
        frames = tuple(None if is_absent(cell) else as_frame(cell) for cell in cells)
        seconds = [None if frame is None or not guaranteed else frame / guaranteed for frame in frames]
    events = tuple(zip(names, seconds, strict=True)) if cells else tuple((name, None) for name in names)
    sure, who = _parts(row.get("confidence", "")), _parts(row.get("provenance", ""))
    remarks: list[tuple[str, float | None]] = [("", None)] * len(events)
    if len(events) in (len(sure), len(who)):
        sure, who = sure or [""] * len(events), who or [""] * len(events)
        remarks = [(by, _share(cell)) for by, cell in zip(who, sure, strict=True)]
    confidence, provenance = as_columns(remarks)
    return LabelTrack(
        row["video"], events, None, guaranteed, length, row.get("split", ""), frames if frames or not events else None,
        confidence=confidence, provenance=provenance,
    )  # fmt: skip


def _share(cell: str) -> float | None:
    """A confidence in [0, 1]; None of anything else, which is somebody's own measure."""
    try:
        value = as_number(cell)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _parts(cell: str) -> list[str]:
    """The parts of a cell between `;` or line breaks, [] of an empty one."""
    return [part.strip() for part in re.split(r"[;\n]", cell)] if cell.strip() else []


def _from_rows(rows: list[tuple[int, dict[str, str]]], frame_rate: float | None) -> list[LabelTrack]:
    """The tracks of a table with a row for every event."""
    found: dict[str, list[tuple[str, float | None, int | None, str, float | None]]] = {}
    about: dict[str, dict[str, str]] = {}
    for number, row in rows:
        try:
            rate, _, guaranteed = _numbers(row, frame_rate)
            own = found.setdefault(row["video"], [])
            about.setdefault(row["video"], row)
            if not any(row.get(name) for name in ("event", "seconds", "frame")):
                continue  # which says only that there is such a video
            seconds, frame = None, None
            if not is_absent(row.get("seconds", "")):
                seconds = as_seconds(row["seconds"], rate)
            elif not is_absent(row.get("frame", "")):
                frame = as_frame(row["frame"])
                seconds = frame / guaranteed if guaranteed else None
            name = row.get("event") or f"event {len(own) + 1}"
            sure = _share(row.get("confidence", ""))
            own.append((name, seconds, frame, row.get("provenance", ""), sure))
        except ValueError as error:
            raise SynclineError(f"row {number}: {error}") from error
    tracks = []
    for video, own in found.items():
        counted = any(frame is not None for _, _, frame, _, _ in own)
        if counted and any(frame is None and seconds is not None for _, seconds, frame, _, _ in own):
            raise SynclineError(f"{video}: some of its events are in seconds, others in frames; give one of them")
        own.sort(key=lambda mark: next((float(moment) for moment in mark[1:3] if moment is not None), float("inf")))
        confidence, provenance = as_columns([(who, sure) for *_, who, sure in own])
        names = told_apart([mark[0] for mark in own])
        _, length, guaranteed = _numbers(about[video], frame_rate)
        tracks.append(
            LabelTrack(
                video, tuple(zip(names, (mark[1] for mark in own), strict=True)), None, guaranteed, length,
                about[video].get("split", ""), tuple(mark[2] for mark in own) if counted else None,
                confidence=confidence, provenance=provenance,
            )
        )  # fmt: skip
    return tracks


def format_event_table(tracks: Sequence[LabelTrack]) -> str:
    """A row a video, in seconds; in frames only where a track knows nothing else."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    remarks = ["confidence", "provenance"] if any(t.confidence or t.provenance for t in tracks) else []
    tracks = [track if _frames_only(track) else known_events(track) for track in tracks]
    frames_only = [_frames_only(track) for track in tracks]
    columns = [*["event_seconds"] * (not all(frames_only)), *["events"] * any(frames_only)]
    table.writerow(["video", "num_frames", "fps", "split", *columns, "event_names", *remarks])
    for track, in_frames in zip(tracks, frames_only, strict=True):
        if any(";" in name for name in track.event_names):
            raise SynclineError(f"{track.video}: the name of an event holds ';', which separates events in the CSV")
        if in_frames:
            cells = ["" if frame is None else str(frame) for frame in track.frames or ()]
        else:
            cells = ["" if seconds is None else repr(float(seconds)) for _, seconds in track.events]
        if cells == [""]:
            cells = ["-1"]  # one absent event is not the same as no events
        written = {"events" if in_frames else "event_seconds": ";".join(cells)}
        fixed = [track.video, "" if track.num_frames is None else track.num_frames, track.frame_rate or ""]
        row = [*fixed, track.split, *(written.get(column, "") for column in columns), ";".join(track.event_names)]
        if remarks:
            sure = track.confidence or (None,) * len(track.events)
            row.append(";".join("" if value is None else f"{value:.3f}" for value in sure))
            row.append(";".join(track.provenance or ("",) * len(track.events)))
        table.writerow(row)
    return text.getvalue()


def _frames_only(track: LabelTrack) -> bool:
    """Whether all that is known of a track's events is their frames."""
    told = track.pts_seconds is not None or track.frame_rate is not None
    return (
        track.frames is not None
        and not told
        and any(
            frame is not None and seconds is None
            for frame, (_, seconds) in zip(track.frames, track.events, strict=True)
        )
    )
