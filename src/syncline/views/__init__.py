"""What a loss is shown: temporal sampling, augmentation, pairing, batches."""

from syncline.views.augment_pictures import augment
from syncline.views.batches import Batch, FeatureViews, PixelViews, ViewConfig, Views
from syncline.views.frame_sampling import (
    offset_uniform,
    retime,
    segment_uniform,
    stride_sampling,
    tcn_positives,
    tcn_triplets,
    time_augment,
)
from syncline.views.pixel_store import PixelStore
from syncline.views.worker_views import WorkerViews

__all__ = [
    "Batch",
    "FeatureViews",
    "PixelStore",
    "PixelViews",
    "ViewConfig",
    "Views",
    "WorkerViews",
    "augment",
    "offset_uniform",
    "retime",
    "segment_uniform",
    "stride_sampling",
    "tcn_positives",
    "tcn_triplets",
    "time_augment",
]
