"""The file format of cached features: safetensors, written row by row and read by memory map.

Notable choices:
- The features of one hour of video do not fit the memory of a small machine, so the file is laid out first and filled
  chunk by chunk; a reader touches only the rows that it asks for.
- What cannot be read whole (truncated, another format, another shape) counts as no features: the caller computes anew.
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

from syncline.files import mapped, replacing
from syncline.video.frame_source import READING

_TYPES: dict[str, type[np.generic]] = {"F16": np.float16, "F64": np.float64, "I64": np.int64}
_NAMES_OF_0_1 = {"grid": "features", "frames": "frame_indices", "clock": "pts_seconds"}  # its files are read, too
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}


@dataclass(frozen=True)
class StoredFeatures:
    """The content of a file of features.

    Attributes:
        features: (k, t, f) float16, a read-only memory map: k copies of the features of t frames; copy 0 is the plain
            one.
        frame_indices: (t,) int64 positions in the decoded source, ascending.
        pts_seconds: (num_frames,) float64: when each frame of the source is shown, from 0.
        reading: the `video.frame_source.READING` of who wrote it.
    """

    features: np.ndarray[Any, np.dtype[np.float16]]
    frame_indices: np.ndarray[Any, np.dtype[np.int64]]
    pts_seconds: np.ndarray[Any, np.dtype[np.float64]]
    reading: int


class RowWriter:
    """Fills the rows of ``features`` of a file laid out by ``writing_features``."""

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
    frame_indices: np.ndarray[Any, np.dtype[np.int64]],
    pts_seconds: np.ndarray[Any, np.dtype[np.float64]],
) -> Iterator[RowWriter]:
    """Lays out a file of features of ``shape`` (k, t, f); it appears at ``path``, whole, when the block ends well."""
    header: dict[str, Any] = {"__metadata__": {"reading": str(READING)}}
    start = 0
    # the small arrays first, so that their offsets do not depend on how the features are filled in
    for name, array_shape, kind in (
        ("frame_indices", frame_indices.shape, np.dtype(np.int64)),
        ("pts_seconds", pts_seconds.shape, np.dtype(np.float64)),
        ("features", shape, np.dtype(np.float16)),
    ):
        end = start + math.prod(array_shape) * kind.itemsize
        header[name] = {"dtype": _NAMES[kind], "shape": list(array_shape), "data_offsets": [start, end]}
        start = end
    words = json.dumps(header).encode()
    words += b" " * (-len(words) % 8)
    with replacing(path) as temporary, open(temporary, "r+b") as file:
        file.write(len(words).to_bytes(8, "little") + words)
        file.write(frame_indices.astype("<i8").tobytes() + pts_seconds.astype("<f8").tobytes())
        file.truncate(8 + len(words) + start)
        yield RowWriter(file, 8 + len(words) + header["features"]["data_offsets"][0], shape)


def read_features(path: Path, *, copies: int, dim: int) -> StoredFeatures | None:
    """The features at ``path``, or ``None`` where no whole file with ``copies`` copies of ``dim`` numbers is."""
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length < min(size, 1 << 20):
                return None
            header = json.loads(file.read(length))
        reading = int(header.pop("__metadata__", {}).get("reading", 1))
        header = {_NAMES_OF_0_1.get(name, name): entry for name, entry in header.items()}
        if (
            set(header) != set(_NAMES_OF_0_1.values())
            or max(e["data_offsets"][1] for e in header.values()) + length + 8 != size
        ):
            return None
        arrays = {name: _map(path, entry, 8 + length) for name, entry in header.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    features, frame_indices = arrays["features"], np.array(arrays["frame_indices"])
    fits = features.shape == (copies, len(frame_indices), dim) and features.dtype == np.float16
    shown = np.array(arrays["pts_seconds"])
    # version 0.1.0 counted from the beginning of the container
    return StoredFeatures(features, frame_indices, shown - shown[:1], reading) if fits else None


def _map(path: Path, entry: dict[str, Any], start: int) -> np.ndarray[Any, Any]:
    kind, shape = _TYPES[entry["dtype"]], tuple(int(side) for side in entry["shape"])
    first, last = entry["data_offsets"]
    if last - first != math.prod(shape) * np.dtype(kind).itemsize:
        raise ValueError("offsets and shape disagree")
    return mapped(path, kind, shape, offset=start + first)
