"""Finds where episodes begin in a film that holds several, by LeRobot's tables and the film itself.

A table keeps begin and end in seconds. They drift when films are put together (each adds a fraction of a frame), and
are wrong where episodes were deleted or films cut. The lengths in frames are exact. So where they fill the film, they
say the borders; where not, the seconds do, and what does not fit is named.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from syncline.data.labels.video_labels import SLACK

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """One episode in a table: its name, length in frames, and start in the film in seconds."""

    name: str
    length: int
    start: float


def borders(film: str, parts: Sequence[Part], pts_seconds: NDArray[np.float64]) -> dict[str, tuple[int, int]]:
    """First frame of every episode of a film, and one past its last.

    Args:
        film: its name, for messages. parts: its episodes. pts_seconds: (t,) when its frames are shown.

    Returns:
        By name; episodes that lie outside the film are left out with a warning.

    Examples:
        >>> pts = np.arange(20) / 10
        >>> borders("x.mp4", [Part("one", 9, 0.0), Part("two", 11, 1.07)], pts)
        {'one': (0, 9), 'two': (9, 20)}
    """
    count = len(pts_seconds)
    frame = float(np.median(np.diff(pts_seconds))) if count > 1 else 1.0
    order = sorted(range(len(parts)), key=lambda k: parts[k].start)
    lengths = [parts[k].length for k in order]
    said = [int(np.searchsorted(pts_seconds, parts[k].start - frame / 2)) for k in order]
    summed = [0, *np.cumsum(lengths)[:-1].tolist()]
    filled = abs(sum(lengths) - count) <= SLACK
    drift = [begin - counted for begin, counted in zip(said, summed, strict=True)]
    worst = max(range(len(order)), key=lambda k: abs(drift[k]), default=0)
    if filled and drift and drift[worst]:
        tell = _log.warning if abs(drift[worst]) > SLACK else _log.info
        tell(
            "%s: %s begins %d frames %s than the lengths of the episodes before it; the lengths fill the film, so they "
            "are taken", film, parts[order[worst]].name, abs(drift[worst]), "later" if drift[worst] > 0 else "earlier",
        )  # fmt: skip
    found: dict[str, tuple[int, int]] = {}
    last, before = 0, ""
    for k, first in zip(order, summed if filled else said, strict=True):
        part = parts[k]
        end = min(first + part.length, count)
        if end - first < 2:
            _log.warning("passed over %s: %s ends before it begins", part.name, film)
            continue
        if first + part.length - count > SLACK:
            _log.warning("%s: %s ends %d frames early", part.name, film, first + part.length - count)
        if before and not filled and first < last:
            overlap = last - first
            if overlap <= SLACK:
                first, end = last, min(last + part.length, count)
            else:
                _log.warning("%s begins %d frames before the end of %s in %s", part.name, overlap, before, film)
        elif before and not filled and first - last > SLACK:
            _log.warning("%d frames of %s between %s and %s are in no episode", first - last, film, before, part.name)
        found[part.name] = (first, end)
        last, before = end, part.name
    return found
