"""Every verb that embeds takes body pose in the place of pictures; here from keypoint files, and by a stand-in."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keypoint_forms as forms
import numpy as np
import pytest
from estimator_stand_in import estimated as estimated
from spots import write_spot

import syncline
from syncline.cli.main import main
from syncline.encoder import EmbeddingStore
from syncline.errors import SynclineError
from syncline.pose.estimator import PYTHON_VARIABLE

FRAMES = 40


def movement(frames: int, *, seed: int, start: float = 60.0) -> forms.Array:
    """(t, 17, 2): a body that lifts its arms and lowers them, once; people differ in place and size."""
    rng = np.random.default_rng(seed)
    base = np.random.default_rng(0).uniform(-20, 20, size=(17, 2))
    phase = np.linspace(0, 1, frames)[:, None]
    arms = np.zeros((frames, 17, 2))
    for joint, reach in ((7, 30.0), (8, 20.0), (9, 50.0), (10, 40.0)):
        arms[:, joint, 1] = -reach * np.sin(np.pi * phase[:, 0]) ** 2
        arms[:, joint, 0] = reach * phase[:, 0]
    body: forms.Array = (base + arms) * rng.uniform(0.6, 1.4) + [start, 48] + rng.normal(0, 0.2, size=(frames, 17, 2))
    return body


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Films that show nothing that would tell their frames apart, and OpenPose-like keypoints of what is done."""
    place = tmp_path_factory.mktemp("bodies")
    for name, frames, seed in (("a", 40, 1), ("b", 60, 2), ("c", 50, 3)):
        write_spot(place / "films" / f"{name}.mp4", frames, speed=0.0)
        (place / "points").mkdir(exist_ok=True)
        forms.write_mmpose(place / "points" / f"{name}.json", [movement(frames, seed=seed)])
    return place


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_two_films_are_aligned_by_their_bodies(folder: Path, tmp_path: Path) -> None:
    films = folder / "films"
    assert main(["align", str(films / "a.mp4"), str(films / "b.mp4"), "--keypoints", str(folder / "points"), "--rate",
                 "10", "--no-films", "--out", str(tmp_path)]) == 0  # fmt: skip
    value = json.loads((tmp_path / "alignment.json").read_text())
    assert value["made_with"] == "features keypoints"
    matched = [(float(row["time_a"]), float(row["time_b"])) for row in rows(tmp_path / "alignment.csv")
               if row["time_a"] and row["time_b"]]  # fmt: skip
    assert len(matched) > 20
    assert np.median([abs(a / 3.9 - b / 5.9) for a, b in matched]) < 0.04


