"""Old name of `syncline.data.labels.video_labels`, `attach_labels` and `event_order`; goes with version 0.3."""

from __future__ import annotations

import warnings
from typing import Any

from syncline.data.labels import attach_labels, event_order, video_labels


def __getattr__(name: str) -> Any:
    for home in (video_labels, attach_labels, event_order):
        if not name.startswith("_") and hasattr(home, name):
            warnings.warn(f"syncline.data.label_track is now {home.__name__}", DeprecationWarning, stacklevel=2)
            return getattr(home, name)
    raise AttributeError(name)
