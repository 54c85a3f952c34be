"""Entry to the vector kernel of soft-DTW: on which machines and for which temperatures it is used."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import numpy as np

from syncline.alignment.backend import forced_backend, not_compiled, say_once
from syncline.alignment.dtw import scalar
from syncline.alignment.numba_compiled import NUMBA_MISSING
from syncline.alignment.soft_smith_waterman.vector.vector_backend import missing_instructions

COLDEST, HOTTEST = 1e-290, 1e290
"""Between these gammas 1 / gamma is a float64 number."""


@functools.cache
def why_not() -> str:
    """Why the vector kernel cannot be used on this machine; empty where it can. Compiles and tries it."""
    if NUMBA_MISSING:
        return NUMBA_MISSING
    try:
        return missing_instructions() or _wrong_results()
    except Exception as error:  # whatever a compiler of another version raises: the scalar kernel is there
        return not_compiled(error)


def _wrong_results() -> str:
    """Compares with the scalar kernel on a pair of strips and a bit."""
    from syncline.alignment.dtw.vector import sweeps

    c, ones = np.random.default_rng(0).random((1, 19, 21), dtype=np.float32), (1.0, 1.0, 1.0)
    results = []
    for kernel in (scalar, sweeps):
        value, posterior = np.zeros(1, np.float32), np.zeros_like(c)
        batch, course = (c, np.array([19]), np.array([20])), (0.1, 5, ones, False)
        kernel.value_and_path(batch, course, ones, value, posterior, 0, 1)
        results.append(np.append(posterior, value))
    worst = float(np.abs(results[0] - results[1]).max())
    return "" if worst < 1e-5 else f"its results differ from the scalar kernel's by {worst:.1e}"


def kernel(gamma: float) -> Any:
    """The module whose `value_and_path` serves this temperature here: the vector kernel's, or `scalar`.

    Raises:
        ValueError, RuntimeError: as `backend.choose_backend`.
    """
    forced = forced_backend()
    if forced == "scalar" or not COLDEST <= gamma <= HOTTEST:
        return scalar
    problem = why_not()
    if not problem:
        from syncline.alignment.dtw.vector import sweeps

        found: ModuleType = sweeps
        return found
    if forced == "vector":
        raise RuntimeError(f"the vector kernel was asked for, but {problem}")
    say_once(f"soft-DTW runs on the scalar kernel: {problem}")
    return scalar
