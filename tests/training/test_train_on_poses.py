"""An encoder takes poses in the place of pictures, or beside them: trained, saved, used by every verb, resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keypoint_forms as forms
import numpy as np
import pytest
import torch
from estimator_stand_in import estimated as estimated
from spots import write_spot

from syncline.cli.main import main
from syncline.encoder import EmbeddingStore, FrameEncoder
from syncline.encoder.pose_inputs import Joined
from syncline.pose import Keypoints, PoseSpace
from syncline.pose.augment_poses import augmented
from syncline.pose.skeleton import by_count

SMALL = [
    f"--set=encoder.{setting}"
    for setting in (
        "backbone=test_resnet", "weights=none", "grid=1", "hidden=16", "width=16", "heads=2", "feed_forward=32",
        "embedding_dim=8", "sampling.rate_hz=10",
    )
] + ["--set", "views.num_frames=8", "--set", "views.batch_size=2", "--method", "scl"]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three films of a moving spot, and a body's keypoints of each."""
    (tmp_path / "points").mkdir()
    for name, frames in (("a", 20), ("b", 24), ("c", 28)):
        write_spot(tmp_path / "films" / f"{name}.mp4", frames)
        forms.write_mmpose(tmp_path / "points" / f"{name}.json", [forms.walk(frames, 17, seed=frames)])
    return tmp_path


