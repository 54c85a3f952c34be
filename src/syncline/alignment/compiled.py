"""Numba where it is there, plain Python where it is not: the same functions, compiled on first use or just slow."""

from __future__ import annotations

import functools
import importlib
import logging
import os
from collections.abc import Callable
from typing import Any, Literal

Route = Literal["vector", "scalar", "torch", "triton"]
ROUTES: tuple[Route, ...] = ("vector", "scalar", "torch", "triton")
VARIABLE = "SYNCLINE_ALIGNMENT"

_log = logging.getLogger(__name__)

numba: Any = None
NUMBA_MISSING = ""
try:
    numba = importlib.import_module("numba")
except Exception as error:  # a numba too old for this Python or numpy raises more than ImportError
    NUMBA_MISSING = f"numba cannot be imported ({error})"


def compiled(function: Callable[..., Any]) -> Any:
    """A kernel: compiled without the interpreter's lock, cached on disk if it can be; unchanged without numba."""
    if numba is None:
        return function
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # no place to keep the cache: an installation nobody may write to
        return numba.njit(nogil=True, error_model="numpy")(function)


@functools.cache
def say_once(message: str) -> None:
    """Log a reason once a process."""
    _log.info(message)


def forced_route() -> Route | None:
    """Which of `ROUTES` the environment variable SYNCLINE_ALIGNMENT asks for; None where it is not set.

    Raises:
        ValueError: it holds something else.
    """
    value = os.environ.get(VARIABLE, "")
    if not value:
        return None
    for route in ROUTES:
        if value == route:
            return route
    raise ValueError(f"{VARIABLE} is {value!r}; expected one of {', '.join(ROUTES)}")
