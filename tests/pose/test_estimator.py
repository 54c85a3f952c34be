"""Films -> keypoints by another process: with a stand-in for the estimator, and with the real one where it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from spots import write_spot

from syncline.data import Sampling, open_videos
from syncline.errors import SynclineError
from syncline.pose import estimator as estimating
from syncline.pose.estimator import PYTHON_VARIABLE, Estimator
from syncline.pose.people_present import find_people
from syncline.pose.pose_cache import PoseCache


def test_a_body_is_where_the_picture_has_it(estimated: Callable[[], int], tmp_path: Path) -> None:
    film = write_spot(tmp_path / "a.mp4", 20, hidden=range(5, 8))
    with Estimator(workers=1) as estimator:
        found = estimator.keypoints(film, [0, 4, 5, 10, 19])
    assert found.known.all(axis=1).tolist() == [True, True, False, True, True]
    nose = found.positions[[0, 1, 3, 4], 0]
    np.testing.assert_allclose(nose[:, 0], [18, 34, 58, 94], atol=1.5)
    np.testing.assert_allclose(nose[:, 1], 48, atol=1.5)
    np.testing.assert_allclose(found.pts_seconds, [0, 0.4, 0.5, 1.0, 1.9], atol=1e-6)
    assert found.picture_size == (160, 96)


def test_large_pictures_are_scaled_down_and_positions_are_those_of_the_file(
    estimated: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimating, "MOST_PIXELS", 80)
    film = write_spot(tmp_path / "a.mp4", 6)
    with Estimator(workers=1) as estimator:
        found = estimator.keypoints(film, np.arange(6))
    np.testing.assert_allclose(found.positions[5, 0], [38, 48], atol=2.5)


def test_poses_are_kept_by_content_frames_and_options(estimated: Callable[[], int], tmp_path: Path) -> None:
    for name, speed in (("a", 4.0), ("b", 2.0)):
        write_spot(tmp_path / "films" / f"{name}.mp4", speed=speed)
    videos = list(open_videos(tmp_path / "films"))

    def asked(rate: float, **options: object) -> int:
        before = estimated()
        cache = PoseCache(tmp_path / "cache", Sampling(rate), workers=2, **options)  # type: ignore[arg-type]
        clips = cache.of_videos(videos)
        cache.close()
        assert [clip.source for clip in clips] == [str(video.path) for video in videos]
        assert all(clip.known.all() for clip in clips)
        return estimated() - before

    assert asked(5) == 20
    assert asked(5) == 0
    assert asked(10) == 40
    assert asked(5, person=(0.2, 0.5)) == 20
    for kept in (tmp_path / "cache").rglob("*.npz"):
        kept.write_bytes(kept.read_bytes()[:50])
    assert asked(5) == 20


def test_an_estimator_that_dies_is_told_with_the_video_and_its_last_words(
    estimated: Callable[[], int], tmp_path: Path
) -> None:
    bad = write_spot(tmp_path / "bad.mp4", colour=(250, 0, 0))
    good = write_spot(tmp_path / "good.mp4", 5)
    with Estimator(workers=1) as estimator:
        with pytest.raises(SynclineError, match=r"bad\.mp4.*a red picture"):
            estimator.keypoints(bad, [0, 1])
        assert estimator.keypoints(good, [0, 1]).known.all()


def test_without_an_estimator_one_line_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCLINE_CACHE", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    with pytest.raises(SynclineError, match=r"syncline\.pose\.install.*--keypoints DIR"):
        Estimator()
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(SynclineError, match="cannot be run"):
        Estimator()


def test_whether_there_are_people(estimated: Callable[[], int], tmp_path: Path) -> None:
    write_spot(tmp_path / "films" / "a.mp4", 32)
    write_spot(tmp_path / "films" / "b.mp4", 32, hidden=range(8))
    write_spot(tmp_path / "films" / "c.mp4", 32, hidden=range(32))
    videos = list(open_videos(tmp_path / "films"))
    cache = PoseCache(tmp_path / "cache", workers=1)
    found = find_people(videos, cache)
    nobody = find_people(videos[2:], cache)
    cache.close()
    assert found.shares == pytest.approx((1.0, 0.75, 0.0))
    assert found.people
    assert "of 2 of 3 clips" in str(found)
    assert not nobody.people


def test_the_real_estimator_on_real_people(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = os.environ.get("SYNCLINE_TEST_POSE_PYTHON")
    if not python:
        pytest.skip("SYNCLINE_TEST_POSE_PYTHON names no Python with mediapipe: .ci/run makes one")
    monkeypatch.setenv(PYTHON_VARIABLE, python)
    film = real_data / "human_golf" / "videos" / "golf_006_g05.mp4"
    with Estimator(workers=1) as estimator:
        found = estimator.keypoints(film, np.arange(0, 40, 4))
    assert estimator.described["licence"] == "Apache-2.0"
    body = dict(zip(found.skeleton.joints, found.positions.transpose(1, 0, 2), strict=True))
    assert found.people_share == 1.0
    assert (body["nose"][:, 1] < body["left_hip"][:, 1]).all()
    assert (body["left_hip"][:, 1] < body["left_ankle"][:, 1]).all()
    # annotated by people: the hands are at the top of the backswing in frame 16 and at the ball in frame 23
    hands = (body["left_wrist"][:, 1] + body["right_wrist"][:, 1]) / 2
    assert hands[4] < hands[6]
