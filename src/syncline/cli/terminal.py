"""Prints what the verbs say: results on stdout, progress and warnings on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from syncline.progress import NOTICE, Steps, silent

if TYPE_CHECKING:
    from syncline.progress import Progress

PATIENCE = 0.3
"""Seconds of work before a bar is drawn: what is done at once needs none (and no import of what draws it)."""


class Bars:
    """Draws a bar for every phase of a ``Progress`` that lasts, on stderr, with its message.

    Notices are printed. In a file or a pipe there are no bars, nor the empty lines that taking them away would leave.

    Args:
        transient: the bars are taken away at the end.
    """

    def __init__(self, *, transient: bool = True) -> None:
        self._transient = transient
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._began = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Shows how far the work is."""
        if progress.phase == NOTICE:
            warn(progress.message)
        else:
            self.draw(progress, progress.phase, progress.message)

    def draw(self, progress: Progress, name: str, note: str) -> None:
        """Draws the bar of this name as far as the work is, with a note behind it."""
        if self._bars is None:
            if not sys.stderr.isatty() or time.monotonic() - self._began < PATIENCE:
                return
            self._bars = _bars(self._transient)
            self._bars.start()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, note="")
        self._bars.update(self._tasks[name], completed=progress.done, total=progress.total or None, note=note)

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()


def _bars(transient: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.table import Column

    note = TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), note,
        console=Console(stderr=True), transient=transient,
    )  # fmt: skip


@contextmanager
def progress(phase: str, total: int) -> Iterator[Steps]:
    """A bar on stderr; gives what moves it by one."""
    with Bars() as bars:
        yield Steps(phase, total, bars if total > 0 else silent)


def say(text: str) -> None:
    """A line of results on stdout."""
    print(text)


def warn(text: str) -> None:
    """A line that is no result, on stderr."""
    print(f"syncline: {text}", file=sys.stderr)
