"""Bodies that the page draws over the films."""

from __future__ import annotations

from pathlib import Path

import keypoint_forms as forms
import numpy as np
import pytest
from spots import write_spot

from syncline.data import open_videos
from syncline.encoder.folder_features import FolderBodies
from syncline.errors import SynclineError
from syncline.pose.skeleton import by_count
from syncline.viewer.pose_source import BodySource


def test_keypoints_in_space_are_not_drawn_over_a_picture(tmp_path: Path) -> None:
    (tmp_path / "points").mkdir()
    flat = forms.walk(12, 17)
    space = np.random.default_rng(0).normal(size=(12, 17, 3))
    for name, body in (("flat", flat), ("space", space)):
        write_spot(tmp_path / "films" / f"{name}.mp4", 12)
        forms.write_mmpose(tmp_path / "points" / f"{name}.json", [body], by_count(17).joints)
    videos = open_videos(tmp_path / "films").videos
    source = BodySource(FolderBodies("keypoints", tmp_path / "points"), lambda: videos)
    drawn = {video.path.stem: video for video in videos}
    assert len(source.drawn(drawn["flat"])["frames"]) > 1  # type: ignore[arg-type]
    with pytest.raises(SynclineError, match=r"space\.mp4: its keypoints are in 3-D and have no place in the picture"):
        source.drawn(drawn["space"])
    assert len(source.embed([drawn["space"]])[0]) > 1  # they are compared all the same
