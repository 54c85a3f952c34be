"""Training data: features of the videos, or the videos themselves, as views."""

from __future__ import annotations

import functools
import hashlib
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import syncline.progress
from syncline.data import Video
from syncline.encoder import FeatureCache, FrameEncoder
from syncline.errors import SynclineError
from syncline.files import content_hash
from syncline.progress import Steps, notice, silent
from syncline.training.time_and_disk import Budget
from syncline.training.train_config import TrainConfig
from syncline.training.training_progress import TrainingCallback, passed_on
from syncline.views import FeatureViews, PixelStore, PixelViews, Views, WorkerViews
from syncline.wording import counted

_log = logging.getLogger(__name__)

_NO_TIME = "no time left in the budget"
FEW = 4
"""Videos that are decoded, and whose batches are timed, before the whole set is."""


@dataclass(frozen=True)
class Material:
    """Views and the videos that they are of; ``unread`` names those that were left out and why."""

    views: Views
    videos: tuple[Video, ...]
    unread: dict[str, str]

    @functools.cached_property
    def content(self) -> dict[str, str]:
        """The content hash of each video's file, by name: what tells trained clips from new ones later."""
        hashes = {path: content_hash(path) for path in {video.path for video in self.videos}}
        return {video.name: hashes[video.path] for video in self.videos}

    def close(self) -> None:
        """Ends the processes that make batches, if there are any."""
        if isinstance(self.views, WorkerViews):
            self.views.close()

    @property
    def names(self) -> str:
        """Which videos these are, short enough for a message."""
        words = "\n".join(f"{video.name} {video.num_frames}" for video in self.videos)
        return f"{len(self.videos)} videos ({hashlib.sha256(words.encode()).hexdigest()[:8]})"


def rate_of(videos: Sequence[Video], config: TrainConfig) -> float:
    """Sampled frames a second: as configured, or with a stride that of the median video."""
    sampling = config.encoder.sampling
    if sampling.stride is None:
        return sampling.rate_hz
    return float(np.median([video.frame_rate for video in videos])) / sampling.stride


def of_features(
    videos: Sequence[Video],
    config: TrainConfig,
    encoder: FrameEncoder,
    cache: FeatureCache,
    *,
    accelerator: Any,
    budget: Budget,
    callback: TrainingCallback,
) -> Material:
    """Cached features of all videos that can be read (and that the budget has time for); calibrates the encoder.

    Each process reads its share; what it leaves in the cache is there for all.

    Raises:
        SynclineError: fewer than two videos are left.
    """
    unread = read_into_cache(videos, config, cache, accelerator=accelerator, budget=budget, callback=callback)
    if accelerator.num_processes > 1:
        from accelerate.utils import gather_object

        accelerator.wait_for_everyone()
        unread = dict(gather_object(list(unread.items())))
    kept = tuple(video for video in videos if video.name not in unread)
    _enough(kept, unread)
    features = [cache.features(video, sampling=config.encoder.sampling).features for video in kept]
    encoder.calibrate([feature[0] for feature in features], seed=config.seed)
    views = FeatureViews(
        features, config.views, seed=config.seed, groups=[video.action for video in kept],
        contexts=config.encoder.contexts, context_stride=config.encoder.context_stride,
    )  # fmt: skip
    return Material(views, kept, unread)


def read_into_cache(
    videos: Sequence[Video],
    config: TrainConfig,
    cache: FeatureCache,
    *,
    accelerator: Any,
    budget: Budget,
    callback: TrainingCallback,
) -> dict[str, str]:
    """Puts this process's share of the videos into the cache; what was left out, and why."""
    share = list(videos)[accelerator.process_index :: accelerator.num_processes]
    order = torch.randperm(len(share), generator=torch.Generator().manual_seed(config.seed)).tolist()
    step, read = Steps("features", len(share), passed_on(callback)), 0
    unread: dict[str, str] = {}

    def lacks_features(video: Video) -> bool:
        try:
            return cache.missing(video, sampling=config.encoder.sampling)[1] > 0
        except SynclineError:
            return False  # told when it is read

    def in_time() -> Iterator[Video]:
        for number in order:
            video = share[number]
            if budget.no_more_features and read >= 2 and lacks_features(video):
                unread[video.name] = _NO_TIME
                step(video.name)
            else:
                yield video

    def failed(video: Video, error: SynclineError) -> None:
        unread[video.name] = str(error)
        _log.warning("passed over %s: %s", video.name, error)
        step(video.name)

    for video, _ in cache.features_of(in_time(), sampling=config.encoder.sampling, failed=failed):
        read += 1
        step(video.name)
    late = sum(why == _NO_TIME for why in unread.values())
    if late:
        passed_on(callback)(notice(f"passed over {counted(late, 'video')}: {_NO_TIME}"))
    return unread


