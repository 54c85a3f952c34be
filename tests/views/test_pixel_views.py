"""Batches from pixels: the store holds what the files show, and workers change nothing."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bars import write_bar_codes
from torch.utils.data import DataLoader

from syncline.data import Sampling, VideoSet, open_videos
from syncline.errors import SynclineError
from syncline.video import VideoReader
from syncline.views import Batch, PixelStore, PixelViews, ViewConfig, WorkerViews, worker_views
from syncline.views.batches import with_augmentation

SIZE = (24, 32)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(3):
        write_bar_codes(folder / f"{number}.mp4", 20 + 3 * number)
    return open_videos(folder)


def views(videos: VideoSet, store: PixelStore | None = None, pipeline: str = "ssl") -> PixelViews:
    config = ViewConfig(num_frames=4, batch_size=2, pipeline=pipeline, flip=True)  # type: ignore[arg-type]
    return PixelViews(
        videos.videos, Sampling(stride=2), config, size=SIZE, seed=3, contexts=2, context_stride=1, store=store
    )


def same(one: Batch, other: Batch) -> bool:
    parts = ("inputs", "steps", "frames", "masks", "video")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in parts)


def test_the_store_holds_every_frame_once(videos: VideoSet, tmp_path: Path) -> None:
    store = PixelStore(SIZE, tmp_path)
    lacking, size = store.missing(videos.videos)
    assert [video.name for video in lacking] == [video.name for video in videos]
    assert size == (20 + 23 + 26) * 24 * 32 * 3
    path = store.add(videos[1])
    written = path.stat().st_mtime_ns
    pictures = store.pictures(path)
    expected = VideoReader(videos[1].path, size=SIZE).frames(np.arange(23)).pixels
    np.testing.assert_array_equal(pictures, expected)
    assert pictures.dtype == np.uint8
    assert not pictures.flags.owndata
    store.add(videos[1])
    assert path.stat().st_mtime_ns == written, "found again, not written again"
    assert len(store.missing(videos.videos)[0]) == 2
    assert [file.name for file in tmp_path.rglob("*.npy")] == [path.name]


@pytest.mark.parametrize("content", [b"", b"zeros" * 99, None], ids=["empty", "foreign", "cut short"])
def test_a_file_of_the_store_that_is_not_whole_is_made_again(
    content: bytes | None, videos: VideoSet, tmp_path: Path
) -> None:
    store = PixelStore(SIZE, tmp_path)
    path = store.add(videos[0])
    whole = path.read_bytes()
    path.write_bytes(whole[:-50] if content is None else content)
    assert [video.name for video in store.missing(videos.videos[:1])[0]] == [videos[0].name]
    assert store.add(videos[0]).read_bytes() == whole


def test_a_video_that_changed_is_decoded_anew(videos: VideoSet, tmp_path: Path) -> None:
    import shutil
    from dataclasses import replace

    store = PixelStore(SIZE, tmp_path / "store")
    moved = replace(videos[0], path=tmp_path / "moved.mp4")
    shutil.copy(videos[0].path, moved.path)
    store.add(moved)
    assert store.holds(videos[0]), "the same content under another name"
    shutil.copy(videos[1].path, moved.path)
    assert not store.holds(moved)
    assert len(store.pictures(store.add(moved))) == videos[1].num_frames


def test_the_cache_verb_lists_and_clears_decoded_pictures(
    videos: VideoSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from syncline.cli.main import main

    monkeypatch.setenv("SYNCLINE_CACHE", str(tmp_path))
    path = PixelStore(SIZE).add(videos[0])
    main(["cache"])
    assert f"{tmp_path / 'pictures'}, decoded pictures: 1 video, " in capsys.readouterr().out
    main(["cache", "clear", "--backbone", "other"])
    assert path.exists()
    main(["cache", "clear"])
    assert not path.exists()


def test_batches_from_the_store_are_those_of_the_files(videos: VideoSet, tmp_path: Path) -> None:
    store = PixelStore(SIZE, tmp_path)
    for video in videos:
        store.add(video)
    for pipeline in ("ssl", "none"):
        for step in range(3):
            batch = views(videos, store, pipeline).batch(step)
            assert batch.inputs.shape == (2, 2, 4, 2, 3, *SIZE)
            assert batch.inputs.dtype == torch.uint8
            assert same(batch, views(videos, None, pipeline).batch(step))


def test_augmentation_left_to_the_device_is_that_of_the_workers(videos: VideoSet) -> None:
    for pipeline in ("ssl", "plain"):
        own = views(videos, pipeline=pipeline)
        other = views(videos, pipeline=pipeline)
        other.later = True
        for step in range(3):
            batch, plain = own.batch(step), other.batch(step)
            assert batch.draws is None
            assert plain.draws is not None
            assert not torch.equal(plain.inputs, batch.inputs)
            assert torch.equal(with_augmentation(plain.inputs, plain.draws, other.config), batch.inputs)
            second = plain.part(1, 2)
            assert second.draws is not None
            assert torch.equal(with_augmentation(second.inputs, second.draws, other.config), batch.inputs[1::2])


@pytest.mark.slow
@pytest.mark.parametrize("stored", [False, True])
def test_workers_change_nothing(stored: bool, videos: VideoSet, tmp_path: Path) -> None:
    store = PixelStore(SIZE, tmp_path) if stored else None
    for video in videos:
        if store is not None:
            store.add(video)
    alone = views(videos, store)
    alone.batch(0)  # files are open now; they do not travel
    with_workers = WorkerViews(alone, workers=1 if stored else 2)
    try:
        for step in range(5, 7 if stored else 9):  # a run that is resumed
            assert same(with_workers.batch(step), alone.batch(step))
    finally:
        with_workers.close()


class _DiesAtItsEnd:
    """Torch's batches, one of whose workers dies while they are ended."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches

    def __next__(self) -> Batch:
        return next(self.batches)  # type: ignore[no-any-return]

    def _shutdown_workers(self) -> None:  # torch's name
        self.batches._shutdown_workers()
        raise RuntimeError("DataLoader worker (pid 1) is killed by signal: Aborted.")


