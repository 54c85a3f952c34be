"""`soft_smith_waterman` and `expected_alignment` as modules whose gap prices are learned."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from syncline.alignment.input_checks import Lengths
from syncline.alignment.soft_smith_waterman.operators import expected_alignment, soft_smith_waterman

GapForm = Literal["softplus", "per_position", "matrix"]
LEAST = 0.1
"""The lowest price that a softplus gap can fall to, of opening as LAC's correction has it and, by our decision, of
extending too: a gap that extends for nothing reaches every later pair for the price of its opening, and a local
alignment becomes a choice of the best cells anywhere.
"""


class Gaps(nn.Module):
    """Learned prices of a gap.

    Args:
        form: ``softplus``: two scalars, softplus(a) + 0.1, which serve matrices of any size; ``per_position``: a price
            for each frame of the first video (n, 1); ``matrix``: for each cell (n, m), as LAC published. The last two
            are free numbers of a fixed size.
        opening, extending: where they start.
        size: (n, m), of the last two forms.

    Raises:
        ValueError: a softplus price of 0.1 or less, an unknown form, or no size where one is needed.

    Examples:
        >>> opening, extending = Gaps()()
        >>> round(opening.item(), 4), round(extending.item(), 4)
        (1.0, 0.5)
    """

    def __init__(
        self,
        form: GapForm = "softplus",
        *,
        opening: float = 1.0,
        extending: float = 0.5,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.form = form
        if form == "softplus":
            for value in (opening, extending):
                if value <= LEAST:
                    raise ValueError(f"a softplus gap starts above {LEAST}, got {value}")
            self.opening = nn.Parameter(torch.tensor(math.log(math.expm1(opening - LEAST))))
            self.extending = nn.Parameter(torch.tensor(math.log(math.expm1(extending - LEAST))))
        elif form in ("per_position", "matrix"):
            if size is None:
                raise ValueError(f"gaps of form {form!r} need size=(n, m)")
            shape = size if form == "matrix" else (size[0], 1)
            self.opening = nn.Parameter(torch.full(shape, float(opening)))
            self.extending = nn.Parameter(torch.full(shape, float(extending)))
        else:
            raise ValueError(f"form must be softplus, per_position or matrix, got {form!r}")

    def forward(self) -> tuple[Tensor, Tensor]:
        """(gap_open, gap_extend)."""
        if self.form == "softplus":
            return softplus(self.opening) + LEAST, softplus(self.extending) + LEAST
        return self.opening, self.extending


class SoftSmithWaterman(nn.Module):
    """`soft_smith_waterman` with learned ``gaps`` (a `Gaps`; its own softplus scalars by default)."""

    def __init__(self, *, gamma: float = 1.0, gaps: Gaps | None = None) -> None:
        super().__init__()
        self.gamma = gamma
        self.gaps = Gaps() if gaps is None else gaps

    def forward(self, similarity: Tensor, *, lengths_x: Lengths = None, lengths_y: Lengths = None) -> Tensor:
        go, ge = self.gaps()
        return soft_smith_waterman(
            similarity, gap_open=go, gap_extend=ge, gamma=self.gamma, lengths_x=lengths_x, lengths_y=lengths_y
        )


class ExpectedAlignment(nn.Module):
    """`expected_alignment` with learned ``gaps``."""

    def __init__(self, *, gamma: float = 1.0, gaps: Gaps | None = None) -> None:
        super().__init__()
        self.gamma = gamma
        self.gaps = Gaps() if gaps is None else gaps

    def forward(self, similarity: Tensor, *, lengths_x: Lengths = None, lengths_y: Lengths = None) -> Tensor:
        go, ge = self.gaps()
        return expected_alignment(
            similarity, gap_open=go, gap_extend=ge, gamma=self.gamma, lengths_x=lengths_x, lengths_y=lengths_y
        )
