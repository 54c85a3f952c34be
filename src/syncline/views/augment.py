"""The picture augmentations of CARL and LAC (`ssl`) and of TCC, LAV and GTA (`plain`), one draw for a whole clip.

torchvision's, which give one tensor (t, 3, h, w) one draw. Ours are the blur, because torchvision's is not separable
and took 2.4 times as long at the largest radius, and the brightness of `plain`, which is added, not a factor.
Clips are in [0, 1] before and after; the backbone resizes and normalises by its own configuration. Every draw comes
from the generator that is handed in, so the same generator state gives every chunk of a long clip the same
augmentation.
"""

from __future__ import annotations

import functools
import math
from typing import Any, Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

Pipeline = Literal["ssl", "plain", "none"]
VERSION = 2
"""Counts the changes of what a draw does; it is part of the name under which augmented features are cached."""


def augment(
    clip: Float[Tensor, "t c h w"] | UInt8[Tensor, "t c h w"],
    *,
    generator: torch.Generator,
    flip: bool = False,
    pipeline: Pipeline = "ssl",
) -> Float[Tensor, "t c h w"]:
    """One draw of the pipeline, the same for all frames.

    ``ssl``: random resized crop (area 0.8 to 1, aspect 3/4 to 4/3), flip with p = .5 (only if ``flip``), with p = .8
    colour jitter in random order (brightness, contrast, saturation x (1 +- .8), hue +- .2) and then with p = .5 a
    Gaussian blur of radius .1 to 2, with p = .2 grey. ``plain``: brightness +- 32/255, contrast x .5 to 1.5, flip.
    ``none``: the clip as it is.

    Args:
        clip: (t, 3, h, w) in [0, 1], or uint8. generator: of all draws, on the CPU.

    Returns:
        (t, 3, h, w) float in [0, 1], on the clip's device.

    Raises:
        ValueError: another shape, or an unknown pipeline.

    Examples:
        >>> out = augment(torch.full((2, 3, 8, 8), 0.5), generator=torch.Generator().manual_seed(0))
        >>> out.shape, bool((out[0] == out[1]).all())
        (torch.Size([2, 3, 8, 8]), True)
    """
    if clip.ndim != 4 or clip.shape[1] != 3:
        raise ValueError(f"a clip has shape (t, 3, h, w), got {tuple(clip.shape)}")
    if pipeline == "none":
        return _in_unit(clip)
    return augment_by(clip, draw(generator), flip=flip, pipeline=pipeline)


def draw(generator: torch.Generator) -> int:
    """The number that decides one augmentation, for ``augment_by``."""
    return int(torch.randint(1 << 62, (), generator=generator))


def augment_by(
    clip: Float[Tensor, "t c h w"] | UInt8[Tensor, "t c h w"], seed: int, *, flip: bool = False, pipeline: Pipeline
) -> Float[Tensor, "t c h w"]:
    """``augment`` with a ``draw`` made before, maybe in another process; the same on any device, to rounding."""
    clip = _in_unit(clip)
    if pipeline == "none":
        return clip
    transform = _pipeline(pipeline, flip, int(clip.shape[2]), int(clip.shape[3]))
    with torch.random.fork_rng(devices=[]):  # torchvision draws from the global generator of the CPU
        torch.default_generator.manual_seed(seed)
        augmented: Tensor = transform(clip)
    return augmented.clamp(0, 1)


def _in_unit(clip: Tensor) -> Tensor:
    return clip.float() / 255 if clip.dtype == torch.uint8 else clip


@functools.lru_cache(maxsize=16)
def _pipeline(pipeline: str, flip: bool, height: int, width: int) -> Any:
    from torchvision.transforms import v2

    mirrored = v2.RandomHorizontalFlip(0.5 if flip else 0.0)
    if pipeline == "plain":
        return v2.Compose([v2.Lambda(_brighter), v2.ColorJitter(contrast=(0.5, 1.5)), mirrored])
    if pipeline != "ssl":
        raise ValueError(f"pipeline must be 'ssl', 'plain' or 'none', got {pipeline!r}")
    jitter = v2.ColorJitter(brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2)
    return v2.Compose(
        [
            v2.RandomResizedCrop((height, width), scale=(0.8, 1.0), ratio=(3 / 4, 4 / 3), antialias=True),
            mirrored,
            v2.RandomApply([jitter, v2.RandomApply([v2.Lambda(_blurred)], p=0.5)], p=0.8),
            v2.RandomGrayscale(0.2),
        ]
    )


def _brighter(clip: Tensor) -> Tensor:
    return (clip + float(torch.empty(()).uniform_(-32 / 255, 32 / 255))).clamp(0, 1)


def _blurred(clip: Tensor) -> Tensor:
    return blur(clip, float(torch.empty(()).uniform_(0.1, 2.0)))


def blur(clip: Float[Tensor, "t c h w"], radius: float) -> Float[Tensor, "t c h w"]:
    """Gaussian blur of standard deviation ``radius`` pixels as two one-dimensional convolutions."""
    reach = max(1, math.ceil(3 * radius))
    offsets = torch.arange(-reach, reach + 1, dtype=clip.dtype, device=clip.device)
    kernel = torch.exp(-offsets.square() / (2 * radius * radius))
    kernel = (kernel / kernel.sum()).expand(clip.shape[1], 1, -1)
    mode = "reflect" if min(clip.shape[2:]) > reach else "replicate"
    padded = torch.nn.functional.pad(clip, (reach, reach, reach, reach), mode=mode)
    rows = torch.nn.functional.conv2d(padded, kernel[..., None, :], groups=clip.shape[1])
    return torch.nn.functional.conv2d(rows, kernel[..., :, None], groups=clip.shape[1])
