"""Feature maps of one frame and its contexts -> one vector.

Every head takes maps (n, k, C, h, w): n frames, each with k maps, its k - 1 past contexts first and itself last.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from syncline.encoder.batch_norm import BatchNorm

Padding = Literal["valid", "same"]
HeadNorm = Literal["none", "batch"]


class InputDropout(nn.Dropout):
    """Dropout of inputs that want no gradient, five times as fast on a CPU, where it is a third of a training step.

    Eight entries are decided by one random number of 64 bits, so p is rounded to a multiple of 1/256.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0 or x.requires_grad or x.device.type != "cpu":
            return super().forward(x)
        dropped = min(round(256 * self.p), 255)  # what a byte can be below
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        mask = words.view(torch.uint8)[: x.numel()].view(x.shape) < dropped
        return x.masked_fill(mask, 0.0).mul_(256 / max(256 - dropped, 1))


class GridHead(nn.Module):
    """Flattened maps through linear layers: what trains on a CPU over cached features.

    [Dropout, Linear, BatchNorm if ``norm`` is ``batch``, ReLU] x 2, k C h w -> hidden -> hidden. Without BatchNorm, or
    in eval mode, no part looks at other frames.
    """

    def __init__(self, inputs: int, *, hidden: int = 512, dropout: float = 0.1, norm: HeadNorm = "none") -> None:
        super().__init__()
        self.width = hidden
        between = [BatchNorm(hidden), BatchNorm(hidden)] if norm == "batch" else []
        self.layers = nn.Sequential(
            InputDropout(dropout), nn.Linear(inputs, hidden), *between[:1], nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(hidden, hidden), *between[1:], nn.ReLU(),
        )  # fmt: skip

    def forward(self, maps: Float[Tensor, "n k c h w"]) -> Float[Tensor, "n width"]:
        return self.layers(maps.flatten(1))  # type: ignore[no-any-return]


class Conv3dHead(nn.Module):
    """Two 3-D convolutions over contexts and space, global max pooling, two linear layers (LAC, TCC, LAV, GTA).

    [Conv3d 3x3x3, BatchNorm3d, ReLU] x 2, max over k, h, w, [Dropout, Linear, ReLU] x 2. ``valid`` pads the contexts
    only (LAC: 14x14 becomes 10x10; maps of at least 5x5), ``same`` pads space too (TCC, LAV, GTA, whose kernels start
    from He's normal distribution).
    """

    def __init__(
        self, channels: int, *, hidden: int = 512, width: int = 512, dropout: float = 0.1, padding: Padding = "valid"
    ) -> None:
        super().__init__()
        self.width = width
        around = (1, 0, 0) if padding == "valid" else (1, 1, 1)
        self.convolutions = nn.Sequential(
            nn.Conv3d(channels, hidden, 3, padding=around), nn.BatchNorm3d(hidden), nn.ReLU(),
            nn.Conv3d(hidden, hidden, 3, padding=around), nn.BatchNorm3d(hidden), nn.ReLU(),
        )  # fmt: skip
        self.layers = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(hidden, width), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(width, width), nn.ReLU(),
        )  # fmt: skip
        if padding == "same":
            for module in self.convolutions:
                if isinstance(module, nn.Conv3d):
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, maps: Float[Tensor, "n k c h w"]) -> Float[Tensor, "n width"]:
        y = self.convolutions(maps.transpose(1, 2))
        return self.layers(y.amax(dim=(2, 3, 4)))  # type: ignore[no-any-return]


class MaxPoolHead(nn.Module):
    """Global max pooling and two linear layers with BatchNorm (CARL).

    Max over k, h, w, [Dropout, Linear, BatchNorm1d, ReLU] x 2.
    """

    def __init__(self, channels: int, *, hidden: int = 512, dropout: float = 0.1) -> None:
        super().__init__()
        self.width = hidden
        self.layers = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(channels, hidden), BatchNorm(hidden), nn.ReLU(),
            nn.Dropout(dropout), nn.Linear(hidden, hidden), BatchNorm(hidden), nn.ReLU(),
        )  # fmt: skip

    def forward(self, maps: Float[Tensor, "n k c h w"]) -> Float[Tensor, "n width"]:
        return self.layers(maps.amax(dim=(1, 3, 4)))  # type: ignore[no-any-return]


class SpatialSoftmaxHead(nn.Module):
    """The positions in the picture of 16 learned features (TCN).

    Conv2d C -> 32 5x5, ReLU, Conv2d 32 -> 16 5x5, ReLU (no padding); per channel softmax(x / temperature) over the
    cells and the expected coordinates, with x, y in [-1, 1]: 32 numbers, x and y interleaved. The last map only.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.width = 32
        self.convolutions = nn.Sequential(nn.Conv2d(channels, 32, 5), nn.ReLU(), nn.Conv2d(32, 16, 5), nn.ReLU())
        self.temperature = nn.Parameter(torch.ones(()))

    def forward(self, maps: Float[Tensor, "n k c h w"]) -> Float[Tensor, "n 32"]:
        y = self.convolutions(maps[:, -1])
        n, c, h, w = y.shape
        weight = F.softmax(y.flatten(2) / self.temperature, dim=-1).view(n, c, h, w)
        across = (weight.sum(dim=2) * torch.linspace(-1, 1, w, device=y.device)).sum(dim=-1)
        down = (weight.sum(dim=3) * torch.linspace(-1, 1, h, device=y.device)).sum(dim=-1)
        return torch.stack([across, down], dim=-1).flatten(1)
