"""What a frame encoder is made of: one dataclass, saved with every model."""

from __future__ import annotations

import dataclasses
import functools
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from syncline.data import Sampling
from syncline.encoder.backbone import Precision, Trainable
from syncline.encoder.backbone_weights import LITE0
from syncline.encoder.frame_positions import PositionCode
from syncline.encoder.heads import HeadNorm, Padding
from syncline.encoder.temporal_encoder import AttentionAxis
from syncline.errors import SynclineError, check_choices

Head = Literal["grid", "conv3d", "maxpool", "spatial_softmax"]
Temporal = Literal["lac", "carl", "none"]
Features = Literal["pictures", "pose", "pictures+pose"]
_NAMES_OF_0_1 = {"project": "principal_dim", "projection": "projection_head"}
_SINCE_0_1 = {"features": "pictures", "pose": None}  # what version 0.1.0 did not know, and did


@dataclass(frozen=True)
class PoseInput:
    """The poses that an encoder takes; what was measured on the folder that it was trained on.

    Attributes:
        source: ``body`` or ``hands`` of the estimator, or ``keypoints``: files.
        settings: of its ``PoseSpace``. width: p, numbers a frame. sides: clips that say which side is which, or 0.
        estimator: model, version, licence and sha256 of what found the poses; empty for keypoint files.
    """

    source: Literal["body", "hands", "keypoints"]
    settings: dict[str, Any]
    width: int
    sides: int = 0
    estimator: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class EncoderConfig:
    """The parts of a ``FrameEncoder``. The defaults are meant for features cached on a CPU.

    Attributes:
        features: what a frame is to it: ``pictures``, ``pose`` (no backbone), or both. pose: of which poses; filled in
            when training has measured its folder.
        backbone, stage, weights, trainable, precision: as ``Backbone`` takes them.
        grid: side of the grid of the last map; 0 leaves the map whole (what the published encoders see).
        sampling: which frames of a video the encoder is meant for; what ``embed`` takes unless told otherwise.
        contexts: k, maps a frame: itself and k - 1 past ones. context_stride: their distance in sampled frames.
        head: what turns maps into a vector: ``grid`` (flattened; the one that trains on a CPU), ``conv3d``,
            ``maxpool``, ``spatial_softmax``. head_padding: of ``conv3d``, ``valid`` or ``same``.
        head_norm: of ``grid``: ``batch`` puts BatchNorm after its linear layers (as CARL's head has), or ``none``.
        principal_dim: ``None``, or a number: inputs are standardised and projected onto so many principal directions of
            the training features before the head. The first layer is most of a step's work: 512 makes a step about
            twice as fast and costs what the left-out directions hold: where videos differ most in colour, the activity.
        temporal: ``lac`` (post-norm), ``carl`` (pre-norm) transformer, or ``none``. layers, heads, feed_forward: its.
        attn_axis: ``time``; ``batch`` is LAC's released code.
        pos_enc: ``relative`` | ``absolute`` | ``none`` | ``rope``. train_len: S0, its reference length.
        width: of head and temporal encoder inputs. embedding_dim: d of the result.
        hidden: of the head. dropout: in the head and the transformer. l2_normalize: rows of the result.
        projection_head: a head in training only, Linear d, BatchNorm, ReLU, Linear d (SCL); left away in eval mode.
    """

    features: Features = "pictures"
    pose: PoseInput | None = None
    backbone: str = LITE0
    stage: str | None = None
    weights: str | None = None
    trainable: Trainable = "frozen"
    precision: Precision = "auto"
    grid: int = 3
    sampling: Sampling = field(default_factory=Sampling)
    contexts: int = 1
    context_stride: int = 1
    head: Head = "grid"
    head_padding: Padding = "valid"
    head_norm: HeadNorm = "batch"
    principal_dim: int | None = None
    hidden: int = 512
    width: int = 256
    temporal: Temporal = "carl"
    layers: int = 2
    heads: int = 8
    feed_forward: int = 1024
    attn_axis: AttentionAxis = "time"
    pos_enc: PositionCode = "relative"
    train_len: int = 32
    dropout: float = 0.1
    embedding_dim: int = 128
    l2_normalize: bool = True
    projection_head: bool = True

    def __post_init__(self) -> None:
        check_choices(self, "encoder")
        for name in (
            "contexts", "context_stride", "hidden", "width", "layers", "heads", "feed_forward", "train_len",
            "embedding_dim",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise SynclineError(f"encoder.{name} must be at least 1, got {getattr(self, name)}")
        if self.grid < 0 or (self.principal_dim is not None and self.principal_dim < 1):
            raise SynclineError(
                f"encoder.grid and encoder.principal_dim must be positive, got {self.grid} and {self.principal_dim}"
            )
        if self.principal_dim is not None and self.head != "grid":
            raise SynclineError(f"encoder.principal_dim goes with head 'grid' only, got head {self.head!r}")
        if self.principal_dim is not None and self.trainable != "frozen":
            raise SynclineError(
                "encoder.principal_dim goes with a frozen backbone only: it is measured before training"
            )
        if self.features != "pictures" and (self.head != "grid" or self.trainable != "frozen"):
            raise SynclineError("encoder.features with poses go with head 'grid' on a frozen backbone")
        if self.features == "pose" and self.principal_dim is not None:
            raise SynclineError("encoder.principal_dim is for pictures; leave it out where features are pose alone")
        if self.width % self.heads:
            raise SynclineError(f"encoder.width {self.width} must be a multiple of encoder.heads {self.heads}")
        if self.pos_enc == "rope" and self.width // self.heads % 2:
            raise SynclineError(
                f"encoder.pos_enc rope: encoder.width {self.width} / encoder.heads {self.heads} must be even"
            )
        if not 0 <= self.dropout < 1:
            raise SynclineError(f"encoder.dropout must be in [0, 1), got {self.dropout}")

    def as_dict(self) -> dict[str, Any]:
        """The configuration as JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EncoderConfig:
        """A configuration from `as_dict`.

        Raises:
            SynclineError: an unknown key, or a value that no encoder can have.
        """
        values = named_as_today(values)
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise SynclineError(f"unknown key {unknown[0]!r} in the configuration of an encoder")
        try:
            sampling = Sampling(**values.get("sampling", {}))
            pose = None if values.get("pose") is None else PoseInput(**values["pose"])
            return cls(**{**values, "sampling": sampling, "pose": pose})
        except TypeError as error:
            raise SynclineError(f"the configuration of the encoder is not one of syncline's: {error}") from error

    def __getattr__(self, name: str) -> Any:
        if name not in _NAMES_OF_0_1:
            raise AttributeError(f"EncoderConfig has no {name!r}")
        warnings.warn(f"EncoderConfig.{name} is {_NAMES_OF_0_1[name]} now", DeprecationWarning, stacklevel=2)
        return getattr(self, _NAMES_OF_0_1[name])


def named_as_today(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an ``EncoderConfig`` as version 0.1.0 named them, under the names that they have now.

    Examples:
        >>> named_as_today({"project": 512, "grid": 3})
        {'principal_dim': 512, 'grid': 3}
    """
    return {_NAMES_OF_0_1.get(name, name): value for name, value in values.items()}


def named_as_0_1(values: Mapping[str, Any]) -> dict[str, Any]:
    """The other way: what version 0.1.0 would have written."""
    old = {new: name for name, new in _NAMES_OF_0_1.items()}
    known = {name: value for name, value in values.items() if (name, value) not in _SINCE_0_1.items()}
    return {old.get(name, name): value for name, value in known.items()}


def tensor_name_as_today(name: str) -> str:
    """The name that a tensor of a saved encoder or checkpoint of version 0.1.0 has now."""
    return re.sub(r"(^|\.)projection\.", r"\1projection_head.", name)


def _accept_names_of_0_1() -> None:
    """``EncoderConfig(project=...)`` keeps working, with a warning."""
    init = EncoderConfig.__init__

    @functools.wraps(init)
    def renaming(self: EncoderConfig, *args: Any, **fields: Any) -> None:
        for name in _NAMES_OF_0_1.keys() & fields.keys():
            warnings.warn(f"EncoderConfig({name}=) is {_NAMES_OF_0_1[name]}= now", DeprecationWarning, stacklevel=2)
        init(self, *args, **named_as_today(fields))

    EncoderConfig.__init__ = renaming  # type: ignore[method-assign]


_accept_names_of_0_1()


@dataclass(frozen=True)
class LearnedGaps:
    """Gap prices that a loss learned beside an encoder; they are kept with it.

    Attributes:
        gap_open, gap_extend: in units of ``unit``. unit: of cosine. used: whether ``align --run`` takes them.
    """

    gap_open: float
    gap_extend: float
    unit: float
    used: bool = False

    def prices(self, unit: float) -> dict[str, float]:
        """The same prices in another unit of cosine, as keyword arguments of the aligners.

        Examples:
            >>> LearnedGaps(1.0, 0.5, unit=0.1).prices(0.05)
            {'gap_open': 2.0, 'gap_extend': 1.0}
        """
        return {"gap_open": self.gap_open * self.unit / unit, "gap_extend": self.gap_extend * self.unit / unit}
