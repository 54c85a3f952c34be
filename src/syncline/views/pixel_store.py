"""Stores decoded pictures at training size, uint8, in memory-mapped files.

Training from pixels shows every frame in hundreds of epochs; decoding it each time costs more than a GPU's work on it.
A file is named by the video's content and the size of its pictures, so that renamed videos and other runs find it, and
written beside and renamed, so that a kill leaves none that is not whole.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.data import Video
from syncline.files import cache_folder, content_hash, mapped, replacing
from syncline.video import VideoReader
from syncline.video.frame_source import READING

_CHUNK = 64


def stored_pictures(root: str | os.PathLike[str] | None = None) -> tuple[Path, list[Path]]:
    """The folder of decoded pictures (None: in the user's cache folder) and the files in it."""
    folder = cache_folder() / "pictures" if root is None else Path(root)
    return folder, sorted(folder.glob("*/*.npy"))


class PixelStore:
    """Pictures of whole videos, (t, h, w, 3) uint8.

    Args:
        size: (h, w) of the pictures. root: the folder; None for ``pictures`` in the user's cache folder.
    """

    def __init__(self, size: tuple[int, int], root: str | os.PathLike[str] | None = None) -> None:
        self.size = size
        self.root = cache_folder() / "pictures" if root is None else Path(root)

    def path(self, video: Video) -> Path:
        """The file of a video's pictures, whether it is there or not."""
        height, width = self.size
        return self.root / f"{height}x{width}-{READING}" / f"{content_hash(video.path)}.npy"

    def holds(self, video: Video) -> bool:
        """Whether a video's pictures are there, and whole: a file that was cut short counts as none."""
        try:
            pictures = self.pictures(self.path(video))
        except (OSError, ValueError, EOFError):
            return False
        return pictures.ndim == 4 and pictures.dtype == np.uint8 and pictures.shape[1:] == (*self.size, 3)

    def missing(self, videos: Sequence[Video]) -> tuple[list[Video], int]:
        """The videos whose pictures are not there, one of each file, and the bytes that they will take."""
        wanted = {video.path: video for video in videos}
        lacking = [video for video in wanted.values() if not self.holds(video)]
        height, width = self.size
        return lacking, sum(video.num_frames for video in lacking) * height * width * 3

    def add(self, video: Video) -> Path:
        """Decodes a video into the store, if it is not there; its file.

        Raises:
            SynclineError: the video cannot be decoded. OSError: the disk is full.
        """
        path = self.path(video)
        if self.holds(video):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        reader = VideoReader(video.path, size=self.size)
        count = len(reader.pts_seconds)
        with replacing(path) as temporary:
            pictures = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(count, *self.size, 3))
            done = 0
            for chunk in reader.chunks(np.arange(count), chunk_size=_CHUNK):
                pictures[done : done + len(chunk.pixels)] = chunk.pixels
                done += len(chunk.pixels)
            pictures.flush()
            del pictures
        return path

    def pictures(self, path: Path) -> NDArray[np.uint8]:
        """The pictures that ``add`` wrote: (t, h, w, 3), read from disk on access."""
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            return mapped(path, dtype, shape, offset=file.tell())
