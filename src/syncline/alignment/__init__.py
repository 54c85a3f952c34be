"""Matrices -> scores, gradients, paths: the differentiable operators and the hard ones.

Knows torch and numpy, nothing of video.
"""

from syncline.alignment.soft_smith_waterman import expected_alignment, soft_smith_waterman

__all__ = ["expected_alignment", "soft_smith_waterman"]
