"""How sure a match is: a local score, compared with the scores of the same frames in wrong orders.

The best local score of sequences that have nothing in common follows an extreme-value law, also with gaps (Karlin and
Altschul 1990; Altschul and Gish 1996). Its two numbers depend on the pair, so they are fitted to the pair itself: one
sequence is reversed, and blocks of it, or of both, are shuffled; every such order is aligned again. Blocks keep the
smoothness of video, which single frames would lose, and reversed ones hold nothing of a match.

    P(score >= s by chance) = 1 - exp(-exp(-(s - location) / scale))
    scale = sd sqrt(6) / pi,  location = mean - .5772 scale

Order is one sign of a match; the height of the score is another, which shuffles do not see: strangers reach less per
frame. Both together give `probability` by a logistic rule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from syncline.alignment.alignment_settings import PAIR
from syncline.alignment.hard import smith_waterman

SHUFFLES = 12
_BLOCKS = (2, 3, 4, 6)
_LEAST_SPREAD = 0.15
"""Of the mean: the standard deviation of a dozen shuffles is never taken as smaller. Chosen on 300 pairs of strangers
of six sets (`benchmarks/significance.py`), of which 3 % then have a p-value below .05, and 1 % one below .01.
"""
SLOPE, OFFSET = 2.37, -2.51
"""Of the logistic rule in log(score / mean shuffled score) + log(score / sqrt(n m)), fitted to 300 true pairs and 300
pairs of strangers there: as many of the one as of the other, which is the prior.
"""


@dataclass(frozen=True)
class Significance:
    """How significant a local score is.

    Attributes:
        score: of the best local alignment.
        shuffled: mean score of the wrong orders.
        p_value: how likely wrong orders reach the score, in [0, 1].
        probability: that the two show the same course, in [0, 1], where as many pairs do as do not.
    """

    score: float
    shuffled: float
    p_value: float
    probability: float

    def e_value(self, comparisons: int) -> float:
        """How many of so many pairs of strangers would reach the score by chance."""
        return self.p_value * comparisons


def significance(
    similarity: Tensor,
    *,
    gap_open: float = PAIR.gap_open,
    gap_extend: float = PAIR.gap_extend,
    shuffles: int = SHUFFLES,
    seed: int = 0,
) -> Significance:
    """How sure it is that two sequences match, from the matrix of their similarities.

    Costs ``shuffles`` + 2 hard alignments. The numbers behind `probability` hold for the default prices and for the
    similarity and unit of `centring.centred_similarity`.

    Args:
        similarity: (n, m), of `centring.centred_similarity`.
        gap_open, gap_extend: as `smith_waterman`.
        shuffles: wrong orders beside the reversed one; at least 2. seed: of the shuffles.

    Raises:
        TypeError, ValueError: as `smith_waterman`; not a matrix, or fewer than 2 shuffles.

    Examples:
        >>> from syncline.alignment.centring import centred_similarity
        >>> t = np.linspace(0, 3, 60)
        >>> curve = np.stack([np.cos(t), np.sin(t)], 1)
        >>> found = significance(centred_similarity(curve, curve[10:50]))
        >>> found.p_value < 0.01, found.probability > 0.8
        (True, True)
    """
    if similarity.dim() != 2:
        raise ValueError(f"similarity must have shape (n, m), got {tuple(similarity.shape)}")
    if shuffles < 2:
        raise ValueError(f"shuffles must be at least 2, got {shuffles}")
    n, m = similarity.shape
    orders = wrong_orders(n, m, shuffles, seed)
    scores = [
        smith_waterman(part[None], gap_open=gap_open, gap_extend=gap_extend)[0].score
        for part in (similarity, *(similarity[rows][:, columns] for rows, columns in orders))
    ]
    return judged(scores[0], scores[1:], n, m)


def judged(score: float, shuffled: Sequence[float], n: int, m: int) -> Significance:
    """`significance` from scores that are there, for instance of `smith_waterman_streamed`.

    Args:
        score: of the best local alignment of n and m frames. shuffled: those of `wrong_orders`, at least 2.
    """
    mean, spread = float(np.mean(shuffled)), float(np.std(shuffled, ddof=1))
    if score <= 0:
        return Significance(score, mean, 1.0, 0.0)
    scale = max(spread, _LEAST_SPREAD * mean, 1e-9 * score) * math.sqrt(6) / math.pi
    location = mean - float(np.euler_gamma) * scale
    p_value = -math.expm1(-math.exp(min(-(score - location) / scale, 700.0)))
    sign = SLOPE * course_evidence(score, mean, n * m) + OFFSET
    probability = 1 / (1 + math.exp(-min(max(sign, -700.0), 700.0)))
    return Significance(score, mean, p_value, probability)


def course_evidence(score: float, shuffled: float, cells: int) -> float:
    """log(score / mean score in wrong orders) + log(score / sqrt(n m)) of n m cells: a common order is one sign of a
    common course, the height of the score another.
    """
    score = max(score, 1e-9)
    return math.log(score / max(shuffled, 1e-2)) + math.log(score / math.sqrt(cells))


def wrong_orders(n: int, m: int, shuffles: int, seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    """Rows and columns in wrong orders: y reversed, then blocks of that shuffled, and of x in every second."""
    generator = np.random.default_rng(seed)

    def blocks(frames: int, count: int) -> Tensor:
        parts = np.array_split(np.arange(frames), max(1, min(count, frames)))
        return torch.from_numpy(np.concatenate([parts[i] for i in generator.permutation(len(parts))]))

    backwards = torch.arange(m).flip(0)
    orders = [(torch.arange(n), backwards)]
    for k in range(shuffles):
        columns = backwards[blocks(m, _BLOCKS[k % len(_BLOCKS)])]
        orders.append((blocks(n, _BLOCKS[k // 2 % len(_BLOCKS)]) if k % 2 else torch.arange(n), columns))
    return orders
