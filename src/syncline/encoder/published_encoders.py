"""The published encoders, from pixels, as configurations of ``FrameEncoder``, by network.

| network | of | backbone | head | then | d | unit rows |
|---|---|---|---|---|---|---|
| resnet50_conv3d_transformer | LAC | ResNet-50 to conv4c | 2 Conv3d, no padding | post-norm transformer | 128 | yes |
| resnet50_conv3d | TCC (LAC's code) | the same, IMAGENET1K_V1 | the same | linear | 128 | no |
| resnet50_carl | SCL | ResNet-50, layer4 trained | max pool, 2 linear, BatchNorm | pre-norm transformer | 128 | yes |
| resnet50_two_contexts | LAV, GTA | ResNet-50 to conv4c | 2 Conv3d, padded, 2 contexts | linear | 128 | yes |
| inception_v3_spatial_softmax | TCN | Inception-v3 to Mixed_5d | 2 convolutions | linear | 32 | no |

Their weights come from torchvision (online once) or from a file (BYOL's for CARL's). TCC's own paper has
``resnet50_two_contexts`` with ``l2_normalize=False``. `training.METHODS` says which method takes which.
"""

from __future__ import annotations

from typing import Any

from syncline.encoder.encoder_config import EncoderConfig
from syncline.errors import SynclineError

_CONV3D: dict[str, Any] = {
    "backbone": "torchvision/resnet50",
    "stage": "layer3.2",
    "weights": "IMAGENET1K_V2",
    "trainable": "all",
    "grid": 0,
    "head": "conv3d",
    "temporal": "lac",
    "projection_head": False,
}
_CARL: dict[str, Any] = {
    **_CONV3D,
    "stage": "layer4",
    "weights": "IMAGENET1K_V1",
    "trainable": "last",
    "head": "maxpool",
    "temporal": "carl",
    "projection_head": True,
}
_PUBLISHED: dict[str, dict[str, Any]] = {
    "resnet50_conv3d_transformer": _CONV3D,
    "resnet50_conv3d": {**_CONV3D, "weights": "IMAGENET1K_V1", "temporal": "none", "l2_normalize": False},
    "resnet50_carl": _CARL,
    "resnet50_two_contexts": {
        **_CONV3D,
        "head_padding": "same",
        "contexts": 2,
        "context_stride": 15,
        "temporal": "none",
    },
    "inception_v3_spatial_softmax": {
        "backbone": "torchvision/inception_v3",
        "stage": "Mixed_5d",
        "weights": "IMAGENET1K_V1",
        "trainable": "all",
        "grid": 0,
        "head": "spatial_softmax",
        "temporal": "none",
        "projection_head": False,
        "embedding_dim": 32,
        "l2_normalize": False,
    },
}


def published_config(network: str, **changes: Any) -> EncoderConfig:
    """A published encoder; ``changes`` override single fields (``weights="none"`` starts from noise).

    Raises:
        SynclineError: no such network.

    Examples:
        >>> published_config("inception_v3_spatial_softmax").stage
        'Mixed_5d'
    """
    if network not in _PUBLISHED:
        raise SynclineError(f"no published encoder {network!r}; expected one of {', '.join(_PUBLISHED)}")
    return EncoderConfig(**{**_PUBLISHED[network], **changes})
