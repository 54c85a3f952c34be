"""Pouring and PennAction as TCC's authors ship them: TFRecords with the JPEGs of each video inside.

    pouring_train-0-of-2.tfrecord, pouring_train-1-of-2.tfrecord, pouring_val-0-of-1.tfrecord

A record holds in its context `name`, `len` and `label`, and as lists `video` (a JPEG a frame) and `frame_labels`. The
pictures are unpacked once, byte for byte, into folders of frames in the cache; every checksum is checked on the way.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from syncline.data.labels.label_arrays import as_labels
from syncline.data.labels.video_labels import fitted
from syncline.data.published.published_actions import Action
from syncline.data.published.tfrecord import SequenceExample, read_sequence_examples
from syncline.data.video_set import Video
from syncline.errors import SynclineError
from syncline.files import cache_folder, content_hash, write_json
from syncline.video.frame_folders import DEFAULT_RATE

_log = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<name>.+)_(?P<split>train|val|test)-(?P<shard>\d{1,6})-of-(?P<of>\d{1,6})(\.tfrecord)?")
_INDEX = "index.json"


def find_shards(root: Path, actions: Sequence[Action]) -> dict[tuple[Action, str], list[Path]]:
    """The shards of each action and split, in order, in the folder and those in it; {} where there are none.

    Raises:
        SynclineError: a shard is missing, or there twice.
    """
    found: dict[tuple[Action, str], dict[int, Path]] = defaultdict(dict)
    wanted: dict[tuple[Action, str], int] = {}
    by_name = {name: action for action in actions for name in (action.name, action.tcc_name)}
    for path in sorted([*root.glob("*-of-*"), *root.glob("*/*-of-*")]):
        match = _NAME.fullmatch(path.name)
        if match is None or match["name"] not in by_name or match["split"] == "test":
            continue
        key = by_name[match["name"]], match["split"]
        shard, count = int(match["shard"]), int(match["of"])
        if shard in found[key] or wanted.setdefault(key, count) != count:
            raise SynclineError(f"{path}: shard {shard} of {count} does not fit {found[key].get(shard, 'the others')}")
        found[key][shard] = path
    for (action, split), shards in found.items():
        count = wanted[action, split]
        missing = next((number for number in range(count) if number not in shards), None)
        if missing is not None:
            raise SynclineError(f"{root}: {action.name} {split} lacks shard {missing} of {count}")
    return {key: [shards[number] for number in sorted(shards)] for key, shards in found.items()}


def read_tcc(root: Path, actions: Sequence[Action]) -> list[Video]:
    """The videos of the shards, their frames unpacked into the cache.

    Raises:
        SynclineError: naming the file, the record and what is wrong.
    """
    videos = []
    for (action, split), shards in find_shards(root, actions).items():
        for shard in shards:
            folder = _unpacked(shard)
            for number, record in enumerate(_index(folder)):
                phases = None
                if record["phases"] is not None:
                    phases = as_labels(np.asarray(record["phases"], dtype=np.int64))
                    if phases.min() < -1 or phases.max() >= action.num_phases:
                        raise SynclineError(
                            f"{shard}, record {number}: expected labels from 0 to {action.num_phases - 1}, found "
                            f"{phases.min()} to {phases.max()}"
                        )
                name, frames = record["name"], folder / f"{number:05d}"
                videos.append(Video(frames, name, name, record["num_frames"], DEFAULT_RATE, split, action.name, phases))
    return videos


def _unpacked(shard: Path) -> Path:
    """The folder in the cache with the frames of a shard: made now, or by an earlier call for the same content."""
    folder = cache_folder() / "records" / content_hash(shard)
    if (folder / _INDEX).is_file():
        return folder
    _log.info("unpacking %s into %s", shard, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=folder.parent) as temporary:
        work = Path(temporary) / "frames"
        work.mkdir()
        records = []
        for number, example in enumerate(read_sequence_examples(shard)):
            try:
                records.append(_unpack(example, work / f"{number:05d}"))
            except (SynclineError, ValueError, KeyError, TypeError, IndexError, UnicodeError) as error:
                raise SynclineError(f"{shard}, record {number}: {error}") from error
        write_json(work / _INDEX, records)
        if (folder / _INDEX).is_file():  # another process was faster
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    return folder


def _unpack(example: SequenceExample, folder: Path) -> dict[str, Any]:
    name = example.context.get("name") or [b""]
    title = name[0].decode() if isinstance(name[0], bytes) else str(name[0])
    if not title.strip():
        raise SynclineError("it has no name")
    pictures = [step[0] for step in example.lists.get("video", []) if step]
    if len(pictures) < 2 or not all(isinstance(picture, bytes) for picture in pictures):
        raise SynclineError(f"{title[:80]!r} has {len(pictures)} frames; at least 2 are needed")
    said = example.context.get("len") or [len(pictures)]
    if int(said[0]) != len(pictures):
        raise SynclineError(f"{title[:80]!r} says {said[0]!r} frames and holds {len(pictures)}")
    steps = example.lists.get("frame_labels")
    phases = None
    if steps:
        labels = as_labels(np.array([int(step[0]) if step else -1 for step in steps]))
        phases = fitted(labels, len(pictures), title).tolist()
    folder.mkdir()
    for number, picture in enumerate(pictures, 1):
        if not isinstance(picture, bytes) or not picture.startswith(b"\xff\xd8"):
            raise SynclineError(f"{title[:80]!r}: frame {number} is no JPEG")
        (folder / f"{number:06d}.jpg").write_bytes(picture)
    return {"name": title, "num_frames": len(pictures), "phases": phases}


def _index(folder: Path) -> list[dict[str, Any]]:
    try:
        records: list[dict[str, Any]] = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        return records
    except (OSError, ValueError) as error:
        raise SynclineError(f"{folder} is damaged; remove it, and it is made again ({error})") from error
