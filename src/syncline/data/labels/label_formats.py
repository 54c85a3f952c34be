"""Reads and writes labels in every format; recognises the format of a file.

| form | file | holds |
|---|---|---|
| `csv` | a table, `.csv`, `.tsv` or `.txt`, of any separator and encoding (`event_table`) | events |
| `json` | `{"videos": [...]}` | events, in seconds or frames, and phases |
| `elan` | `.eaf` | events of the films of one document |
| `boris` | project JSON | events |
| `boris-csv` | its tabular or aggregated export | events |
| `label-studio` | JSON of the video timeline | events |
| `activitynet` | JSON of segments | events |
| `srt`, `vtt` | subtitles | events of one video |
| `npy` | one integer a frame | phases of one video |
| `text` | one label name a line, one line a frame; `mapping.txt` beside it gives the numbers | phases of one video |

A folder is read file by file, and forms of one video are written as files into a folder.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.data.labels.activitynet import format_activitynet, is_activitynet, parse_activitynet
from syncline.data.labels.attach_labels import video_stem, with_film_beside, with_films
from syncline.data.labels.boris import format_boris, format_boris_csv, is_boris_header, parse_boris, parse_boris_csv
from syncline.data.labels.elan import format_elan, parse_elan
from syncline.data.labels.event_order import with_names
from syncline.data.labels.event_table import format_event_table, names_a_video, parse_event_table
from syncline.data.labels.label_arrays import MAPPING, parse_lines, read_array, read_mapping
from syncline.data.labels.label_studio import format_label_studio, is_label_studio, parse_label_studio
from syncline.data.labels.own_json import format_entry, parse_entry
from syncline.data.labels.spreadsheet import columns_seen, decoded, raw_rows, read_table, separator_of
from syncline.data.labels.subtitles import format_subtitles, parse_subtitles
from syncline.data.labels.video_labels import LabelTrack, known_phases
from syncline.data.video_set import VideoSet
from syncline.errors import SynclineError
from syncline.files import replacing, write_json, write_text

FORMS = ("csv", "json", "elan", "boris", "boris-csv", "label-studio", "activitynet", "srt", "vtt", "npy", "text")
ENDINGS = {
    "csv": ".csv", "json": ".json", "elan": ".eaf", "boris": ".boris", "boris-csv": ".csv", "label-studio": ".json",
    "activitynet": ".json", "srt": ".srt", "vtt": ".vtt", "npy": ".npy", "text": ".txt",
}  # fmt: skip
"""The suffix of a file of each form."""
ONE_VIDEO = ("elan", "srt", "vtt", "npy", "text")
"""Forms whose files hold the labels of one video; several are written into a folder."""
MAX_BYTES = 64 << 20
MAX_FILES = 100_000
_SUFFIXES = (".csv", ".tsv", ".json", ".boris", ".eaf", ".srt", ".vtt", ".npy", ".txt")
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
        frame_rate: frames a second, for forms that count frames: of Label Studio the rate of the project, otherwise
            the constant rate of the films; None leaves the seconds of such events None.
        tier: of an ELAN file; None takes the only one with annotations.

    Returns:
        One track a video, all with the same events, in the order in which they happen.

    Raises:
        SynclineError: naming the file and what is wrong with it: not understood, nothing marked in it, or events that
            two videos have in opposite orders.
    """
    path = Path(path)
    if path.is_dir():
        known = [p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES and p.name != MAPPING and p.is_file()]
        files = sorted(p for p in known if not p.name.startswith("."))[:MAX_FILES]
        if not files:
            raise SynclineError(f"{path} holds no label file ({', '.join(_SUFFIXES)})")
    else:
        files = [path]
    mapping = read_mapping(files[0].parent)
    tracks: list[LabelTrack] = []
    for file in files:
        try:
            found = _read(file, mapping, frame_rate, tier)
            tracks.extend(replace(track, folder=file.absolute().parent) for track in found)
        except SynclineError as error:
            raise SynclineError(f"{file}: {error}") from error
        except _FAULTS as error:
            told = (error.strerror if isinstance(error, OSError) else None) or str(error)
            said = told.splitlines()[0][:200] if told else type(error).__name__
            raise SynclineError(f"{file} cannot be read as labels: {said}") from error
    try:
        return with_names(tracks, event_names)
    except SynclineError as error:
        raise SynclineError(f"{path}: {error}") from error


def _untimed(track: LabelTrack) -> bool:
    """Whether there is an event of which only the frame is known."""
    if track.frames is None:
        return not track.events and track.phases is not None
    return any(f is not None and s is None for f, (_, s) in zip(track.frames, track.events, strict=True))


