"""The soft Smith-Waterman with affine gaps: `operators` for users, `reference` to read, one file a backend."""

from syncline.alignment.soft_smith_waterman.modules import ExpectedAlignment, GapForm, Gaps, SoftSmithWaterman
from syncline.alignment.soft_smith_waterman.operators import expected_alignment, soft_smith_waterman
from syncline.alignment.soft_smith_waterman.streamed_score import soft_smith_waterman_streamed

__all__ = [
    "ExpectedAlignment",
    "GapForm",
    "Gaps",
    "SoftSmithWaterman",
    "expected_alignment",
    "soft_smith_waterman",
    "soft_smith_waterman_streamed",
]
