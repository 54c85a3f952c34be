"""Batches of views: what a loss gets in one step, a function of (seed, step) alone.

Because a batch depends on nothing else, a resumed run equals an undisturbed one, bit for bit, and several processes can
each make their part of the same global batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64, UInt8
from numpy.typing import NDArray
from torch import Tensor

from syncline.data import Sampling as VideoSampling
from syncline.data import Video, sampled_frames
from syncline.errors import SynclineError, check_choices
from syncline.video import VideoReader
from syncline.views import frame_sampling
from syncline.views.augment_pictures import Pipeline, augment_by, draw
from syncline.views.pixel_store import PixelStore

Pairing = Literal["views", "videos", "npairs", "triplets"]
Sampler = Literal["time_augment", "offset_uniform", "segment_uniform", "stride"]


@dataclass(frozen=True)
class Batch:
    """b pairs (or, with ``triplets``, triples: v = 3) of views.

    Attributes:
        inputs: (b, v, t, ...) features or pixels of each view, with k contexts (b, v, t, k, ...).
        steps: (b, v, t) positions in the video's sampled sequence. frames: (b, v) lengths of those sequences.
        masks: (b, v, t) true where a slot holds a real frame; prefixes.
        video: (b, v) number of the video of each view.
        draws: (b, v) of augmentations that are still to be made, by ``with_augmentation``; None where there are none.
    """

    inputs: Float[Tensor, "b v t ..."]
    steps: Int64[Tensor, "b v t"]
    frames: Int64[Tensor, "b v"]
    masks: Bool[Tensor, "b v t"]
    video: Int64[Tensor, "b v"]
    draws: Int64[Tensor, "b v"] | None = None

    def pin_memory(self) -> Batch:
        """The same in page-locked memory; the data loader asks for it."""
        return Batch(
            self.inputs.pin_memory(), self.steps.pin_memory(), self.frames.pin_memory(), self.masks.pin_memory(),
            self.video.pin_memory(), self.draws,
        )  # fmt: skip

    def part(self, index: int, count: int) -> Batch:
        """The pairs that process ``index`` of ``count`` takes; of a single one the batch itself, pinned as it is."""
        if count == 1:
            return self
        rows = torch.arange(len(self.video))[index::count]
        draws = None if self.draws is None else self.draws[rows]
        return Batch(self.inputs[rows], self.steps[rows], self.frames[rows], self.masks[rows], self.video[rows], draws)


@dataclass(frozen=True)
class ViewConfig:
    """Settings of views.

    Attributes:
        num_frames: T, frames of a view. batch_size: b, pairs in a step.
        pairing: ``views``: two views of each video; ``videos``: of two videos of one action, none twice where there are
            2b; ``npairs``: TCN's anchors and their neighbours in time; ``triplets``: TCN's, with negatives.
        sampler: ``time_augment`` (CARL, LAC), ``offset_uniform`` (TCC, in CARL's form, which may take the first
            frame), ``segment_uniform`` (LAV), ``stride`` (GTA).
        crop_base, region, consistent_offset: of ``time_augment``; region 3 gives views at up to three times the speed.
        retimed: share of views that are re-cut at changing speed with trimmed ends instead. stride: of ``stride``.
        pipeline, flip: picture augmentation, as ``augment`` takes them; flip turns "to the left" into "to the right".
    """

    num_frames: int = 32
    batch_size: int = 8
    pairing: Pairing = "views"
    sampler: Sampler = "time_augment"
    crop_base: frame_sampling.CropBase = "clip"
    region: float = 3.0
    consistent_offset: float = 0.2
    retimed: float = 0.0
    stride: int = 16
    pipeline: Pipeline = "ssl"
    flip: bool = False

    def __post_init__(self) -> None:
        check_choices(self, "views")
        for name in ("num_frames", "batch_size", "stride"):
            if getattr(self, name) < 1:
                raise SynclineError(f"views.{name} must be at least 1, got {getattr(self, name)}")
        if self.region < 1 or not 0 <= self.retimed <= 1 or not 0 <= self.consistent_offset <= 1:
            raise SynclineError(
                f"views.region must be at least 1, views.retimed and views.consistent_offset in [0, 1]; got "
                f"{self.region}, {self.retimed}, {self.consistent_offset}"
            )


class Views(Protocol):
    """Anything that gives the batch of a step."""

    def batch(self, step: int) -> Batch: ...


@dataclass(frozen=True)
class _View:
    video: int
    steps: NDArray[np.int64]
    mask: NDArray[np.bool_]
    recut: bool = False


def draw_views(
    lengths: Sequence[int], groups: Sequence[str], config: ViewConfig, generator: torch.Generator
) -> list[tuple[_View, ...]]:
    """Which videos and which of their frames a step shows: b tuples of 2 (``triplets``: 3) views.

    Args:
        lengths: frames of each video. groups: the action of each; a batch is of one action.
    """
    names = sorted(set(groups))
    members = {name: [i for i, group in enumerate(groups) if group == name] for name in names}
    weights = torch.tensor([float(len(members[name])) for name in names])
    chosen = members[names[int(torch.multinomial(weights, 1, generator=generator))]]
    order = [chosen[i] for i in torch.randperm(len(chosen), generator=generator).tolist()]
    firsts = [order[i % len(order)] for i in range(config.batch_size)]
    shift = config.batch_size % len(order) or 1  # the others come after the firsts: of 2b videos none is shown twice
    pairs = []
    for i, video in enumerate(firsts):
        length = lengths[video]
        if config.pairing == "triplets":
            steps = frame_sampling.tcn_triplets(length, config.num_frames, generator=generator)
            real = np.ones(config.num_frames, dtype=np.bool_)
            pairs.append(tuple(_View(video, part, real) for part in steps))
            continue
        first = _sample(video, length, config, generator, None)
        if config.pairing == "npairs":
            back = frame_sampling.tcn_positives(first.steps, generator=generator)
            pairs.append((first, _View(video, back, first.mask)))
        elif config.pairing == "views":
            # a crop is to overlap with the one before it; a re-cut overlaps with every crop
            previous = None if first.recut else int(first.steps[0])
            pairs.append((first, _sample(video, length, config, generator, previous)))
        else:
            other = order[(i + shift) % len(order)]
            pairs.append((first, _sample(other, lengths[other], config, generator, None)))
    return pairs


def _sample(video: int, length: int, config: ViewConfig, generator: torch.Generator, previous: int | None) -> _View:
    t = config.num_frames
    if config.retimed and float(torch.rand((), generator=generator)) < config.retimed:
        steps, mask = frame_sampling.retime(length, t, generator=generator)
        return _View(video, steps, mask, recut=True)
    if config.sampler == "time_augment":
        steps, mask = frame_sampling.time_augment(
            length, t, generator=generator, region=config.region, base=config.crop_base,
            consistent_offset=config.consistent_offset, previous=previous,
        )  # fmt: skip
    elif config.sampler == "offset_uniform":
        steps, mask = frame_sampling.offset_uniform(length, t, generator=generator)
    elif config.sampler == "segment_uniform":
        steps, mask = frame_sampling.segment_uniform(length, t, generator=generator)
    else:
        steps, mask = frame_sampling.stride_sampling(length, t, generator=generator, stride=config.stride)
    return _View(video, steps, mask)


def _generator(seed: int, step: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + step) % (1 << 62))


def with_augmentation(
    inputs: UInt8[Tensor, "b v t ..."], draws: Int64[Tensor, "b v"], config: ViewConfig
) -> UInt8[Tensor, "b v t ..."]:
    """Pictures (b, v, t, [k,] 3, h, w) with the augmentations that a batch left to be made, on their own device."""
    made = [
        _augmented(view.flatten(0, -4), seed, config).view_as(view)
        for view, seed in zip(inputs.flatten(0, 1), draws.flatten().tolist(), strict=True)
    ]
    return torch.stack(made).view_as(inputs)


def _augmented(clip: Tensor, seed: int, config: ViewConfig) -> Tensor:
    return augment_by(clip, seed, flip=config.flip, pipeline=config.pipeline).mul(255).round().to(torch.uint8)


def _collect(
    pairs: list[tuple[_View, ...]], lengths: Sequence[int], inputs: list[Tensor], draws: list[int] | None = None
) -> Batch:
    b, v = len(pairs), len(pairs[0])
    views = [view for pair in pairs for view in pair]
    steps = torch.from_numpy(np.stack([view.steps for view in views])).view(b, v, -1)
    masks = torch.from_numpy(np.stack([view.mask for view in views])).view(b, v, -1)
    video = torch.tensor([view.video for view in views]).view(b, v)
    stacked = torch.stack(inputs)
    return Batch(
        stacked.view(b, v, *stacked.shape[1:]), steps, torch.tensor([lengths[view.video] for view in views]).view(b, v),
        masks, video, torch.tensor(draws).view(b, v) if draws else None,
    )  # fmt: skip


class FeatureViews:
    """Batches from features that are in memory or memory-mapped; nothing is decoded.

    Args:
        features: of each video (copies, t, f): the plain ones first, then augmented copies, of which each view takes
            one at random (the plain one where there is no other).
        config: of the views. seed: with the step it decides everything. groups: the action of each video.
        contexts, context_stride: k maps a frame, as the encoder takes them.
    """

    def __init__(
        self,
        features: Sequence[NDArray[Any] | Tensor],
        config: ViewConfig,
        *,
        seed: int = 0,
        groups: Sequence[str] | None = None,
        contexts: int = 1,
        context_stride: int = 1,
    ) -> None:
        self.features, self.config, self.seed = list(features), config, seed
        self.lengths = [int(feature.shape[1]) for feature in self.features]
        self.groups = [""] * len(self.features) if groups is None else list(groups)
        self.contexts, self.context_stride = contexts, context_stride
        if not self.features:
            raise ValueError("views need at least one video")

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        generator = _generator(self.seed, step)
        pairs = draw_views(self.lengths, self.groups, self.config, generator)
        inputs = []
        for view in (view for pair in pairs for view in pair):
            copies = self.features[view.video]
            copy = int(torch.randint(1, len(copies), (), generator=generator)) if len(copies) > 1 else 0
            rows = view.steps
            if self.contexts > 1:
                rows = frame_sampling.with_contexts(rows, self.contexts, self.context_stride)
            inputs.append(torch.as_tensor(np.asarray(copies[copy][rows])).float())
        return _collect(pairs, self.lengths, inputs)


class PixelViews:
    """Batches of pictures, decoded (or read from a store) and augmented: what trains a backbone.

    Pictures are uint8, a quarter of what float32 would send from process to process; the backbone takes them as they
    are.

    Args:
        videos: what to read. pictures: which of their frames are looked at. size: (h, w) of the pictures.
        store: of decoded pictures, to which all videos were added; None decodes the files in every batch.
        later: leave the augmentation to who takes the batch (``with_augmentation``), where a GPU does it faster.
        Others as ``FeatureViews``.
    """

    def __init__(
        self,
        videos: Sequence[Video],
        pictures: VideoSampling,
        config: ViewConfig,
        *,
        size: tuple[int, int],
        seed: int = 0,
        contexts: int = 1,
        context_stride: int = 1,
        store: PixelStore | None = None,
        later: bool = False,
    ) -> None:
        self.videos, self.config, self.seed, self.size, self.store = list(videos), config, seed, size, store
        self.later = later
        self.frames = [sampled_frames(video, VideoReader(video.path).pts_seconds, pictures) for video in self.videos]
        self.lengths = [len(frames) for frames in self.frames]
        self.groups = [video.action for video in self.videos]
        self.contexts, self.context_stride = contexts, context_stride
        self._files = None if store is None else [store.path(video) for video in self.videos]
        self._sources: dict[int, Any] = {}  # readers or memory maps, opened by the process that looks at them

    def __getstate__(self) -> dict[str, Any]:
        """Without open files: what a worker process gets."""
        return {**self.__dict__, "_sources": {}}

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        generator = _generator(self.seed, step)
        pairs = draw_views(self.lengths, self.groups, self.config, generator)
        inputs, draws = [], []
        for view in (view for pair in pairs for view in pair):
            rows = frame_sampling.with_contexts(view.steps, self.contexts, self.context_stride)
            clip = self._clip(view.video, self.frames[view.video][rows.reshape(-1)])
            if self.config.pipeline != "none":
                draws.append(draw(generator))
                clip = clip if self.later else _augmented(clip, draws[-1], self.config)
            inputs.append(clip if self.contexts == 1 else clip.view(*rows.shape, *clip.shape[1:]))
        return _collect(pairs, self.lengths, inputs, draws if self.later else None)

    def _clip(self, number: int, frame_indices: NDArray[np.int64]) -> Tensor:
        """Pictures (t, 3, h, w) uint8 of some frames of a video."""
        if self.store is not None and self._files is not None:
            if number not in self._sources:
                self._sources[number] = self.store.pictures(self._files[number])
            pixels = self._sources[number][frame_indices]
        else:
            if number not in self._sources:
                self._sources[number] = VideoReader(self.videos[number].path, size=self.size)
            pixels = self._sources[number].frames(frame_indices).pixels
        return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2)
