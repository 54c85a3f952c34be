"""The confidence of a carried event: the probability that it lies within the tolerance."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

OFFSET_SD = 0.7
"""How far one folder's hits lie from what the weights say, in logits: the standard deviation that is expected of it."""


@dataclass(frozen=True)
class Peak:
    """The votes at the frame where an event is placed, as shares.

    Attributes:
        gathered: votes within the tolerance of the peak. votes: all of them; the rest speaks for absence.
        second: votes within the tolerance of the best place that lies more than two tolerances off.
        at_edge: whether the peak lies within the tolerance of the clip's first or last frame, where what is cut off
            gathers.
        labelled: videos that have the event.
    """

    gathered: float
    votes: float
    second: float
    at_edge: bool
    labelled: int

    def features(self) -> tuple[float, ...]:
        """The inputs of the logistic rule; their names are in `hit_weights.json`."""
        share = min(max(self.gathered / max(self.votes, 1e-9), 1e-3), 1 - 1e-3)
        return (
            math.log(share / (1 - share)),
            math.log(max(self.votes, 1e-3)),
            math.log((self.second + 0.01) / (self.gathered + 0.01)),
            float(self.at_edge),
            math.log(max(self.labelled, 1)),
        )


@functools.cache
def hit_weights() -> tuple[float, ...]:
    """Bias and weights of the logistic rule; `python -m benchmarks.confidence --write` fits and writes them."""
    text = resources.files("syncline.tasks").joinpath("hit_weights.json").read_text(encoding="utf-8")
    kept = json.loads(text)
    return (float(kept["bias"]), *(float(weight) for weight in kept["weights"].values()))


def hit_probability(peak: Peak) -> float:
    """Probability that an event lies within the tolerance of a peak.

    A logistic regression over the training clips of real sets, each source left out in turn.

    Examples:
        >>> sure = hit_probability(Peak(0.6, 0.8, 0.05, False, 3))
        >>> sure > hit_probability(Peak(0.3, 0.8, 0.25, False, 3)) > hit_probability(Peak(0.0, 0.0, 0.0, True, 3))
        True
    """
    if peak.votes <= 0:
        return 0.0
    bias, *weights = hit_weights()
    return _sigmoid(bias + sum(w * x for w, x in zip(weights, peak.features(), strict=True)))


def calibrated_by(
    confidence: NDArray[np.float64], raw: NDArray[np.float64], hit: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Confidences moved by one number in logits, so that those of labelled events, left out, are right on average.

    Args:
        confidence: (k,) of events that were placed. raw, hit: (m,) of labelled events that were placed by the others.

    Few labelled events move it little: the number has a normal prior of standard deviation `OFFSET_SD`.

    Examples:
        >>> calibrated_by(np.array([0.5]), np.full(40, 0.5), np.ones(40)).round(1).tolist()
        [0.9]
    """
    if not len(raw):
        return confidence
    logits = _logits(raw)
    offset = 0.0
    for _ in range(25):  # Newton; the objective is concave
        found = 1 / (1 + np.exp(-(logits + offset)))
        slope = float((hit - found).sum()) - offset / OFFSET_SD**2
        offset += slope / (float((found * (1 - found)).sum()) + 1 / OFFSET_SD**2)
    return np.asarray(1 / (1 + np.exp(-(_logits(confidence) + offset))))


def _logits(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(probability, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(inside / (1 - inside)))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-min(max(x, -700.0), 700.0)))
