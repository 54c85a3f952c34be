"""The default settings of alignment: one set of numbers for each use, and how each was chosen.

Everything is in units of the similarity (cosine - its mean over the pair) / unit. The method's specification has gaps
of 5 and 1 and a gamma of .2 with units of .1 of cosine.

Operators called without settings (`soft_smith_waterman`, `smith_waterman` and theirs) count in plain units of their
matrix: gaps of 1 and .5, gamma 1. These are written in each signature, where editors show them, and chosen for no use.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict


class Prices(TypedDict):
    """Keyword arguments of the hard operators."""

    gap_open: float
    gap_extend: float


@dataclass(frozen=True)
class AlignmentSettings:
    """Prices of a gap, temperature of the expected alignment, and the unit they are counted in.

    Attributes:
        gap_open, gap_extend: price of the first and of each further skipped frame.
        gamma: temperature.
        unit: cosine that counts as one; None: a quarter of the standard deviation of the pair's cosines, and .001 at
            least.
        within_clips: whether the mean of every row and column of the similarities is taken out, too
            (`centring.centred_similarity`).
    """

    gap_open: float
    gap_extend: float
    gamma: float
    unit: float | None = None
    within_clips: bool = False

    @property
    def prices(self) -> Prices:
        """The gaps as keyword arguments of `smith_waterman`."""
        return {"gap_open": self.gap_open, "gap_extend": self.gap_extend}


PAIR = AlignmentSettings(gap_open=2.0, gap_extend=0.5, gamma=0.2)
"""A path of two videos (`align`, `sync`, `deviate`, the match score). Inside the training clips of two real sets gaps
of 2 and .5 beat 5 and 1 (a clip at half speed needs a gap at every second frame), and a unit that goes by the pair
beat .1 of cosine: untrained features that tell moments apart by a few hundredths pay no more for a gap than trained.
"""

TRANSFER = AlignmentSettings(gap_open=1.0, gap_extend=0.4, gamma=0.8)
"""Votes of one labelled video on another (`transfer`): cheaper gaps, wider posterior than a path wants. Inside the
training clips of two real sets they placed more events of whole, re-timed and spliced clips.
"""

CONSENSUS = replace(TRANSFER, within_clips=True)
"""The posteriors that a folder's consensus is built from, for `transfer`, `sync`, `deviate`, `suggest` and the viewer.
Prices are those of `transfer`, and never tuned by themselves. What changes within clips is compared, not their rooms
and people: inside the training clips of real sets that placed more events, and `python -m benchmarks.groups` has what
it does for the others beside `--across-clips`.
"""

EVALUATION = AlignmentSettings(gap_open=2.0, gap_extend=0.5, gamma=0.2, unit=0.1)
"""`event_transfer_error(by="local")`: the prices of `PAIR`, and METHODS' fixed unit, so that tables of different days
compare.
"""

MATCH_THRESHOLD = 0.2
"""Two sequences match when putting one into a wrong order costs at least this share of the alignment's score."""
