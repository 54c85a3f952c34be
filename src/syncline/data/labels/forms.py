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

from syncline.data.labels.arrays import MAPPING, parse_lines, read_array, read_mapping
from syncline.data.labels.attach import video_stem
from syncline.data.labels.boris import format_boris, format_boris_csv, is_boris_header, parse_boris, parse_boris_csv
from syncline.data.labels.elan import format_elan, parse_elan
from syncline.data.labels.event_order import with_names
from syncline.data.labels.label_studio import format_label_studio, parse_label_studio
from syncline.data.labels.own_csv import format_csv, parse_csv
from syncline.data.labels.own_json import format_entry, parse_entry
from syncline.data.labels.track import LabelTrack, known_phases
from syncline.errors import SynclineError
from syncline.files import replacing, write_json, write_text

FORMS = ("csv", "json", "elan", "boris", "boris-csv", "label-studio", "npy", "text")
MAX_BYTES = 64 << 20
MAX_FILES = 100_000
_ONE_VIDEO = {"elan": ".eaf", "npy": ".npy", "text": ".txt"}
_SUFFIXES = (".csv", ".tsv", ".json", ".boris", ".eaf", ".npy", ".txt")
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
        known = [p for p in path.iterdir() if p.suffix.lower() in _SUFFIXES and p.name != MAPPING]
        files = sorted(p for p in known if not p.name.startswith("."))[:MAX_FILES]
        if not files:
            raise SynclineError(f"{path} holds no label file ({', '.join(_SUFFIXES)})")
    else:
        files = [path]
    mapping = read_mapping(files[0].parent)
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
            write_text(path / MAPPING, "".join(lines))
    elif form in _ONE_VIDEO:
        _write_one(path, tracks[0], form)
    elif form == "csv":
        write_text(path, format_csv(tracks))
    elif form == "json":
        write_json(path, {"videos": [format_entry(track) for track in tracks]})
    elif form == "boris":
        write_json(path, format_boris(tracks))
    elif form == "boris-csv":
        write_text(path, format_boris_csv(tracks))
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
        track = parse_elan(content, tier=tier)
        return [track if track.video else replace(track, video=_named_by(path))]
    text = content.decode("utf-8-sig")
    if suffix in (".json", ".boris") or text.lstrip().startswith(("{", "[")):
        return _parse_json(json.loads(text, parse_constant=_no_constant), frame_rate)
    if suffix in (".csv", ".tsv"):
        delimiter = "\t" if suffix == ".tsv" else ","
        lines = [row for row, _ in zip(csv.reader(io.StringIO(text), delimiter=delimiter), range(50))]
        if any(is_boris_header(row) for row in lines):
            return parse_boris_csv(text, delimiter)
        return parse_csv(text, delimiter, frame_rate)
    if suffix != ".txt":
        raise SynclineError(f"no label file that is known; expected {', '.join(_SUFFIXES)}")
    phases, names = parse_lines(text.splitlines(), mapping)
    return [_from_phases(_named_by(path), phases, names, frame_rate)]


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _parse_json(value: Any, frame_rate: float | None) -> list[LabelTrack]:
    if isinstance(value, dict) and "observations" in value:
        return parse_boris(value)
    entries = value.get("videos", [value]) if isinstance(value, dict) else value
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise SynclineError("expected an object for every video")
    if any("annotations" in entry or "data" in entry or "file_upload" in entry for entry in entries):
        return parse_label_studio(entries, frame_rate=frame_rate)
    return [parse_entry(entry, frame_rate) for entry in entries]


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
        write_text(path, format_elan(track))
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