@dataclass(frozen=True)
class Decoding:
    """The cost of filling the store: frames in all, missing frames, their bytes, and measured seconds a frame.

    Nothing is missing where there is no store.
    """

    frames: int
    missing: int = 0
    bytes: int = 0
    seconds: float = 0.0


def of_pixels(
    videos: Sequence[Video],
    config: TrainConfig,
    encoder: FrameEncoder,
    *,
    accelerator: Any,
    callback: TrainingCallback,
    before: Callable[[Views, Decoding], None] | None = None,
) -> Material:
    """The videos themselves: every batch is decoded, or read from the store. Sets the encoder's reference length.

    Args:
        before: told, before the store is filled, what that takes, with views of a few videos to try the steps on.

    Raises:
        SynclineError: fewer than two videos can be read, or there is no room for the store.
    """
    kept, unread = readable(videos)
    store = PixelStore(encoder.backbone.size) if config.store else None
    lacking, size = ([], 0) if store is None else store.missing(kept)
    if store is not None:
        _check_room(store, len(lacking), size)
    few = [*lacking, *kept][:FEW]
    if before is not None:
        began = time.perf_counter()
        tried = _decode(store, few, accelerator)
        each = (time.perf_counter() - began) / max(tried, 1)
        material = _pixel_views(few, {}, config, encoder, store, accelerator)
        try:
            frames, missing = (sum(video.num_frames for video in part) for part in (kept, lacking))
            each = each / accelerator.num_processes if tried else 0.0
            before(material.views, Decoding(frames, missing, size, each))
        finally:
            material.close()
    if store is not None:
        tell = passed_on(callback)
        if lacking:
            tell(notice(f"decoding {counted(len(lacking), 'video')} into {store.root}: {size / 1e9:.2f} GB"))
        _decode(store, lacking, accelerator, tell)
    return _pixel_views(kept, unread, config, encoder, store, accelerator)


def readable(videos: Sequence[Video]) -> tuple[tuple[Video, ...], dict[str, str]]:
    """The videos that can be read, and why the others cannot.

    Raises:
        SynclineError: fewer than two can.
    """
    from syncline.video import VideoReader

    unread: dict[str, str] = {}
    for video in videos:
        try:
            VideoReader(video.path)
        except SynclineError as error:
            unread[video.name] = str(error)
            _log.warning("passed over %s: %s", video.name, error)
    kept = tuple(video for video in videos if video.name not in unread)
    _enough(kept, unread)
    return kept, unread


def _pixel_views(
    kept: Sequence[Video],
    unread: dict[str, str],
    config: TrainConfig,
    encoder: FrameEncoder,
    store: PixelStore | None,
    accelerator: Any,
) -> Material:
    views = PixelViews(
        kept, config.encoder.sampling, config.views, size=encoder.backbone.size, seed=config.seed,
        contexts=config.encoder.contexts, context_stride=config.encoder.context_stride, store=store,
        later=augments(accelerator.device),
    )  # fmt: skip
    encoder.calibrate([np.empty((length, 0)) for length in views.lengths], seed=config.seed)
    if config.workers == 0:
        return Material(views, tuple(kept), unread)
    pin = accelerator.device.type == "cuda"
    return Material(WorkerViews(views, workers=config.workers, pin=pin), tuple(kept), unread)


def augments(device: torch.device) -> bool:
    """Whether pictures are augmented on the device, in batches; otherwise each worker does it."""
    return device.type == "cuda"


def _check_room(store: PixelStore, videos: int, size: int) -> None:
    """Raises SynclineError where there is not room enough on the disk."""
    store.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(store.root).free
    if size > 0.95 * free:
        raise SynclineError(
            f"decoded pictures of {counted(videos, 'video')} take {size / 1e9:.1f} GB, {store.root} has "
            f"{free / 1e9:.1f} GB free; set SYNCLINE_CACHE to another disk, or store=false, which decodes in every step"
        )


def _decode(
    store: PixelStore | None,
    videos: Sequence[Video],
    accelerator: Any,
    callback: syncline.progress.Callback = silent,
) -> int:
    """Puts videos into the store, if there is one, each process its share; how many frames this one decoded."""
    if store is None:
        return 0
    share = videos[accelerator.process_index :: accelerator.num_processes]
    step, frames = Steps("pictures", len(share), callback), 0
    for video in share:
        frames += 0 if store.holds(video) else video.num_frames
        store.add(video)
        step(video.name)
    if accelerator.num_processes > 1:
        accelerator.wait_for_everyone()
    return frames


def _enough(kept: Sequence[Video], unread: dict[str, str]) -> None:
    if len(kept) < 2:
        why = f"; the first that was passed over: {next(iter(unread.values()))}" if unread else ""
        raise SynclineError(f"training needs at least 2 videos, {len(kept)} can be read{why}")
