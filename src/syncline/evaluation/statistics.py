"""Intervals of differences: averages over seeds, paired bootstrap over source videos, wins per video.

The unit that is resampled is the source video, because frames and re-cuts of one video are not independent of each
other; seeds are averaged first, so that one lucky seed is no result.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST = 5
"""Videos that a bootstrap needs before it is believed."""
LOWER_IS_BETTER = ("median", "p90", "median_percent")
"""Endings of the names of metrics that are errors."""


@dataclass(frozen=True)
class Difference:
    """How much more the first has than the second, over the videos that both have.

    Attributes:
        mean: of the differences of the videos. low, high: 95 % interval of the bootstrap over videos.
        wins, losses: videos on which the first is better, worse. videos: how many.
    """

    mean: float
    low: float
    high: float
    wins: int
    losses: int
    videos: int

    @property
    def sure(self) -> bool:
        """Whether the interval excludes 0; never of fewer than five videos, whose bootstrap says nothing."""
        return self.videos >= FEWEST and (self.low > 0 or self.high < 0)


def better_is_lower(metric: str) -> bool:
    """Whether a metric is an error.

    Examples:
        >>> better_is_lower("event_local_median"), better_is_lower("ap5")
        (True, False)
    """
    return metric.endswith(LOWER_IS_BETTER)


def averaged(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Per-video values averaged over seeds; videos that one of the seeds lacks (NaN or missing) are left out.

    Examples:
        >>> averaged([{"a": 1.0, "b": 2.0}, {"a": 3.0}])
        {'a': 2.0}
    """
    values: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for video, value in run.items():
            if value is not None and not math.isnan(value):
                values[video].append(value)
    return {video: float(np.mean(found)) for video, found in values.items() if len(found) == len(runs)}


def paired_bootstrap(
    first: Mapping[str, float],
    second: Mapping[str, float],
    *,
    lower_is_better: bool = False,
    resamples: int = 10_000,
    seed: int = 0,
) -> Difference:
    """The difference of two methods, video by video, with its interval.

    Args:
        first, second: value of each source video, averaged over seeds.
        lower_is_better: of errors; turns wins and losses about, not the sign of the difference.

    Examples:
        >>> found = paired_bootstrap({"a": 1.0, "b": 3.0}, {"a": 0.0, "b": 1.0, "c": 9.0})
        >>> found.mean, found.low, found.high, found.wins
        (1.5, 1.0, 2.0, 2)
    """
    shared = sorted(set(first) & set(second), key=str)
    if not shared:
        return Difference(math.nan, math.nan, math.nan, 0, 0, 0)
    differences = np.array([first[video] - second[video] for video in shared])
    chosen = _resampled(seed, len(shared), resamples)
    low, high = np.quantile(differences[chosen].mean(axis=1), [0.025, 0.975])
    better = differences < 0 if lower_is_better else differences > 0
    worse = differences > 0 if lower_is_better else differences < 0
    return Difference(
        float(differences.mean()), float(low), float(high), int(better.sum()), int(worse.sum()), len(shared)
    )


@functools.lru_cache(maxsize=4)
def _resampled(seed: int, count: int, resamples: int) -> NDArray[np.int64]:
    """(resamples, count) which videos each draw has: the same for every metric of a table."""
    return np.random.default_rng(seed).integers(0, count, (resamples, count))


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation over seeds (NaN of one seed); NaN values are left out.

    Examples:
        >>> spread([1.0, 3.0])
        (2.0, 1.4142135623730951)
    """
    known = [value for value in values if value is not None and not math.isnan(value)]
    if not known:
        return math.nan, math.nan
    return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else math.nan
