"""Aligns many pairs on a Ray cluster, as ``align_pairs`` and ``Consensus`` do on one machine.

The embeddings go to the object store once; a task is a run of pairs, which has no other input and no effect, so Ray
does one again whose worker has died. Results come back in order, and only a few tasks are ahead of what was taken.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from syncline.alignment.pair_posteriors import Job, Mapper, Matrix, PairWork
from syncline.data import Embedding
from syncline.ray_cluster import LOCAL, cluster
from syncline.tasks.align import PairAligner, align_pairs
from syncline.tasks.alignment_result import Alignment

RUN = 32
"""Pairs of one task."""


@contextmanager
def pairs_on_ray(address: str = LOCAL, workers: int = 2) -> Iterator[PairAligner]:
    """Gives a function that is called as ``align_pairs`` and aligns on the cluster; ``synchronize`` takes it.

    Args:
        address, workers: as ``cluster`` takes them.

    Raises:
        SynclineError: Ray is not installed, or the cluster cannot be reached.
    """
    with cluster(address, workers) as ray:
        task = ray.remote(num_cpus=1)(_aligned)

        def aligned(
            embeddings: Sequence[Embedding], pairs: Iterable[tuple[int, int]] | None = None, **options: Any
        ) -> Iterator[tuple[int, int, Alignment]]:
            asked = iter(itertools.combinations(range(len(embeddings)), 2) if pairs is None else pairs)
            shared = ray.put(list(embeddings))
            runs = iter(lambda: list(itertools.islice(asked, RUN)), [])
            for found in _in_order(ray, (task.remote(shared, run, options) for run in runs), 2 * workers):
                yield from found

        yield aligned


@contextmanager
def map_on_ray(address: str = LOCAL, workers: int = 2) -> Iterator[Mapper]:
    """Gives what ``gather_folder`` takes as ``mapper``: the pairs of a consensus are aligned on the cluster.

    Args:
        address, workers: as ``cluster`` takes them.

    Raises:
        SynclineError: Ray is not installed, or the cluster cannot be reached.
    """
    with cluster(address, workers) as ray:
        task = ray.remote(num_cpus=1)(_work_of)

        def mapped(work: PairWork, jobs: Iterable[Job], /) -> Iterator[list[Matrix]]:
            shared = ray.put(work)
            yield from _in_order(ray, (task.remote(shared, job) for job in jobs), 2 * workers)

        yield mapped


def _in_order(ray: Any, tasks: Iterable[Any], ahead: int) -> Iterator[Any]:
    """Results of tasks in the order in which they start, which they do when few are ahead of what was taken."""
    waiting: deque[Any] = deque()
    for task in tasks:
        waiting.append(task)
        if len(waiting) >= ahead:
            yield ray.get(waiting.popleft())
    while waiting:
        yield ray.get(waiting.popleft())


def _work_of(work: PairWork, job: Job) -> list[Matrix]:
    return work(job)


def _aligned(
    embeddings: Sequence[Embedding], pairs: Sequence[tuple[int, int]], options: dict[str, Any]
) -> list[tuple[int, int, Alignment]]:
    return list(align_pairs(embeddings, pairs, workers=1, **options))
