"""Computes feature maps of pictures, by any timm model or torchvision's ResNet-50 and Inception-v3 cut at a stage.

Notable choices:
- Resizing and normalisation are part of the backbone and come from the model's own configuration.
- Frozen means frozen: no gradient, BatchNorm in eval mode whatever ``train()`` says. A frozen backbone computes on a
  copy whose BatchNorms are folded into the convolutions before them (1.5 x faster on a CPU; checked against the
  original on one random picture, and not used where it differs), in bfloat16 where the CPU multiplies it natively
  (another 2 x), by the fastest runtime that is installed (``backbone_runtimes``). Parameters and state dict are the
  originals, in float32.
"""

from __future__ import annotations

import copy
import functools
import itertools
import logging
from typing import Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from syncline.encoder.backbone_networks import network_of
from syncline.encoder.backbone_runtimes import Compute, fastest, in_torch
from syncline.encoder.backbone_weights import LITE0, state_hash
from syncline.errors import check_choice

Trainable = Literal["frozen", "last", "all"]
Precision = Literal["auto", "float32", "bfloat16"]

_log = logging.getLogger(__name__)


class Backbone(nn.Module):
    """Feature maps of single pictures, with the resizing and normalisation that the model was trained with.

    Args:
        name: any timm model (``tf_efficientnet_lite0``, ``vit_small_patch14_dinov2`` ...), or ``torchvision/resnet50``
            or ``torchvision/inception_v3``.
        grid: side g of the grid to which the last map is average-pooled (1: one vector); ``None`` leaves the map whole.
        weights: ``None`` the pretrained ones (of the default backbone without internet), ``"none"`` random ones, a
            name that torchvision knows (``IMAGENET1K_V1``, ``IMAGENET1K_V2``), or a file (``.safetensors``, or a
            PyTorch file of tensors only).
        stage: where to cut: for torchvision the module of the last used block (``layer3.2``, the paper's conv4c, is the
            default; ``layer4``; ``Mixed_5d``); for timm the number of an intermediate map (``"3"``); ``None`` the last.
        trainable: ``frozen``; ``last``: the last stage and what follows it; ``all``.
        precision: of a frozen backbone on a CPU; ``auto`` is bfloat16 where the CPU computes it natively, else float32.

    Attributes:
        weights: as given. channels: C of the result. size: (h, w) that the model sees. mean, std: of its normalisation,
            3 numbers each. interpolation: how it resizes. licence: of the weights, as far as known. origin: where they
            came from.

    Raises:
        SynclineError: an unknown name or stage, or weights that cannot be had or do not fit.

    Examples:
        >>> backbone = Backbone("test_efficientnet", grid=2, weights="none")
        >>> backbone(torch.zeros(4, 3, 90, 120)).shape == (4, backbone.channels, 2, 2)
        True
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str = LITE0,
        *,
        grid: int | None = 3,
        weights: str | None = None,
        stage: str | None = None,
        trainable: Trainable = "frozen",
        precision: Precision = "auto",
    ) -> None:
        super().__init__()
        if grid is not None and grid < 1:
            raise ValueError(f"grid must be at least 1 or None, got {grid}")
        check_choice("trainable", trainable, Trainable)
        self.name, self.grid, self.stage, self.trainable = name, grid, stage, trainable
        self.weights, self.precision = weights, precision
        self.model, settings = network_of(name, weights, stage)
        self.size: tuple[int, int] = settings["size"]
        self.interpolation: str = settings["interpolation"]
        self.licence: str = settings["licence"]
        self.origin: str = settings["origin"]
        self._last_stage: str = settings["last_stage"]
        self.register_buffer("mean", torch.tensor(settings["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(settings["std"]).view(1, 3, 1, 1), persistent=False)
        self.model.to(memory_format=torch.channels_last)
        self._mark_trainable()
        self._compute: Compute | None = None
        with torch.no_grad():
            probe = self.model.eval()(torch.zeros(1, 3, *self.size))
        self.channels: int = probe.shape[1]
        self.map_size: tuple[int, int] = (probe.shape[2], probe.shape[3])
        self.train(self.training)

    @property
    def dim(self) -> int:
        """Numbers per picture: C g g (or C h w where ``grid`` is ``None``)."""
        h, w = self.map_size if self.grid is None else (self.grid, self.grid)
        return self.channels * h * w

    @functools.cached_property
    def _hash(self) -> str:
        return state_hash(self.model.state_dict())

    def weights_hash(self) -> str:
        """32 hexadecimal digits that change with the parameters (of a frozen backbone computed once)."""
        return self._hash if self.trainable == "frozen" else state_hash(self.model.state_dict())

    def describe(self) -> dict[str, Any]:
        """Everything that decides the features of a picture, as JSON: the key of the feature cache."""
        return {
            "name": self.name,
            "stage": self.stage,
            "grid": self.grid,
            "size": list(self.size),
            "mean": [round(float(v), 6) for v in self.mean.flatten()],
            "std": [round(float(v), 6) for v in self.std.flatten()],
            "interpolation": self.interpolation,
            "precision": str(self.compute_dtype).removeprefix("torch."),
            "weights": self.weights_hash(),
        }

    @property
    def compute_dtype(self) -> torch.dtype:
        """The type a frozen backbone computes in (a trained one follows autocast)."""
        return computes_in(self.trainable, self.precision, self.device)

    @property
    def device(self) -> torch.device:
        """The device of the parameters, and of the pictures."""
        return self.mean.device

    def built(self) -> Backbone:
        """Itself; ``DeferredBackbone`` builds what it stands for."""
        return self

    def frozen_copy(self) -> Backbone:
        """A copy with the parameters as they are now, frozen and in float32: its features can be cached."""
        copied = copy.deepcopy(self)
        copied.trainable, copied.precision, copied.weights = "frozen", "float32", "a copy's own"
        copied._forget()
        copied._mark_trainable()
        return copied.eval()

    def forward(self, pictures: Shaped[Tensor, "n 3 h w"]) -> Float[Tensor, "n c g g"]:
        """Feature maps (n, C, g, g) float32 of pictures (n, 3, h, w): uint8, or floating point in [0, 1].

        Each picture is resized to the model's size, both sides on their own (the aspect ratio is not kept).
        """
        if pictures.ndim != 4 or pictures.shape[1] != 3:
            raise ValueError(f"expected pictures (n, 3, h, w), got {tuple(pictures.shape)}")
        if self.trainable == "frozen":
            with torch.no_grad():
                return as_memory_allows(lambda part: self._pool(self._fast()(self.prepared(part))), pictures)
        if not self.training and not torch.is_grad_enabled():  # no frame sees another
            return as_memory_allows(lambda part: self._pool(self.model(self.prepared(part))), pictures)
        return self._pool(self.model(self.prepared(pictures)))

    def prepared(self, pictures: Tensor) -> Tensor:
        """Pictures (n, 3, h, w) as the model wants them: of its size, normalised, float32."""
        x = pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures.float()
        if tuple(x.shape[2:]) != self.size:
            x = F.interpolate(x, self.size, mode=self.interpolation, align_corners=False, antialias=True)
        x = (x - self.mean) / self.std
        return x.contiguous(memory_format=torch.channels_last)

    def _pool(self, maps: Tensor) -> Tensor:
        return maps if self.grid is None else F.adaptive_avg_pool2d(maps, self.grid)

    def _fast(self) -> Compute:
        """The fast copy that a frozen backbone computes with; built at first use and after every change."""
        if self._compute is None:
            with torch.no_grad():
                folded = _fold_batchnorms(self.model, self.size)
            if self.device.type == "cpu":
                identity = f"{self.name} {self.stage} {self.size} {self.weights_hash()}"
                self._compute = fastest(folded, size=self.size, dtype=self.compute_dtype, identity=identity)
            else:
                self._compute = in_torch(folded, self.compute_dtype)
        return self._compute

    def _forget(self) -> None:
        self._compute = None
        self.__dict__.pop("_hash", None)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_compute": None}  # a runtime's graph is made again, not copied

    def _apply(self, fn: Any, recurse: bool = True) -> Backbone:
        self._forget()
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._forget()
        super()._load_from_state_dict(*args, **kwargs)

    def train(self, mode: bool = True) -> Backbone:
        """As ``nn.Module.train``, except that frozen parts stay in eval mode."""
        super().train(mode)
        if self.trainable != "all":
            self.model.eval()
        if self.trainable == "last":
            for name, module in self.model.named_modules():
                if name and self._belongs_to_last(name):
                    module.train(mode)
        return self

    def _mark_trainable(self) -> None:
        for name, parameter in self.model.named_parameters():
            last = self.trainable == "last" and self._belongs_to_last(name)
            parameter.requires_grad_(self.trainable == "all" or last)

    @functools.cached_property
    def _names_of_last(self) -> frozenset[str]:
        """Modules and parameters from the last stage on, in the order in which they are registered."""
        names = [name for name, _ in self.model.named_modules()]
        first = names.index(self._last_stage)
        return frozenset(names[first:])

    def _belongs_to_last(self, name: str) -> bool:
        return name in self._names_of_last or name.rpartition(".")[0] in self._names_of_last


def as_memory_allows(compute: Compute, pictures: Tensor) -> Tensor:
    """Calls ``compute`` on the pictures, in halves, and halves of these, if the device runs out of memory."""
    try:
        return compute(pictures)
    except torch.OutOfMemoryError:
        if len(pictures) < 2:
            raise
    torch.cuda.empty_cache()
    half = len(pictures) // 2
    return torch.cat([as_memory_allows(compute, part) for part in (pictures[:half], pictures[half:])])


def computes_in(trainable: Trainable, precision: Precision, device: torch.device) -> torch.dtype:
    """The type that a backbone computes in: bfloat16 only where it is frozen and asked for, or fast on this CPU."""
    if trainable != "frozen" or precision == "float32":
        return torch.float32
    if precision == "bfloat16":
        return torch.bfloat16
    return torch.bfloat16 if device.type == "cpu" and _cpu_multiplies_bfloat16() else torch.float32


def _cpu_multiplies_bfloat16() -> bool:
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def _fold_batchnorms(model: nn.Module, size: tuple[int, int]) -> nn.Module:
    """A copy of ``model`` in eval mode with each BatchNorm folded into the convolution registered just before it.

    Registration order is not always the order of computation, so both are compared on one random picture; where they
    differ, the plain copy is returned.
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    folded = copy.deepcopy(model)
    for module in folded.modules():
        names = [name for name, _ in module.named_children()]
        for first, second in itertools.pairwise(names):
            conv, norm = getattr(module, first), getattr(module, second)
            if (
                isinstance(conv, nn.Conv2d)
                and isinstance(norm, nn.BatchNorm2d)
                and norm.num_features == conv.out_channels
            ):
                setattr(module, first, fuse_conv_bn_eval(conv, norm))
                # timm's BatchNormAct2d carries the activation, which stays
                rest = [getattr(norm, part) for part in ("drop", "act") if hasattr(norm, part)]
                setattr(module, second, nn.Sequential(*rest))
    device = next(model.parameters()).device
    picture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)).to(device)
    expected, got = model(picture), folded(picture)
    if (got - expected).abs().max() <= 1e-3 * expected.abs().max().clamp(min=1e-12):
        return folded
    _log.info("BatchNorms are not folded: the result would differ")
    return model
