"""Pairs on a local Ray with two workers: as on one machine, and whole when a worker is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from syncline.alignment.pair_posteriors import PairWork
from syncline.cli.main import main
from syncline.data import Embedding
from syncline.errors import SynclineError
from syncline.progress import Progress
from syncline.ray_cluster import cluster
from syncline.tasks import align_pairs, gather_folder, synchronize
from syncline.tasks.align_on_ray import map_on_ray, pairs_on_ray
from syncline.video import VideoWriter

pytest.importorskip("ray")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.timeout(1800),  # a cluster starts slowly on a busy machine
]


@pytest.fixture(scope="module")
def embeddings() -> list[Embedding]:
    """Nine videos of one course, each at its own speed."""
    made = []
    for i in range(9):
        course = np.linspace(0, 1, 30 + 3 * i) ** (0.7 + 0.1 * i)
        vectors = np.stack([np.cos(5 * course), np.sin(5 * course), course], 1).astype(np.float32)
        made.append(Embedding(vectors, np.arange(len(course)) / 10.0, f"video {i}"))
    return made


def test_no_cluster_is_told() -> None:
    """The first of the file: a connection that stands is used, whatever the address."""
    with pytest.raises(SynclineError, match="no Ray cluster at"), pairs_on_ray("127.0.0.1:1"):
        pass


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """One cluster for all tests; `tests/cli/test_embed_ray.py` lets a verb start its own."""
    with cluster("local", 2) as started:
        yield started


def test_a_cluster_aligns_as_one_machine_does_also_when_a_worker_dies(embeddings: list[Embedding], ray: Any) -> None:
    here = list(align_pairs(embeddings, workers=1))
    with pairs_on_ray() as aligner:

        @ray.remote(max_retries=0)
        def process() -> int:
            return os.getpid()

        victim = ray.get(process.remote())
        there = []
        for number, found in enumerate(aligner(embeddings)):
            if number == 0:
                os.kill(victim, signal.SIGKILL)
            there.append(found)
        on_cluster = synchronize(embeddings, method="star", aligner=aligner)
    assert [found[:2] for found in there] == [found[:2] for found in here]
    for (_, _, one), (_, _, other) in zip(there, here, strict=True):
        np.testing.assert_array_equal(one.path, other.path)
        np.testing.assert_array_equal(one.times, other.times)
        np.testing.assert_array_equal(one.confidence, other.confidence)
    np.testing.assert_array_equal(on_cluster.positions, synchronize(embeddings, method="star").positions)


def test_the_consensus_is_made_on_the_cluster_and_is_the_same(
    embeddings: list[Embedding], ray: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = gather_folder(embeddings).group

    def refused(*_: object) -> None:
        raise AssertionError("a pair was aligned in this process")

    told: list[Progress] = []
    with map_on_ray() as mapper:
        monkeypatch.setattr(PairWork, "__call__", refused)
        there = gather_folder(embeddings, mapper=mapper, callback=told.append).group
    assert [progress.done for progress in told] == list(range(len(embeddings) + 1))
    for i in range(len(embeddings)):
        for j in range(i + 1, len(embeddings)):
            np.testing.assert_array_equal(there.matrix(i, j).toarray(), here.matrix(i, j).toarray())


def test_sync_ray_makes_its_consensus_on_the_cluster(tmp_path: Path, ray: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(4):
        with VideoWriter(tmp_path / "clips" / f"{k}.mp4", height=64, width=64, rate=10) as writer:
            for frame in range(20 + k):
                picture = np.zeros((64, 64, 3), np.uint8)
                picture[2 * frame : 2 * frame + 20, 10:40] = 255
                writer.write(picture, frame / 10)
    asked: list[int] = []
    monkeypatch.setattr(PairWork, "__call__", lambda self, job: asked.append(job[0]))
    words = ["sync", str(tmp_path / "clips"), "--ray", "--no-films", "--figures", "none", "--backbone", "test_resnet"]
    assert main([*words, "--weights", "none", "--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]) == 0
    assert asked == []
    assert (tmp_path / "out" / "timeline.csv").stat().st_size > 100
