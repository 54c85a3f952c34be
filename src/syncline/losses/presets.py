"""Which options a loss is made with: those of a preset, then those given by name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any


def chosen(
    loss: str, presets: Mapping[str, Mapping[str, Any]], preset: str, options: Mapping[str, Any], known: Iterable[str]
) -> dict[str, Any]:
    """The options of ``preset``, overridden by ``options``.

    Raises:
        ValueError: no such preset, or an option the loss does not have.

    Examples:
        >>> chosen("SomeLoss", {"original": {"tau": 0.1}}, "original", {"tau": 0.2}, ["tau"])
        {'tau': 0.2}
    """
    if preset not in presets:
        raise ValueError(f"{loss} has no preset {preset!r}; expected one of {', '.join(presets)}")
    names = list(known)
    for name in options:
        if name not in names:
            raise ValueError(f"{loss} has no option {name!r}; it has {', '.join(names)}")
    return {**presets[preset], **options}


def check_choice(name: str, value: object, values: Iterable[object]) -> None:
    """Raise a ValueError that names the option unless ``value`` is one of ``values``."""
    known = list(values)
    if value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(str, known))}, got {value!r}")


def check_positive(**values: float) -> None:
    """Raise a ValueError that names the first option that is not above 0 and finite."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be above 0 and finite, got {value!r}")
