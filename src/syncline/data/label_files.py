"""Other people's labels in and out: which form a file has, and the plain forms (CSV, JSON, arrays, text).

| form | file | holds |
|---|---|---|
| `csv` | the columns of a manifest (`.tsv`: with tabs) | events in frames (`events`) or seconds (`event_seconds`) |
| `json` | `{"videos": [...]}` | events, in seconds or frames, and phases |
| `elan` | `.eaf` | events of one video |
| `boris` | project JSON | events |
| `boris-csv` | its tabular or aggregated export | events |
| `label-studio` | JSON of the video timeline | events in frames |
| `npy` | one integer a frame | phases of one video |
| `text` | one label name a line, one line a frame; `mapping.txt` beside it gives the numbers | phases of one video |

A folder is read file by file, and forms of one video are written as files into a folder.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.data import label_tools
from syncline.data.label_track import LabelTrack, counted_frame, known_events, known_phases, video_stem, with_names
from syncline.errors import SynclineError
from syncline.files import replacing, write_json, write_text

FORMS = ("csv", "json", "elan", "boris", "boris-csv", "label-studio", "npy", "text")
MAX_BYTES = 64 << 20
MAX_FILES = 100_000
_ONE_VIDEO = {"elan": ".eaf", "npy": ".npy", "text": ".txt"}
_SUFFIXES = (".csv", ".tsv", ".json", ".boris", ".eaf", ".npy", ".txt")
_MAPPING = "mapping.txt"
_FAULTS = (
    ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError, RecursionError, StopIteration,
    OSError, csv.Error,
)  # fmt: skip


def read_labels(
    path: str | Path,
    *,
    event_names: Sequence[str] | None = None,
    frame_rate: float | None = None,
    tier: str | None = None,
) -> list[LabelTrack]:
    """Labels of one or many videos from a file, or from all label files of a folder.

    Args:
        path: the file; its form is recognised by suffix and content. Hidden files of a folder are left out.
        event_names: which events, in which order; others are passed over, missing ones None. None takes all there are.
        frame_rate: frames a second, for forms that count frames and do not say (Label Studio, arrays, text); None
            leaves the seconds of such events None.
        tier: of an ELAN file; None takes the only one with annotations.

    Returns:
        One track a video, all with the same events in the same order.

    Raises:
        SynclineError: naming the file and what is wrong with it.
    """
    path = Path(path)
    if path.is_dir():
        known = [p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES and p.name != _MAPPING]
        files = sorted(p for p in known if not p.name.startswith("."))[:MAX_FILES]
        if not files:
            raise SynclineError(f"{path} holds no label file ({', '.join(_SUFFIXES)})")
    else:
        files = [path]
    mapping = _read_mapping(files[0].parent)
    tracks: list[LabelTrack] = []
    for file in files:
        try:
            tracks.extend(_read(file, mapping, frame_rate, tier))
        except SynclineError as error:
            raise SynclineError(f"{file}: {error}") from error
        except _FAULTS as error:
            said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
            raise SynclineError(f"{file} cannot be read as labels: {said}") from error
    return with_names(tracks, event_names)


def write_labels(path: str | Path, tracks: Sequence[LabelTrack], *, form: str) -> None:
    """Write labels in a form; phases become events and events phases where the form needs it.

    Args:
        path: a file; for forms of one video and several tracks, a folder that gets a file for each.
        tracks: what to write.
        form: one of `FORMS`.

    Raises:
        SynclineError: a form that is not known, or that lacks what it needs (a frame rate, a length, an order).
    """
    path = Path(path)
    if form not in FORMS:
        raise SynclineError(f"no form {form!r}; there are {', '.join(FORMS)}")
    if form in _ONE_VIDEO and (len(tracks) != 1 or path.is_dir()):
        for name, track in zip(_file_names(tracks), tracks, strict=True):
            _write_one(path / (name + _ONE_VIDEO[form]), track, form)
        if form == "text" and tracks and tracks[0].phase_names:
            lines = [f"{number} {name}\n" for number, name in enumerate(tracks[0].phase_names)]
            write_text(path / _MAPPING, "".join(lines))
    elif form in _ONE_VIDEO:
        _write_one(path, tracks[0], form)
    elif form == "csv":
        write_text(path, _format_csv(tracks))
    elif form == "json":
        write_json(path, {"videos": [_json_entry(track) for track in tracks]})
    elif form == "boris":
        write_json(path, label_tools.format_boris(tracks))
    elif form == "boris-csv":
        write_text(path, label_tools.format_boris_csv(tracks))
    else:
        write_json(path, label_tools.format_label_studio(tracks))


def _read(path: Path, mapping: Sequence[str], frame_rate: float | None, tier: str | None) -> list[LabelTrack]:
    if path.stat().st_size > MAX_BYTES:
        raise SynclineError(f"{path.stat().st_size} bytes; labels of up to {MAX_BYTES} are read")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return [_from_phases(_named_by(path), read_array(path), (), frame_rate)]
    content = path.read_bytes()
    if suffix == ".eaf" or content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        track = label_tools.parse_elan(content, tier=tier)
        return [track if track.video else replace(track, video=_named_by(path))]
    text = content.decode("utf-8-sig")
    if suffix in (".json", ".boris") or text.lstrip().startswith(("{", "[")):
        return _parse_json(json.loads(text, parse_constant=_no_constant), frame_rate)
    if suffix in (".csv", ".tsv"):
        delimiter = "\t" if suffix == ".tsv" else ","
        lines = [row for row, _ in zip(csv.reader(io.StringIO(text), delimiter=delimiter), range(50))]
        if any(label_tools.is_boris_header(row) for row in lines):
            return label_tools.parse_boris_csv(text, delimiter)
        return _parse_csv(text, delimiter, frame_rate)
    if suffix != ".txt":
        raise SynclineError(f"no label file that is known; expected {', '.join(_SUFFIXES)}")
    phases, names = _parse_lines(text.splitlines(), mapping)
    return [_from_phases(_named_by(path), phases, names, frame_rate)]


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


# CSV ----------------------------------------------------------------------------------------------------------------


def _parse_csv(text: str, delimiter: str, frame_rate: float | None) -> list[LabelTrack]:
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
    names = label_tools.told_apart(names)
    events = tuple(zip(names, seconds, strict=True)) if cells else tuple((name, None) for name in names)
    frames = frames if frames or not events else None
    return LabelTrack(row["video"], events, None, rate, length, row.get("split", ""), frames)


def _format_csv(tracks: Sequence[LabelTrack]) -> str:
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


# JSON ---------------------------------------------------------------------------------------------------------------


def _parse_json(value: Any, frame_rate: float | None) -> list[LabelTrack]:
    if isinstance(value, dict) and "observations" in value:
        return label_tools.parse_boris(value)
    entries = value.get("videos", [value]) if isinstance(value, dict) else value
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SynclineError("expected an object for every video")
    if any("annotations" in entry or "data" in entry or "file_upload" in entry for entry in entries):
        return label_tools.parse_label_studio(entries, frame_rate=frame_rate)
    return [_json_track(entry, frame_rate) for entry in entries]


def _json_track(entry: dict[str, Any], frame_rate: float | None) -> LabelTrack:
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
    names = label_tools.told_apart([name for name, _ in events])
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


def _json_entry(track: LabelTrack) -> dict[str, Any]:
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


# Arrays and text ----------------------------------------------------------------------------------------------------


def read_array(path: Path) -> NDArray[np.int64]:
    """One label a frame from a .npy file: (num_frames,) int64. Mapped, so a lying header allocates nothing.

    Raises:
        SynclineError: the file is no array of whole numbers in one dimension.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise TypeError("an archive")
    except Exception as error:  # damaged headers raise nearly every type there is
        raise SynclineError(f"{path} is no array of labels ({type(error).__name__})") from error
    return as_labels(array)