def write_labels(
    path: str | Path,
    tracks: Sequence[LabelTrack],
    *,
    form: str,
    videos: VideoSet | None = None,
    frame_rate: float | None = None,
) -> None:
    """Write labels in a form; phases become events and events phases where the form needs it.

    Args:
        path: a file; for forms of one video and several tracks, a folder that gets a file for each.
        tracks: what to write.
        form: one of `FORMS`.
        videos: the films. Their time stamps turn seconds into frames and back, exactly, whatever their rate. None
            looks for them beside the file that the labels were read from.
        frame_rate: without the films, a constant rate of all of them that the caller guarantees.

    Raises:
        SynclineError: a form that is not known, or that lacks what it needs (the film, a length, an order).
    """
    path = Path(path)
    if form not in FORMS:
        raise SynclineError(f"no form {form!r}; there are {', '.join(FORMS)}")
    if videos is not None:
        tracks = with_films(tracks, videos)
    elif frame_rate is not None:
        tracks = [replace(track, frame_rate=frame_rate) for track in tracks]
    elif form in ("npy", "text"):
        tracks = [track if track.phases is not None or track.frames else with_film_beside(track) for track in tracks]
    elif form != "json":
        tracks = [with_film_beside(track) if _untimed(track) else track for track in tracks]
    if form in ONE_VIDEO and (len(tracks) != 1 or path.is_dir()):
        for name, track in zip(_file_names(tracks), tracks, strict=True):
            _write_one(path / (name + ENDINGS[form]), track, form)
        if form == "text" and tracks and tracks[0].phase_names:
            lines = [f"{number} {name}\n" for number, name in enumerate(tracks[0].phase_names)]
            write_text(path / MAPPING, "".join(lines))
    elif form in ONE_VIDEO:
        _write_one(path, tracks[0], form)
    elif form == "csv":
        write_text(path, format_event_table(tracks))
    elif form == "json":
        write_json(path, {"videos": [format_entry(track) for track in tracks]})
    elif form == "boris":
        write_json(path, format_boris(tracks))
    elif form == "boris-csv":
        write_text(path, format_boris_csv(tracks))
    elif form == "activitynet":
        write_json(path, format_activitynet(tracks))
    else:
        write_json(path, format_label_studio(tracks))


def _read(path: Path, mapping: Sequence[str], frame_rate: float | None, tier: str | None) -> list[LabelTrack]:
    if path.stat().st_size > MAX_BYTES:
        raise SynclineError(f"{path.stat().st_size} bytes; labels of up to {MAX_BYTES} are read")
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return [_from_phases(_named_by(path), read_array(path), (), frame_rate)]
    content = path.read_bytes()
    if suffix == ".eaf" or content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        found = parse_elan(content, tier=tier)
        return [track if track.video else replace(track, video=_named_by(path)) for track in found]
    if suffix in (".srt", ".vtt"):
        return [parse_subtitles(content, _named_by(path))]
    text = decoded(content)
    if suffix in (".json", ".boris") or text.lstrip().startswith(("{", "[")):
        return _parse_json(json.loads(text, parse_constant=_no_constant), frame_rate)
    if suffix in (".csv", ".tsv") or (suffix == ".txt" and names_a_video(text)):
        return _parse_csv(content, text, frame_rate)
    if suffix != ".txt":
        raise SynclineError(f"no label file that is known; expected {', '.join(_SUFFIXES)}")
    phases, names = parse_lines(text.split("\n"), mapping)
    return [_from_phases(_named_by(path), phases, names, frame_rate)]


def _parse_csv(content: bytes, text: str, frame_rate: float | None) -> list[LabelTrack]:
    separator = separator_of(text)
    for other in dict.fromkeys((separator, ",", "\t", ";")):  # lines above BORIS's header may hold other separators
        if any(is_boris_header(row) for row in raw_rows("\n".join(text.split("\n")[:50]), other)):
            return parse_boris_csv(text, other)
    table = read_table(content)
    if any(column.strip() == "Behavior" for column in table.columns):
        raise SynclineError(f"it looks like an export of BORIS without times; {columns_seen(table.columns)}")
    return parse_event_table(table, frame_rate)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _parse_json(value: Any, frame_rate: float | None) -> list[LabelTrack]:
    if isinstance(value, dict) and "observations" in value:
        return parse_boris(value)
    if is_activitynet(value):
        return parse_activitynet(value)
    entries = value.get("videos", [value]) if isinstance(value, dict) else value
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SynclineError("expected an object for every video")
    if any(is_label_studio(entry) for entry in entries):
        return parse_label_studio(entries, frame_rate=frame_rate)
    return [parse_entry(entry, frame_rate) for entry in entries]


def _from_phases(video: str, phases: NDArray[np.int64], names: tuple[str, ...], frame_rate: float | None) -> LabelTrack:
    return LabelTrack(video, (), phases, frame_rate, len(phases), phase_names=names)


def _file_names(tracks: Sequence[LabelTrack]) -> list[str]:
    """File names for labels of videos: the stem, or if several share it, the whole name with `%2F` for slashes."""
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
        write_text(path, format_elan(track))
        return
    if form in ("srt", "vtt"):
        write_text(path, format_subtitles(track, webvtt=form == "vtt"))
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
