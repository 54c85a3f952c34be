"""Pairs on a local Ray with two workers: as on one machine, and whole when a worker is killed."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.ray_cluster import cluster
from syncline.tasks import align_pairs, synchronize
from syncline.tasks.align_on_ray import pairs_on_ray

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def embeddings() -> list[Embedding]:
    """Nine videos of one course, each at its own speed."""
    made = []
    for i in range(9):
        course = np.linspace(0, 1, 30 + 3 * i) ** (0.7 + 0.1 * i)
        vectors = np.stack([np.cos(5 * course), np.sin(5 * course), course], 1).astype(np.float32)
        made.append(Embedding(vectors, np.arange(len(course)) / 10.0, f"video {i}"))
    return made


def test_a_cluster_aligns_as_one_machine_does_also_when_a_worker_dies(embeddings: list[Embedding]) -> None:
    here = list(align_pairs(embeddings, workers=1))
    with cluster("local", 2) as ray, pairs_on_ray() as aligner:

        @ray.remote(max_retries=0)
        def process() -> int:
            return os.getpid()

        victim = ray.get(process.remote())
        there = []
        for number, found in enumerate(aligner(embeddings)):
            if number == 0:
                os.kill(victim, signal.SIGKILL)
            there.append(found)
        on_cluster = synchronize(embeddings, aligner=aligner)
    assert [found[:2] for found in there] == [found[:2] for found in here]
    for (_, _, one), (_, _, other) in zip(there, here, strict=True):
        np.testing.assert_array_equal(one.path, other.path)
        np.testing.assert_array_equal(one.times, other.times)
        np.testing.assert_array_equal(one.confidence, other.confidence)
    np.testing.assert_array_equal(on_cluster.positions, synchronize(embeddings).positions)


def test_no_cluster_is_told() -> None:
    with pytest.raises(SynclineError, match="no Ray cluster at"), pairs_on_ray("127.0.0.1:1"):
        pass
