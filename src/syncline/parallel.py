"""Runs work on several threads with results in order, and tells whether this is rank 0."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4
"""Items a worker that are begun before their results are asked for."""


def results_in_order(items: Iterable[T], work: Callable[[T], R], *, workers: int | None = None) -> Iterator[R]:
    """The results of ``work`` in the order of the items, computed on threads a little ahead of the reader.

    Args:
        items: taken one by one, never more than ``AHEAD`` a worker beyond what was read.
        work: called with an item, on any thread. An exception is raised where its result would have come.
        workers: threads; one a core by default. With one everything happens on the caller's thread.

    A reader that stops early waits for the items that have begun; those that have not are dropped.

    Examples:
        >>> list(results_in_order([3, 1, 2], lambda x: x * x, workers=2))
        [9, 1, 4]
    """
    threads = max(1, os.cpu_count() or 1) if workers is None else workers
    if threads < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="syncline") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                while waiting and (waiting[0].done() or len(waiting) >= AHEAD * threads):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def is_main_process() -> bool:
    """Whether this is rank 0 of the processes that torchrun or accelerate started, or the only one."""
    return os.environ.get("RANK", "0") == "0"
