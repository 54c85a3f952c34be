"""The feature cache: what is there is used, what is missing is added, what is broken is made again."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bars import write_bar_codes

import syncline.encoder.feature_cache as room
from syncline.data import Sampling, Video
from syncline.encoder import Backbone, FeatureCache, cache_info, clear_cache, video_of
from syncline.encoder.feature_file import read_features, writing_features
from syncline.errors import SynclineError


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    torch.manual_seed(0)
    return Backbone("test_resnet", weights="none", grid=2)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Video:
    return video_of(write_bar_codes(tmp_path_factory.mktemp("video") / "a.mp4", 40))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of all frames that are decoded from now on."""
    seen: list[int] = []
    plain = room.decoded

    def listening(path: Path, frames: Any, size: tuple[int, int], **options: Any) -> Any:
        seen.extend(int(frame) for frame in frames)
        return plain(path, frames, size, **options)

    monkeypatch.setattr(room, "decoded", listening)
    return seen


def test_frames_are_computed_once(backbone: Backbone, video: Video, tmp_path: Path, decoded: list[int]) -> None:
    cache = FeatureCache(tmp_path, backbone, Sampling(stride=4))
    assert cache.missing(video) == (10, 10)
    first = cache.features(video)
    assert decoded == list(range(0, 40, 4))
    assert first.features.shape == (1, 10, backbone.dim)
    assert cache.missing(video) == (10, 0)
    again = cache.features(video)
    assert len(decoded) == 10
    np.testing.assert_array_equal(first.features, again.features)
    finer = cache.features(video, sampling=Sampling(stride=2))
    assert decoded[10:] == list(range(2, 40, 4)), "only what was missing"
    np.testing.assert_array_equal(finer.features[0, ::2], first.features[0])
    np.testing.assert_allclose(finer.pts_seconds, np.arange(0, 40, 2) / 30, atol=1e-6)
    fresh = FeatureCache(tmp_path / "other", backbone, Sampling(stride=2)).features(video)
    np.testing.assert_allclose(fresh.features.astype(np.float32), finer.features.astype(np.float32), atol=2e-3)


def test_recuts_share_the_features_of_their_source(
    backbone: Backbone, video: Video, tmp_path: Path, decoded: list[int]
) -> None:
    from dataclasses import replace

    cache = FeatureCache(tmp_path, backbone, Sampling(stride=2))
    whole = cache.features(video)
    del decoded[:]
    cut = replace(video, name="cut", frames=np.array([4, 4, 8, 12]))
    found = cache.features(cut)
    assert decoded == []
    np.testing.assert_array_equal(found.features[0], whole.features[0, [2, 2, 4, 6]])
    np.testing.assert_allclose(found.pts_seconds, np.arange(4) / video.frame_rate)


@pytest.mark.parametrize("damage", ["truncated", "empty", "foreign", "scalar", "offsets"])
def test_what_is_broken_is_made_again(damage: str, backbone: Backbone, video: Video, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, backbone, Sampling(stride=8))
    first = np.array(cache.features(video).features)
    (file,) = cache.folder.glob("*.safetensors")
    content = file.read_bytes()
    damaged = {
        "truncated": content[:-20], "empty": b"", "foreign": b"x" * 500, "scalar": (2).to_bytes(8, "little") + b"17 ",
        "offsets": content.replace(b'"data_offsets": [0, 40]', b'"data_offsets": [0    ]'),
    }  # fmt: skip
    assert damaged[damage] != content
    file.write_bytes(damaged[damage])
    np.testing.assert_array_equal(cache.features(video).features, first)
    assert read_features(file, copies=1, dim=backbone.dim) is not None


@pytest.mark.parametrize("mirrored", [False, True])
def test_features_of_version_0_1_stay_unless_the_picture_is_another_one(
    mirrored: bool, backbone: Backbone, tmp_path: Path, decoded: list[int]
) -> None:
    film = write_bar_codes(tmp_path / "film.mp4", 16)
    if mirrored:
        data = film.read_bytes()
        matrix = bytes.fromhex("00010000 00000000 00000000 00000000 00010000")
        at = data.index(matrix, data.index(b"tkhd"))
        film.write_bytes(data[:at] + bytes.fromhex("ffff0000") + data[at + 4 :])
    cache = FeatureCache(tmp_path / "cache", backbone, Sampling(stride=8))
    cache.features(video_of(film))
    (file,) = cache.folder.glob("*.safetensors")
    content = file.read_bytes()
    assert b'"reading": "2"' in content
    file.write_bytes(content.replace(b'"reading": "2"', b'"reading": "1"'))
    del decoded[:]
    assert cache.missing(video_of(film)) == (2, 2 * mirrored)
    cache.features(video_of(film))
    assert decoded == [0, 8] * mirrored


def test_times_kept_by_version_0_1_count_from_the_first_picture(
    backbone: Backbone, video: Video, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path, backbone, Sampling(stride=8))
    before = cache.features(video).pts_seconds
    (file,) = cache.folder.glob("*.safetensors")
    found = read_features(file, copies=1, dim=backbone.dim)
    assert found is not None
    shape, grid = (1, *found.features.shape[1:]), np.array(found.features)
    with writing_features(
        file, shape=shape, frame_indices=found.frame_indices, pts_seconds=found.pts_seconds + 0.021
    ) as writer:
        writer.write(0, 0, grid[0])
    np.testing.assert_allclose(cache.features(video).pts_seconds, before)


