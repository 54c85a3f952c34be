"""Chooses the device: the one that is named, or the best available.

What ``--device`` names is kept in ``SYNCLINE_DEVICE``, for this process and those that it starts.
"""

from __future__ import annotations

import os

import torch

from syncline.errors import SynclineError

VARIABLE = "SYNCLINE_DEVICE"


def chosen_device() -> torch.device:
    """The device that ``SYNCLINE_DEVICE`` names, or the best one.

    Raises:
        SynclineError: as `device_named`.
    """
    return device_named(os.environ.get(VARIABLE, "auto"))


def device_named(name: str = "auto") -> torch.device:
    """``auto`` (CUDA, else MPS, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` ..., ``mps``.

    Of the processes that torchrun starts on a machine, ``auto`` gives each a CUDA device of its own, as far as they go.

    Raises:
        SynclineError: it is no name of a device, or the device is not there.

    Examples:
        >>> device_named("cpu")
        device(type='cpu')
    """
    if name == "auto":
        if torch.cuda.is_available() and "LOCAL_RANK" in os.environ:
            return torch.device("cuda", int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        kind = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(kind)
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SynclineError(f"--device {name}: expected auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SynclineError(f"--device {name}: PyTorch sees no CUDA device here; take --device cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SynclineError(f"--device {name}: there are {torch.cuda.device_count()} CUDA devices, numbered from 0")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise SynclineError("--device mps: PyTorch sees no Apple GPU here; take --device cpu")
    return device
