"""The picture augmentations of CARL and LAC (`ssl`) and of TCC, LAV and GTA (`plain`), one draw for a whole clip.

torchvision's, which give one tensor (t, 3, h, w) one draw. Ours are the blur, because torchvision's is not separable
and took 2.4 times as long at the largest radius; the turn of the hue, the same to rounding with a third of the passes
over the pictures; and the brightness of `plain`, which is added, not a factor.
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
_FRAMES_AT_ONCE = 4
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
    if pipeline == "none":
        return _in_unit(clip)
    transform = _pipeline(pipeline, flip, int(clip.shape[2]), int(clip.shape[3]))
    # every frame gets the same draw, so a CPU may take the clip in parts: those of few frames stay in its cache
    parts = torch.split(clip, _FRAMES_AT_ONCE) if clip.device.type == "cpu" else (clip,)
    out = []
    with torch.random.fork_rng(devices=[]):  # torchvision draws from the global generator of the CPU
        for part in parts:
            torch.default_generator.manual_seed(seed)
            out.append(transform(_in_unit(part)).clamp(0, 1))
    return out[0] if len(out) == 1 else torch.cat(out)


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
    jitter = _colour_jitter(brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2)
    return v2.Compose(
        [
            v2.RandomResizedCrop((height, width), scale=(0.8, 1.0), ratio=(3 / 4, 4 / 3), antialias=True),
            mirrored,
            v2.RandomApply([jitter, v2.RandomApply([v2.Lambda(_blurred)], p=0.5)], p=0.8),
            v2.RandomGrayscale(0.2),
        ]
    )


def _colour_jitter(**strengths: float) -> Any:
    """torchvision's, with ``turn_hue``."""
    from torchvision.transforms import v2

    class ColourJitter(v2.ColorJitter):  # type: ignore[misc,unused-ignore]
        def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
            steps = (v2.functional.adjust_brightness, v2.functional.adjust_contrast, v2.functional.adjust_saturation)
            factors = (params["brightness_factor"], params["contrast_factor"], params["saturation_factor"])
            for step in params["fn_idx"].tolist():
                inpt = steps[step](inpt, factors[step]) if step < 3 else turn_hue(inpt, params["hue_factor"])
            return inpt

    return ColourJitter(**strengths)


def turn_hue(clip: Float[Tensor, "t 3 h w"], turn: float) -> Float[Tensor, "t 3 h w"]:
    """The clip, in [0, 1], with every hue turned by ``turn`` of the circle: as torchvision's ``adjust_hue``.

    In HSV, with value V, chroma C and hue H in sixths, the channel n is V - C clamp(min(k, 4 - k), 0, 1), where
    k = (n + H) mod 6 and n = 5, 3, 1 for red, green, blue.
    """
    red, green, blue = clip.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    of_blue = 4 + (red - green) / chroma  # not a number where there is no chroma: nothing is turned there
    hue = torch.where(
        value == red, (green - blue) / chroma, torch.where(value == green, 2 + (blue - red) / chroma, of_blue)
    )
    hue = hue.nan_to_num_(0).add_(6 * turn)
    out = torch.empty_like(clip)
    for channel, start in enumerate((5, 3, 1)):
        k = (hue + start).remainder_(6)
        out[:, channel] = value - torch.minimum(k, 4 - k).clamp_(0, 1).mul_(chroma)
    return out


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
