"""Features of a frozen backbone, computed once per frame and kept on disk.

Notable choices:
- The unit is the frame of a source file, whatever asked for it: re-cuts of a video, other sampling rates and other runs
  use what is there and add what is missing.
- The key is the content of the source and all that decides what a picture becomes: model, weights, transform,
  precision.
- ``copies`` k > 1 keeps k - 1 augmented copies beside the plain one (copy 0), so that training needs no decoding. The
  draw of a copy is fixed by the source's content and the copy's number.
- Decoding runs in a thread of its own while the backbone computes; of many videos the next one begins before the last
  one ends (`FeatureCache.features_of`).
- Losing the cache loses time only: a file that is not whole is computed again, a cache that cannot be written is used
  from memory.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import queue
import shutil
import tempfile
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from syncline.data import Sampling, Video, sampled_frames
from syncline.data.video_set import seconds_of
from syncline.encoder.backbone import Backbone
from syncline.encoder.colourless_backbone import ColourlessBackbone
from syncline.encoder.deferred_backbone import DeferredBackbone, frozen_backbone
from syncline.encoder.feature_file import StoredFeatures, read_features, writing_features
from syncline.errors import SynclineError
from syncline.files import cache_folder, content_of, write_json
from syncline.video import VideoReader
from syncline.video.frame_source import READING
from syncline.views.augment_pictures import VERSION
from syncline.views.augment_pictures import augment as default_augment

Augment = Callable[..., Tensor]
T = TypeVar("T")

_log = logging.getLogger(__name__)
_CHUNK = 32


@dataclass(frozen=True)
class CachedFeatures:
    """Features of the sampled frames of one video.

    Attributes:
        features: (k, t, C g g) float16, the pooled maps flattened; copy 0 is the plain one. May be a read-only memory
            map.
        frame_indices: (t,) int64 positions in the decoded source.
        pts_seconds: (t,) float64, when they are shown; of a re-cut its own (position / frame rate).
    """

    features: np.ndarray[Any, np.dtype[np.float16]]
    frame_indices: np.ndarray[Any, np.dtype[np.int64]]
    pts_seconds: np.ndarray[Any, np.dtype[np.float64]]

    @property
    def grid(self) -> np.ndarray[Any, np.dtype[np.float16]]:
        """Old name of ``features`` (version 0.1.0)."""
        warnings.warn("CachedFeatures.grid is now .features", DeprecationWarning, stacklevel=2)
        return self.features

    @property
    def frames(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Old name of ``frame_indices`` (version 0.1.0)."""
        warnings.warn("CachedFeatures.frames is now .frame_indices", DeprecationWarning, stacklevel=2)
        return self.frame_indices


