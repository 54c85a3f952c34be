"""One file of cached features: a safetensors file written row by row and read through a memory map.

Notable choices:
- The features of one hour of video do not fit the memory of a small machine, so the file is laid out first and filled
  chunk by chunk; a reader touches only the rows that it asks for.
- What cannot be read whole (truncated, foreign, of another shape) is no features at all: the caller computes anew.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from syncline.files import replacing

_TYPES: dict[str, type[np.generic]] = {"F16": np.float16, "F64": np.float64, "I64": np.int64}
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}


@dataclass(frozen=True)
class StoredFeatures:
    """What a file of features holds.

    Attributes:
        grid: (k, t, f) float16, a read-only memory map: k copies of the features of t frames; copy 0 is the plain one.
        frames: (t,) int64 frame numbers of the source, ascending.
        clock: (num_frames,) float64 seconds: when each frame of the source is shown.
    """

    grid: np.ndarray[Any, np.dtype[np.float16]]
    frames: np.ndarray[Any, np.dtype[np.int64]]
    clock: np.ndarray[Any, np.dtype[np.float64]]


class RowWriter:
    """Fills the rows of ``grid`` of a file laid out by ``writing_features``."""

    def __init__(self, file: BinaryIO, start: int, shape: tuple[int, int, int]) -> None:
        self._file, self._start, self._shape = file, start, shape

    def write(self, copy: int, row: int, rows: np.ndarray[Any, np.dtype[np.float16]]) -> None:
        """Writes ``rows`` (n, f) float16 as frames ``row`` ... ``row + n - 1`` of ``copy``."""
        copies, t, f = self._shape
        if not (0 <= copy < copies and row >= 0 and row + len(rows) <= t and rows.shape[1:] == (f,)):
            raise ValueError(f"rows {rows.shape} at copy {copy}, row {row} do not fit {self._shape}")
        self._file.seek(self._start + (copy * t + row) * f * 2)
        self._file.write(np.ascontiguousarray(rows, dtype="<f2").tobytes())


@contextmanager
def writing_features(
    path: Path,
    *,
    shape: tuple[int, int, int],
    frames: np.ndarray[Any, np.dtype[np.int64]],
    clock: np.ndarray[Any, np.dtype[np.float64]],
) -> Iterator[RowWriter]:
    """Lays out a file of features of ``shape`` (k, t, f); it appears at ``path``, whole, when the block ends well."""
    header: dict[str, Any] = {}
    start = 0
    # the small arrays first, so that their place does not depend on how the grid is filled
    for name, array_shape, kind in (
        ("frames", frames.shape, np.dtype(np.int64)),
        ("clock", clock.shape, np.dtype(np.float64)),
        ("grid", shape, np.dtype(np.float16)),
    ):
        end = start + math.prod(array_shape) * kind.itemsize
        header[name] = {"dtype": _NAMES[kind], "shape": list(array_shape), "data_offsets": [start, end]}
        start = end
    words = json.dumps(header).encode()
    words += b" " * (-len(words) % 8)
    with replacing(path) as temporary, open(temporary, "r+b") as file:
        file.write(len(words).to_bytes(8, "little") + words)
        file.write(frames.astype("<i8").tobytes() + clock.astype("<f8").tobytes())
        file.truncate(8 + len(words) + start)
        yield RowWriter(file, 8 + len(words) + header["grid"]["data_offsets"][0], shape)


def read_features(path: Path, *, copies: int, dim: int) -> StoredFeatures | None:
    """The features at ``path``, or ``None`` where no whole file with ``copies`` copies of ``dim`` numbers is."""
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length < min(size, 1 << 20):
                return None
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        if (
            set(header) != {"frames", "clock", "grid"}
            or max(e["data_offsets"][1] for e in header.values()) + length + 8 != size
        ):
            return None
        arrays = {name: _map(path, entry, 8 + length) for name, entry in header.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    grid, frames, clock = arrays["grid"], np.array(arrays["frames"]), np.array(arrays["clock"])
    fits = grid.shape == (copies, len(frames), dim) and grid.dtype == np.float16
    return StoredFeatures(grid, frames, clock) if fits else None


def _map(path: Path, entry: dict[str, Any], start: int) -> np.ndarray[Any, Any]:
    kind, shape = _TYPES[entry["dtype"]], tuple(int(side) for side in entry["shape"])
    first, last = entry["data_offsets"]
    if last - first != math.prod(shape) * np.dtype(kind).itemsize:
        raise ValueError("offsets and shape disagree")
    if math.prod(shape) == 0:  # nothing can be mapped
        return np.zeros(shape, kind)
    return np.memmap(path, dtype=kind, mode="r", offset=start + first, shape=shape)
