"""Embedding on a local Ray with two workers: equal to one process, resumable, and whole when a worker is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bars import write_bar_codes

from syncline.data import Sampling
from syncline.encoder import EmbeddingStore, EncoderConfig, FrameEncoder
from syncline.encoder.embed_on_ray import embed_on_ray
from syncline.encoder.embedding_store import stored
from syncline.encoder.saving_and_hub import save_encoder
from syncline.progress import Progress
from syncline.ray_cluster import cluster

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    config = EncoderConfig(backbone="test_resnet", weights="none", sampling=Sampling(stride=4))
    save_encoder(FrameEncoder(config).eval(), folder)
    return folder


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("videos")
    paths = [folder / f"{number}.mp4" for number in range(6)]
    for number, path in enumerate(paths):
        write_bar_codes(path, 40 + number)
    return paths


@pytest.fixture(scope="module", autouse=True)
def ray() -> Iterator[None]:
    """One cluster for all tests; `tests/cli/test_embed_ray.py` lets the verb start its own."""
    with cluster("local", 2):
        yield


def children_named(word: str) -> list[int]:
    """Processes that this one started, or those that it started, with `word` in their command line."""
    table = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    parents = {int(pid): int(parent) for pid, parent, *_ in rows}

    def ours(pid: int) -> bool:
        while pid in parents:
            pid = parents[pid]
            if pid == os.getpid():
                return True
        return False

    return [int(pid) for pid, _, *words in rows if words and word in words[0] and ours(int(pid))]


def test_a_killed_worker_costs_a_retry_and_no_row(run: Path, videos: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    killed: list[int] = []

    def kill_once(progress: Progress) -> None:
        workers = children_named("ray::MapWorker")
        if progress.done and not killed and workers:
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

    with EmbeddingStore(tmp_path / "out", made_by="test") as store:
        failed = embed_on_ray([*videos, broken], run=run, store=store, workers=2, callback=kill_once)
    assert killed, "no worker was found to kill"
    assert [path for path, _ in failed] == [str(broken)]
    lines = [line.source for line in stored(tmp_path / "out")]
    assert sorted(lines) == sorted(str(path) for path in videos)
    alone = FrameEncoder.from_pretrained(run).embed(videos)
    by_source = {embedding.source: embedding for embedding in EmbeddingStore.read(tmp_path / "out")}
    for expected in alone:
        np.testing.assert_allclose(by_source[expected.source].vectors, expected.vectors, atol=1e-5)
        np.testing.assert_array_equal(by_source[expected.source].pts_seconds, expected.pts_seconds)


def test_what_is_there_is_not_computed_again(run: Path, videos: list[Path], tmp_path: Path) -> None:
    done: list[str] = []
    with EmbeddingStore(tmp_path / "out") as store:
        for embedding in FrameEncoder.from_pretrained(run).embed(videos[:5]):
            store.write(embedding)
        store.flush()
        embed_on_ray(
            videos,
            run=run,
            store=store,
            workers=1,
            callback=lambda told: done.extend([told.message] if told.done else []),
        )
    assert done == [str(videos[5])]
