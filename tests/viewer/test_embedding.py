"""Embedding in the background, and what is computed from embeddings."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from viewing import known_embedding, make_library, until

from syncline.data import Embedding, Video, open_videos
from syncline.errors import SynclineError
from syncline.tasks import deviate_from_group
from syncline.viewer.background_threads import in_background
from syncline.viewer.embedding_queue import LONGEST, EmbeddingQueue, thinned
from syncline.viewer.embedding_sources import Given, Kept, Trained
from syncline.viewer.library import Library
from syncline.viewer.page_analysis import Analysis


def test_wanted_videos_come_first_and_old_embeddings_serve(folder: Path) -> None:
    videos, gate, order = open_videos(folder), threading.Event(), []

    def slowly(video: Video) -> Embedding:
        gate.wait(30)
        order.append(video.name)
        return known_embedding(video)

    changes: list[int] = []
    embedder = EmbeddingQueue(videos, lambda: changes.append(1))
    embedder.start(Given(slowly, "slow"))
    with pytest.raises(SynclineError, match="still being embedded"):
        embedder.all()
    with pytest.raises(SynclineError, match="wait"):
        embedder.start(Given(known_embedding))
    asked = threading.Thread(target=embedder.of, args=([2, 0],))
    asked.start()
    until(lambda: embedder.wanted == [2, 0])
    gate.set()
    asked.join(30)
    until(lambda: embedder.ready)
    assert order.index("two.mp4") <= 1  # number 2, ahead of number 1 (number 0 may have begun already)
    assert (embedder.generation, embedder.source_name, changes) == (1, "slow", [1])
    first = embedder.all()
    embedder.start(Given(known_embedding, "trained"))
    assert embedder.all().keys() == first.keys()
    until(lambda: embedder.generation == 2)
    assert embedder.source_name == "trained"


def test_one_bad_video_is_left_out_and_all_bad_fails(folder: Path) -> None:
    def picky(video: Video) -> Embedding:
        if video.name == "one.mp4":
            raise SynclineError("one.mp4: cannot be decoded")
        return known_embedding(video)

    def never(video: Video) -> Embedding:
        raise SynclineError("no weights here")

    embedder = EmbeddingQueue(open_videos(folder), lambda: None)
    embedder.start(Given(picky))
    until(lambda: embedder.ready)
    assert sorted(embedder.all()) == [1, 2]
    with pytest.raises(SynclineError, match=r"one\.mp4"):
        embedder.of([0, 1])
    embedder = EmbeddingQueue(open_videos(folder), lambda: None)
    embedder.start(Given(never))
    until(lambda: embedder.progress.state == "failed")
    assert embedder.progress.message == "no weights here"
    with pytest.raises(SynclineError, match="no weights"):
        embedder.of([0, 1])


def analysis_of(library: Library, embed: Callable[[Video], Embedding]) -> Analysis:
    """What is computed from given embeddings, once they are there."""
    embedder = EmbeddingQueue(library.videos, lambda: None)
    embedder.start(Given(embed))
    until(lambda: embedder.ready)
    return Analysis(library, embedder)


def test_a_cell_of_the_matrix_is_the_mean_cosine_of_its_frames(folder: Path, tmp_path: Path) -> None:
    """1000 frames across become 384 runs of two or three; up there is one frame a row."""
    generator = np.random.default_rng(0)
    long, short = generator.normal(size=(1000, 5)).astype(np.float32), np.eye(5, dtype=np.float32)
    library = make_library(folder, tmp_path / "work")
    analysis = analysis_of(
        library,
        lambda video: (
            Embedding(long, np.arange(1000) / 10, "x")
            if library.numbers[video.name] == 0
            else Embedding(short, np.arange(5) / 10, "y")
        ),
    )
    cells, extent = analysis.matrix(0, 1)
    assert cells.shape == (5, 384)
    assert extent == (0.0, 99.9, 0.0, 0.4)
    unit = long / np.linalg.norm(long, axis=1, keepdims=True)
    starts = [*np.linspace(0, 1000, 384, endpoint=False).astype(int), 1000]
    means = np.stack([unit[start:end].mean(0) for start, end in itertools.pairwise(starts)], axis=1)
    seen = (cells > 0) & (cells < 255)  # the rest is beyond what the colours span
    assert seen.mean() > 0.8
    assert np.corrcoef(cells[seen], means[seen])[0, 1] > 0.9999


def test_long_video_is_answered_with_a_reduced_matrix(folder: Path, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(27_000, 8)).astype(np.float32)
    hour = Embedding(vectors, np.arange(27_000) / 7.5, "hour")
    assert len(thinned(hour)) == LONGEST
    analysis = analysis_of(make_library(folder, tmp_path / "work"), lambda video: hour)
    cells, extent = analysis.matrix(0, 1)
    assert cells.shape == (384, 384)
    assert extent[1] == pytest.approx(26_999 / 7.5)
    part, window = analysis.matrix(0, 1, (10.0, 20.0, 0.0, 3600.0))
    assert part.shape == (384, 76)
    assert 10.0 <= window[0] <= window[1] <= 20.0


def test_embeddings_of_a_folder_are_kept_until_a_file_changes(folder: Path, tmp_path: Path) -> None:
    videos = open_videos(folder).videos
    asked: list[str] = []

    def counted(video: Video) -> Embedding:
        asked.append(video.name)
        return known_embedding(video)

    def through(names: str = "known") -> list[Embedding]:
        kept = Kept(Given(counted, names), tmp_path / "kept", lambda: videos)
        for video in videos:
            kept.prepare(video)
        return kept.embed(videos, whole=True)

    first, again = through(), through()
    assert len(asked) == len(videos)
    assert all(np.array_equal(x.vectors, y.vectors) for x, y in zip(first, again, strict=True))
    through("another")
    assert len(asked) == 2 * len(videos)
    (tmp_path / "kept" / "manifest.jsonl").write_text("broken\n")
    through("another")
    assert len(asked) == 3 * len(videos)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SynclineError("another process writes")])
def test_what_cannot_be_kept_is_shown_all_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    videos = open_videos(folder).videos
    kept = Kept(Given(known_embedding), tmp_path / "kept", lambda: videos)
    for video in videos:
        kept.prepare(video)
    monkeypatch.setattr("syncline.encoder.EmbeddingStore.write", full)
    assert len(kept.embed(videos, whole=True)) == 3
    if isinstance(error, OSError):
        monkeypatch.setattr("syncline.viewer.library.replacing", full)
        assert make_library(folder, tmp_path / "work").strip(0)


def test_a_ranking_of_old_embeddings_is_dropped(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library, begun, gate = make_library(folder, tmp_path / "work"), threading.Event(), threading.Event()

    def waiting(*given: Any, **options: Any) -> Any:
        begun.set()
        gate.wait(30)
        return deviate_from_group(*given, **options)

    monkeypatch.setattr("syncline.tasks.deviate_from_group", waiting)
    embedder = EmbeddingQueue(library.videos, lambda: analysis.changed())
    analysis = Analysis(library, embedder)
    threads = []
    monkeypatch.setattr("syncline.viewer.page_analysis.in_background", lambda *w: threads.append(in_background(*w)))
    for generation in (1, 2):
        if generation == 2:
            analysis.rank()
            begun.wait(30)
        embedder.start(Given(known_embedding))
        until(lambda: embedder.generation == generation and embedder.progress.state == "ready")  # noqa: B023
        until(lambda: analysis.ranking.state == "idle")
    gate.set()
    threads[0].join(30)
    assert (analysis.oddness, analysis.ranking.state, analysis.rankings) == ({}, "idle", 0)
    analysis.rank()
    threads[1].join(30)
    assert (sorted(analysis.oddness), analysis.ranking.state, analysis.rankings) == ([0, 1, 2], "ready", 1)


def test_a_run_that_has_embedded_nothing_yet_puts_nothing_beside_what_is_shown(tmp_path: Path) -> None:
    """As when a new run is loaded while the page still shows the embeddings of the one before it."""
    video = Video(tmp_path / "a.mp4", "a.mp4", "a.mp4", 10, 15.0)
    assert Trained(tmp_path / "run").beside_frozen([video], scenes_must_differ=False) is None
