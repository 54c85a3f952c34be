"""The hard Smith-Waterman: `smith_waterman` of a matrix, `streamed_paths` from two sequences, `reference` to read."""

from syncline.alignment.hard.smith_waterman import smith_waterman
from syncline.alignment.hard.streamed_paths import smith_waterman_streamed

__all__ = ["smith_waterman", "smith_waterman_streamed"]
