"""The methods, one row each: its loss, what views it needs, and its authors' own encoder and settings.

A method is trained in one of three settings (`method_config.method_config`):
- common (the default): every method on one encoder, batch, optimiser and number of steps; what stays its own is what it
  is: the loss, the pairing and choice of frames, contexts and normalisation of rows where the loss needs them so.
- ``own``: with its own head, temporal module and training settings, on features of a frozen backbone.
- ``published``: from pixels, with the published encoder and the settings of the LAC authors' code, which has a form of
  each method but LRProp. What is a fault there is left out (docs/published.md): it gives LAV the steps of other
  sequences than those it compares, and shows TCN pictures that are not normalised.

Adding a method takes two files: its loss, and a row here (CONTRIBUTING shows both).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncline.losses import (
    DEFAULT_PRESET,
    ONE_SCENE_PRESET,
    GTALoss,
    LACLoss,
    LAVLoss,
    LRPropLoss,
    PairLoss,
    SCLLoss,
    TCCLoss,
    TCNLoss,
)

Settings = Mapping[str, Any]
"""Fields of ``TrainConfig``; those of ``encoder``, ``views`` and ``loss`` as dictionaries."""


@dataclass(frozen=True)
class Method:
    """One method: a row of the table.

    Attributes:
        loss: its loss. label_width: the keyword of the loss for the variance of soft labels, in squared sampled frames;
            None: it has none.
        unit_rows: whether the common encoder gives it rows of length 1.
        views: fields of ``ViewConfig`` that it needs in every setting.
        encoder: fields of ``EncoderConfig``, the method's own over cached features. own: its authors' settings.
        published_encoder: the network in `encoder.published_config`. published: settings of the published training.
        presets: what presets of the loss ask of the rest.
        auto_presets: what preset ``auto``, which is then the default, stands for: where the scenes of the clips differ,
            and where they are one scene (`training.folder_choices`). None: there is no such preset.
        takes_teacher: whether another ``teacher`` than ``alignment`` can carry its positions across videos.
    """

    loss: type[PairLoss]
    label_width: str | None = None
    unit_rows: bool = True
    views: Settings = field(default_factory=dict)
    encoder: Settings = field(default_factory=dict)
    own: Settings = field(default_factory=dict)
    published_encoder: str = ""
    published: Settings = field(default_factory=dict)
    presets: Mapping[str, Settings] = field(default_factory=dict)
    auto_presets: tuple[str, str] | None = None
    takes_teacher: bool = False


_PLAIN_HEAD = {"head_norm": "none", "projection_head": False}
_LAC_ENCODER = {**_PLAIN_HEAD, "temporal": "lac"}
_CARL_ENCODER = {"head_norm": "batch", "temporal": "carl", "projection_head": True}
# published: 15 frames of 20 or 30 a second; 4 of the 7.5 or 10 that are looked at here are as far, about half a second
_TWO_CONTEXTS = {**_PLAIN_HEAD, "contexts": 2, "context_stride": 4, "temporal": "none"}
_PUBLISHED_CROPS = {"crop_base": "video", "region": 1.5, "retimed": 0.0}
_RELEASED_LAC = {
    "label_seconds": None,
    "views": _PUBLISHED_CROPS,
    "encoder": {"attn_axis": "batch", "l2_normalize": False},
}


def _pairs_of_videos(num_frames: int, batch_size: int) -> Settings:
    return {
        "schedule": "fixed", "views": {"num_frames": num_frames, "batch_size": batch_size, "pipeline": "plain"}
    }  # fmt: skip


METHODS: dict[str, Method] = {
    # lac and scl compare crops, which the video's own time relates; the others compare or align whole videos
    "lac": Method(
        loss=LACLoss,
        label_width="var",
        encoder=_LAC_ENCODER,
        own={"align_with_gaps": True, "views": {"num_frames": 64, "batch_size": 2, **_PUBLISHED_CROPS}},
        published_encoder="resnet50_conv3d_transformer",
        published={"epochs": 300, "align_with_gaps": True, "views": {"num_frames": 64, "batch_size": 2}},
        presets={
            "paper": {"label_seconds": None, "views": _PUBLISHED_CROPS},
            "released": _RELEASED_LAC,
            "released_vec": _RELEASED_LAC,
            "corrected": {"views": {"crop_base": "clip"}},
        },
        auto_presets=(DEFAULT_PRESET, ONE_SCENE_PRESET),
        takes_teacher=True,
    ),
    "scl": Method(
        loss=SCLLoss,
        label_width="variance",
        encoder=_CARL_ENCODER,
        own={"views": {"num_frames": 32, "batch_size": 16, **_PUBLISHED_CROPS}},
        published_encoder="resnet50_carl",
        published={"epochs": 300, "views": {"num_frames": 32, "batch_size": 16}},
    ),
    # tcn: dot products without temperature; tcc: distances over d t. Both stand still when rows have length 1
    "tcn": Method(
        loss=TCNLoss,
        unit_rows=False,
        views={"pairing": "npairs", "sampler": "offset_uniform"},
        encoder={**_PLAIN_HEAD, "temporal": "none", "embedding_dim": 32, "l2_normalize": False},
        own=_pairs_of_videos(20, 4),
        published_encoder="inception_v3_spatial_softmax",
        published={"epochs": 200, "views": {"num_frames": 8, "batch_size": 16, "pipeline": "none", "flip": False}},
        presets={"lac": {"views": {"pairing": "triplets"}}},
    ),
    "tcc": Method(
        loss=TCCLoss,
        unit_rows=False,
        views={"pairing": "videos", "sampler": "offset_uniform"},
        encoder={**_TWO_CONTEXTS, "l2_normalize": False},
        own=_pairs_of_videos(20, 2),
        published_encoder="resnet50_conv3d",
        published={
            "epochs": 200,
            "views": {"num_frames": 32, "batch_size": 4, "pairing": "views", "sampler": "time_augment"},
        },
    ),
    "lav": Method(
        loss=LAVLoss,
        views={"pairing": "videos", "sampler": "segment_uniform"},
        encoder=_TWO_CONTEXTS,
        own=_pairs_of_videos(20, 1),
        published_encoder="resnet50_two_contexts",
        published={
            "epochs": 200,
            "encoder": {"context_stride": 1},
            "views": {"num_frames": 32, "batch_size": 2, "sampler": "time_augment"},
        },
    ),
    "gta": Method(
        loss=GTALoss,
        views={"pairing": "videos", "sampler": "offset_uniform"},
        encoder=_TWO_CONTEXTS,
        own=_pairs_of_videos(20, 2),
        published_encoder="resnet50_two_contexts",
        published={
            "epochs": 200,
            "views": {"num_frames": 32, "batch_size": 2, "pairing": "views", "sampler": "time_augment"},
        },
    ),
    # our reconstruction
    "lrprop": Method(
        loss=LRPropLoss,
        label_width="variance",
        views={"sampler": "offset_uniform"},
        encoder=_CARL_ENCODER,
        own={"views": {"batch_size": 4}},
        published_encoder="resnet50_carl",
        published={"epochs": 300, "views": {"num_frames": 32, "batch_size": 4}},
    ),
}