@pytest.mark.parametrize("kind", ["pose", "pictures+pose"])
def test_trained_on_keypoint_files_and_used_with_them(
    kind: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = ["--keypoints", str(folder / "points")]
    common = ["--cache", str(folder / "cache")]
    train = ["train", str(folder / "films"), "--out", str(folder / "run"), *common]
    assert main([*train, *points, "--features", kind, "--steps", "2", *SMALL]) == 0
    assert main([*train, "--resume", "--steps", "3"]) == 0
    encoder = FrameEncoder.from_pretrained(folder / "run")
    assert (encoder.config.features, encoder.pose_width) == (kind, 52)
    assert encoder.backbone.dim == (0 if kind == "pose" else encoder.input_dim - 52)
    assert "13 joints of keypoint files" in (folder / "run" / "README.md").read_text()
    embed = ["embed", str(folder / "films"), "--run", str(folder / "run"), *common]
    capsys.readouterr()
    assert main([*embed, "--out", str(folder / "none")]) == 1
    assert "give those of these videos by --keypoints DIR" in capsys.readouterr().err
    assert main([*embed, "--out", str(folder / "out"), *points]) == 0
    stored = {Path(one.source).name: one for one in EmbeddingStore.read(folder / "out")}
    assert [len(stored[f"{name}.mp4"]) for name in "abc"] == [20, 24, 28]
    search = ["search", str(folder / "films"), "--video", "a", "--time", "1", "--run", str(folder / "run"), "--out",
              str(folder / "found")]  # fmt: skip
    assert main([*search, *common, *points]) == 0
    assert "b.mp4" in capsys.readouterr().out
    assert main(["evaluate", str(folder / "run"), str(folder / "films"), *common, *points]) == 0


def test_trained_with_an_estimator_which_the_card_names(
    folder: Path,
    estimated: Callable[[], int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("syncline.pose.pose_cache.FRAMES_A_SECOND", 0.01)
    common = ["--cache", str(folder / "cache")]
    train = ["train", str(folder / "films"), "--out", str(folder / "run"), *common, "--steps", "2", *SMALL]
    assert main([*train, "--features", "auto"]) == 0
    said = capsys.readouterr().err
    assert "features auto: pose (a person in 60% or more of the frames of 3 of 3 clips" in said
    for work in ("looking for people", "finding poses"):
        assert said.count(f"syncline: {work} takes about") == 1, said
    card = (folder / "run" / "README.md").read_text()
    assert "by blob (1), licence: none, not inside; sha256 0" in card
    assert json.loads((folder / "run" / "config.json").read_text())["encoder"]["pose"]["estimator"]["model"] == "blob"
    films = [str(folder / "films" / f"{name}.mp4") for name in "ab"]
    out = ["--out", str(folder / "out"), "--no-films", "--force"]
    before = estimated()
    assert main(["align", *films, "--run", str(folder / "run"), *common, *out]) == 0
    assert estimated() == before  # the poses of training serve
    assert (folder / "out" / "angles.csv").is_file()
    assert main(["align", *films, "--run", str(folder / "run"), "--features", "pose", *common, *out]) == 1
    assert "has its own" in capsys.readouterr().err


def test_a_run_of_pictures_takes_no_keypoints(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--cache", str(folder / "cache")]
    assert main(["train", str(folder / "films"), "--out", str(folder / "run"), *common, "--steps", "1", *SMALL]) == 0
    capsys.readouterr()
    assert main(["embed", str(folder / "films"), "--out", str(folder / "out"), "--run", str(folder / "run"), *common,
                 "--keypoints", str(folder / "points")]) == 1  # fmt: skip
    assert "trained on pictures alone" in capsys.readouterr().err


def test_nobody_in_any_video_is_told_before_training(
    tmp_path: Path, estimated: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        write_spot(tmp_path / "films" / f"{name}.mp4", 20, hidden=range(20))
    assert main(["train", str(tmp_path / "films"), "--out", str(tmp_path / "run"), "--features", "pose", "--cache",
                 str(tmp_path / "cache"), "--steps", "1"]) == 1  # fmt: skip
    assert "in none of the 2 videos a body was found" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_two_arrays_as_one() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(3, 6, 4)), rng.normal(size=(3, 6, 2))
    joined, whole = Joined(first, second), np.concatenate([first, second], axis=2)
    assert (joined.shape, len(joined)) == ((3, 6, 6), 3)
    np.testing.assert_array_equal(np.asarray(joined), whole)
    np.testing.assert_array_equal(joined[1][np.array([0, 5, 5])], whole[1][[0, 5, 5]])
    np.testing.assert_array_equal(joined[1][2:4], whole[1, 2:4])
    np.testing.assert_array_equal(joined[0, 2:4], whole[0, 2:4])


def test_an_augmented_body_does_the_same_and_looks_otherwise() -> None:
    clip = Keypoints(forms.walk(40, 17), np.ones((40, 17)), np.arange(40) / 30, by_count(17), "a.mp4")
    space = PoseSpace.fit([clip])
    plain, again, other, turned = (
        space.project([one]).embeddings[0].vectors
        for one in (clip, augmented(clip, seed=1, flip=False), augmented(clip, seed=2, flip=False),
                    augmented(clip, seed=4, flip=True))
    )  # fmt: skip
    assert np.array_equal(augmented(clip, seed=1, flip=False).positions, augmented(clip, seed=1, flip=False).positions)
    assert np.abs(again - plain).mean() > 0.1
    assert np.abs(other - again).mean() > 0.1
    assert np.isfinite(turned).all()
    nobody = Keypoints(np.full((4, 17, 2), np.nan), np.zeros((4, 17)), np.arange(4) / 30, by_count(17), "b.mp4")
    assert not augmented(nobody, seed=0, flip=True).known.any()


def test_maps_and_poses_have_heads_of_their_own() -> None:
    torch.manual_seed(0)
    clip = Keypoints(forms.walk(12, 17), np.ones((12, 17)), np.arange(12) / 30, by_count(17), "a.mp4")
    from syncline.encoder.encoder_config import EncoderConfig, PoseInput

    space = PoseSpace.fit([clip])
    pose = PoseInput("body", space.settings(), space.width)
    config = EncoderConfig(features="pictures+pose", pose=pose, backbone="test_resnet", weights="none", grid=1)
    encoder = FrameEncoder(config).eval()
    encoder.pose_space = space
    np.testing.assert_allclose(encoder.pose_space.project([clip]).embeddings[0].vectors,
                               space.project([clip]).embeddings[0].vectors)  # fmt: skip
    inputs = torch.randn(1, 5, encoder.input_dim)
    plain = encoder(inputs)
    for part in (slice(0, encoder.backbone.dim), slice(encoder.backbone.dim, None)):
        changed = inputs.clone()
        changed[..., part] += 1
        assert (encoder(changed) - plain).abs().max() > 1e-3
    with pytest.raises(ValueError, match=r"maps .* and poses"):
        encoder(torch.zeros(1, 2, 3, 8, 8))
