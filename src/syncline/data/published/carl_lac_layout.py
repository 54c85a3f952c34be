"""The processed form of CARL and LAC: an index of each split, and videos or folders of frames beside it.

    <root>/train.pkl, val.pkl     (or .json, .npz with the same fields)
    <root>/videos/<name>.mp4      (or frames/<name>/*.jpg)

The index is a list of dictionaries {id, name, video_file, seq_len, frame_label}, of PennAction a pair of it and of the
indices of each action, with `action_label` in each entry. JSON holds the list, or `{"videos": [...]}`; npz holds one
array a field, the frame labels one after the other.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.data.labels.label_arrays import as_labels
from syncline.data.labels.video_labels import fitted
from syncline.data.published.published_actions import Action
from syncline.data.published.restricted_pickle import load_pickle
from syncline.data.video_set import Video
from syncline.errors import SynclineError

FRAME_RATE = 25.0  # nominal: what CARL wrote into the files; the recordings' own rate is not kept
SPLITS = ("train", "val")
_SUFFIXES = (".pkl", ".json", ".npz")
MAX_BYTES = 1 << 28
MAX_VIDEOS = 1_000_000


def processed_index(root: Path) -> list[tuple[str, Path]]:
    """(split, file) of the indices of a folder, [] where there are none."""
    found: list[tuple[str, Path]] = []
    for split in SPLITS:
        files = [root / (split + suffix) for suffix in _SUFFIXES if (root / (split + suffix)).is_file()]
        found.extend((split, file) for file in files[:1])
    return found


def said_dataset(root: Path) -> str | None:
    """`penn_action` where the entries of an index name actions, `pouring` where not; None where it is no such index.

    Raises:
        SynclineError: a pickle that cannot be read. Other files called `train.json` may be somebody else's.
    """
    for _, file in processed_index(root):
        try:
            entries = _entries(file)
        except SynclineError:
            if file.suffix == ".pkl":
                raise
            continue
        if entries and "name" in entries[0] and ("seq_len" in entries[0] or "frame_label" in entries[0]):
            return "penn_action" if "action_label" in entries[0] else "pouring"
    return None


def read_processed(root: Path, actions: Sequence[Action]) -> list[Video]:
    """Videos as the indices of a folder list them; whether their files exist is not looked at.

    Raises:
        SynclineError: naming the file, the entry and what is wrong.
    """
    videos = []
    for split, file in processed_index(root):
        for number, entry in enumerate(_entries(file)):
            try:
                videos.append(_video(root, split, entry, actions))
            except SynclineError as error:
                raise SynclineError(f"{file}, entry {number}: {error}") from error
            except (ValueError, TypeError, KeyError, OverflowError, RuntimeError) as error:
                said = str(error).splitlines()[0][:200] if str(error) else ""
                raise SynclineError(f"{file}, entry {number}: {type(error).__name__} {said}") from error
    return videos


def _entries(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".npz":
        return _from_arrays(file)
    if file.suffix == ".json":
        content: Any = _json(file)
        if isinstance(content, dict):
            content = content.get("videos")
    else:
        content = load_pickle(file)
        if isinstance(content, tuple):  # PennAction: the entries, and where those of each action are
            content = content[0] if content else None
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise SynclineError(f"{file}: expected a list of one dictionary a video")
    if len(content) > MAX_VIDEOS:
        raise SynclineError(f"{file}: {len(content)} entries; up to {MAX_VIDEOS} are read")
    return content


def _json(file: Path) -> Any:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise SynclineError(f"{file}: {file.stat().st_size} bytes; up to {MAX_BYTES} are read")
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise SynclineError(f"{file} cannot be read as JSON ({str(error)[:200]})") from error


def _from_arrays(file: Path) -> list[dict[str, Any]]:
    """The entries of an npz; its members are read in memory, nothing is unpacked to disk."""
    try:
        with zipfile.ZipFile(file) as packed:
            size = sum(member.file_size for member in packed.infolist())
        if size > MAX_BYTES:
            raise SynclineError(f"{file}: unpacks to {size} bytes; up to {MAX_BYTES} are read")
        with np.load(file, allow_pickle=False) as content:
            fields = {name: content[name] for name in content.files}
    except SynclineError:
        raise
    except Exception as error:  # damaged archives raise nearly every type there is
        raise SynclineError(f"{file} cannot be read as arrays ({type(error).__name__}: {str(error)[:200]})") from error
    missing = [name for name in ("name", "seq_len") if name not in fields]
    if missing or fields["name"].ndim != 1 or fields["seq_len"].shape != fields["name"].shape:
        raise SynclineError(f"{file}: expected arrays name and seq_len of one length; it has {', '.join(fields)[:200]}")
    count = len(fields["name"])
    lengths = as_labels(fields["seq_len"]) if count else np.zeros(0, np.int64)
    ends = np.cumsum(lengths)
    labels = fields.pop("frame_label", None)
    if (lengths < 1).any() or (labels is not None and (labels.ndim != 1 or len(labels) != int(ends[-1:].sum()))):
        raise SynclineError(f"{file}: frame_label must hold seq_len labels for each video, one after the other")
    whole = {name: array for name, array in fields.items() if array.shape == (count,)}
    entries: list[dict[str, Any]] = [{key: array[row].item() for key, array in whole.items()} for row in range(count)]
    if labels is not None:
        for entry, start, end in zip(entries, ends - lengths, ends, strict=True):
            entry["frame_label"] = labels[start:end]
    return entries


def _video(root: Path, split: str, entry: dict[str, Any], actions: Sequence[Action]) -> Video:
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        raise SynclineError("it has no name")
    action = _action(name, entry, actions)
    raw = entry.get("frame_label")
    phases: NDArray[np.int64] | None = None if raw is None else as_labels(np.asarray(raw))
    length = int(entry["seq_len"]) if "seq_len" in entry else 0 if phases is None else len(phases)
    if not 0 < length <= 1 << 24:
        raise SynclineError(f"{name[:80]!r} has {length} frames")
    if phases is not None:
        if phases.min(initial=0) < -1 or phases.max(initial=0) >= action.num_phases:
            raise SynclineError(
                f"{name[:80]!r} has labels from {phases.min()} to {phases.max()}; {action.name} has 0 to "
                f"{action.num_phases - 1}, and -1 for unknown"
            )
        phases = fitted(phases, length, name)
    path = _file(root, name, entry.get("video_file"))
    return Video(path, name, name, length, FRAME_RATE, split, action.name, phases)


def _action(name: str, entry: dict[str, Any], actions: Sequence[Action]) -> Action:
    """The action, by the entry's number or the end of its name; if both are there, they must agree."""
    if len(actions) == 1:
        return actions[0]
    said = name.split("_", 1)[-1].lower()
    by_name = next((action for action in actions if said in (action.name, action.tcc_name)), None)
    label = entry.get("action_label")
    if label is None:
        if by_name is None:
            raise SynclineError(f"{name[:80]!r} has no action_label and names no action")
        return by_name
    if not 0 <= int(label) < len(actions):
        raise SynclineError(f"{name[:80]!r} has action_label {label}; there are 0 to {len(actions) - 1}")
    action = actions[int(label)]
    if by_name is not None and by_name is not action:
        raise SynclineError(f"action_label {label} is {action.name}, the name {name[:80]!r} says {by_name.name}")
    return action


def _file(root: Path, name: str, said: Any) -> Path:
    """The video's file: as the index says, in `videos`, or its folder in `frames`; never outside the root."""
    paths = [str(said)] if isinstance(said, str) and said and "\0" not in said else []
    paths += [f"videos/{name}.mp4", f"frames/{name}"]
    inside = []
    whole = Path(os.path.abspath(root))
    for name_inside in paths:
        path = Path(os.path.normpath(root / name_inside.replace("\\", "/")))
        if whole in Path(os.path.abspath(path)).parents:
            inside.append(path)
    if not inside:
        raise SynclineError(f"its file {paths[0][:200]!r} is outside {root}")
    try:
        return next((path for path in inside if path.exists()), inside[0])
    except OSError as error:  # a name that is too long for a file
        raise SynclineError(f"{name[:80]!r} cannot be the name of a file ({error.strerror})") from error
