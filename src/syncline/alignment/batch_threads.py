"""Runs slices of a batch on torch's number of threads; kernels release the interpreter's lock.

Not numba's own parallel loops: their OpenMP layer kills forked DataLoader workers and fights torch's threads.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

FEW_CELLS = 100_000
"""Below so many cells a second thread costs more than it gives."""

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def in_slices(work: Callable[[int, int], None], count: int, cells: int) -> None:
    """Call ``work(start, stop)`` so that all of ``range(count)`` is done; in threads where ``cells`` are many."""
    workers = min(torch.get_num_threads(), count)
    if workers < 2 or cells < FEW_CELLS:
        if count:
            work(0, count)
        return
    key = (os.getpid(), workers)  # a forked child has no threads of its parent's
    pool = _pools.get(key)
    if pool is None:
        pool = _pools[key] = ThreadPoolExecutor(workers, thread_name_prefix="syncline-alignment")
    # more slices than threads: ragged lengths even out
    edges = (
        [count * i // (4 * workers) for i in range(4 * workers + 1)] if count >= 4 * workers else list(range(count + 1))
    )
    for future in [pool.submit(work, start, stop) for start, stop in itertools.pairwise(edges) if stop > start]:
        future.result()
