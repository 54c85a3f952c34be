"""What encoders make of folders of frames and parts of files: cached features and embeddings."""

from __future__ import annotations

from pathlib import Path

import bars
import data_forms as forms
import lerobot_forms
import numpy as np
import pytest
from data_forms import Item

from syncline.data import Sampling, open_videos
from syncline.encoder import Backbone, FeatureCache, frozen_embeddings
from syncline.encoder.feature_cache import decoded


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone("test_resnet", weights="none")


def test_folders_of_frames_are_cached_by_content(tmp_path: Path, backbone: Backbone) -> None:
    forms.write_frames(tmp_path / "sets" / "a", Item("", [0] * 6, first=5))
    videos = open_videos(tmp_path / "sets")
    cache = FeatureCache(tmp_path / "features", backbone, Sampling(stride=1))
    first = cache.features(videos[0])
    assert first.frame_indices.tolist() == list(range(6))
    np.testing.assert_allclose(first.pts_seconds, np.arange(6) / 25)
    assert len(list(cache.folder.glob("*.safetensors"))) == 1
    (tmp_path / "sets" / "a" / "000006.jpg").write_bytes(forms.jpeg(99))
    changed = cache.features(videos[0])
    assert len(list(cache.folder.glob("*.safetensors"))) == 2
    np.testing.assert_array_equal(changed.features[0, :5], first.features[0, :5])
    assert (changed.features[0, 5] != first.features[0, 5]).any()


def test_episodes_of_one_file_are_videos_of_their_own(tmp_path: Path, backbone: Backbone) -> None:
    lerobot_forms.write_v3(tmp_path / "robot", (6, 9))
    videos = open_videos(tmp_path / "robot")
    cache = FeatureCache(tmp_path / "features", backbone, Sampling(5.0))
    assert cache.estimate(videos)[0] == 3 + 1 + 4 + 2
    a, b = frozen_embeddings(videos, cache, dim=4)
    assert (a.source, b.source) == ("episode_000000", "episode_000001")
    np.testing.assert_allclose(a.pts_seconds, [0.0, 0.2, 0.4], atol=1e-6)
    np.testing.assert_allclose(b.pts_seconds, [0.6, 0.8, 1.0, 1.2, 1.4], atol=1e-6)
    frames = cache.features(videos[1]).frame_indices
    pictures = np.concatenate([p.permute(0, 2, 3, 1).numpy() for _, p in decoded(videos[1].path, frames, (48, 96))])
    assert [bars.read_bar_code(picture) for picture in pictures] == [6, 8, 10, 12, 14]
