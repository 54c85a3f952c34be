"""Caches scan results by the content of each file, so moved files are known and changed ones scanned again."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from syncline.errors import SynclineError
from syncline.files import cache_folder, content_hash, replacing, write_text
from syncline.video.alignment_hints import GLANCE_SIZE, Glance, glance_at
from syncline.video.frame_source import READING
from syncline.video.scan_files import VideoInfo, scan_file

_VERSION = "8"


class ScanCache:
    """`scan_file` and `glance_at` that remember. Losing the cache, or not being able to write it, loses time only.

    Args:
        folder: None for `scan` in the user's cache folder.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = cache_folder() / "scan" if folder is None else Path(folder)

    def scan(self, path: Path) -> VideoInfo:
        """As `scan_file`; a fault is looked for anew each time, as it may have been the machine's."""
        kept = self._kept_at(path, ".json")
        if kept is None:
            return scan_file(path)
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            known = json.loads(kept.read_text(encoding="utf-8"))
            return VideoInfo(path, **{**known, "remarks": tuple(known["remarks"])})
        info = scan_file(path)
        if info.problem is not None:
            return info
        values: dict[str, Any] = dataclasses.asdict(info)
        del values["path"]
        with contextlib.suppress(OSError):
            write_text(kept, json.dumps(values))
        return info

    def glance(self, path: Path) -> Glance | None:
        """As `glance_at`; None of a file that cannot be read."""
        kept = self._kept_at(path, ".npz")
        if kept is None:
            return None
        faults = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
        with contextlib.suppress(*faults), np.load(kept, allow_pickle=False) as known:
            pixels, seconds = known["pixels"], known["pts_seconds"]
            if pixels.shape == (len(seconds), *GLANCE_SIZE, 3) and pixels.dtype == np.uint8 and len(seconds):
                return Glance(path, pixels, seconds, float(known["duration"]))
        try:
            glance = glance_at(path)
        except (SynclineError, OSError):
            return None
        with contextlib.suppress(OSError), replacing(kept) as temporary:
            np.savez(temporary, pixels=glance.pixels, pts_seconds=glance.pts_seconds, duration=glance.duration)
        return glance

    def _kept_at(self, path: Path, suffix: str) -> Path | None:
        try:
            return self.folder / f"{content_hash(path)}-{_VERSION}.{READING}{suffix}"
        except OSError:
            return None
