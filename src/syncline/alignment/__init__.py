"""Matrices -> scores, gradients, paths: the differentiable operators and the hard ones.

Knows torch and numpy, nothing of video.
"""

from syncline.alignment.consensus import Consensus
from syncline.alignment.consensus_barycentre import consensus_barycentre
from syncline.alignment.dtw import (
    dtw,
    expected_path,
    pairwise_dtw,
    pairwise_soft_dtw,
    smooth_dtw,
    soft_dtw,
    soft_dtw_barycentre,
    soft_dtw_divergence,
    soft_dtw_streamed,
)
from syncline.alignment.hard import smith_waterman, smith_waterman_streamed
from syncline.alignment.pairwise_local import pairwise_smith_waterman, pairwise_soft_smith_waterman
from syncline.alignment.path import Path
from syncline.alignment.significance import Significance, significance
from syncline.alignment.similarity import (
    cosine,
    distances,
    expanded_squared_distances,
    mean_over_cells,
    similarity_matrix,
    squared_distances,
    unit_rows,
)
from syncline.alignment.soft_smith_waterman import (
    ExpectedAlignment,
    Gaps,
    SoftSmithWaterman,
    expected_alignment,
    soft_smith_waterman,
    soft_smith_waterman_streamed,
)

__all__ = [
    "Consensus",
    "ExpectedAlignment",
    "Gaps",
    "Path",
    "Significance",
    "SoftSmithWaterman",
    "consensus_barycentre",
    "cosine",
    "distances",
    "dtw",
    "expanded_squared_distances",
    "expected_alignment",
    "expected_path",
    "mean_over_cells",
    "pairwise_dtw",
    "pairwise_smith_waterman",
    "pairwise_soft_dtw",
    "pairwise_soft_smith_waterman",
    "significance",
    "similarity_matrix",
    "smith_waterman",
    "smith_waterman_streamed",
    "smooth_dtw",
    "soft_dtw",
    "soft_dtw_barycentre",
    "soft_dtw_divergence",
    "soft_dtw_streamed",
    "soft_smith_waterman",
    "soft_smith_waterman_streamed",
    "squared_distances",
    "unit_rows",
]
