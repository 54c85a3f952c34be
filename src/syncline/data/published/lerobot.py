"""LeRobot data sets as a source of videos: one camera, one video an episode.

| layout | episodes | videos |
|---|---|---|
| v2.0, v2.1 | `meta/episodes.jsonl`, `data/chunk-000/episode_000000.parquet` | one mp4 an episode |
| v3.0 | `meta/episodes/chunk-000/file-000.parquet`, `data/chunk-000/file-000.parquet` | many episodes in one mp4 |

In v3 an episode is a part (`Video.span`) of its file, whose borders are checked (`lerobot_borders`). Rules on the
recorded signals (`labels.event_rules`) label the episodes; they are given, or stand in `syncline_events.txt` in the
data set's folder, one a line. Results go back into a copy of a data set by `lerobot_export`.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.data.labels.event_rules import EventRule, events_from_signals, read_rules
from syncline.data.labels.video_labels import SLACK, fitted
from syncline.data.phases import phases_from_events
from syncline.data.published.lerobot_borders import Part, borders
from syncline.data.video_set import Video, VideoSet
from syncline.errors import SynclineError

_log = logging.getLogger(__name__)

RULES = "syncline_events.txt"
MAX_BYTES = 1 << 28
MAX_ROWS = 20_000_000
_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "val"}


@dataclass(frozen=True)
class Episode:
    """One episode: its number, rows, task, the file of its video and, in v3, when it begins there (seconds)."""

    number: int
    length: int
    task: str
    video: Path
    data: Path
    start: float | None = None


def is_lerobot(root: Path) -> bool:
    """Whether a folder is a LeRobot data set."""
    return (root / "meta" / "info.json").is_file()


def open_lerobot(root: str | Path, *, camera: str | None = None, rules: Sequence[EventRule] | None = None) -> VideoSet:
    """The episodes of a data set.

    Args:
        root: the folder with `meta/info.json`.
        camera: which; its key or the end of it. None takes the first and logs which others there are.
        rules: of the key events; None takes those of `syncline_events.txt` where it is.

    Returns:
        One video an episode, `action` its task; episodes whose file cannot be read are passed over with a warning.

    Raises:
        SynclineError: naming the file and what is wrong with it; no such camera; pictures that are not in video files.
    """
    root = Path(root)
    info, key = _read_info(root, camera)
    chosen = read_rules(root / RULES) if rules is None and (root / RULES).is_file() else list(rules or ())
    version = str(info.get("codebase_version", ""))
    try:
        rate = float(info["fps"])
        episodes = _episodes(root, info, key)
        videos = _videos(episodes, chosen, _splits(info))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said = f"{type(error).__name__} {str(error)[:200]}"
        raise SynclineError(f"{root}: its tables are not those of LeRobot ({said})") from error
    if not videos:
        raise SynclineError(f"{root}: none of its {len(episodes)} episodes can be read")
    _log.info("%s: LeRobot %s, camera %s, %d episodes at %g a second", root, version, key, len(videos), rate)
    return VideoSet(tuple(videos), root.resolve().name, tuple(rule.name for rule in chosen))


def read_episodes(root: Path) -> tuple[dict[str, Any], list[Episode]]:
    """Reads `meta/info.json` and the episodes of the tables, without opening any film.

    Raises:
        SynclineError: naming the file and what is wrong with it.
    """
    info, key = _read_info(root, None)
    try:
        return info, _episodes(root, info, key)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said = f"{type(error).__name__} {str(error)[:200]}"
        raise SynclineError(f"{root}: its tables are not those of LeRobot ({said})") from error


def _read_info(root: Path, camera: str | None) -> tuple[dict[str, Any], str]:
    """Reads `meta/info.json` and the key of the camera."""
    info = _json(root / "meta" / "info.json")
    return info, _camera(info, camera, root)


def _episodes(root: Path, info: dict[str, Any], key: str) -> list[Episode]:
    v3 = str(info.get("codebase_version", "")).startswith("v3")
    return _episodes_3(root, info, key) if v3 else _episodes_2(root, info, key)


def _videos(episodes: Sequence[Episode], rules: Sequence[EventRule], splits: dict[int, str]) -> list[Video]:
    from syncline.video import VideoReader

    reader = functools.lru_cache(maxsize=2)(VideoReader)
    tables = functools.lru_cache(maxsize=2)(lambda path: _columns(path, rules))
    shared: dict[Path, NDArray[np.int64]] = {}  # labels of a file that holds many episodes
    spans: dict[Path, dict[str, tuple[int, int]]] = {}
    videos = []
    for episode in episodes:
        name = episode_name(episode.number)
        try:
            film = reader(episode.video)
        except SynclineError as error:
            _log.warning("passed over %s: %s", name, error)
            continue
        first, end, span = 0, film.num_frames, None
        if episode.start is not None:
            if episode.video not in spans:
                spans[episode.video] = borders(episode.video.name, _parts(episodes, episode.video), film.pts_seconds)
            span = spans[episode.video].get(name)
            if span is None:
                continue
            first, end = span
        if abs(end - first - episode.length) > SLACK:
            _log.warning("%s has %d frames in its film and %d rows", name, end - first, episode.length)
        phases, events = None, None
        if rules:
            signals = _rows(tables(episode.data), episode.number)
            rows = len(next(iter(signals.values())))
            frames = events_from_signals(signals, rules)
            phases = fitted(phases_from_events(frames, rows), end - first, name)
            events = tuple(None if frame is None else first + frame for frame in frames)
            if span is not None:
                whole = shared.setdefault(episode.video, np.full(film.num_frames, -1, dtype=np.int64))
                whole[first:end] = phases
                phases = whole
        split = splits.get(episode.number, "")
        videos.append(
            Video(
                episode.video, name, name, film.num_frames, film.frame_rate, split, episode.task, phases, span=span,
                events=events,
            )
        )  # fmt: skip
    return videos


def episode_name(number: int) -> str:
    """The name of the video of an episode."""
    return f"episode_{number:06d}"


def _parts(episodes: Sequence[Episode], film: Path) -> list[Part]:
    """The episodes that a film holds."""
    own = [episode for episode in episodes if episode.video == film]
    return [Part(episode_name(e.number), e.length, e.start or 0.0) for e in own]


def _episodes_2(root: Path, info: dict[str, Any], key: str) -> list[Episode]:
    file = root / "meta" / "episodes.jsonl"
    try:
        lines = [json.loads(line) for line in _text(file).split("\n") if line.strip()]  # a text may hold U+2028
    except ValueError as error:
        raise SynclineError(f"{file} cannot be read ({error})") from error
    size = max(int(info.get("chunks_size", 1000)), 1)
    episodes = []
    for line in lines:
        number = int(line["episode_index"])
        numbers = {"episode_index": number, "episode_chunk": number // size}
        video = _filled_path(root, info["video_path"], key, numbers)
        data = _filled_path(root, info["data_path"], key, numbers)
        episodes.append(Episode(number, int(line["length"]), _task(line.get("tasks")), video, data))
    return episodes


def _episodes_3(root: Path, info: dict[str, Any], key: str) -> list[Episode]:
    columns = ["episode_index", "length", "tasks", "data/chunk_index", "data/file_index"]
    columns += [f"videos/{key}/{field}" for field in ("chunk_index", "file_index", "from_timestamp")]
    episodes = []
    for file in sorted((root / "meta" / "episodes").glob("*/*.parquet")):
        table = _parquet(file, columns)
        for row in range(len(table["episode_index"])):
            at = {name: column[row] for name, column in table.items()}
            in_data = {"chunk_index": int(at["data/chunk_index"]), "file_index": int(at["data/file_index"])}
            in_video = {field: int(at[f"videos/{key}/{field}"]) for field in ("chunk_index", "file_index")}
            video = _filled_path(root, info["video_path"], key, in_video)
            data = _filled_path(root, info["data_path"], key, in_data)
            start = float(at[f"videos/{key}/from_timestamp"])
            number, length = int(at["episode_index"]), int(at["length"])
            if not 0 <= start < 1e9 or length < 0:
                raise ValueError(f"episode {number} of {length} frames at {start} s")
            episodes.append(Episode(number, length, _task(at.get("tasks")), video, data, start))
    if not episodes:
        raise SynclineError(f"{root / 'meta' / 'episodes'} holds no episodes")
    return episodes


def _camera(info: Any, camera: str | None, root: Path) -> str:
    features = info.get("features") if isinstance(info, dict) else None
    if not isinstance(features, dict) or not all(isinstance(feature, dict) for feature in features.values()):
        raise SynclineError(f"{root / 'meta' / 'info.json'} names no features")
    cameras: list[str] = [key for key, feature in features.items() if feature.get("dtype") == "video"]
    if not cameras:
        pictures = any(feature.get("dtype") == "image" for feature in features.values())
        raise SynclineError(f"{root} holds no video{'; its pictures in parquet files are not read' * pictures}")
    if camera is None:
        if len(cameras) > 1:
            _log.info("%s: camera %s is taken; others: %s", root, cameras[0], ", ".join(cameras[1:]))
        return cameras[0]
    found = [key for key in cameras if key == camera] or [key for key in cameras if key.endswith(camera)]
    if len(found) != 1:
        raise SynclineError(f"{root} has no one camera {camera!r}; there are {', '.join(cameras)}")
    return found[0]


def _splits(info: dict[str, Any]) -> dict[int, str]:
    """The split of each episode; {} where all are of one, which is none."""
    found: dict[int, str] = {}
    ranges = info.get("splits") or {}
    for name, said in ranges.items():
        match = re.fullmatch(r"(\d{1,8}):(\d{1,8})", str(said))
        if match is None or name not in _SPLITS or len(ranges) < 2:
            continue
        found.update(dict.fromkeys(range(int(match[1]), min(int(match[2]), 10_000_000)), _SPLITS[name]))
    return found


def _filled_path(root: Path, template: Any, key: str, numbers: dict[str, int]) -> Path:
    """A file by LeRobot's template; only its own fields are filled in, and nothing leads out of the folder."""

    def fill(match: re.Match[str]) -> str:
        if match[1] == "video_key":
            return key
        return format(numbers[match[1]], f"0{int(match[2] or 0)}d" if match[2] else "d")

    filled = re.sub(r"\{(\w+)(?::0?(\d{1,2})d)?\}", fill, str(template))
    path = Path(os.path.normpath(root / filled))
    if "\0" in filled or not Path(os.path.abspath(path)).is_relative_to(os.path.abspath(root)):
        raise SynclineError(f"{root}: the file {filled[:200]!r} is outside the data set")
    return path


