"""Features in the layout of toolboxes of temporal action localisation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from syncline.data import Embedding
from syncline.data.published.feature_arrays import write_features
from syncline.errors import SynclineError


def test_one_array_a_video(tmp_path: Path) -> None:
    vectors = np.arange(12, dtype=np.float32).reshape(6, 2)
    embedding = Embedding(vectors, np.arange(6) / 7.5, "/films/a.mp4")
    folder = write_features(tmp_path / "features", [embedding, embedding], ["a.mp4", "cam 1/b.mp4"])
    assert np.array_equal(np.load(folder / "a.npy"), vectors)
    assert np.array_equal(np.load(folder / "cam 1%2Fb.npy"), vectors)
    about = json.loads((folder / "features.json").read_text())
    assert about["a"] == pytest.approx({"duration": 0.8, "rate": 7.5, "start": 0.0})


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    embedding = Embedding(np.zeros((2, 2), np.float32), np.arange(2.0), "a")
    with pytest.raises(SynclineError, match="two videos are named 'a'"):
        write_features(tmp_path / "features", [embedding] * 2, ["a.mp4", "A.mkv"])
    assert not (tmp_path / "features").exists()
