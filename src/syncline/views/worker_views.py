"""Makes batches ahead of time in worker processes; the number of workers does not change them.

A batch is a function of (seed, step) alone, so any process may make any batch; the loader hands them out in order.
Workers are spawned, never forked: no thread, lock or open file of the trainer goes with them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from syncline.views.batches import Batch, Views


class WorkerViews:
    """The batches of ``views``, made by ``workers`` processes that run a few batches ahead.

    Args:
        views: what is sent to the workers; it must survive pickling. workers: at least 1. pin: into page-locked memory,
            from which a GPU copies faster.
    """

    def __init__(self, views: Views, *, workers: int, pin: bool = False) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        self.views, self.workers, self.pin = views, workers, pin
        self._batches: Iterator[Batch] | None = None
        self._next = -1

    def batch(self, step: int) -> Batch:
        """The batch of a step. Steps that follow one another are ready; any other one begins anew."""
        if self._batches is None or step != self._next:
            self.close()
            loader: DataLoader[Batch] = DataLoader(
                _Steps(self.views), sampler=_From(step), batch_size=None, num_workers=self.workers, prefetch_factor=2,
                multiprocessing_context="spawn", pin_memory=self.pin,
                generator=torch.Generator(),  # or it would draw from the trainer's, which dropout does
            )  # fmt: skip
            self._batches = iter(loader)
        self._next = step + 1
        return next(self._batches)

    def close(self) -> None:
        """Ends the workers. One that dies while it ends takes nothing with it: its batches are not wanted."""
        stop: Any = getattr(self._batches, "_shutdown_workers", None)
        self._batches = None
        if stop is not None:
            with contextlib.suppress(RuntimeError):  # a worker died; the others are ended anyway
                stop()


class _Steps(Dataset[Batch]):
    def __init__(self, views: Views) -> None:
        self.views = views

    def __getitem__(self, step: int) -> Batch:
        return self.views.batch(step)


class _From(Sampler[int]):
    """All steps from one on, without end."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __iter__(self) -> Iterator[int]:
        step = self.first
        while True:
            yield step
            step += 1
