"""Agreement between the processes of a run, and the peak memory of one."""

from __future__ import annotations

import sys
from typing import Any

import torch


def agreed(accelerator: Any, number: int) -> int:
    """The number that the first process says, on all."""
    if accelerator.num_processes == 1:
        return number
    from accelerate.utils import broadcast

    return int(broadcast(torch.tensor(number, device=accelerator.device)))


def peak_memory(device: torch.device | None = None) -> int | None:
    """Most bytes that this process has had so far: of a GPU's memory where one is given, else of the machine's.

    None where the system does not say.
    """
    if device is not None and device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def any_of(accelerator: Any, flag: bool) -> bool:
    """Whether any process says yes."""
    if accelerator.num_processes == 1:
        return flag
    from accelerate.utils import reduce

    return bool(reduce(torch.tensor(int(flag), device=accelerator.device), reduction="sum") > 0)
