"""Ctrl-C and SIGTERM: finishes the current step, saves, then stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class TrainingStopped(KeyboardInterrupt):
    """Somebody ended training; it was saved before.

    Attributes:
        signal: which came. step: steps that are saved. run: the folder, or "".
    """

    def __init__(self, signal_number: int, step: int = 0, run: str = "") -> None:
        super().__init__(f"training was ended at step {step}" + (f"; {run} can be resumed" if run else ""))
        self.signal, self.step, self.run = signal_number, step, run


class Stop:
    """Whether training was asked to end. ``at_once``: an exception where it is, for work that needs no saving."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.at_once = True

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """The handler."""
        if self.at_once or self.signal is not None:  # a second Ctrl-C does not wait
            raise TrainingStopped(number)
        self.signal = number


@contextmanager
def catching_stops() -> Iterator[Stop]:
    """While it lasts, SIGINT and SIGTERM go to the ``Stop``. Outside of the main thread nothing is caught."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before: dict[int, Any] = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
