"""The family of dynamic time warping: `hard` (a path), `soft` (Cuturi and Blondel), `smooth` (GTA); `reference`."""

from syncline.alignment.dtw.hard import dtw
from syncline.alignment.dtw.smooth import smooth_dtw
from syncline.alignment.dtw.soft import expected_path, soft_dtw, soft_dtw_divergence

__all__ = ["dtw", "expected_path", "smooth_dtw", "soft_dtw", "soft_dtw_divergence"]
