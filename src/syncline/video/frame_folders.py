"""Folders of numbered pictures: where they are, their files in order, their rate. Opens no picture."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from syncline.errors import SynclineError
from syncline.video.discovery import is_result_folder
from syncline.video.frame_source import MAX_FRAMES
from syncline.video.picture_names import PICTURE_SUFFIXES, PictureSequence, is_picture_name, picture_sequences

RATE_FILE = "frame_rate.txt"
DEFAULT_RATE = 25.0


def only_sequence(folder: Path) -> tuple[PictureSequence, int]:
    """The sequence of a folder, and how many pictures belong to no sequence.

    Raises:
        SynclineError: no picture there, or several sequences.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_picture_name(entry.name) and entry.is_file()]
    except OSError as error:
        raise SynclineError(f"{folder}: cannot be read as a folder of pictures ({error.strerror})") from error
    if len(names) > MAX_FRAMES:
        raise SynclineError(f"{folder}: more than {MAX_FRAMES} frames")
    if not names:
        raise SynclineError(f"{folder}: holds no numbered pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
    sequences = picture_sequences(sorted(names))
    several = [sequence for sequence in sequences if len(sequence.names) > 1]
    if len(several) > 1:
        patterns = ", ".join(sequence.pattern for sequence in several[:4])
        raise SynclineError(
            f"{folder}: {len(several)} sequences of pictures side by side ({patterns}), as of several cameras; put "
            "each into a folder of its own"
        )
    chosen = sequences[0]
    doubled = [a for a, b in zip(chosen.numbers or (), (chosen.numbers or ())[1:], strict=False) if a == b]
    if doubled or (chosen.seconds is not None and (np.diff(chosen.seconds) <= 0).any()):
        raise SynclineError(f"{folder}: two pictures of {chosen.pattern} have the same number or time")
    return chosen, len(names) - len(chosen.names)


def frame_files(folder: Path) -> list[Path]:
    """The pictures of a folder in order.

    Raises:
        SynclineError: as `only_sequence`.
    """
    return [folder / name for name in only_sequence(folder)[0].names]


def find_frame_folders(root: Path) -> list[Path]:
    """Folders with at least two pictures of one sequence, sorted; neither hidden ones nor our results."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if not (name.startswith(".") or is_result_folder(Path(folder) / name))
        )
        names = [name for name in files if is_picture_name(name)]
        if len(names) > 1 and len(picture_sequences(names)[0].names) > 1:
            found.append(Path(folder))
    return found


def frame_rate(folder: Path) -> float:
    """Frames a second of a folder: the number in its `frame_rate.txt`, 25 without one.

    Raises:
        SynclineError: the file holds no rate.
    """
    try:
        rate = float((folder / RATE_FILE).read_text(encoding="utf-8-sig")[:100])
    except FileNotFoundError:
        return DEFAULT_RATE
    except (OSError, ValueError) as error:
        raise SynclineError(f"{folder / RATE_FILE}: expected one number, frames a second") from error
    if not 0 < rate < 1e4:
        raise SynclineError(f"{folder / RATE_FILE}: {rate} frames a second is no frame rate")
    return rate
