"""What is measured on a folder holds until it is measured anew: a clip that comes later moves no earlier vector."""

from __future__ import annotations

import shutil
from pathlib import Path

import keypoint_forms as forms
import numpy as np
import pytest
import torch
from bars import write_bar_codes

from syncline.data import Embedding, Sampling, open_videos
from syncline.encoder import Backbone, FeatureCache, folder_embeddings, kept_fit
from syncline.encoder.folder_features import FolderBodies
from syncline.pose import PoseOptions
from syncline.progress import NOTICE, Progress
from syncline.video import VideoReader


def notices(told: list[Progress]) -> list[str]:
    return [progress.message for progress in told if progress.phase == NOTICE]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [write_bar_codes(folder / f"{count}.mp4", count) for count in (20, 30, 40, 50)]


@pytest.fixture
def folder(tmp_path: Path, clips: list[Path]) -> Path:
    target = tmp_path / "clips"
    target.mkdir()
    for clip in clips[:3]:
        shutil.copy(clip, target)
    return target


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    torch.manual_seed(0)
    return FeatureCache(tmp_path / "features", Backbone("test_resnet", weights="none"))


def test_a_clip_added_changes_no_earlier_vector_until_refit(
    folder: Path, cache: FeatureCache, clips: list[Path]
) -> None:
    before, fit = folder_embeddings(list(open_videos(folder)), cache, folder=folder)
    shutil.copy(clips[3], folder / "zz-new.mp4")
    told: list[Progress] = []
    after, kept = folder_embeddings(list(open_videos(folder)), cache, folder=folder, callback=told.append)
    for one, other in zip(before, after[:3], strict=True):
        np.testing.assert_array_equal(one.vectors, other.vectors)
    assert kept.contents == fit.contents
    assert len(after) == 4
    (due,) = notices(told)
    assert "1 of 4 clips" in due
    assert "--refit" in due
    anew, fresh = folder_embeddings(list(open_videos(folder)), cache, folder=folder, refit=True, callback=told.append)
    assert len(fresh.contents) == 4
    assert not np.allclose(anew[0].vectors, before[0].vectors)
    assert notices(told) == [due]


def test_other_clips_under_an_old_name_are_measured_anew(folder: Path, cache: FeatureCache, clips: list[Path]) -> None:
    _, fit = folder_embeddings(list(open_videos(folder)), cache, folder=folder)
    for path in folder.iterdir():
        path.unlink()
    shutil.copy(clips[3], folder)
    _, fresh = folder_embeddings(list(open_videos(folder)), cache, folder=folder)
    assert not set(fresh.contents) & set(fit.contents)


def test_without_a_folder_nothing_is_kept_and_a_broken_file_is_measured_anew(folder: Path, cache: FeatureCache) -> None:
    videos = list(open_videos(folder))
    _, fit = folder_embeddings(videos, cache)
    assert kept_fit(folder, cache, fit.contents) is None
    folder_embeddings(videos, cache, folder=folder)
    assert kept_fit(folder, cache, fit.contents) is not None
    for path in (cache.folder / "folders").iterdir():
        path.write_bytes(b"half a file")
    assert kept_fit(folder, cache, fit.contents) is None
    again, _ = folder_embeddings(videos, cache, folder=folder)
    assert len(again) == 3


def test_the_rate_is_the_folders_own_or_the_one_that_is_asked_for(folder: Path, cache: FeatureCache) -> None:
    videos = list(open_videos(folder))
    _, own = folder_embeddings(videos, cache, folder=folder)
    found, asked = folder_embeddings(videos, cache, folder=folder, rate_hz=2.0)
    assert asked.rate_hz == 2.0
    assert np.median(np.diff(found[0].pts_seconds)) == pytest.approx(0.5, abs=0.1)
    _, again = folder_embeddings(videos, cache, folder=folder)
    assert again.rate_hz == own.rate_hz


def test_the_space_of_poses_holds_until_refit(folder: Path, clips: list[Path], tmp_path: Path) -> None:
    (tmp_path / "points").mkdir()
    for clip in clips:
        frames = len(VideoReader(clip).pts_seconds)
        forms.write_mmpose(tmp_path / "points" / f"{clip.stem}.json", [forms.walk(frames, 17, seed=frames)])
    bodies = FolderBodies("keypoints", tmp_path / "points", options=PoseOptions(mirror="auto"), cache=tmp_path / "c")
    sampling = Sampling(10)
    told: list[Progress] = []

    def embedded(*, refit: bool = False) -> list[Embedding]:
        kept = bodies.kept_in(folder, None)
        return bodies.embed(list(open_videos(folder)), sampling, kept=kept, refit=refit, callback=told.append)

    before = embedded()
    shutil.copy(clips[3], folder / "zz-new.mp4")
    shutil.copy(tmp_path / "points" / f"{clips[3].stem}.json", tmp_path / "points" / "zz-new.json")
    after = embedded()
    for one, other in zip(before, after[:3], strict=True):
        np.testing.assert_array_equal(one.vectors, other.vectors)
    assert len(after) == 4
    (due,) = notices(told)
    assert "--refit" in due
    assert not np.allclose(embedded(refit=True)[0].vectors, before[0].vectors)
    assert notices(told) == [due]
