"""Fits a straight line that outliers hardly move, with its uncertainty."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Line(NamedTuple):
    """y = level + slope x, with halves of the 90 % intervals of both."""

    level: float
    slope: float
    level_within: float
    slope_within: float


def robust_line(
    x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64], *, least: float, grain: float
) -> Line:
    """Least squares with Tukey's weights, and t intervals of what has weight.

    Args:
        x, y: (k,) points with independent errors. weight: (k,) how sure each is.
        least: the deviation is held to be at least this. grain: error of the level that no number of points makes less.

    Examples:
        >>> x = np.arange(20.0)
        >>> y = 3 + 2 * x + np.where(x == 7, 50, 0) + 0.01 * np.sin(9 * x)
        >>> line = robust_line(x, y, np.ones(20), least=1e-6, grain=0)
        >>> abs(line.slope - 2) < line.slope_within < 1e-3
        True
    """
    from scipy import stats  # slow to import, and needed here alone

    robust = weight.copy()
    for _ in range(20):
        middle, height = (float(np.average(values, weights=robust)) for values in (x, y))
        away = x - middle
        slope = float((robust * away * (y - height)).sum() / max((robust * away * away).sum(), 1e-12))
        apart = np.abs(y - height - slope * away)
        scale = max(1.4826 * float(np.median(apart)), 2 * least)
        robust = weight * np.maximum(1e-6, (1 - np.minimum(1, apart / (4.7 * scale)) ** 2) ** 2)
    used = robust > 0.05 * weight
    degrees = max(1, int(used.sum()) - 2)
    deviation = math.sqrt(float((robust * apart**2).sum() / robust.sum()) * used.sum() / degrees)
    share = robust / robust.sum()
    error = math.hypot(max(deviation, least) * math.sqrt(float((share**2).sum())), grain)
    slope_error = error / max(math.sqrt(float((share * away * away).sum())), 1e-9)
    quantile = float(stats.t.ppf(0.95, degrees))
    level_error = math.hypot(error, middle * slope_error)
    return Line(height - slope * middle, slope, quantile * level_error, quantile * slope_error)