def _columns(path: Path, rules: Sequence[EventRule]) -> dict[str, Any]:
    return _parquet(path, [*dict.fromkeys(rule.column for rule in rules), "episode_index"])


def _rows(table: dict[str, Any], number: int) -> dict[str, NDArray[Any]]:
    own = np.flatnonzero(np.asarray(table["episode_index"]) == number)
    signals = {name: np.asarray([column[row] for row in own]) for name, column in table.items()}
    wrong = next((name for name, values in signals.items() if values.dtype.kind not in "iufb"), None)
    if wrong is not None or not len(own):
        raise SynclineError(f"episode {number} has {f'no numbers in {wrong}' if len(own) else 'no rows in its file'}")
    return signals


def _parquet(path: Path, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Some columns of a parquet file; those that it lacks are left out."""
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise SynclineError("LeRobot's tables need pyarrow; run: pip install 'syncline[lerobot]'") from error
    try:
        with parquet.ParquetFile(path) as file:
            if file.metadata.num_rows > MAX_ROWS:
                raise ValueError(f"{file.metadata.num_rows} rows; up to {MAX_ROWS} are read")
            there = set(file.schema_arrow.names)
            table = file.read(columns=[name for name in columns if name in there], use_threads=False)
        content: dict[str, list[Any]] = table.to_pydict()
    except Exception as error:  # damaged files raise nearly every type there is
        said = str(error).splitlines()[0][:160] if str(error) else ""
        raise SynclineError(f"{path} cannot be read as parquet ({type(error).__name__}: {said})") from error
    return content


def _task(tasks: Any) -> str:
    return str(tasks[0]) if isinstance(tasks, list) and tasks else ""


def _json(file: Path) -> Any:
    try:
        return json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise SynclineError(f"{file} cannot be read as JSON ({str(error)[:200]})") from error


def _text(file: Path) -> str:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise SynclineError(f"{file}: {file.stat().st_size} bytes; up to {MAX_BYTES} are read")
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SynclineError(f"{file} cannot be read ({error})") from error
