"""A frozen backbone that is built only when a picture has to be computed.

With features in the cache, all that is asked of the backbone is its description: which features are its own, how wide
they are. The description is computed once (it holds a hash of all weights) and remembered in the cache folder, under
everything that could change it. Later commands neither import a model library nor build a network.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from syncline.encoder.backbone import Backbone, computes_in
from syncline.encoder.backbone_weights import LITE0, lite0_file
from syncline.encoder.choose_device import chosen_device
from syncline.errors import SynclineError
from syncline.files import cache_folder, write_json


class DeferredBackbone:
    """Stands for a frozen ``Backbone`` whose description is known; what needs the network itself builds it.

    Attributes:
        name, grid, stage: as ``Backbone``'s. size: (h, w) that the model sees. channels: C. map_size: (h, w) of the
            whole map. device: where pictures go.

    Raises:
        SynclineError: on the first picture, if the network is not the one that was described.
    """

    trainable = "frozen"

    def __init__(
        self,
        remembered: dict[str, Any],
        build: Callable[[], Backbone],
        forget: Callable[[], None],
        device: torch.device | None = None,
    ) -> None:
        self._description: dict[str, Any] = remembered["description"]
        self.channels = int(remembered["channels"])
        self.map_size: tuple[int, int] = (int(remembered["map_size"][0]), int(remembered["map_size"][1]))
        self.size: tuple[int, int] = tuple(self._description["size"])
        self.name: str = self._description["name"]
        self.grid: int | None = self._description["grid"]
        self.stage: str | None = self._description["stage"]
        self.device = torch.device("cpu") if device is None else device
        self._build, self._forget = build, forget
        self._built: Backbone | None = None

    @property
    def dim(self) -> int:
        """Numbers per picture: C g g (or C h w where ``grid`` is ``None``)."""
        h, w = self.map_size if self.grid is None else (self.grid, self.grid)
        return self.channels * h * w

    def describe(self) -> dict[str, Any]:
        """As ``Backbone.describe``."""
        return dict(self._description)

    def weights_hash(self) -> str:
        """As ``Backbone.weights_hash``."""
        return str(self._description["weights"])

    def built(self) -> Backbone:
        """The network."""
        if self._built is None:
            built = self._build().to(self.device)
            if built.describe() != self._description:
                self._forget()
                raise SynclineError(f"the weights of {self.name} were changed since they were last used; run again")
            self._built = built.eval()
        return self._built

    def __call__(self, pictures: Tensor) -> Tensor:
        """As ``Backbone.forward``."""
        result: Tensor = self.built()(pictures)
        return result


def frozen_backbone(
    name: str = LITE0,
    *,
    grid: int | None = 3,
    weights: str | None = None,
    stage: str | None = None,
    device: torch.device | None = None,
) -> Backbone | DeferredBackbone:
    """A frozen ``Backbone`` on ``device`` (None: `chosen_device`), deferred where it was described before.

    The rest is as of ``Backbone``.
    """
    device = chosen_device() if device is None else device

    def build() -> Backbone:
        return Backbone(name, grid=grid, weights=weights, stage=stage)

    if weights == "none":  # random: no two are the same
        return build().to(device)
    return deferred([name, grid, stage, _identity(name, weights)], build, device)


def deferred(
    identity: list[Any], build: Callable[[], Backbone], device: torch.device | None = None
) -> Backbone | DeferredBackbone:
    """The result of ``build``, deferred if it was described before.

    Args:
        identity: as JSON, all that decides which weights ``build`` finds. Versions and the machine are added here.
    """
    versions = [importlib.metadata.version(package) for package in ("syncline", "timm", "torchvision")]
    key = [1, *identity, versions, str(computes_in("frozen", "auto", device or torch.device("cpu")))]
    memory = cache_folder() / "backbones" / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]}.json"
    try:
        remembered = json.loads(memory.read_text(encoding="utf-8"))
        return DeferredBackbone(remembered, build, lambda: memory.unlink(missing_ok=True), device)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not whole: made anew
    backbone = build().to(device)
    described = {"description": backbone.describe(), "channels": backbone.channels, "map_size": backbone.map_size}
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        write_json(memory, described)
    return backbone


def _identity(name: str, weights: str | None) -> Any:
    """The identity of the weights: their name, or their file."""
    file = Path(weights) if weights is not None else lite0_file() if name.split(".")[0] == LITE0 else None
    if file is None or not file.is_file():
        return weights
    about = file.stat()
    return [str(file.resolve()), about.st_size, about.st_mtime_ns]
