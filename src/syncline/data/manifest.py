"""Manifests: a table that names videos, frames, rates, splits and ordered events; and the table of re-cuts beside it.

Columns of a manifest: `video` (file, beside the table or in `videos/`), and optionally `num_frames`, `fps`, `split`,
`action`, `source_video` (of what it is a part), and those of `labels.event_table`: events in seconds or frames, a row a
video, a row an event or a column an event. Any separator and encoding of `labels.spreadsheet` is read.
Columns of re-cuts: `video`, `frames` (source frame numbers separated by `;`), optionally `name`; the split is the
source's.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from syncline.data.labels.attach_labels import labelled_video
from syncline.data.labels.event_order import with_names
from syncline.data.labels.event_table import SPELLINGS, is_long, parse_event_table
from syncline.data.labels.spreadsheet import Table, columns_seen, plain_name, read_table
from syncline.data.labels.video_labels import SLACK, LabelTrack, fitted
from syncline.data.phases import phases_from_events
from syncline.data.video_set import Video, VideoSet
from syncline.errors import SynclineError
from syncline.video import VideoReader
from syncline.video.frame_source import MAX_FRAMES

T = TypeVar("T")
_SPELLINGS = {spelling: name for name in ("video", "num_frames", "fps", "split") for spelling in SPELLINGS[name]} | {
    "action": "action",
    "sourcevideo": "source_video",
}


def read_manifest(path: str | Path) -> VideoSet:
    """Read a manifest.

    Raises:
        SynclineError: naming file, row and what is wrong: a missing column or file, events that are out of order or
            beyond the end, a name twice, a number that is none.
    """
    path = Path(path)
    table = _table(path, "video")
    videos: list[Video] = []
    rows: dict[str, int] = {}
    long = is_long(table.columns)
    for number, row in table.named(_SPELLINGS):
        try:
            if not long and row["video"] in rows:
                raise SynclineError(f"the same video as in row {rows[row['video']]}")
            if row["video"] not in rows:
                videos.append(_video(path.parent, row))
                rows[row["video"]] = number
        except (SynclineError, ValueError) as error:
            raise SynclineError(f"{path}, row {number} ({row['video'][:80]}): {error}") from error
    names = _attach(path, table, videos, rows)
    action = path.parent.resolve().name if path.name == "annotations.csv" else path.stem
    return VideoSet(tuple(videos), action, names)


def _attach(path: Path, table: Table, videos: list[Video], rows: dict[str, int]) -> tuple[str, ...]:
    """Give the videos of a manifest the events that it marks; names of the events, () where it gives none."""
    columns = {plain_name(column) for column in table.columns}
    try:
        tracks = with_names(parse_event_table(table, None, required=False))
    except SynclineError as error:
        raise SynclineError(f"{path}, {error}") from error
    by_name = {track.video: track for track in tracks}
    for index, video in enumerate(videos):
        track = by_name[video.name]
        if not track.events:
            continue
        try:
            videos[index] = _labelled(video, track)
        except SynclineError as error:
            raise SynclineError(f"{path}, row {rows[video.name]} ({video.name[:80]}): {error}") from error
    numbered = columns & {*SPELLINGS["events"], *SPELLINGS["event_seconds"]} and not is_long(table.columns)
    named = not numbered or bool(columns & set(SPELLINGS["event_names"]))
    return max((track.event_names for track in tracks), key=len, default=()) if named else ()


def _labelled(video: Video, track: LabelTrack) -> Video:
    """The video with the events of its track, which count the frames of the file or the seconds from its first one."""
    if track.frames is None:
        return labelled_video(video, track)
    counted = _counted(video.path, video.num_frames)
    phases = fitted(phases_from_events(track.frames, video.num_frames), counted, video.name)
    return replace(video, num_frames=counted, phases=phases, events=track.frames)


def read_recuts(path: str | Path, videos: VideoSet) -> VideoSet:
    """The re-cuts of `videos` that a CSV lists: the frames of each, its source's labels and split; without a name in
    the CSV, the source's with a number. Rows of other videos are passed over.

    Raises:
        SynclineError: naming file, row and what is wrong.
    """
    path = Path(path)
    by_name = {video.name: video for video in videos}
    count: dict[str, int] = defaultdict(int)
    recuts = []
    for number, row in _rows(path, "video", "frames"):
        source = by_name.get(row["video"].strip())
        if source is None:
            continue  # of another split
        try:
            frames = np.array([int(frame) for frame in row["frames"].split(";")], dtype=np.int64)
        except ValueError as error:
            raise SynclineError(f"{path}, row {number} ({row['video']}): frames must be whole numbers") from error
        if not len(frames) or frames.min() < 0 or frames.max() >= source.num_frames:
            raise SynclineError(
                f"{path}, row {number} ({row['video']}): frames reach from {frames.min()} to {frames.max()}, "
                f"the video has {source.num_frames}"
            )
        name = row.get("name") or f"{source.name}#{count[source.name]}"
        count[source.name] += 1
        recuts.append(
            Video(
                path=source.path,
                name=name,
                source=source.source,
                num_frames=source.num_frames,
                frame_rate=source.frame_rate,
                split=source.split,
                action=source.action,
                phases=source.phases,
                events=source.events,
                frames=frames,
            )
        )
    return VideoSet(tuple(recuts), videos.name, videos.event_names)


def split_by(videos: VideoSet, path: str | Path, column: str, value: str) -> VideoSet:
    """The same videos split anew: `train` where the manifest's `column` has `value`, `val` elsewhere.

    Raises:
        SynclineError: no such column, or one of the two would be empty.
    """
    path = Path(path)
    found = {row["video"].strip(): row[column].strip() for _, row in _rows(path, "video", column)}
    parts = [replace(video, split="train" if found.get(video.name) == value else "val") for video in videos]
    if len({video.split for video in parts}) < 2:
        raise SynclineError(f"{path}: {column}={value} holds of {'all' if parts[0].split == 'train' else 'no'} videos")
    return VideoSet(tuple(parts), f"{videos.name}:{column}={value}", videos.event_names)


def _rows(path: Path, *required: str) -> list[tuple[int, dict[str, str]]]:
    """Rows by the names of their columns, which are known in any spelling."""
    table = _table(path, *required)
    known = {plain_name(column): column.strip() for column in table.columns}
    return table.named(known | {plain_name(name): name for name in required})


def _table(path: Path, *required: str) -> Table:
    try:
        table = read_table(path.read_bytes())
    except OSError as error:
        raise SynclineError(f"{path} cannot be read ({error.strerror})") from error
    except SynclineError as error:
        raise SynclineError(f"{path}: {error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SynclineError(f"{path} cannot be read as CSV: {error}") from error
    there = {_SPELLINGS.get(plain_name(column)) or plain_name(column) for column in table.columns}
    missing = next((name for name in required if name not in there and plain_name(name) not in there), None)
    if missing is not None:
        raise SynclineError(f"{path} has no column {missing!r}; {columns_seen(table.columns)}")
    return table


def _number(row: dict[str, str], column: str, convert: Callable[[str], T]) -> T | None:
    text = row.get(column, "").strip()
    if not text:
        return None
    try:
        return convert(text)
    except ValueError as error:
        raise SynclineError(f"{column} is {text!r}, expected a number") from error


def _video(folder: Path, row: dict[str, str]) -> Video:
    name = row["video"].strip()
    if not name:
        raise SynclineError("the video has no name")
    spellings = dict.fromkeys((name, name.replace("\\", "/")))  # the second of a manifest from Windows
    paths = (parent / spelling for spelling in spellings for parent in (folder / "videos", folder))
    path = next((path for path in paths if os.path.isfile(path)), None)  # which takes a name that is too long
    if path is None:
        raise SynclineError(f"there is no file {name[:200]} in {folder} or {folder / 'videos'}")
    num_frames, frame_rate = _number(row, "num_frames", int), _number(row, "fps", float)
    if num_frames is None or frame_rate is None:
        reader = VideoReader(path)
        num_frames, frame_rate = num_frames or reader.num_frames, frame_rate or reader.frame_rate
    if not 0 < num_frames <= MAX_FRAMES or not 0 < frame_rate < 1e6:
        raise SynclineError(f"{num_frames} frames at {frame_rate} a second is not a video")
    split = row.get("split", "").strip()
    if split not in ("", "train", "val"):
        raise SynclineError(f"split is {split!r}, expected train, val or nothing")
    return Video(
        path=path,
        name=name,
        source=row.get("source_video") or name,
        num_frames=num_frames,
        frame_rate=frame_rate,
        split=split,
        action=row.get("action", ""),
    )


def _counted(path: Path, said: int) -> int:
    """Number of frames of a file; the one in the manifest if the file cannot be read, which is reported later.

    Raises:
        SynclineError: they are not those that the events were counted in.
    """
    try:
        found = VideoReader(path, size=(1, 1)).num_frames  # which decodes nothing
    except SynclineError:
        return said
    if abs(found - said) > SLACK:
        raise SynclineError(
            f"num_frames is {said}, but the file has {found} frames; events count the frames of the file"
        )
    return found
