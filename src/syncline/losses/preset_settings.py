"""Merges the settings of a preset with those that were passed by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

Preset = Literal["original", "carl", "lac"]
"""Whose code a method other than LAC follows: its own authors', CARL's, LAC's."""


def settings_of(name: str, presets: Mapping[Any, Mapping[str, Any]], preset: str, /, **given: Any) -> dict[str, Any]:
    """The settings of ``preset``; a ``given`` one that is not None takes the place of the preset's.

    Raises:
        ValueError: no such preset.

    Examples:
        >>> settings_of("SomeLoss", {"original": {"tau": 0.1, "margin": 2.0}}, "original", tau=0.2, margin=None)
        {'tau': 0.2, 'margin': 2.0}
    """
    if preset not in presets:
        raise ValueError(f"{name} has no preset {preset!r}; expected one of {', '.join(presets)}")
    return {**presets[preset], **{key: value for key, value in given.items() if value is not None}}


def check_positive(**values: float) -> None:
    """Raise a ValueError that names the first setting that is not above 0 and finite."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {value!r}")
