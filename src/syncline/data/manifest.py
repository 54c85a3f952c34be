"""Manifests: a CSV that names videos, frames, rates, splits and ordered events; and the CSV of re-cuts beside it.

Columns of a manifest: `video` (file, beside the CSV or in `videos/`), and optionally `num_frames`, `fps`, `split`,
`action`, `source_video` (of what it is a part), `events` (first frame of each event, separated by `;`, an empty place
or -1 where absent), `event_names`.
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

from syncline.data.labels.phases import phases_from_events
from syncline.data.labels.track import SLACK, fitted
from syncline.data.video_set import Video, VideoSet
from syncline.errors import SynclineError
from syncline.video import VideoReader
from syncline.video.frame_source import MAX_FRAMES

T = TypeVar("T")
csv.field_size_limit(1 << 24)


def read_manifest(path: str | Path) -> VideoSet:
    """Read a manifest.

    Raises:
        SynclineError: naming file, row and what is wrong: a missing column or file, events that are out of order or
            beyond the end, a name twice, a number that is none.
    """
    path = Path(path)
    videos: list[Video] = []
    rows: dict[str, int] = {}
    names: tuple[str, ...] = ()
    for number, row in _rows(path, "video"):
        try:
            videos.append(_video(path.parent, row))
            first = rows.setdefault(videos[-1].name, number)
            if first != number:
                raise SynclineError(f"the same video as in row {first}")
        except (SynclineError, ValueError) as error:
            raise SynclineError(f"{path}, row {number} ({row['video'][:80]}): {error}") from error
        if row.get("event_names"):
            names = tuple(name.strip() for name in row["event_names"].split(";"))
    if not videos:
        raise SynclineError(f"{path} names no video")
    action = path.parent.resolve().name if path.name == "annotations.csv" else path.stem
    return VideoSet(tuple(videos), action, names)


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
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
            missing = [column for column in required if rows and column not in rows[0]]
    except OSError as error:
        raise SynclineError(f"{path} cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SynclineError(f"{path} cannot be read as CSV: {error}") from error
    if missing or not rows:
        raise SynclineError(f"{path} has {'no column ' + repr(missing[0]) if missing else 'no rows'}")
    filled = [(number, {k: v or "" for k, v in row.items() if k}) for number, row in enumerate(rows, 2)]
    return [(number, row) for number, row in filled if any(map(str.strip, row.values()))]  # spreadsheets leave `,,,`


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
    places = (place / spelling for spelling in spellings for place in (folder / "videos", folder))
    path = next((place for place in places if os.path.isfile(place)), None)  # which takes a name that is too long
    if path is None:
        raise SynclineError(f"there is no file {name[:200]} in {folder} or {folder / 'videos'}")
    num_frames, frame_rate = _number(row, "num_frames", int), _number(row, "fps", float)
    if num_frames is None or frame_rate is None:
        reader = VideoReader(path)
        num_frames, frame_rate = num_frames or reader.num_frames, frame_rate or reader.frame_rate
    if not 0 < num_frames <= MAX_FRAMES or not 0 < frame_rate < 1e6:
        raise SynclineError(f"{num_frames} frames at {frame_rate} a second is not a video")
    phases = None
    if row.get("events", "").strip():
        events = [_event(text) for text in row["events"].split(";")]
        counted = _counted(path, num_frames)
        phases = fitted(phases_from_events(events, num_frames), counted, name)
        num_frames = counted
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
        phases=phases,
    )


def _counted(path: Path, said: int) -> int:
    """Frames of a file whose length the manifest says; as it says where the file cannot be read, which is told later.

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


def _event(text: str) -> int | None:
    text = text.strip()
    if text in ("", "-1"):
        return None
    try:
        return int(text)
    except ValueError as error:
        raise SynclineError(f"event {text!r} is no frame number") from error
