"""Opens what users name (a folder, manifest, list of files or data set) as a set of videos."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from syncline.data.labels.event_rules import EventRule
from syncline.data.manifest import read_manifest
from syncline.data.published.datasets import open_dataset, recognised
from syncline.data.published.lerobot import is_lerobot, open_lerobot
from syncline.data.published.published_actions import DATASETS
from syncline.data.video_set import Video, VideoSet, unique_names
from syncline.errors import SynclineError
from syncline.wording import counted

_log = logging.getLogger(__name__)

Source = str | Path | Sequence[str | Path] | VideoSet


def open_videos(source: Source, *, split: str | None = None) -> VideoSet:
    """Find the videos of a source.

    Args:
        source: a folder, a manifest (`.csv`), one video file or folder of frames, a list of these, or a set, which is
            returned as it is. A folder is, by what it holds: `annotations.csv`, that manifest; a LeRobot data set;
            Pouring or PennAction in a form that is known; videos in it and its sub-folders; or, where there are none,
            folders of numbered pictures.
        split: keep only this split.

    Returns:
        The set; files that cannot be read are passed over with a logged warning.

    Raises:
        SynclineError: nothing there, no readable video, or an empty split.
    """
    return open_source(source, split=split)


def open_source(
    source: Source,
    *,
    root: str | Path | None = None,
    action: str | None = None,
    camera: str | None = None,
    split: str | None = None,
    rules: Sequence[EventRule] | None = None,
) -> VideoSet:
    """`open_videos`, and the data sets by name.

    Args:
        source: as of `open_videos`, or `pouring` or `penn_action` with `root`.
        root: the folder of the data set.
        action: keep only this one; of `penn_action` in either spelling, None or "all" for all in one set.
        camera: of a LeRobot data set. rules: the key events of one, see `open_lerobot`.
        split: keep only this split.

    Raises:
        SynclineError: as `open_videos`; a name without a root, a root with something that is no name, a camera of
            what is no LeRobot data set.
    """
    if isinstance(source, str) and source in DATASETS and (root is not None or not Path(source).exists()):
        if root is None:
            raise SynclineError(f"give the folder of the data set {source} by --root")
        return open_dataset(source, root, action=action, split=split)
    if root is not None:
        raise SynclineError(
            f"--root goes with the name of a data set ({', '.join(DATASETS)}), got {str(source)[:200]!r}"
        )
    if camera is not None and not (isinstance(source, str | Path) and is_lerobot(Path(source))):
        raise SynclineError(f"--camera goes with a LeRobot data set, which {str(source)[:200]!r} is not; leave it away")
    found = source if isinstance(source, VideoSet) else _open(source, camera, rules)
    if action not in (None, "all"):
        chosen = tuple(video for video in found if video.action == action)
        if not chosen:
            there = ", ".join(sorted({video.action for video in found} - {""})[:20])
            known = f"there are {there}" if there else "its videos have no actions, leave it away"
            raise SynclineError(f"{found.name} has no video of the action {action!r}; {known}")
        found = VideoSet(chosen, found.name, found.event_names)
    if split is None:
        return found
    kept = found.split(split)
    if not len(kept):
        raise SynclineError(f"{found.name} has no video of the split {split!r}")
    return kept


def _open(source: str | Path | Sequence[str | Path], camera: str | None, rules: Sequence[EventRule] | None) -> VideoSet:
    if not isinstance(source, str | Path):
        return _from_files([Path(path) for path in source], "videos")
    path = Path(source)
    if os.path.isdir(path):
        return _from_folder(path, camera, rules)
    if not os.path.exists(path):  # which, unlike Path.exists, takes a name that is too long
        raise SynclineError(
            f"{str(path)[:200]} does not exist; give a folder of videos, a manifest (.csv) or a video file"
        )
    if path.suffix.lower() == ".csv":
        return read_manifest(path)
    return _from_files([path], path.stem)


def _from_folder(path: Path, camera: str | None, rules: Sequence[EventRule] | None) -> VideoSet:
    if (path / "annotations.csv").is_file():
        return read_manifest(path / "annotations.csv")
    if is_lerobot(path):
        return open_lerobot(path, camera=camera, rules=rules)
    name = recognised(path)
    if name is not None:
        return open_dataset(name, path)
    from syncline.video.discovery import find_videos
    from syncline.video.frame_folders import find_frame_folders

    aside: Counter[str] = Counter()
    files = find_videos(path, aside=aside) or find_frame_folders(path)
    for what in ("films written by syncline", "folders of results"):
        if aside[what]:
            _log.warning("%s: %d %s left out", path, aside[what], what)
    if not files:
        raise SynclineError(
            f"{path} holds no video; give a folder with videos or folders of numbered pictures, or a manifest (.csv)"
        )
    return _from_files(files, path.resolve().name)


def _from_files(files: Sequence[Path], name: str) -> VideoSet:
    from syncline.video.scan_cache import ScanCache

    videos, problems, known = [], [], ScanCache()
    for path, short in zip(files, unique_names(files), strict=True):
        info = known.scan(path)
        if info.problem is not None:
            problems.append(f"{path}: {info.problem}")
            continue
        videos.append(Video(path, short, short, info.num_frames, info.frame_rate))
    if not files:
        raise SynclineError("the list of videos is empty; give at least one")
    if not videos and len(files) == 1:
        raise SynclineError(problems[0])
    if not videos:
        raise SynclineError(
            f"{counted(len(files), 'file')}, none of which is a video that can be read; the first: {problems[0]}"
        )
    for problem in problems:
        _log.warning("passed over %s", problem)
    return VideoSet(tuple(videos), name)