def test_copies_take_the_plain_features_that_are_there(backbone: Backbone, video: Video, tmp_path: Path) -> None:
    FeatureCache(tmp_path, backbone, Sampling(stride=8)).features(video)
    cache = FeatureCache(tmp_path, backbone, Sampling(stride=8), copies=2)
    fresh = FeatureCache(tmp_path / "fresh", backbone, Sampling(stride=8), copies=2).features(video).features
    computed: list[int] = []
    hook = backbone.register_forward_hook(lambda module, inputs, maps: computed.append(len(maps)))
    found = cache.features(video).features
    hook.remove()
    assert sum(computed) == found.shape[1], "the plain copy is not computed again"
    np.testing.assert_array_equal(found, fresh)


def test_augmented_copies_are_drawn_once_and_stay(backbone: Backbone, video: Video, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "a", backbone, Sampling(stride=8), copies=3)
    found = cache.features(video).features
    assert found.shape[0] == 3
    assert not np.array_equal(found[1], found[2])
    other = FeatureCache(tmp_path / "b", backbone, Sampling(stride=8), copies=3).features(video).features
    np.testing.assert_array_equal(found, other)
    plain = FeatureCache(tmp_path / "a", backbone, Sampling(stride=8))
    assert plain.missing(video)[1] == 0, "the plain ones stand in the file with copies"
    np.testing.assert_array_equal(plain.features(video).features[0], found[0])


def test_another_backbone_has_features_of_its_own(backbone: Backbone, video: Video, tmp_path: Path) -> None:
    torch.manual_seed(1)
    other = Backbone("test_resnet", weights="none", grid=2)
    first, second = (FeatureCache(tmp_path, one, Sampling(stride=8)) for one in (backbone, other))
    assert first.folder != second.folder
    first.features(video)
    assert second.missing(video)[1] == 5
    second.backbone.load_state_dict(backbone.state_dict())
    assert second.missing(video)[1] == 0, "what a backbone computes now is what counts"


def test_a_cache_that_cannot_be_written_is_used_from_memory(
    backbone: Backbone, video: Video, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    found = FeatureCache(tmp_path / "file", backbone, Sampling(stride=8)).features(video)
    assert found.features.shape == (1, 5, backbone.dim)
    assert "cannot be kept" in caplog.text


def test_estimate_counts_a_source_once(backbone: Backbone, video: Video) -> None:
    cache = FeatureCache("unused", backbone, Sampling(stride=4))
    frames, size = cache.estimate([video, video])
    assert frames == 10
    assert size == 10 * backbone.dim * 2


def test_listing_and_clearing(backbone: Backbone, video: Video, tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path, backbone, Sampling(stride=8))
    cache.features(video)
    (tmp_path / "letter.txt").write_text("dear")
    (entry,) = cache_info(tmp_path)
    assert (entry.backbone, entry.files) == ("test_resnet", 1)
    assert clear_cache(tmp_path) == entry.bytes > 0
    assert os.listdir(tmp_path) == ["letter.txt"]


def test_what_cannot_be_cached_or_read_is_told(backbone: Backbone, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        FeatureCache(tmp_path, Backbone("test_resnet", weights="none", trainable="all"))
    with pytest.raises(ValueError, match="copies"):
        FeatureCache(tmp_path, backbone, copies=0)
    (tmp_path / "no.mp4").write_bytes(b"no video")
    with pytest.raises(SynclineError, match=r"no\.mp4"):
        video_of(tmp_path / "no.mp4")


def test_many_videos_come_in_order_and_share_their_source(
    backbone: Backbone, video: Video, tmp_path: Path, decoded: list[int]
) -> None:
    other = video_of(write_bar_codes(tmp_path / "other.mp4", 20))
    late, early = (
        replace(video, frames=np.arange(start, start + 20), name=f"from {start}") for start in (20, 0)
    )  # two re-cuts of one file, which are not computed at once
    cache = FeatureCache(tmp_path / "features", backbone, Sampling(stride=1))
    found = list(cache.features_of([late, other, early]))
    assert [one.name for one, _ in found] == [late.name, other.name, early.name]
    assert len(decoded) == 60
    assert set(found[0][1].frame_indices) == set(range(20, 40))
    assert set(found[2][1].frame_indices) == set(range(20))
    for one, features in found:
        np.testing.assert_array_equal(features.features, cache.features(one).features)


def test_of_many_videos_the_one_that_cannot_be_read_is_told(backbone: Backbone, video: Video, tmp_path: Path) -> None:
    broken = replace(video, path=tmp_path / "none.mp4")
    cache = FeatureCache(tmp_path / "features", backbone, Sampling(stride=8))
    told: list[str] = []
    found = cache.features_of([video, broken, video], failed=lambda one, error: told.append(str(error)))
    assert [one for one, _ in found] == [video, video]
    assert len(told) == 1
    assert "none.mp4" in told[0]
    with pytest.raises(SynclineError, match=r"none\.mp4"):
        list(cache.features_of([video, broken, video]))


def test_who_leaves_does_not_wait_for_a_long_film(
    backbone: Backbone, video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = video_of(write_bar_codes(tmp_path / "long.mp4", 20))
    plain, given = room.decoded, itertools.count()

    def very_long(path: Path, frames: Any, size: tuple[int, int]) -> Any:
        first = next(plain(path, frames, size))
        for _ in range(5000):
            next(given)
            yield first

    cache = FeatureCache(tmp_path / "features", backbone, Sampling(stride=20))
    cache.features(video)
    monkeypatch.setattr(room, "decoded", very_long)
    found = cache.features_of([video, long])
    next(found)
    found.close()
    assert next(given) < 5000
    assert cache.missing(long) == (1, 1)


def test_a_folder_may_have_more_videos_than_files_can_be_open(
    backbone: Backbone, video: Video, tmp_path: Path, few_files: None
) -> None:
    cache = FeatureCache(tmp_path, backbone, Sampling(stride=8))
    found = [features for _, features in cache.features_of([video] * 400)]
    assert all((one.features == found[0].features).all() for one in found)
