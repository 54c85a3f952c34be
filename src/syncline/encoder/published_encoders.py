"""The encoders of the seven papers, from pixels, as configurations of ``FrameEncoder``.

| method | backbone | head | then | d | rows of length 1 |
|---|---|---|---|---|---|
| lac | ResNet-50 to conv4c, all trained | two Conv3d without spatial padding | post-norm transformer | 128 | yes |
| resnet50_conv3d | the same, IMAGENET1K_V1 | the same | linear | 128 | no |
| scl | ResNet-50 to layer4, the one trained | max pool, two linear with BatchNorm | pre-norm transformer | 128 | yes |
| tcc | ResNet-50 to conv4c | two Conv3d with padding over 2 contexts | linear | 128 | no |
| lav, gta | the same | the same | linear | 128 | yes |
| tcn | Inception-v3 to Mixed_5d | two convolutions, spatial softmax | linear | 32 | no |

Their weights come from torchvision (online once) or from a file (BYOL's for scl). LRProp's encoder is not published;
``lrprop`` is CARL's, as in our reconstruction.
"""

from __future__ import annotations

from typing import Any

from syncline.encoder.config import EncoderConfig
from syncline.errors import SynclineError

_RESNET: dict[str, Any] = {
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
    **_RESNET,
    "stage": "layer4",
    "weights": "IMAGENET1K_V1",
    "trainable": "last",
    "head": "maxpool",
    "temporal": "carl",
    "projection_head": True,
}
_EMBEDDER: dict[str, Any] = {**_RESNET, "head_padding": "same", "contexts": 2, "temporal": "none"}
_PUBLISHED: dict[str, dict[str, Any]] = {
    "lac": _RESNET,
    "lrprop": _CARL,
    "resnet50_conv3d": {**_RESNET, "weights": "IMAGENET1K_V1", "temporal": "none", "l2_normalize": False},
    "scl": _CARL,
    "tcc": {**_EMBEDDER, "context_stride": 15, "l2_normalize": False},
    "lav": {**_EMBEDDER, "context_stride": 15},
    "gta": {**_EMBEDDER, "context_stride": 15},
    "tcn": {
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


def published_config(method: str, **changes: Any) -> EncoderConfig:
    """The published encoder of ``method``; ``changes`` override single fields (``weights="none"`` starts from noise).

    Examples:
        >>> published_config("tcn").stage
        'Mixed_5d'
    """
    if method not in _PUBLISHED:
        raise SynclineError(f"no published encoder {method!r}; expected one of {', '.join(_PUBLISHED)}")
    return EncoderConfig(**{**_PUBLISHED[method], **changes})
