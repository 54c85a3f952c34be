"""Chooses the backend for a matrix: the fastest that runs here, or the one that SYNCLINE_ALIGNMENT names.

    vector   float32 on CPU, explicit vectors through numba
    scalar   any float on CPU, one cell at a time through numba
    triton   CUDA tensors (and CPU tensors under Triton's interpreter)
    torch    any device, plain PyTorch over anti-diagonals

An operator hands in why its vector and its Triton kernel cannot run ("" where they can); one without such a kernel
hands in nothing.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from syncline.alignment.input_checks import in_transform
from syncline.alignment.numba_compiled import NUMBA_MISSING

Backend = Literal["vector", "scalar", "torch", "triton"]
BACKENDS: tuple[Backend, ...] = ("vector", "scalar", "torch", "triton")
VARIABLE = "SYNCLINE_ALIGNMENT"

_log = logging.getLogger(__name__)


@functools.cache
def say_once(message: str) -> None:
    """Log a reason once a process."""
    _log.info(message)


def not_compiled(error: Exception) -> str:
    """Why a kernel is not used that should run here and does not compile; a warning, since the next one is slow."""
    problem = f"it does not compile here ({type(error).__name__}: {error})"
    _log.warning("alignments are slower than they could be: the vector kernel is not used, %s", problem)
    return problem


def forced_backend() -> Backend | None:
    """Which of `BACKENDS` the environment variable SYNCLINE_ALIGNMENT asks for; None where it is not set.

    Raises:
        ValueError: it holds something else.
    """
    value = os.environ.get(VARIABLE, "")
    if not value:
        return None
    for backend in BACKENDS:
        if value == backend:
            return backend
    raise ValueError(f"{VARIABLE} is {value!r}; expected one of {', '.join(BACKENDS)}")


def tried_triton(device: torch.device, wrong_results: Callable[[torch.device], str]) -> str:
    """Why Triton kernels cannot be used on this device; empty where they can.

    Args:
        wrong_results: compiles and tries them; says how far they are from plain PyTorch, or nothing.
    """
    if device.type != "cuda" and os.environ.get("TRITON_INTERPRET") != "1":
        return f"the tensor is on {device} and TRITON_INTERPRET is not 1"
    try:
        importlib.import_module("triton")
        return wrong_results(device)
    except Exception as error:  # whatever a compiler of another version raises: plain PyTorch is there
        return f"they do not run ({type(error).__name__}: {error})"


def choose_backend(
    matrix: Tensor,
    *,
    vector_problem: Callable[[], str] | None = None,
    triton_problem: Callable[[torch.device], str] | None = None,
) -> Backend:
    """The backend for this matrix; why it is not a faster one is logged once a process.

    Inside a compiled caller a CPU matrix gets ``scalar``, which there means "through numba, chosen when it runs";
    inside a transform of `torch.func` plain PyTorch is the only one that can be followed.

    Raises:
        ValueError: SYNCLINE_ALIGNMENT holds an unknown name.
        RuntimeError: it demands a kernel that cannot run here.
    """
    forced = forced_backend()
    on_cpu = matrix.device.type == "cpu"
    if forced == "torch" or in_transform():
        return "torch"
    if triton_problem is not None and (forced == "triton" or matrix.device.type == "cuda"):
        if torch.compiler.is_compiling():
            return "torch"
        problem = triton_problem(matrix.device)
        if not problem:
            return "triton"
        if forced == "triton":
            raise RuntimeError(f"the Triton kernels were asked for, but {problem}")
        say_once(f"alignment runs in plain PyTorch on {matrix.device}: {problem}")
    if not on_cpu:
        return "torch"
    if NUMBA_MISSING:
        say_once(f"alignment runs in plain PyTorch: {NUMBA_MISSING}")
        return "torch"
    if vector_problem is None:  # such an operator is none of PyTorch's own, which a compiled caller could call
        return "torch" if torch.compiler.is_compiling() else "scalar"
    if forced == "scalar" or matrix.dtype != torch.float32:
        return "scalar"
    if torch.compiler.is_compiling():
        return "scalar"
    problem = vector_problem()
    if not problem:
        return "vector"
    if forced == "vector":
        raise RuntimeError(f"the vector kernel was asked for, but {problem}")
    say_once(f"alignment runs on the scalar kernel: {problem}")
    return "scalar"
