"""Numba where it is there, plain Python where it is not: the same functions, compiled on first use or just slow."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

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
    except RuntimeError:  # no folder to keep the cache in: an installation nobody may write to
        return numba.njit(nogil=True, error_model="numpy")(function)