class FeatureCache:
    """Features by video, from disk where they are, computed and kept where not.

    Args:
        root: the folder; ``None`` for ``features`` in ``SYNCLINE_CACHE`` or the user's cache folder.
        backbone: a frozen one with a grid. ``None``: the default.
        sampling: which frames of a video are wanted. ``None``: 7.5 a second.
        copies: k, the plain features and k - 1 augmented copies.
        augment: ``augment(clip (t, 3, h, w) in [0, 1], generator=..., flip=...)``, one draw a call;
            ``None``: ``syncline.views.augment_pictures``.
        flip: whether augmented copies may be mirrored.

    Examples:
        >>> cache = FeatureCache("/tmp/features", Backbone("test_resnet", weights="none"))
        >>> cache.backbone.dim
        864
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        backbone: Backbone | DeferredBackbone | ColourlessBackbone | None = None,
        sampling: Sampling | None = None,
        copies: int = 1,
        augment: Augment | None = None,
        *,
        flip: bool = False,
    ) -> None:
        self._backbone = frozen_backbone() if backbone is None else backbone
        if self._backbone.trainable != "frozen":
            raise ValueError(
                f"only features of a frozen backbone can be cached, this one is {self._backbone.trainable!r}"
            )
        if copies < 1:
            raise ValueError(f"copies must be at least 1, got {copies}")
        self.root = cache_folder() / "features" if root is None else Path(root)
        self.sampling = Sampling() if sampling is None else sampling
        self.copies, self.flip = copies, flip
        self.augment = augment
        self._warned = False
        self._one_batch = threading.Lock()
        self._one_video: dict[str, threading.Lock] = {}

    @property
    def backbone(self) -> Backbone:
        """The network itself; built now, if it has not been needed so far."""
        return self._backbone.built()

    @property
    def described(self) -> Backbone | DeferredBackbone | ColourlessBackbone:
        """The backbone as far as its name, description and sizes go; nothing is built for it."""
        return self._backbone

    @property
    def folder(self) -> Path:
        """The folder of this backbone's features; its ``transform.json`` says what made them."""
        words = json.dumps({"format": 1} | self._backbone.describe(), sort_keys=True)
        return self.root / f"{self._backbone.name.replace('/', '-')}-{hashlib.sha256(words.encode()).hexdigest()[:16]}"

    def close(self) -> None:
        """Ends what it started; nothing, where only features are kept."""

    def estimate(self, videos: Iterable[Video]) -> tuple[int, int]:
        """(frames, bytes) that the features of ``videos`` take when all are there; re-cuts share their source's."""
        sources: dict[tuple[Path, tuple[int, int] | None], int] = {}
        for video in videos:
            length = video.num_frames if video.span is None else video.span[1] - video.span[0]
            if video.frames is not None:
                wanted = len(np.unique(video.frames))
            elif self.sampling.stride:
                wanted = -(-length // self.sampling.stride)
            else:
                wanted = round(length / max(video.frame_rate, 1e-9) * self.sampling.rate_hz) + 1
            part = video.path, video.span
            sources[part] = min(length, max(wanted, sources.get(part, 0)))
        frames = sum(sources.values())
        return frames, frames * self.copies * self._backbone.dim * 2

    def missing(self, video: Video, *, sampling: Sampling | None = None) -> tuple[int, int]:
        """(frames that are wanted of ``video``, how many of them have no features yet).

        Raises:
            SynclineError: the file cannot be read.
        """
        stored = self._stored(video.path, content_of(video.path))
        shown = VideoReader(video.path).pts_seconds if stored is None else stored.pts_seconds
        wanted = sampled_frames(video, shown, self.sampling if sampling is None else sampling)
        there = 0 if stored is None else int(np.isin(wanted, stored.frame_indices).sum())
        return len(wanted), len(wanted) - there

    def features(self, video: Video, *, sampling: Sampling | None = None) -> CachedFeatures:
        """The features of the sampled frames of ``video``; ``sampling`` instead of the cache's own.

        Raises:
            SynclineError: the file cannot be decoded.
        """
        return self._features(video, self.sampling if sampling is None else sampling, threading.Event())

    def features_of(
        self,
        videos: Iterable[Video],
        *,
        sampling: Sampling | None = None,
        failed: Callable[[Video, SynclineError], None] | None = None,
    ) -> Iterator[tuple[Video, CachedFeatures]]:
        """Videos with their `features`, in order: the next one is decoded while the backbone computes.

        Args:
            videos: taken one by one, two at a time. sampling: as of `features`.
            failed: told of a video that cannot be decoded, which is then left out; None raises.

        Raises:
            SynclineError: a file cannot be decoded; raised where its features would have come.
        """
        chosen = self.sampling if sampling is None else sampling
        left = threading.Event()
        begun: deque[tuple[Video, Future[CachedFeatures]]] = deque()

        def first() -> Iterator[tuple[Video, CachedFeatures]]:
            video, future = begun.popleft()
            try:
                yield video, future.result()
            except SynclineError as error:
                if failed is None:
                    raise
                failed(video, error)

        with ThreadPoolExecutor(2, thread_name_prefix="syncline-features") as pool:
            try:
                for video in videos:
                    begun.append((video, pool.submit(self._features, video, chosen, left)))
                    if len(begun) == 2:
                        yield from first()
                while begun:
                    yield from first()
            finally:
                left.set()  # whoever presses Ctrl-C does not wait for the end of a long film
                for _, future in begun:
                    future.cancel()

    def _features(self, video: Video, sampling: Sampling, left: threading.Event) -> CachedFeatures:
        """`features`; ends early where ``left`` is set."""
        content = content_of(video.path)
        with self._one_video.setdefault(content, threading.Lock()):
            stored = self._stored(video.path, content)
            shown = VideoReader(video.path).pts_seconds if stored is None else stored.pts_seconds
            wanted = sampled_frames(video, shown, sampling)
            missing = np.setdiff1d(wanted, stored.frame_indices if stored is not None else np.zeros(0, np.int64))
            if stored is None or len(missing):
                stored = self._extend(video.path, content, shown, stored, missing, left)
        rows = np.searchsorted(stored.frame_indices, wanted)
        features = (
            stored.features
            if len(rows) == len(stored.frame_indices) and (np.diff(rows) == 1).all()
            else stored.features[:, rows]
        )
        return CachedFeatures(features, wanted, seconds_of(video, shown, wanted))

    def _name(self, content: str) -> str:
        if self.copies == 1:
            return f"{content}.safetensors"
        # a new version of the augmentations gives copies another name; the plain features in old files still serve
        how = f"{VERSION} {'views' if self.augment is None else _described(self.augment)}"
        return f"{content}-{self.copies}-{hashlib.sha256(f'{how} {self.flip}'.encode()).hexdigest()[:8]}.safetensors"

    def _stored(self, path: Path, content: str) -> StoredFeatures | None:
        found = self._found(content)
        if found is not None and found.reading < READING and found.reading < VideoReader(path).reading:
            return None  # of other pictures than the file gives now
        return found

    def _found(self, content: str) -> StoredFeatures | None:
        dim = self._backbone.dim
        own = read_features(self.folder / self._name(content), copies=self.copies, dim=dim)
        return own if own is not None or self.copies > 1 else self._plain(content)

    def _plain(self, content: str) -> StoredFeatures | None:
        """The plain features, whatever file they stand in."""
        dim = self._backbone.dim
        alone = read_features(self.folder / f"{content}.safetensors", copies=1, dim=dim)
        if alone is not None:
            return alone
        # the plain features also stand in files with augmented copies
        for path in sorted(self.folder.glob(f"{content}-*.safetensors")):
            copies = path.stem.split("-")[1]
            more = read_features(path, copies=int(copies), dim=dim) if copies.isdecimal() else None
            if more is not None:
                return StoredFeatures(more.features[:1], more.frame_indices, more.pts_seconds, more.reading)
        return None

    def _extend(
        self,
        path: Path,
        content: str,
        shown: np.ndarray[Any, np.dtype[np.float64]],
        stored: StoredFeatures | None,
        missing: np.ndarray[Any, np.dtype[np.int64]],
        left: threading.Event,
    ) -> StoredFeatures:
        """Computes the features of frames ``missing`` and keeps them together with those that are there."""
        frames = np.union1d(missing, stored.frame_indices) if stored is not None else missing
        shape = (self.copies, len(frames), self._backbone.dim)
        target = self.folder / self._name(content)
        try:
            if not (self.folder / "transform.json").is_file():
                write_json(self.folder / "transform.json", self._backbone.describe())
            self._fill(target, path, content, shown, stored, missing, frames, shape, left)
        except OSError as error:
            if not self._warned:
                _log.warning("features cannot be kept in %s (%s): they are computed each time", self.folder, error)
                self._warned = True
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder) / target.name
                self._fill(target, path, content, shown, stored, missing, frames, shape, left)
                kept = read_features(target, copies=shape[0], dim=shape[2])
                assert kept is not None
                return StoredFeatures(np.array(kept.features), kept.frame_indices, kept.pts_seconds, kept.reading)
        written = read_features(target, copies=shape[0], dim=shape[2])
        if written is None:
            raise OSError(f"{target} was changed while it was written")
        return written

    def _fill(
        self,
        target: Path,
        path: Path,
        content: str,
        shown: np.ndarray[Any, np.dtype[np.float64]],
        stored: StoredFeatures | None,
        missing: np.ndarray[Any, np.dtype[np.int64]],
        frames: np.ndarray[Any, np.dtype[np.int64]],
        shape: tuple[int, int, int],
        left: threading.Event,
    ) -> None:
        plain = self._plain(content) if self.copies > 1 and stored is None else None
        known = plain.frame_indices if plain is not None and plain.reading >= READING else np.zeros(0, np.int64)
        with writing_features(target, shape=shape, frame_indices=frames, pts_seconds=shown) as writer:
            if stored is not None:
                for old, row in enumerate(np.searchsorted(frames, stored.frame_indices)):
                    for copy in range(shape[0]):
                        writer.write(copy, int(row), stored.features[copy, old : old + 1])
            for numbers, pictures in decoded(path, missing, self._backbone.size):
                if left.is_set():
                    raise SynclineError(f"{path}: nobody waits for its features any more")
                rows = np.searchsorted(frames, numbers)
                for copy in range(shape[0]):
                    if copy == 0 and plain is not None and np.isin(numbers, known).all():
                        grid = np.asarray(plain.features[0, np.searchsorted(known, numbers)])
                    else:
                        grid = self._compute(pictures, content, copy)
                    for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(rows) != 1) + 1):
                        writer.write(copy, int(rows[part[0]]), grid[part])
            if content_of(path) != content:
                raise SynclineError(f"{path} was changed while it was read; run again")

    def _compute(self, pictures: Tensor, content: str, copy: int) -> np.ndarray[Any, np.dtype[np.float16]]:
        if copy > 0:
            augment: Augment = default_augment if self.augment is None else self.augment
            # the same generator state for every chunk of a video: the whole clip gets one draw
            seed = int(hashlib.sha256(f"{content} {copy}".encode()).hexdigest()[:15], 16)
            generator = torch.Generator().manual_seed(seed)
            pictures = augment(pictures.float() / 255, generator=generator, flip=self.flip)
        with self._one_batch:  # threads of two batches would get in each other's way
            maps = self._backbone(pictures.to(self._backbone.device)).flatten(1)
        # float16 ends at 65504; no trained network comes near it, but an infinity would spoil every sum after it
        grid: np.ndarray[Any, np.dtype[np.float16]] = maps.clamp(-65504, 65504).to(torch.float16).cpu().numpy()
        return grid


