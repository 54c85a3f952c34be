"""What a loss is shown: temporal sampling, augmentation, pairing, batches."""

from syncline.views.augment import augment
from syncline.views.batches import Batch, FeatureViews, PixelViews, ViewConfig, Views
from syncline.views.sampling import (
    offset_uniform,
    retime,
    segment_uniform,
    stride_sampling,
    tcn_positives,
    tcn_triplets,
    time_augment,
)

__all__ = [
    "Batch",
    "FeatureViews",
    "PixelViews",
    "ViewConfig",
    "Views",
    "augment",
    "offset_uniform",
    "retime",
    "segment_uniform",
    "stride_sampling",
    "tcn_positives",
    "tcn_triplets",
    "time_augment",
]
