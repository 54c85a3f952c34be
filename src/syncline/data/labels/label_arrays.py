"""One label a frame: arrays (.npy), and text with one name a line and `mapping.txt` beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError

MAPPING = "mapping.txt"
_NUMBER_OF_A_TABLE = re.compile(r"(^|\t)\s*\d[\d:.,]*\s*(\t|$)")


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
    """Checks labels: whole numbers in one dimension, as (num_frames,) int64; else a SynclineError."""
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


def parse_lines(lines: Sequence[str], mapping: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A label for every frame, and the names of the numbers: those of the mapping, or in order of appearance."""
    if any("\t" in line.strip() and _NUMBER_OF_A_TABLE.search(line) for line in lines):
        raise SynclineError(
            "it is a table with tabs, not a label a line; save it as .tsv with a first line that names the columns "
            "(video, event, seconds)"
        )
    labels = [line.strip() for line in lines]
    while labels and not labels[-1]:
        labels.pop()
    if all(not label or label.lstrip("-").isdigit() for label in labels):
        return np.array([int(label or -1) for label in labels], dtype=np.int64), tuple(mapping)
    names = list(mapping) or list(dict.fromkeys(label for label in labels if label not in ("-1", "")))
    numbers = {name: number for number, name in enumerate(names)} | {"-1": -1, "": -1}
    unknown = next((label for label in labels if label not in numbers), None)
    if unknown is not None:
        raise SynclineError(f"the label {unknown[:80]!r} is not in {MAPPING}")
    return np.array([numbers[label] for label in labels], dtype=np.int64), tuple(names)


def read_mapping(folder: Path) -> tuple[str, ...]:
    """Names by number from `mapping.txt` (`0 background` a line) in the folder or the one above; () without one."""
    file = next((path / MAPPING for path in (folder, folder.parent) if (path / MAPPING).is_file()), None)
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
