"""Scans files: what each is and what is wrong with it, decoding only a few frames.

`scan_file` reads the container, the packet table and one frame at the start, the middle and the end; what will not
align well (cuts, repetitions, near-duplicates ...) is found by `syncline.video.alignment_hints` from small pictures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from syncline.errors import SynclineError
from syncline.parallel import results_in_order
from syncline.video.discovery import walk_videos
from syncline.video.reader import VideoReader


@dataclass(frozen=True)
class VideoInfo:
    """What a scan finds about one file.

    Attributes:
        path: the file. problem: why it cannot be used, in one line; None if it can.
        num_frames, duration (seconds), frame_rate (mean a second), width, height (display), rotation (degrees
            clockwise, already applied), codec, has_audio: 0, "" and False where there is a problem.
        constant_rate: whether all frames are equally far apart (within a tenth).
        remarks: what is unusual but works.
    """

    path: Path
    problem: str | None = None
    num_frames: int = 0
    duration: float = 0.0
    frame_rate: float = 0.0
    constant_rate: bool = True
    rotation: int = 0
    codec: str = ""
    width: int = 0
    height: int = 0
    has_audio: bool = False
    remarks: tuple[str, ...] = ()


def scan_file(path: str | Path) -> VideoInfo:
    """One file; never raises for what the file holds."""
    path = Path(path)
    try:
        reader = VideoReader(path)
        if reader.num_frames < 2:
            return VideoInfo(path, f"{reader.num_frames} frame; at least 2 are needed")
        own_remarks = reader.remarks()
        last = reader.num_frames - 1
        pixels = reader.scaled((32, 32)).frames(sorted({0, last // 2, last})).pixels
    except SynclineError as error:
        text = str(error)
        return VideoInfo(path, text.removeprefix(f"{path}: "))
    except (OSError, ValueError, MemoryError) as error:
        return VideoInfo(path, f"cannot be read ({error})")
    steps = np.diff(reader.pts_seconds)
    constant = bool(np.abs(steps - np.median(steps)).max() <= 0.1 * np.median(steps))
    remarks: list[str] = []
    if not constant:
        remarks.append(f"variable frame rate ({1 / steps.max():.1f} to {1 / steps.min():.1f} a second)")
    remarks += own_remarks
    sizes = [f"{width}x{height}" for height, width in reader.stored_sizes]
    if len(sizes) > 1:
        remarks.append(f"its pictures change their size ({', '.join(sizes)}); all are shown in the shape of the first")
    remarks += _about_name(path)
    if pixels.max() - pixels.min() < 8:
        remarks.append("looks blank")
    if reader.frame_rate > 90:
        remarks.append(f"{reader.frame_rate:.0f} frames a second: probably slow motion")
    if reader.repeated > 0.1 * reader.num_frames:
        remarks.append(f"{reader.repeated} frames left out: their times come twice (two recordings in one file?)")
    if reader.duration > 3600:
        remarks.append("longer than an hour")
    return VideoInfo(
        path, None, reader.num_frames, reader.duration, reader.frame_rate, constant, reader.rotation, reader.codec,
        reader.width, reader.height, reader.has_audio, tuple(remarks),
    )  # fmt: skip


def _about_name(path: Path) -> list[str]:
    """Warnings about the name of a file."""
    try:
        path.name.encode("utf-8")
    except UnicodeEncodeError:
        return ["its name is not UTF-8, so that no result can be written under it; rename it"]
    return ["its name holds control characters; rename it"] if not path.name.isprintable() else []


def scan_folder(
    folder: str | Path, *, scan: Callable[[Path], VideoInfo] = scan_file, aside: Counter[str] | None = None
) -> Iterator[VideoInfo]:
    """Every video of a folder, in order, several at a time; the first comes before the last has been found.

    Args:
        folder: with its sub-folders. scan: of one file, for a caller that keeps what it learnt.
        aside: counts what is left out, by reason.

    Raises:
        SynclineError: no such folder.
    """
    root = Path(folder)
    if not root.is_dir():
        raise SynclineError(f"{root} is no folder; give a folder of videos")
    return results_in_order(walk_videos(root, aside=aside), scan)
