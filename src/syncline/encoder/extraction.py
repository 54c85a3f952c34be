"""Embeds videos of any length.

Notable choices:
- Backbone and head see a chunk of frames at a time; the temporal encoder sees the sequence. The result does not depend
  on the size of the chunks, nor on whether features came from the cache (maps are rounded to float16 either way).
- Decoding runs in a thread of its own while the backbone computes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from syncline.data import Embedding, Sampling, Video, sampled_frames
from syncline.data.video_set import seconds_of
from syncline.encoder.backbone import as_memory_allows
from syncline.encoder.feature_cache import FeatureCache, decoded
from syncline.encoder.pose_inputs import InputCache, encoder_inputs
from syncline.video import VideoReader

if TYPE_CHECKING:
    from syncline.encoder.frame_network import FrameNetwork


def video_of(path: str | os.PathLike[str]) -> Video:
    """A file as a ``Video`` without labels.

    Raises:
        SynclineError: the file cannot be read as a video.
    """
    path = Path(path)
    reader = VideoReader(path)
    return Video(
        path=path, name=path.stem, source=path.stem, num_frames=reader.num_frames, frame_rate=reader.frame_rate,
        split="", action="", phases=None, frames=None,
    )  # fmt: skip


def embed_video(
    encoder: FrameNetwork,
    video: Video,
    *,
    sampling: Sampling | None = None,
    cache: FeatureCache | None = None,
    chunk_size: int = 32,
) -> Embedding:
    """The embeddings of the sampled frames of one video; what ``FrameEncoder.embed`` does for each."""
    if chunk_size < 1:
        raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
    chosen = encoder.config.sampling if sampling is None else sampling
    if encoder.config.features != "pictures" and not isinstance(cache, InputCache):
        inputs = encoder_inputs(encoder, None if cache is None else cache.root)
        assert isinstance(inputs, InputCache)
        try:
            return embed_video(encoder, video, sampling=sampling, cache=inputs, chunk_size=chunk_size)
        finally:
            inputs.close()
    mode = encoder.training
    encoder.eval()
    try:
        with torch.no_grad():
            chunks: Iterator[Tensor]
            if cache is not None and encoder.config.trainable == "frozen":
                _check(encoder, cache)
                features = cache.features(video, sampling=chosen)
                frames, seconds = features.frame_indices, features.pts_seconds
                chunks = (
                    torch.from_numpy(np.array(features.features[0, start : start + chunk_size]))
                    for start in range(0, len(frames), chunk_size)
                )
            else:
                shown = VideoReader(video.path).pts_seconds
                frames = sampled_frames(video, shown, chosen)
                seconds = seconds_of(video, shown, frames)
                chunks = _maps(encoder, video, frames, chunk_size)
            steps = sampled_steps(encoder.config.sampling, chosen, video, frames, seconds)
            vectors = _describe(encoder, chunks, len(frames), steps)
            related = encoder.relate(vectors[None], steps=torch.from_numpy(steps)[None].to(vectors.device))
            result = encoder.finish(related)[0].float().cpu().numpy()
    finally:
        encoder.train(mode)
    return Embedding(vectors=result, pts_seconds=seconds, source=video.video_id)


def embed_features(
    encoder: FrameNetwork,
    features: np.ndarray[Any, Any],
    *,
    steps: np.ndarray[Any, Any] | None = None,
    chunk_size: int = 256,
) -> np.ndarray[Any, Any]:
    """Embeddings (t, d) float32 of one sequence's cached maps (t, f).

    ``steps``: (t,) positions in the sampled sequence, in the steps that the encoder was trained with; ``None``:
    0, 1, 2 ... as where the sequence is sampled as in training.
    """
    mode = encoder.training
    encoder.eval()
    try:
        with torch.no_grad():
            length = len(features)
            chunks = (torch.from_numpy(np.array(features[i : i + chunk_size])) for i in range(0, length, chunk_size))
            placed = np.arange(length, dtype=np.float64) if steps is None else np.asarray(steps, dtype=np.float64)
            vectors = _describe(encoder, chunks, length, placed)
            on_device = torch.from_numpy(placed)[None].to(vectors.device)
            result: np.ndarray[Any, Any] = (
                encoder.finish(encoder.relate(vectors[None], steps=on_device))[0].float().cpu().numpy()
            )
            return result
    finally:
        encoder.train(mode)


def _check(encoder: FrameNetwork, cache: FeatureCache) -> None:
    ours, theirs = encoder.backbone.describe(), cache.described.describe()
    if ours != theirs:
        raise ValueError(f"the cache holds features of another backbone: {theirs}, the encoder's is {ours}")


def _maps(
    encoder: FrameNetwork, video: Video, frames: np.ndarray[Any, np.dtype[np.int64]], chunk_size: int
) -> Iterator[Tensor]:
    device = encoder.reference_length.device
    for _, pictures in decoded(video.path, frames, encoder.backbone.size, chunk_size=chunk_size):
        maps = encoder.backbone(pictures.to(device)).flatten(1)
        # as the cache would hold them
        yield maps.clamp(-65504, 65504).half() if encoder.config.trainable == "frozen" else maps


def sampled_steps(
    trained: Sampling, chosen: Sampling, video: Video, frames: np.ndarray[Any, Any], seconds: np.ndarray[Any, Any]
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Positions in the sampled sequence, in the steps that the encoder was trained with, whatever it is now."""
    if video.frames is not None or chosen == trained:
        return np.arange(len(frames), dtype=np.float64)
    steps: np.ndarray[Any, np.dtype[np.float64]] = (
        (frames - frames[:1]) / trained.stride if trained.stride else (seconds - seconds[:1]) * trained.rate_hz
    )
    return steps


def _describe(encoder: FrameNetwork, chunks: Iterator[Tensor], length: int, steps: np.ndarray[Any, Any]) -> Tensor:
    """(t, w): each frame with its contexts (past frames, training steps apart, the first repeated) through the head."""
    k, device = encoder.config.contexts, encoder.reference_length.device
    spacing = encoder.config.context_stride
    if length > 1 and steps[-1] > steps[0]:
        spacing = max(1, round(spacing / float(np.median(np.diff(steps)))))
    back = (k - 1) * spacing
    offsets = torch.arange(k) * spacing
    vectors: Tensor | None = None
    past: Tensor | None = None
    done = 0
    for chunk in chunks:
        maps = encoder.head_inputs(chunk.to(device))
        past = maps[:1].expand(back, -1) if past is None else past
        extended = torch.cat([past, maps])
        rows = torch.arange(len(maps))[:, None] + offsets
        result = as_memory_allows(lambda part: encoder.describe_frames(part[None])[0], extended[rows])
        past = extended[len(extended) - back :]
        if vectors is None:
            vectors = result.new_empty(length, result.shape[-1])
        vectors[done : done + len(maps)] = result
        done += len(maps)
    if vectors is None or done != length:
        raise ValueError(f"{done} frames came of {length} that were asked for")
    return vectors