def test_events_are_carried_by_bodies(folder: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("video,num_frames,fps,events,event_names\na.mp4,40,10,20,top\n")
    assert main(["transfer", str(folder / "films"), "--labels", str(labels), "--features", "keypoints", "--keypoints",
                 str(folder / "points"), "--rate", "10", "--out", str(tmp_path / "out")]) == 0  # fmt: skip
    found = {row["video"]: float(row["seconds"]) for row in rows(tmp_path / "out" / "transferred.csv")}
    assert found["b.mp4"] == pytest.approx(3.0, abs=0.25)
    assert found["c.mp4"] == pytest.approx(2.5, abs=0.25)


def test_a_moment_is_found_by_the_body(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["search", str(folder / "films"), "--video", "a", "--time", "2.0", "--keypoints",
                 str(folder / "points"), "--rate", "10", "--cache", str(tmp_path), "--out",
                 str(tmp_path / "out")]) == 0  # fmt: skip
    assert "b.mp4" in capsys.readouterr().out


def test_align_writes_angles_and_says_where_bodies_differ(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = ["align", str(folder / "films" / "a.mp4"), str(folder / "films" / "b.mp4"), "--keypoints",
            str(folder / "points"), "--rate", "10", "--no-films", "--out", str(tmp_path)]  # fmt: skip
    assert main([*verb, "--joint", "left_elbow"]) == 0
    assert "degrees" in capsys.readouterr().out
    table = rows(tmp_path / "angles.csv")
    assert {"time_a", "time_b", "left_elbow_a", "left_elbow_b", "right_knee_a"} <= set(table[0])
    apart = [abs(float(row["left_elbow_a"]) - float(row["left_elbow_b"])) for row in table if row["left_elbow_b"]]
    assert np.median(apart) < 15  # the same movement
    assert (tmp_path / "angles.png").stat().st_size > 5000
    assert main([*verb, "--joint", "tail"]) == 1
    assert "--joint tail: no such angle; there are left_elbow" in capsys.readouterr().err


def test_deviate_names_the_joints_of_a_stretch(folder: Path, tmp_path: Path) -> None:
    assert main(["deviate", str(folder / "films"), "--keypoints", str(folder / "points"), "--rate", "10", "--tempo",
                 "1.01", "--min-seconds", "0.2", "--out", str(tmp_path)]) == 0  # fmt: skip
    table = rows(tmp_path / "deviations.csv")
    assert table
    assert all("°" in row["joints"] for row in table)


def test_keypoints_from_python_at_another_rate(folder: Path, tmp_path: Path) -> None:
    for name, frames in (("a", 40), ("b", 60), ("c", 50)):
        body = movement(2 * frames, seed=1)
        (tmp_path / "points").mkdir(exist_ok=True)
        forms.write_mmpose(tmp_path / "points" / f"{name}.json", [body])  # 20 frames a second, the films have 10
    films = [folder / "films" / f"{name}.mp4" for name in "abc"]
    with pytest.raises(SynclineError, match="--keypoints-rate"):
        syncline.features(films, "keypoints", keypoints=tmp_path / "points", rate=5)
    with pytest.raises(SynclineError, match="keypoints_rate must be above 0"):
        syncline.features(films, "keypoints", keypoints=tmp_path / "points", keypoints_rate=0)
    ask = {"keypoints": tmp_path / "points", "keypoints_rate": 20.0, "rate": 5.0}
    found = syncline.features(films, "keypoints", **ask)
    assert [len(one) for one in found] == [20, 30, 25]
    assert all(np.abs(one.vectors).min(axis=1).all() for one in found)
    surer = syncline.features(films, "keypoints", keypoints_threshold=0.9, **ask)  # the files are sure by 0.7
    assert not any(one.vectors.any() for one in surer)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--person", "0.3,0.5"], "--person is about poses"),
        (["--centre", "nose", "--features", "pictures"], "--centre is about poses"),
        (["--upright"], "--upright is about poses"),
        (["--pose-model", "hands"], "--pose-model is about poses"),
        (["--keypoints-rate", "30", "--features", "pose"], "--keypoints-rate is about keypoint files"),
        (["--keypoints-threshold", "0.5", "--features", "pose"], "--keypoints-threshold is about keypoint files"),
        (["--scale", "nose,left_hip", "--run", "runs/a"], "--scale is kept in the run"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(
    options: list[str], said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sync", str(folder / "films"), *options, "--out", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err


def test_only_some_verbs_mirror_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["view", str(folder / "films"), "--mirror", "auto", "--no-browser"]) == 1
    assert "--mirror is about poses" in capsys.readouterr().err


def test_auto_says_what_it_chose(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCLINE_CACHE", str(tmp_path))
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    verb = ["deviate", str(folder / "films"), "--features", "auto", "--rate", "10", "--out", str(tmp_path / "out")]
    main([*verb, "--keypoints", str(folder / "points")])
    assert "features auto: pose (keypoints are given)" in capsys.readouterr().err
    monkeypatch.setattr("syncline.encoder.folder_features.find_python", lambda: None)
    main(verb)
    assert "features auto: pictures (no pose estimator is installed)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--features", "keypoints"], "need --keypoints DIR"),
        (["--keypoints", "none"], "is no folder"),
        (["--features", "pictures", "--keypoints", "."], "goes with --features"),
        (["--features", "pose", "--run", "none"], "leave --run or --features away"),
        (["--features", "auto", "--person", "3,4"], "shares of the picture"),
        (["--keypoints", ".", "--scale", "hip"], "wants two joints"),
        (["--keypoints", ".", "--keypoints-rate", "0"], "must be above 0"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(
    options: list[str], said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sync", str(folder / "films"), *options, "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err.strip()
    assert said in message
    assert "\n" not in message


def test_joints_that_are_not_there_are_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--keypoints", str(folder / "points"), "--centre", "tail", "--out", str(tmp_path / "out")]
    assert main(["sync", str(folder / "films"), *options]) == 1
    assert "--centre tail: there is no such joint; there are nose, left_eye" in capsys.readouterr().err


def test_scan_says_who_has_no_person(
    tmp_path: Path, estimated: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    films = tmp_path / "films"
    write_spot(films / "a.mp4", 32)
    write_spot(films / "b.mp4", 32, hidden=range(32))
    verb = ["scan", str(films), "--people", "--quick", "--cache", str(tmp_path / "c")]
    assert main(verb) == 0
    assert "people: b.mp4: no person in 100% of 16 frames" in capsys.readouterr().out
    looked = estimated()
    assert looked == 32
    assert main([*verb, "--json"]) == 0
    assert [hint["kind"] for hint in json.loads(capsys.readouterr().out)["hints"]] == ["people"]
    assert estimated() == looked  # remembered


def test_scan_for_people_needs_an_estimator(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncline.pose.estimator.find_python", lambda: None)
    assert main(["scan", str(folder / "films"), "--people", "--quick", "--cache", str(tmp_path)]) == 1
    assert "python -m syncline.pose.install" in capsys.readouterr().err


def test_a_folder_of_people_is_told_that_poses_may_serve_better(
    folder: Path, tmp_path: Path, estimated: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    verb = ["search", str(folder / "films"), "--video", "a", "--time", "1", "--rate", "10", "--cache", str(tmp_path),
            "--out", str(tmp_path / "out")]  # fmt: skip
    assert main(verb) == 0
    assert "--features pose (or auto) may serve better than pictures" in capsys.readouterr().err
    looked = estimated()
    shutil.rmtree(folder / "films" / ".syncline", ignore_errors=True)
    assert main([*verb, "--refit"]) == 0
    assert estimated() == looked
    capsys.readouterr()
    main([*verb, "--features", "pictures"])
    assert "may serve better" not in capsys.readouterr().err


@pytest.mark.slow
def test_who_trains_on_people_is_told_so_too(
    folder: Path, tmp_path: Path, estimated: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["backbone=test_resnet", "weights=none", "grid=1", "hidden=16", "width=16", "heads=2", "feed_forward=32",
             "embedding_dim=8"]  # fmt: skip
    words = ["train", str(folder / "films"), "--cache", str(tmp_path), "--steps", "1", "--method", "scl",
             "--set=views.num_frames=8", "--set=views.batch_size=2",
             *(f"--set=encoder.{one}" for one in small)]  # fmt: skip
    for features, told in ((["--features", "pictures"], False), ([], True)):
        assert main([*words, *features, "--out", str(tmp_path / f"run{told}")]) == 0
        assert ("--features pose (or auto) may serve better than pictures" in capsys.readouterr().err) is told
    assert estimated() > 0


def test_with_other_videos_around_the_angles_are_those_of_the_two(folder: Path, tmp_path: Path) -> None:
    films = folder / "films"
    assert main(["align", str(films / "b.mp4"), str(films / "c.mp4"), "--within", str(films), "--keypoints",
                 str(folder / "points"), "--rate", "10", "--no-films", "--out", str(tmp_path)]) == 0  # fmt: skip
    assert max(float(row["time_b"]) for row in rows(tmp_path / "angles.csv") if row["time_b"]) < 5.0  # c has 50 frames


def test_embed_takes_poses(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verb = ["embed", str(folder / "films"), "--out", str(tmp_path / "out"), "--keypoints", str(folder / "points"),
            "--cache", str(tmp_path / "c")]  # fmt: skip
    assert main([*verb, "--rate", "10"]) == 0
    assert "(features keypoints, 10 Hz)" in capsys.readouterr().out
    assert {one.vectors.shape for one in EmbeddingStore.read(tmp_path / "out")} == {(40, 52), (60, 52), (50, 52)}
    assert main([*verb, "--rate", "10", "--features", "pictures+pose"]) == 1  # another kind needs another folder
