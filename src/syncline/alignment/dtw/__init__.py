"""The family of dynamic time warping: `hard` (a path), `soft` (Cuturi and Blondel), `smooth` (GTA); `reference`.

`pairwise` and `barycentre` are over lists of sequences.
"""

from syncline.alignment.dtw.barycentre import soft_dtw_barycentre
from syncline.alignment.dtw.hard import dtw
from syncline.alignment.dtw.pairwise import pairwise_dtw, pairwise_soft_dtw
from syncline.alignment.dtw.smooth import smooth_dtw
from syncline.alignment.dtw.soft import expected_path, soft_dtw, soft_dtw_divergence
from syncline.alignment.dtw.streamed_soft_dtw import soft_dtw_streamed

__all__ = [
    "dtw",
    "expected_path",
    "pairwise_dtw",
    "pairwise_soft_dtw",
    "smooth_dtw",
    "soft_dtw",
    "soft_dtw_barycentre",
    "soft_dtw_divergence",
    "soft_dtw_streamed",
]
