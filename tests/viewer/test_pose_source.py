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
    angles = source.angles(drawn["space"])
    assert len(angles["angles"]["left_elbow"]) == len(angles["seconds"])  # type: ignore[arg-type,call-overload,index]


def test_angles_of_a_mirrored_clip_have_left_for_right(tmp_path: Path) -> None:
    """As `align` has them; a joint that is not known has no angle."""
    from syncline.pose import PoseOptions
    from syncline.pose.mirror import mirror

    (tmp_path / "points").mkdir()
    walk = forms.walk(30, 17)
    walk[:, 9] += np.linspace(0, 60, 30)[:, None]  # the left hand goes away, the right one stays
    gone = walk.copy()
    gone[20:, 7] = np.nan
    middle = np.array([200, 0])
    turned = mirror(walk - middle, by_count(17).joints) + middle
    for name, body in (("a", walk), ("b", walk + 1), ("c", turned), ("d", gone)):
        write_spot(tmp_path / "films" / f"{name}.mp4", 30)
        forms.write_mmpose(tmp_path / "points" / f"{name}.json", [body], by_count(17).joints)
    videos = open_videos(tmp_path / "films").videos
    bodies = FolderBodies("keypoints", tmp_path / "points", options=PoseOptions(mirror="auto"))
    source = BodySource(bodies, lambda: videos)
    source.embed(videos)
    a, _, c, d = (source.angles(video)["angles"] for video in videos)
    assert a == c  # type: ignore[comparison-overlap]
    assert d["left_elbow"][25] is None  # type: ignore[index]
    assert d["right_elbow"][25] == a["right_elbow"][25]  # type: ignore[index]
