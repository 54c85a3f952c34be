"""Estimates time and disk of training before it begins, and keeps to a budget of minutes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from syncline.data import Sampling, Video
from syncline.encoder import FeatureCache, FrameEncoder
from syncline.encoder.feature_cache import decoded
from syncline.errors import SynclineError
from syncline.training.checkpoint import trained_state
from syncline.training.optimiser_step import Stepper, Stopwatch
from syncline.training.process_group import agreed
from syncline.training.train_config import TrainConfig
from syncline.views import Batch, ViewConfig
from syncline.wording import counted, spoken

_PROBE_FRAMES = 16
_SLOW = 10.0
"""A step that takes more seconds is measured once."""
FEATURE_SHARE = 0.7
"""Of a budget, what reading the videos may take; the rest of them is left out then."""


@dataclass(frozen=True)
class Plan:
    """The plan of a training: time, disk and memory.

    Attributes:
        videos: to train on. frames: of them whose features are wanted; missing: of those, not in the cache yet.
        bytes: that the missing ones take on disk. decode, backbone: seconds a frame, measured on one video (from
            pixels: a few); 0 where nothing is missing.
        feature_seconds: for all missing frames. step_seconds: of one optimiser step. steps: of them.
        memory: bytes that the steps took which were done to measure them, the program included; 0: not measured.
        pixels: whether pictures are trained on, not features; what is missing is then frames to be decoded.
    """

    videos: int
    frames: int
    missing: int
    bytes: int
    decode: float
    backbone: float
    feature_seconds: float
    step_seconds: float
    steps: int
    memory: int = 0
    pixels: bool = False

    @property
    def seconds(self) -> float:
        """Seconds in all."""
        return self.feature_seconds + self.step_seconds * self.steps

    def __str__(self) -> str:
        size = f"{self.bytes / 1e6:.0f} MB of disk" if self.bytes else "no more disk"
        if self.pixels:
            return self._of_pixels(size)
        return (
            f"{counted(self.videos, 'video')}, {counted(self.frames, 'sampled frame')} "
            f"({self.missing} not in the cache yet, {size}): about "
            f"{spoken(self.feature_seconds)} to read them and {spoken(self.step_seconds * self.steps)} for "
            f"{counted(self.steps, 'step')}"
        )

    def _of_pixels(self, size: str) -> str:
        decode = f"{spoken(self.feature_seconds)} to decode {self.missing} frames, and " if self.missing else ""
        memory = f"; {self.memory / 1e9:.1f} GB of memory" if self.memory else ""
        return (
            f"{counted(self.videos, 'video')}: about {decode}{spoken(self.step_seconds * self.steps)} for "
            f"{counted(self.steps, 'step')} ({self.step_seconds:.2g} s each, as a few of them took); {size}{memory}"
        )


def feature_plan(
    videos: Sequence[Video], cache: FeatureCache, sampling: Sampling
) -> tuple[int, int, int, float, float]:
    """(frames, missing frames, their bytes, seconds a frame to decode, seconds a frame of the backbone)."""
    frames = missing = 0
    probe: Video | None = None
    for video in videos:
        try:
            wanted, lacking = cache.missing(video, sampling=sampling)
        except SynclineError:
            continue  # told when its features are computed
        frames, missing = frames + wanted, missing + lacking
        probe = video if lacking and probe is None else probe
    size = missing * cache.copies * cache.described.dim * 2
    if probe is None:
        return frames, missing, size, 0.0, 0.0
    decode, backbone = _probe(probe, cache, sampling)
    return frames, missing, size, decode, backbone * cache.copies


def _probe(video: Video, cache: FeatureCache, sampling: Sampling) -> tuple[float, float]:
    """Seconds a frame to decode and to compute, on a few frames of one video; the first forward pass is not counted."""
    from syncline.data import sampled_frames
    from syncline.video import VideoReader

    pts_seconds = VideoReader(video.path).pts_seconds
    frames = sampled_frames(video, pts_seconds, sampling)[:_PROBE_FRAMES]
    began = time.perf_counter()
    try:
        pictures = torch.cat([part for _, part in decoded(video.path, frames, cache.backbone.size)])
    except SynclineError:
        return 0.0, 0.0
    decode = (time.perf_counter() - began) / len(frames)
    pictures = pictures.to(cache.backbone.mean.device)
    cache.backbone(pictures[:1])
    began = time.perf_counter()
    cache.backbone(pictures)
    return decode, (time.perf_counter() - began) / len(frames)


class Rehearsal:
    """Views of nothing: batches of the right shape, before there are features."""

    def __init__(self, config: ViewConfig, encoder: FrameEncoder) -> None:
        self._config, self._encoder = config, encoder

    def batch(self, step: int) -> Batch:
        """Random features, the same in every step."""
        b, t, k = self._config.batch_size, self._config.num_frames, self._encoder.config.contexts
        v = 3 if self._config.pairing == "triplets" else 2
        shape = (b, v, t, self._encoder.input_dim) if k == 1 else (b, v, t, k, self._encoder.input_dim)
        inputs = torch.rand(shape, generator=torch.Generator().manual_seed(0)).half()
        steps = torch.arange(t).expand(b, v, t).clone()
        video = torch.arange(b)[:, None].expand(b, v).clone()
        if self._config.pairing == "videos":
            video[:, 1] = video[:, 1].roll(1)
        return Batch(inputs, steps, torch.full((b, v), 2 * t), torch.ones(b, v, t, dtype=torch.bool), video)


def step_seconds(stepper: Stepper, config: TrainConfig) -> float:
    """Seconds a step takes. Steps are done for it, and undone: parameters and optimiser are as before.

    The first is not counted: it compiles and allocates. Of quick steps it takes some for half a second, after those
    whose batches worker processes had made before they were asked for.
    """
    parts = stepper.parts
    own = [*trained_state(parts.encoder).values(), *parts.loss.state_dict().values()]
    kept = [tensor.clone() for tensor in own]
    moments = {
        parameter: {name: value.clone() for name, value in state.items()}
        for parameter, state in parts.optimizer.state.items()
    }
    numbers = itertools.count()

    def timed(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            stepper(next(numbers), config.steps, tell=False)
        return (time.perf_counter() - began) / count

    timed(1)
    seconds = timed(1)
    if agreed(stepper.accelerator, int(seconds < _SLOW)):
        timed(1 + 2 * config.workers)
        seconds = timed(agreed(stepper.accelerator, min(max(int(0.5 / seconds), 3), 10)))
    stepper.watch = Stopwatch()
    for tensor, before in zip(own, kept, strict=True):
        tensor.copy_(before)
    parts.optimizer.state.clear()
    parts.optimizer.state.update(moments)
    return seconds


class Budget:
    """So many minutes from now on; ``None`` for as long as it takes."""

    def __init__(self, minutes: float | None) -> None:
        if minutes is not None and not minutes > 0:
            raise SynclineError(f"minutes must be above 0, got {minutes:g}")
        self.began = time.monotonic()
        self.seconds = None if minutes is None else minutes * 60

    @property
    def passed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def no_more_features(self) -> bool:
        """Whether reading videos has had its share."""
        return self.seconds is not None and self.passed > FEATURE_SHARE * self.seconds

    def steps(self, done: int, planned: int, seconds_each: float) -> int:
        """How many steps there will be in all: as planned, or those done and as many as still fit (at least one)."""
        if self.seconds is None or seconds_each <= 0:
            return planned
        # saving the encoder takes a moment, and the machine may have other things to do
        left = max(0.0, 0.95 * (self.seconds - self.passed) - 1.0)
        return max(1, min(planned, done + int(left / seconds_each)))
