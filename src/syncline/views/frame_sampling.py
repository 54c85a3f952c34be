"""Samplers: which frames of a video a view shows, by method (CARL, TCC, LAV, GTA, TCN).

All count frames of the *sampled* sequence of a video, 0 ... length - 1, and draw from a ``torch.Generator``.
A view has exactly T slots; where the video has fewer frames the rest repeats the last one with mask false.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

Steps = NDArray[np.int64]
Mask = NDArray[np.bool_]
CropBase = Literal["video", "clip"]
_SPEED, _TRIM = 3.0, 0.25  # of `retime`


def _uniform(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator))


def _integer(generator: torch.Generator, low: int, high: int) -> int:
    """One of low ... high - 1 (low where there is none)."""
    return int(torch.randint(low, max(high, low + 1), (), generator=generator))


def _subset(generator: torch.Generator, of: int, size: int) -> Steps:
    """``size`` distinct numbers of range(of), sorted."""
    return np.sort(torch.randperm(of, generator=generator)[:size].numpy())


def _check(length: int, num_frames: int) -> None:
    if length < 1 or num_frames < 1:
        raise ValueError(f"length and num_frames must be at least 1, got {length} and {num_frames}")


def time_augment(
    length: int,
    num_frames: int,
    *,
    generator: torch.Generator,
    region: float = 1.5,
    base: CropBase = "clip",
    consistent_offset: float = 0.2,
    previous: int | None = None,
) -> tuple[Steps, Mask]:
    """A random subset of T frames of a random block (CARL; LAC's code for every method).

    Args:
        length: frames of the video. num_frames: T.
        region: the block is up to so many times as long as its base: views at up to that speed.
        base: ``clip``: the block's length counts from T, which gives real crops; ``video``: from the whole video, as
            the published loaders have it: the offset is then always 0 and about a fifth of the slots is padding.
        consistent_offset: least overlap of the second view with the first, as a share of T.
        previous: first step of the first view; None for the first view itself.

    Returns:
        steps (T,) int64 ascending in [0, length), mask (T,) bool.

    Examples:
        >>> steps, mask = time_augment(100, 8, generator=torch.Generator().manual_seed(0))
        >>> len(steps), bool(mask.all()), bool((np.diff(steps) > 0).all())
        (8, True, True)
    """
    _check(length, num_frames)
    n = min(length, num_frames)
    r = _uniform(generator, 1.0, region) if region > 1 else 1.0
    block = math.ceil(r * (length if base == "video" else n))
    if base == "clip":
        block = min(block, length)
    if previous is None or consistent_offset == 0:
        offset = _integer(generator, 0, max(length - block, 1))
    else:
        shift = int((1 - consistent_offset) * n)
        low = max(0, min(length - block, previous - shift))
        high = max(1, min(length - block + 1, previous + shift + 1))
        offset = _integer(generator, low, high)
    steps = offset + _subset(generator, block, n)
    steps = np.concatenate([steps, np.full(num_frames - n, length, dtype=np.int64)])
    mask = steps < length
    return np.minimum(steps, length - 1), mask


def offset_uniform(length: int, num_frames: int, *, generator: torch.Generator) -> tuple[Steps, Mask]:
    """T distinct frames of the whole video, sorted (CARL's form of TCC's; GTA's ``random``)."""
    _check(length, num_frames)
    if num_frames <= length:
        return _subset(generator, length, num_frames), np.ones(num_frames, dtype=np.bool_)
    steps = np.arange(num_frames)
    return np.minimum(steps, length - 1), steps < length


def segment_uniform(length: int, num_frames: int, *, generator: torch.Generator) -> tuple[Steps, Mask]:
    """One random frame of each of T equal segments (LAV)."""
    _check(length, num_frames)
    if num_frames > length:
        steps = np.arange(num_frames)
        return np.minimum(steps, length - 1), steps < length
    indices = np.arange(length)
    short = -length % num_frames
    if short:
        indices = np.concatenate([indices, indices[:short]])
    segments = indices.reshape(num_frames, -1)
    picks = torch.randint(0, segments.shape[1], (num_frames,), generator=generator).numpy()
    return np.sort(segments[np.arange(num_frames), picks]), np.ones(num_frames, dtype=np.bool_)


def stride_sampling(
    length: int, num_frames: int, *, generator: torch.Generator, stride: int = 16
) -> tuple[Steps, Mask]:
    """Every ``stride``-th frame from a random offset (TCC 16, GTA 15)."""
    _check(length, num_frames)
    offset = _integer(generator, 0, length - (num_frames - 1) * stride)
    steps = offset + stride * np.arange(num_frames)
    return np.minimum(steps, length - 1), steps < length


def retime(length: int, num_frames: int, *, generator: torch.Generator) -> tuple[Steps, Mask]:
    """A re-cut: up to a quarter trimmed off at each end, 2 to 5 pieces each sped up or slowed by up to 3 times.

    Frames are distinct, so a short or slow video fills fewer than T slots.
    """
    _check(length, num_frames)
    first = _uniform(generator, 0, _TRIM) * length
    last = max(first, length - 1 - _uniform(generator, 0, _TRIM) * length)
    pieces = _integer(generator, 2, 6)
    cuts = np.sort([_uniform(generator, first, last) for _ in range(pieces - 1)])
    knots = np.concatenate([[first], cuts, [last]])
    pace = [math.exp(_uniform(generator, -math.log(_SPEED), math.log(_SPEED))) for _ in range(pieces)]
    shown = np.concatenate([[0], np.cumsum(np.diff(knots) / pace)])
    moments = np.sort(torch.rand(num_frames, generator=generator).numpy()) * max(shown[-1], 1e-9)
    found = np.unique(np.interp(moments, shown, knots).round().astype(np.int64).clip(0, length - 1))
    mask = np.arange(num_frames) < len(found)
    return np.concatenate([found, np.full(num_frames - len(found), found[-1])]), mask


def tcn_positives(steps: Steps, *, generator: torch.Generator) -> Steps:
    """For every anchor a frame 1 to 5 before it (TCC's and CARL's n-pairs), clamped to the first frame."""
    back = torch.randint(1, 6, (len(steps),), generator=generator).numpy()
    earlier: Steps = np.maximum(steps - back, 0)
    return earlier


def tcn_triplets(length: int, count: int, *, generator: torch.Generator) -> tuple[Steps, Steps, Steps]:
    """Anchors, positives within 10 frames, negatives at least 30 away (LAC's code); frame 0 where none is so far."""
    _check(length, 1)
    anchors = torch.randint(0, length, (count,), generator=generator).numpy()
    near = torch.randint(-10, 10, (count,), generator=generator).numpy()
    positives = np.clip(anchors + near, 0, length - 1)
    negatives = np.zeros(count, dtype=np.int64)
    for i, anchor in enumerate(anchors):
        far = np.concatenate([np.arange(0, max(0, anchor - 30)), np.arange(anchor + 30, length)])
        if len(far):
            negatives[i] = far[_integer(generator, 0, len(far))]
    return anchors, positives, negatives


def with_contexts(steps: Steps, contexts: int, stride: int) -> Steps:
    """(T,) -> (T, k): each step preceded by k - 1 past ones, ``stride`` apart, clamped to the first frame."""
    rows: Steps = np.maximum(steps[:, None] - stride * np.arange(contexts - 1, -1, -1), 0)
    return rows
