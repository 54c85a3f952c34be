"""What people give -- a folder, a manifest, a list of files, `synthetic:` -- to a set of videos."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from syncline.data.manifest import read_manifest
from syncline.data.videos import Video, VideoSet, unique_names
from syncline.errors import SynclineError

_log = logging.getLogger(__name__)

Source = str | Path | Sequence[str | Path] | VideoSet


def open_videos(source: Source, *, split: str | None = None) -> VideoSet:
    """Find the videos of a source.

    Args:
        source: a folder (searched with its sub-folders; if it holds `annotations.csv`, that manifest), a manifest
            (`.csv`), one video file, a list of files, or a set, which is returned as it is.
        split: keep only this split.

    Returns:
        The set; files that cannot be read are passed over with a logged warning.

    Raises:
        SynclineError: nothing there, no readable video, or an empty split.
    """
    found = source if isinstance(source, VideoSet) else _open(source)
    if split is None:
        return found
    chosen = found.split(split)
    if not len(chosen):
        raise SynclineError(f"{found.name} has no video of the split {split!r}")
    return chosen


def _open(source: str | Path | Sequence[str | Path]) -> VideoSet:
    if not isinstance(source, str | Path):
        return _from_files([Path(path) for path in source], "videos")
    path = Path(source)
    if path.is_dir():
        if (path / "annotations.csv").is_file():
            return read_manifest(path / "annotations.csv")
        from syncline.video import find_videos

        files = find_videos(path)
        if not files:
            raise SynclineError(f"{path} holds no video; give a folder with video files, or a manifest (.csv)")
        return _from_files(files, path.resolve().name)
    if not path.exists():
        raise SynclineError(f"{path} does not exist; give a folder of videos, a manifest (.csv) or a video file")
    if path.suffix.lower() == ".csv":
        return read_manifest(path)
    return _from_files([path], path.stem)


def _from_files(files: Sequence[Path], name: str) -> VideoSet:
    from syncline.video import scan_file

    videos, problems = [], []
    for path, short in zip(files, unique_names(files), strict=True):
        info = scan_file(path)
        if info.problem is not None:
            problems.append(f"{path}: {info.problem}")
            _log.warning("passed over %s: %s", path, info.problem)
            continue
        videos.append(Video(path, short, short, info.num_frames, info.frame_rate))
    if not videos:
        raise SynclineError(f"none of the {len(files)} files is a video that can be read; the first: {problems[0]}")
    return VideoSet(tuple(videos), name)
