"""Old name of `syncline.data.labels.video_labels`, `attach_labels` and `event_order`; goes with version 0.3."""

from __future__ import annotations

import warnings
from typing import Any

from syncline.data.labels import attach_labels as _attaching  # the function of its name is what is asked for
from syncline.data.labels import event_order as _order
from syncline.data.labels import video_labels as _labels


def __getattr__(name: str) -> Any:
    for home in (_labels, _attaching, _order):
        if not name.startswith("_") and hasattr(home, name):
            warnings.warn(f"syncline.data.label_track is now {home.__name__}", DeprecationWarning, stacklevel=2)
            return getattr(home, name)
    raise AttributeError(name)
