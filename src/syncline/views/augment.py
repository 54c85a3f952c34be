"""The picture augmentations of CARL and LAC (`ssl`) and of TCC, LAV and GTA (`plain`), one draw for a whole clip.

Clips are (t, 3, h, w) in [0, 1] before and after; the backbone resizes and normalises by its own configuration.
Every draw comes from the generator that is handed in, so the same generator state gives every chunk of a long clip the
same augmentation.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.transforms.v2 import functional as picture

Pipeline = Literal["ssl", "plain", "none"]
JITTER = 0.8
HUE = 0.2


def augment(
    clip: Float[Tensor, "t c h w"],
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
        clip: (t, 3, h, w) in [0, 1]. generator: of all draws.

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
        return clip
    if pipeline == "plain":
        clip = _brightness_and_contrast(clip, generator)
    elif pipeline == "ssl":
        clip = _crop(clip, generator)
    else:
        raise ValueError(f"pipeline must be 'ssl', 'plain' or 'none', got {pipeline!r}")
    if _draw(generator) < 0.5 and flip:
        clip = clip.flip(-1)
    if pipeline == "ssl":
        if _draw(generator) < 0.8:
            clip = _jitter(clip, generator)
            if _draw(generator) < 0.5:
                clip = blur(clip, 0.1 + 1.9 * _draw(generator))
        if _draw(generator) < 0.2:
            clip = picture.rgb_to_grayscale(clip, num_output_channels=3)
    return clip.clamp(0, 1)


def _draw(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator))


def _between(generator: torch.Generator, low: float, high: float) -> float:
    return low + (high - low) * _draw(generator)


def _crop(clip: Tensor, generator: torch.Generator) -> Tensor:
    """Random resized crop: ten tries, then the central crop nearest to the allowed aspect ratios."""
    height, width = int(clip.shape[2]), int(clip.shape[3])
    for _ in range(10):
        area = height * width * _between(generator, 0.8, 1.0)
        aspect = math.exp(_between(generator, math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top = int(_draw(generator) * (height - h + 1))
            left = int(_draw(generator) * (width - w + 1))
            break
    else:
        w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
        top, left = (height - h) // 2, (width - w) // 2
    cut = clip[:, :, top : top + h, left : left + w]
    return torch.nn.functional.interpolate(
        cut, size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )


def _brightness_and_contrast(clip: Tensor, generator: torch.Generator) -> Tensor:
    clip = (clip + _between(generator, -32 / 255, 32 / 255)).clamp(0, 1)
    mean = clip.mean(dim=(1, 2, 3), keepdim=True)
    return ((clip - mean) * _between(generator, 0.5, 1.5) + mean).clamp(0, 1)


def _jitter(clip: Tensor, generator: torch.Generator) -> Tensor:
    factors = [_between(generator, 1 - JITTER, 1 + JITTER) for _ in range(3)]
    hue = _between(generator, -HUE, HUE)
    for which in torch.randperm(4, generator=generator).tolist():
        if which == 0:
            clip = picture.adjust_brightness(clip, factors[0])
        elif which == 1:
            clip = picture.adjust_contrast(clip, factors[1])
        elif which == 2:
            clip = picture.adjust_saturation(clip, factors[2])
        else:
            clip = picture.adjust_hue(clip, hue)
    return clip


def blur(clip: Float[Tensor, "t c h w"], radius: float) -> Float[Tensor, "t c h w"]:
    """Gaussian blur of standard deviation ``radius`` pixels as two one-dimensional convolutions."""
    reach = max(1, math.ceil(3 * radius))
    places = torch.arange(-reach, reach + 1, dtype=clip.dtype, device=clip.device)
    kernel = torch.exp(-places.square() / (2 * radius * radius))
    kernel = (kernel / kernel.sum()).expand(clip.shape[1], 1, -1)
    mode = "reflect" if min(clip.shape[2:]) > reach else "replicate"
    padded = torch.nn.functional.pad(clip, (reach, reach, reach, reach), mode=mode)
    rows = torch.nn.functional.conv2d(padded, kernel[..., None, :], groups=clip.shape[1])
    return torch.nn.functional.conv2d(rows, kernel[..., :, None], groups=clip.shape[1])
