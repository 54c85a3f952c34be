"""Records where and with what a run was made: commit, versions, machine, memory."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

import syncline
from syncline.training import process_group


def environment() -> dict[str, Any]:
    """Commit, versions and machine."""
    import numpy

    try:
        found = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        commit: str | None = found.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = None
    return {
        "commit": commit,
        "syncline": syncline.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
    }


def peak_memory() -> float | None:
    """Most memory that this process has had so far, in MB; None where the system does not say."""
    peak = process_group.peak_memory()
    return None if peak is None else round(peak / (1 << 20), 1)
