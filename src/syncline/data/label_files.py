"""Old name of `syncline.data.labels.forms`; goes with version 0.3."""

from __future__ import annotations

import warnings
from typing import Any

from syncline.data.labels import forms


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    warnings.warn("syncline.data.label_files is now syncline.data.labels.forms", DeprecationWarning, stacklevel=2)
    return getattr(forms, name)
