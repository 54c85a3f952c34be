"""Ordered key events <-> phases: phase k lasts from key event k (1-based) up to the next, phase 0 before the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError


def phases_from_events(events: Sequence[int | None], num_frames: int) -> NDArray[np.int64]:
    """Phase of every frame: (num_frames,) int64; how many of the known events lie at or before it, counted by number.

    Args:
        events: first frame of each event in order, None where it is absent.
        num_frames: length of the video.

    Raises:
        SynclineError: events that descend or lie outside the video.

    Examples:
        >>> phases_from_events([2, None, 4], 6).tolist()
        [0, 0, 1, 1, 3, 3]
    """
    phases = np.zeros(num_frames, dtype=np.int64)
    last = 0
    for number, event in enumerate(events, 1):
        if event is None:
            continue
        if not last <= event < num_frames:
            raise SynclineError(
                f"event {number} at frame {event} is out of order or outside the video of {num_frames} frames"
            )
        phases[event:] = number
        last = event
    return phases


def events_from_phases(phases: NDArray[np.integer], num_phases: int) -> tuple[int | None, ...]:
    """Frame of every key event: the first frame labelled k or later; None where there is none or it is frame 0.

    Args:
        phases: (t,) labels, -1 where unknown.
        num_phases: C; there are C - 1 events.

    Examples:
        >>> events_from_phases(np.array([0, 0, 1, 1, 3]), 5)
        (2, 4, 4, None)
    """
    events: list[int | None] = []
    for number in range(1, num_phases):
        at = np.flatnonzero(np.asarray(phases) >= number)
        events.append(int(at[0]) if len(at) and at[0] > 0 else None)
    return tuple(events)
