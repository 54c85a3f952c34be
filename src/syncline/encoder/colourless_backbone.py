"""A frozen backbone that sees pictures without colours, for queries without colours.

Features of a grey picture lie far from those of the same picture in colour: of 18 frames of a real video without their
colours, 5 found themselves. Compared with frames without their colours, like meets like.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.encoder.backbone import Backbone
from syncline.encoder.deferred_backbone import DeferredBackbone

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as a grey file is made by most programs
_TINT = 8
"""Levels by which the channels of a colourless picture may differ: what JPEG makes of grey."""


class ColourlessBackbone:
    """Stands for a frozen backbone; a `FeatureCache` keeps its features apart from those in colour."""

    trainable = "frozen"

    def __init__(self, backbone: Backbone | DeferredBackbone | ColourlessBackbone) -> None:
        self._coloured = backbone
        self.name: str = backbone.name
        self.size: tuple[int, int] = backbone.size
        self.grid: int | None = backbone.grid

    @property
    def dim(self) -> int:
        """Numbers per picture."""
        return self._coloured.dim

    @property
    def device(self) -> torch.device:
        """Where pictures go."""
        return self._coloured.device

    def describe(self) -> dict[str, Any]:
        """As ``Backbone.describe``, and that there is no colour."""
        return self._coloured.describe() | {"colour": False}

    def weights_hash(self) -> str:
        """As ``Backbone.weights_hash``."""
        return self._coloured.weights_hash()

    def built(self) -> Backbone:
        """The network itself, which sees colours."""
        return self._coloured.built()

    def __call__(self, pictures: Tensor) -> Tensor:
        """As ``Backbone.forward``, of (n, 3, h, w) uint8."""
        luma = torch.tensor(_LUMA, device=pictures.device)[:, None, None]
        grey = (pictures.float() * luma).sum(1, keepdim=True).round().to(torch.uint8)
        result: Tensor = self._coloured(grey.expand(-1, 3, -1, -1).contiguous())
        return result


def is_colourless(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture (h, w, 3) has no colour, but for what JPEG adds.

    Examples:
        >>> grey = np.full((4, 4, 3), 90, np.uint8)
        >>> is_colourless(grey), is_colourless(grey + np.array([0, 60, 0], np.uint8))
        (True, False)
    """
    spread = pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)
    return bool(np.quantile(spread, 0.99) <= _TINT)
