"""The backbone of an encoder that uses no pictures."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

NAME = "none"


class NoBackbone(nn.Module):
    """Stands where a ``Backbone`` would: maps of no numbers, no weights.

    Examples:
        >>> NoBackbone().dim
        0
    """

    mean: Tensor
    std: Tensor
    name = NAME
    grid, stage, weights = None, None, None
    trainable: Literal["frozen"] = "frozen"
    precision: Literal["auto"] = "auto"
    size, map_size = (1, 1), (0, 0)
    channels = dim = 0
    interpolation, licence, origin = "bilinear", "apache-2.0", "none"

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.ones(1, 3, 1, 1), persistent=False)

    @property
    def device(self) -> torch.device:
        """As ``Backbone.device``."""
        return self.mean.device

    def describe(self) -> dict[str, Any]:
        """As ``Backbone.describe``."""
        return {"name": self.name}

    def weights_hash(self) -> str:
        """As ``Backbone.weights_hash``."""
        return ""

    def built(self) -> NoBackbone:
        """Itself."""
        return self

    def forward(self, pictures: Tensor) -> Tensor:
        """Never: there is nothing that looks at pictures."""
        raise ValueError("this encoder takes body poses, not pictures")