class _Loader(DataLoader[Batch]):
    def __iter__(self) -> Any:
        return _DiesAtItsEnd(super().__iter__())


@pytest.mark.slow
def test_a_worker_that_dies_at_its_end_takes_nothing_with_it(videos: VideoSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_views, "DataLoader", _Loader)
    own, before = views(videos), {*multiprocessing.active_children()}
    with_workers = WorkerViews(own, workers=1)
    assert same(with_workers.batch(5), own.batch(5))
    assert {*multiprocessing.active_children()} > before
    assert same(with_workers.batch(2), own.batch(2))  # begins elsewhere, and so with new workers
    with_workers.close()
    assert {*multiprocessing.active_children()} <= before


def test_what_travels_to_a_worker_is_small(videos: VideoSet) -> None:
    own = views(videos)
    before = own.batch(0)
    sent = pickle.dumps(own)
    assert len(sent) < 20_000
    assert same(pickle.loads(sent).batch(0), before)
    with pytest.raises(ValueError, match="workers must be at least 1"):
        WorkerViews(own, workers=0)


def test_a_video_that_cannot_be_decoded_leaves_nothing(videos: VideoSet, tmp_path: Path) -> None:
    import shutil
    from dataclasses import replace

    broken = tmp_path / "broken.mp4"
    shutil.copy(videos[0].path, broken)
    broken.write_bytes(broken.read_bytes()[:200])
    store = PixelStore(SIZE, tmp_path / "store")
    with pytest.raises(SynclineError):
        store.add(replace(videos[0], path=broken))
    assert not list((tmp_path / "store").rglob("*.npy"))


def test_more_videos_than_files_can_be_open(videos: VideoSet, tmp_path: Path, few_files: None) -> None:
    store = PixelStore(SIZE, tmp_path)
    path = store.add(videos[0])
    found = [store.pictures(path) for _ in range(400)]
    assert all((pictures == found[0]).all() for pictures in found)