def as_labels(array: NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers in one dimension as (num_frames,) int64; anything else is a SynclineError."""
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim != 1 or array.dtype.kind not in "iufb":
        raise SynclineError(f"an array {array.shape} of {array.dtype}; expected one whole number a frame")
    if not (np.isfinite(array).all() and (np.abs(array, dtype=np.float64) < 1 << 31).all()):
        raise SynclineError("labels that are no whole numbers")
    labels = array.astype(np.int64)
    if (labels != array).any():
        raise SynclineError("labels that are no whole numbers")
    return np.ascontiguousarray(labels)


def _parse_lines(lines: Sequence[str], mapping: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A label for every frame, and the names of the numbers: those of the mapping, or in order of appearance."""
    labels = [line.strip() for line in lines]
    while labels and not labels[-1]:
        labels.pop()
    if all(not label or label.lstrip("-").isdigit() for label in labels):
        return np.array([int(label or -1) for label in labels], dtype=np.int64), tuple(mapping)
    names = list(mapping) or list(dict.fromkeys(label for label in labels if label not in ("-1", "")))
    numbers = {name: number for number, name in enumerate(names)} | {"-1": -1, "": -1}
    unknown = next((label for label in labels if label not in numbers), None)
    if unknown is not None:
        raise SynclineError(f"the label {unknown[:80]!r} is not in {_MAPPING}")
    return np.array([numbers[label] for label in labels], dtype=np.int64), tuple(names)


def _read_mapping(folder: Path) -> tuple[str, ...]:
    """Names by number from `mapping.txt` (`0 background` a line) in the folder or the one above; () without one."""
    file = next((place / _MAPPING for place in (folder, folder.parent) if (place / _MAPPING).is_file()), None)
    if file is None:
        return ()
    try:
        pairs = [line.split(maxsplit=1) for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
        names = {int(number): name.strip() for number, name in pairs}
    except (ValueError, OSError) as error:
        raise SynclineError(f"{file}: expected a number and a name a line") from error
    if sorted(names) != list(range(len(names))):
        raise SynclineError(f"{file}: its numbers are not 0 to {len(names) - 1}")
    return tuple(names[number] for number in range(len(names)))


def _from_phases(video: str, phases: NDArray[np.int64], names: tuple[str, ...], frame_rate: float | None) -> LabelTrack:
    return LabelTrack(video, (), phases, frame_rate, len(phases), phase_names=names)


def _file_names(tracks: Sequence[LabelTrack]) -> list[str]:
    """Of files of one video: its stem, or where several share that, its whole name with `%2F` for the slashes."""
    stems = Counter(video_stem(track.video).casefold() for track in tracks)
    names = [
        track.video.replace("\\", "/").replace("/", "%2F")
        if stems[video_stem(track.video).casefold()] > 1
        else video_stem(track.video)
        for track in tracks
    ]
    doubled = next((name for name, count in Counter(map(str.casefold, names)).items() if count > 1), None)
    if doubled is not None:
        raise SynclineError(f"two tracks are named {doubled!r}, so one file would replace the other; rename a video")
    return names


def _named_by(path: Path) -> str:
    """The video that a file of one video names; see `_file_names`."""
    return path.stem.replace("%2F", "/")


def _write_one(path: Path, track: LabelTrack, form: str) -> None:
    if form == "elan":
        write_text(path, label_tools.format_elan(track))
        return
    phases = known_phases(track)
    if form == "npy":
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, phases, allow_pickle=False)
        return
    names = track.phase_names
    if any("\n" in name or name != name.strip() for name in names):
        raise SynclineError(f"{track.video}: a phase name with line breaks or outer spaces cannot stand in a text file")
    lines = [names[label] if 0 <= label < len(names) else str(label) for label in phases.tolist()]
    write_text(path, "".join(line + "\n" for line in lines))
