"""`Progress`: how every long function reports how far it is.

A long function takes ``callback: Callback = silent`` and calls it with a ``Progress``; the command line draws a bar, a
page shows it, a notebook prints it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from syncline.wording import spoken


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is.

    Attributes:
        phase: what is being done, in a word or two ("embedding", "writing films").
        done, total: steps; ``total`` 0 where it is not known.
        message: what a person should know about this step; often "".
        rate: steps a second; None before it is known.
        seconds_left: of this phase; None before it is known.
    """

    phase: str
    done: int = 0
    total: int = 0
    message: str = ""
    rate: float | None = None
    seconds_left: float | None = None


Callback = Callable[[Progress], None]


NOTICE = "notice"
"""The phase of a `notice`."""


def notice(text: str) -> Progress:
    """A line that people should read, and that is no step: the command line prints it."""
    return Progress(NOTICE, message=text)


PATIENCE = 5.0
"""Work that takes more seconds is announced."""


def announce(callback: Callback, work: str, seconds: float) -> None:
    """A `notice` before long work, whose results are kept, of how long it takes; nothing where it is short.

    Examples:
        >>> announce(lambda told: print(told.message), "finding poses", 130.0)
        finding poses takes about 2 min; what is found is kept
    """
    if seconds > PATIENCE:
        callback(notice(f"{work} takes about {spoken(seconds)}; what is found is kept"))


def silent(progress: Progress) -> None:
    """The callback of those who do not want to know."""


class Steps:
    """Counts the steps of one phase and tells the callback after each, with the rate and the time left.

    Examples:
        >>> told = []
        >>> step = Steps("embedding", 2, told.append)
        >>> step("a.mp4"); step()
        >>> [(p.phase, p.done, p.total, p.message) for p in told]
        [('embedding', 0, 2, ''), ('embedding', 1, 2, 'a.mp4'), ('embedding', 2, 2, '')]
    """

    def __init__(self, phase: str, total: int, callback: Callback = silent) -> None:
        self.phase, self.total, self.done = phase, total, 0
        self._callback, self._began = callback, time.monotonic()
        callback(Progress(phase, 0, total))

    def __call__(self, message: str = "") -> None:
        """One more step is done."""
        self.done += 1
        seconds = time.monotonic() - self._began
        rate = self.done / seconds if seconds > 0 else None
        left = (self.total - self.done) / rate if rate is not None and self.total else None
        self._callback(Progress(self.phase, self.done, self.total, message, rate, left))
