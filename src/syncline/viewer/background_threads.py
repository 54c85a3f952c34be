"""Background threads that do not delay the end of the process, nor die inside a kernel."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PATIENCE = 20.0
"""Seconds that the process waits at its end for work that has begun."""
ending = threading.Event()
"""Set when the process ends: work on one video after another stops at the next one."""


@dataclass(frozen=True)
class JobState:
    """Long work: `state` is idle | working | ready | failed; `done` of `total` steps; a message; seconds left."""

    state: str = "idle"
    done: int = 0
    total: int = 0
    message: str = ""
    left: float | None = None


def in_background(work: Callable[..., None], *arguments: Any) -> threading.Thread:
    """Starts a daemon thread that the end of the process waits for, at most `PATIENCE` seconds."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    atexit.register(_wait, thread)
    return thread


def _wait(thread: threading.Thread) -> None:
    ending.set()
    thread.join(PATIENCE)
