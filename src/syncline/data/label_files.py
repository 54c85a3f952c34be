"""Old name of `syncline.data.labels.label_formats`; goes with version 0.3."""

from __future__ import annotations

import warnings
from typing import Any

from syncline.data.labels import label_formats


def __getattr__(name: str) -> Any:
    if name.startswith("_") or not hasattr(label_formats, name):
        raise AttributeError(name)
    warnings.warn(
        "syncline.data.label_files is now syncline.data.labels.label_formats", DeprecationWarning, stacklevel=2
    )
    return getattr(label_formats, name)