def _described(augment: Augment) -> str:
    """A name that is the same in every process."""
    if isinstance(augment, functools.partial):
        return f"{_described(augment.func)} {augment.args} {sorted(augment.keywords.items())}"
    return f"{augment.__module__}.{getattr(augment, '__qualname__', repr(augment))}"


def decoded(
    path: Path, frames: np.ndarray[Any, np.dtype[np.int64]], size: tuple[int, int], *, chunk_size: int = _CHUNK
) -> Iterator[tuple[np.ndarray[Any, np.dtype[np.int64]], Tensor]]:
    """Frame numbers (n,) and pictures (n, 3, h, w) uint8 of ``frames`` in chunks, decoded ahead in another thread."""
    if not len(frames):
        return
    reader = VideoReader(path, size=size)
    for chunk in ahead(reader.chunks(frames, chunk_size=chunk_size)):
        yield chunk.indices, torch.from_numpy(chunk.pixels).permute(0, 3, 1, 2)


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, taken in another thread up to two before they are asked for. Errors are raised here."""
    line: queue.Queue[tuple[bool, Any]] = queue.Queue(maxsize=2)
    left = threading.Event()

    def offer(done: bool, item: Any) -> bool:
        while not left.is_set():
            try:
                line.put((done, item), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not offer(False, item):
                    return
            offer(True, None)
        except BaseException as error:  # handed over: it is the consumer's to handle
            offer(True, error)

    thread = threading.Thread(target=work, name="syncline-decode", daemon=True)
    thread.start()
    try:
        while True:
            done, item = line.get()
            if done:
                if item is not None:
                    raise item
                return
            yield item
    finally:
        left.set()
        thread.join()


@dataclass(frozen=True)
class CacheEntry:
    """One transform's part of the cache: its folder, the name of its backbone, its files and their bytes."""

    folder: Path
    backbone: str
    files: int
    bytes: int


def cache_info(root: str | os.PathLike[str] | None = None) -> list[CacheEntry]:
    """The content of the feature cache, by transform."""
    folder = cache_folder() / "features" if root is None else Path(root)
    entries = []
    for described in sorted(folder.glob("*/transform.json")):
        try:
            name = str(json.loads(described.read_text(encoding="utf-8"))["name"])
        except (ValueError, KeyError, TypeError):
            name = "unknown"
        files = [file for file in described.parent.iterdir() if file.suffix in (".safetensors", ".npz")]
        sizes = [file.stat().st_size for file in files]
        entries.append(CacheEntry(described.parent, name, len(sizes), sum(sizes)))
    return entries


def clear_cache(root: str | os.PathLike[str] | None = None, *, entries: Sequence[CacheEntry] | None = None) -> int:
    """Removes ``entries`` (all of ``root`` by default) and returns the bytes set free. Nothing else is touched."""
    chosen = cache_info(root) if entries is None else entries
    for entry in chosen:
        shutil.rmtree(entry.folder)
    return sum(entry.bytes for entry in chosen)
