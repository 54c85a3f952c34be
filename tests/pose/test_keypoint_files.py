"""Keypoint files of every form, written from their descriptions, come back as they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keypoint_forms as forms
import numpy as np
import pytest

from syncline.errors import SynclineError
from syncline.pose import Keypoints, find_keypoints, read_keypoints, write_keypoints
from syncline.pose.files import read_detections
from syncline.pose.skeleton import by_count

PTS = np.arange(12) / 30
ANIMAL = ("snout", "left_ear", "right_ear", "tail")
COCO = by_count(17).joints
Writer = Callable[[Path, list[forms.Array]], Path]


def openpose(folder: Path, people: list[forms.Array]) -> Path:
    forms.write_openpose(folder / "a", "a", people)
    return folder / "a"


def one_file(name: str, write: Callable[..., None], *more: object, **options: object) -> Writer:
    def written(folder: Path, people: list[forms.Array]) -> Path:
        write(folder / name, people, *more, **options)
        return folder / name

    return written


def npy(folder: Path, people: list[forms.Array]) -> Path:
    body = people[0]
    np.save(folder / "a.npy", np.concatenate([body, np.full((*body.shape[:2], 1), 0.9)], axis=2))
    return folder / "a.npy"


PEOPLE_FORMS = {
    "openpose": openpose,
    "alphapose": one_file("a.json", forms.write_alphapose),
    "alphapose without numbers": one_file("a.json", forms.write_alphapose, numbered=False),
    "mmpose": one_file("a.json", forms.write_mmpose, COCO),
    "coco": one_file("a.json", forms.write_coco, COCO),
    "npy": npy,
}
ANIMAL_FORMS = {
    "deeplabcut csv": one_file("a.csv", forms.write_deeplabcut_csv, ANIMAL),
    "deeplabcut h5 table": one_file("a.h5", forms.write_deeplabcut_h5, ANIMAL),
    "deeplabcut h5 fixed": one_file("a.h5", forms.write_deeplabcut_h5, ANIMAL, fixed=True),
    "sleap analysis": one_file("a.h5", forms.write_sleap_analysis, ANIMAL),
    "sleap analysis turned": one_file("a.h5", forms.write_sleap_analysis, ANIMAL, turned=True),
    "sleap project": one_file("a.slp", forms.write_sleap_project, ANIMAL),
}
ALL = {name: (write, COCO) for name, write in PEOPLE_FORMS.items()} | {
    name: (write, ANIMAL) for name, write in ANIMAL_FORMS.items()
}


@pytest.mark.parametrize("name", ALL)
def test_one_body_comes_back(name: str, tmp_path: Path) -> None:
    write, joints = ALL[name]
    body = forms.walk(12, len(joints))
    path = write(tmp_path, [body])
    assert find_keypoints(tmp_path, Path("/films/a.mp4")) == path
    found = read_keypoints(path, pts_seconds=PTS, video=Path("a.mp4"))
    np.testing.assert_allclose(found.positions, body, rtol=1e-5)
    assert found.skeleton.joints == tuple(joints)
    assert found.confidence.min() > 0.6
    assert (found.pts_seconds == PTS).all()


@pytest.mark.parametrize("name", [name for name in ALL if name != "npy"])
def test_a_joint_that_is_missing_and_an_empty_frame(name: str, tmp_path: Path) -> None:
    write, joints = ALL[name]
    body = forms.walk(12, len(joints))
    body[4, 2] = np.nan
    body[7] = np.nan
    found = read_keypoints(write(tmp_path, [body]), pts_seconds=PTS)
    assert found.known.sum() == 11 * len(joints) - 1
    assert not found.known[4, 2]
    assert not found.known[7].any()
    np.testing.assert_allclose(found.positions[5], body[5], rtol=1e-5)


TWO_PEOPLE = {
    "openpose": openpose,
    "alphapose": one_file("a.json", forms.write_alphapose),
    "mmpose": one_file("a.json", forms.write_mmpose),
    "deeplabcut csv": one_file("a.csv", forms.write_deeplabcut_csv, COCO, ["one", "two"]),
    "deeplabcut h5": one_file("a.h5", forms.write_deeplabcut_h5, COCO, ["one", "two"]),
    "sleap analysis": one_file("a.h5", forms.write_sleap_analysis, COCO),
    "sleap project": one_file("a.slp", forms.write_sleap_project, COCO),
}


@pytest.mark.parametrize("name", TWO_PEOPLE)
def test_of_two_people_the_one_who_is_asked_for(name: str, tmp_path: Path) -> None:
    small, large = forms.walk(12, 17, start=60, seed=1), forms.walk(12, 17, start=400, step=0)
    large = (large - large.mean(axis=(0, 1))) * 1.3 + large.mean(axis=(0, 1))
    path = TWO_PEOPLE[name](tmp_path, [small, large])
    found = read_keypoints(path, pts_seconds=PTS, picture_size=(640, 240))
    np.testing.assert_allclose(found.positions, large, rtol=1e-5)
    found = read_keypoints(path, pts_seconds=PTS, picture_size=(640, 240), person=(0.1, 0.5))
    np.testing.assert_allclose(found.positions, small, rtol=1e-5)


def test_confidence_below_the_threshold_is_missing(tmp_path: Path) -> None:
    forms.write_openpose(tmp_path / "a", "a", [forms.walk(12, 25)], confidence=0.2)
    assert not read_keypoints(tmp_path / "a", pts_seconds=PTS).known.any()
    assert read_keypoints(tmp_path / "a", pts_seconds=PTS, threshold=0.1).known.all()


def test_shares_of_the_picture_become_pixels_and_rates_times(tmp_path: Path) -> None:
    body = forms.walk(12, 33)
    three = np.concatenate([body / [640, 240], np.zeros((12, 33, 1)), np.full((12, 33, 1), 0.9)], axis=2)
    np.save(tmp_path / "a.npy", three)
    found = read_keypoints(tmp_path / "a.npy", rate=15.0, picture_size=(640, 240))
    np.testing.assert_allclose(found.positions, body, rtol=1e-4)
    assert found.pts_seconds[-1] == pytest.approx(11 / 15)


def test_three_dimensions(tmp_path: Path) -> None:
    body = np.random.default_rng(0).normal(size=(1, 12, 33, 3))
    np.save(tmp_path / "a.npy", body)
    found = read_keypoints(tmp_path / "a.npy", pts_seconds=PTS)
    np.testing.assert_allclose(found.positions, body[0], rtol=1e-5)


def test_a_file_shorter_than_the_video_leaves_the_rest_unknown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forms.write_mmpose(tmp_path / "a.json", [forms.walk(12, 17)])
    found = read_keypoints(tmp_path / "a.json", pts_seconds=np.arange(20) / 30)
    assert found.known.all(axis=1).tolist() == [True] * 12 + [False] * 8
    assert "12 frames of the video's 20" in caplog.text
    with pytest.raises(SynclineError, match="--keypoints-rate"):
        read_keypoints(tmp_path / "a.json", pts_seconds=np.arange(8) / 30)


def test_our_own_form(tmp_path: Path) -> None:
    body = forms.walk(12, 17)
    body[3, 4] = np.nan
    seen = Keypoints(body, np.ones((12, 17)), PTS, by_count(17), "a.mp4", (640, 240))
    write_keypoints(tmp_path / "a.npz", seen)
    found = read_keypoints(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.positions, seen.positions)
    assert found.skeleton == seen.skeleton
    assert found.picture_size == (640, 240)
    assert found.confidence[3, 4] == 0


def test_which_file_belongs_to_a_video(tmp_path: Path) -> None:
    for name in ("aDLC_resnet50_shuffle1.h5", "aDLC_resnet50_shuffle1.csv", "ab.json", "b_keypoints.json", "c.mp4.npy"):
        (tmp_path / name).touch()
    found = {stem: find_keypoints(tmp_path, Path(f"{stem}.mp4")) for stem in "abc"}
    names = {stem: path.name if path else None for stem, path in found.items()}
    assert names == {"a": "aDLC_resnet50_shuffle1.h5", "b": "b_keypoints.json", "c": "c.mp4.npy"}
    assert find_keypoints(tmp_path, Path("d.mp4")) is None
    with pytest.raises(SynclineError, match="is no folder"):
        find_keypoints(tmp_path / "none", Path("a.mp4"))


def test_a_sleap_project_of_several_videos_is_found_by_what_it_names(tmp_path: Path) -> None:
    forms.write_sleap_project(tmp_path / "all.slp", [forms.walk(12, 4)], ANIMAL, video="C:\\films\\fly.mp4")
    assert find_keypoints(tmp_path, Path("fly.mp4")) == tmp_path / "all.slp"
    assert find_keypoints(tmp_path, Path("bee.mp4")) is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "{}", "no keypoint file that is known"),
        ("a.json", "[1, 2]", "holds no keypoints"),
        ("a.json", '[{"image_id": 1, "keypoints": [1, 2]}]', "3 numbers a joint"),
        ("a.json", '[{"image_id": 1, "keypoints": [1, 2, "x"]}]', "where a number was expected"),
        ("a.csv", "time,x\n1,2\n", "is no table of DeepLabCut"),
        ("a.csv", "scorer,n,n\nbodyparts,a,a\ncoords,x,y\n0,1\n", "has 2 fields, expected 3"),
        ("a.npy", "xx", "is no .npy"),
        ("a.npz", "xx", "is no keypoint file that can be read"),
        ("a.h5", "xx", "is no keypoint file that can be read"),
        ("a.slp", "xx", "is no keypoint file that can be read"),
        ("a.txt", "xx", "keypoint files end in"),
    ],
)  # fmt: skip
def test_what_is_none_of_them_is_refused_in_one_line(name: str, content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(SynclineError, match=said) as caught:
        read_keypoints(tmp_path / name, pts_seconds=PTS)
    assert "\n" not in str(caught.value)


def test_an_h5_that_would_run_code_is_refused(tmp_path: Path) -> None:
    import h5py

    forms.write_deeplabcut_h5(tmp_path / "a.h5", [forms.walk(3, 4)], ANIMAL)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(SynclineError, match=r"a\.h5"):
        read_detections(tmp_path / "a.h5")


def test_a_damaged_frame_of_openpose_is_missing_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = openpose(tmp_path, [forms.walk(12, 25)])
    frames = sorted(path.iterdir())
    frames[3].write_text('{"people": [{"pose_key')
    frames[5].write_text('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}')  # one joint
    found = read_keypoints(path, pts_seconds=PTS, video=Path("a.mp4"))
    assert np.flatnonzero(~found.known.any(axis=1)).tolist() == [3, 5]
    assert "2 damaged frames are missing" in caplog.text
    for frame in frames:
        frame.write_text("{")
    with pytest.raises(SynclineError, match="is no JSON"):
        read_keypoints(path, pts_seconds=PTS, video=Path("a.mp4"))
