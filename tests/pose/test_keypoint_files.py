"""Keypoint files of every form, written from their descriptions, come back as they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keypoint_forms as forms
import numpy as np
import pytest

from syncline.errors import SynclineError
from syncline.pose import Keypoints, find_keypoints, read_keypoints, write_keypoints
from syncline.pose.keypoint_files import read_detections
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


@pytest.mark.parametrize(("least", "most"), [(None, None), (0.0, 1.0), (-1.0, 1.0)])
def test_positions_of_openpose_at_every_keypoint_scale(tmp_path: Path, least: float | None, most: float | None) -> None:
    """Pixels (`--keypoint_scale` 0 to 2), shares of the picture (3) and from -1 to 1 (4)."""
    width, height = 640, 360
    body = forms.walk(12, 25)
    low, high = np.nanmin(body, axis=(0, 1)), np.nanmax(body, axis=(0, 1))
    pixels = (body - low) / (high - low) * [300, 330] + [40, 20]  # mostly left of the middle
    written = pixels if least is None or most is None else pixels / [width, height] * (most - least) + least
    path = openpose(tmp_path, [written])
    found = read_keypoints(path, pts_seconds=PTS, video=Path("a.mp4"), picture_size=(width, height))
    np.testing.assert_allclose(found.positions, pixels, atol=1e-3)


def test_a_damaged_frame_of_openpose_is_missing_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = openpose(tmp_path, [forms.walk(12, 25)])
    frames = sorted(path.iterdir())
    frames[3].write_text('{"people": [{"pose_key')
    frames[5].write_text('{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}')  # one joint
    found = read_keypoints(path, pts_seconds=PTS, video=Path("a.mp4"))
    assert np.flatnonzero(~found.known.any(axis=1)).tolist() == [3, 5]
    assert "2 damaged frames left out" in caplog.text
    for frame in frames:
        frame.write_text("{")
    with pytest.raises(SynclineError, match="is no JSON"):
        read_keypoints(path, pts_seconds=PTS, video=Path("a.mp4"))


def test_alphapose_without_tracking_numbers_everybody_nought(tmp_path: Path) -> None:
    small, large = forms.walk(12, 17, start=60, seed=1), forms.walk(12, 17, start=400, step=0)
    large = (large - large.mean(axis=(0, 1))) * 1.3 + large.mean(axis=(0, 1))
    forms.write_alphapose(tmp_path / "a.json", [small, large])
    rows = json.loads((tmp_path / "a.json").read_text())
    for i, row in enumerate(rows):
        row["idx"] = [0.0] if i % 3 else [[0.0], [0.0]]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    found = read_keypoints(tmp_path / "a.json", pts_seconds=PTS)
    np.testing.assert_allclose(found.positions, large, rtol=1e-5)
    for row, number in zip(rows, [1, 2] * 12, strict=True):
        row["idx"] = [[float(number)], [float(number)]]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    assert read_detections(tmp_path / "a.json").tracks.tolist() == [1, 2] * 12


def test_a_file_of_another_video_is_not_taken(tmp_path: Path) -> None:
    films, keypoints = tmp_path / "films", tmp_path / "keypoints"
    films.mkdir()
    keypoints.mkdir()
    for name in ("swing.mp4", "swing_left.mp4", "golf.mp4"):
        (films / name).touch()
    for name in ("swing_left.json", "swing_2.json", "swing-3DLC_resnet50.h5", "golf_3d_xyz.npy"):
        (keypoints / name).touch()
    assert find_keypoints(keypoints, films / "swing.mp4") is None
    assert find_keypoints(keypoints, films / "swing_left.mp4") == keypoints / "swing_left.json"
    assert find_keypoints(keypoints, films / "swing_2.mp4") == keypoints / "swing_2.json"
    assert find_keypoints(keypoints, films / "golf.mp4") == keypoints / "golf_3d_xyz.npy"


@pytest.mark.parametrize("name", ["labels.v001.000_swing.analysis.h5", "results_swing.json"])
def test_names_that_programs_give_by_themselves(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    assert find_keypoints(tmp_path, Path("swing.mp4")) == tmp_path / name
    assert find_keypoints(tmp_path, Path("labels.mp4")) is None


def test_a_rate_at_which_the_file_is_longer_than_the_video_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    forms.write_mmpose(tmp_path / "a.json", [forms.walk(12, 17)])
    with pytest.raises(SynclineError, match=r"at 15 frames a second it lasts 0\.73 s, the video 0\.37 s"):
        read_keypoints(tmp_path / "a.json", pts_seconds=PTS, rate=15.0)
    assert read_keypoints(tmp_path / "a.json", pts_seconds=PTS, rate=29.97).known.all()
    assert not caplog.text
    read_keypoints(tmp_path / "a.json", pts_seconds=PTS, rate=60.0)
    assert "it lasts 0.18 s of the video's 0.37" in caplog.text


def test_frames_counted_from_one(tmp_path: Path) -> None:
    body = forms.walk(12, 17)
    forms.write_alphapose(tmp_path / "a.json", [body])
    rows = json.loads((tmp_path / "a.json").read_text())
    for frame, row in enumerate(rows):
        row["image_id"] = f"frame_{frame + 1:04d}.png"  # as ffmpeg names pictures
    (tmp_path / "a.json").write_text(json.dumps(rows))
    found = read_keypoints(tmp_path / "a.json", pts_seconds=PTS)
    np.testing.assert_allclose(found.positions, body, rtol=1e-5)


def test_what_deeplabcut_has_once_is_no_animal(tmp_path: Path) -> None:
    mouse = forms.walk(12, 4)
    corners = np.tile(np.array([[0, 0], [600, 0], [600, 400], [0, 400]], float), (12, 1, 1))
    columns = [("net", "mouse", part, c) for part in ANIMAL for c in ("x", "y", "likelihood")]
    columns += [("net", "single", f"corner{i}", c) for i in range(4) for c in ("x", "y", "likelihood")]
    values = forms.deeplabcut_values([mouse, corners])
    lines = [[head, *(column[i] for column in columns)] for i, head in enumerate(
        ("scorer", "individuals", "bodyparts", "coords"))]  # fmt: skip
    lines += [[str(frame), *map(str, row)] for frame, row in enumerate(values)]
    (tmp_path / "a.csv").write_text("\n".join(",".join(line) for line in lines))
    found = read_keypoints(tmp_path / "a.csv", pts_seconds=PTS)
    assert found.skeleton.joints == ANIMAL
    np.testing.assert_allclose(found.positions, mouse, rtol=1e-5)


def test_a_sleap_project_gives_each_video_its_own_frames(tmp_path: Path) -> None:
    import h5py

    path = tmp_path / "all.slp"
    forms.write_sleap_project(path, [forms.walk(12, 4)], ANIMAL)
    names = [{"filename": name} for name in ("none.mp4", "fly.mp4", "bee.mp4")]
    with h5py.File(path, "r+") as file:
        frames = file["frames"][()]
        frames["video"] = np.where(np.arange(12) < 6, 1, 2)
        del file["frames"], file["videos_json"]
        file["frames"] = frames
        file["videos_json"] = np.array([json.dumps(name) for name in names], "S")
    frames_of = {stem: read_detections(path, stem).frames.tolist() for stem in ("none", "fly", "bee")}
    assert frames_of == {"none": [], "fly": [0, 1, 2, 3, 4, 5], "bee": [6, 7, 8, 9, 10, 11]}
    with pytest.raises(SynclineError, match=r"several videos \(none, fly, bee\), none of which is wasp"):
        read_detections(path, "wasp")
    inside = [{"filename": ".", "backend": {"filename": ".", "dataset": f"video{i}/video"},
               "source_video": {"filename": f"{name}.mp4"}} for i, name in ((2, "bee"), (1, "fly"))]  # fmt: skip
    with h5py.File(path, "r+") as file:  # with pictures inside, numbered by their group
        del file["videos_json"]
        file["videos_json"] = np.array([json.dumps(name) for name in inside], "S")
    assert find_keypoints(tmp_path, Path("fly.mp4")) == path
    assert read_detections(path, "fly").frames.tolist() == [0, 1, 2, 3, 4, 5]


def test_arrays_of_zeros_are_nobody(tmp_path: Path) -> None:
    body = forms.walk(12, 33) / [640, 240]
    body[5] = 0
    np.save(tmp_path / "a.npy", body)
    found = read_keypoints(tmp_path / "a.npy", pts_seconds=PTS, picture_size=(640, 240))
    assert np.flatnonzero(~found.known.any(axis=1)).tolist() == [5]
    space = np.random.default_rng(0).normal(size=(12, 17, 3))
    space[:, 0] = 0  # the joint that the others are measured from
    space[7] = 0
    np.save(tmp_path / "a.npy", space)
    found = read_keypoints(tmp_path / "a.npy", pts_seconds=PTS)
    assert found.known.all(axis=1).tolist() == [frame != 7 for frame in range(12)]


def test_shares_of_the_picture_with_a_visibility(tmp_path: Path) -> None:
    body = forms.walk(12, 33) / [640, 240]
    seen = np.full((12, 33, 1), 0.9)
    seen[3, 4] = 0.05
    np.save(tmp_path / "a.npy", np.concatenate([body, seen], axis=2))
    found = read_keypoints(tmp_path / "a.npy", pts_seconds=PTS, picture_size=(640, 240))
    assert np.argwhere(~found.known).tolist() == [[3, 4]]


def test_seventeen_joints_in_space_have_no_names_of_coco(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(12, 17, 3)))  # as Human3.6M orders them
    assert read_keypoints(tmp_path / "a.npy", pts_seconds=PTS).skeleton.joints[5] == "joint_5"
    assert by_count(136).joints[19] == "hip"
    assert "face_3" not in by_count(136).used


def test_a_point_in_the_picture_names_nobody_in_space(tmp_path: Path) -> None:
    people = [np.random.default_rng(i).normal(size=(12, 17, 3)) for i in range(2)]
    forms.write_mmpose(tmp_path / "a.json", people, COCO)
    with pytest.raises(SynclineError, match="--person is a point in the picture"):
        read_keypoints(tmp_path / "a.json", pts_seconds=PTS, picture_size=(640, 240), person=(0.5, 0.5))
    forms.write_mmpose(tmp_path / "a.json", people[:1], COCO)
    assert read_keypoints(tmp_path / "a.json", pts_seconds=PTS, picture_size=(640, 240), person=(0.5, 0.5)).known.all()
