"""What makes bodies comparable: place, size, tilt, side and time do not matter; what a body does, does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from syncline.errors import SynclineError
from syncline.pose import Keypoints, PoseOptions, PoseSpace, pose_embeddings
from syncline.pose.angles import angles_at, differing_joints, joint_angles, overlay
from syncline.pose.mirror import mirrored
from syncline.pose.skeleton import Skeleton, by_count, canonical, other_side, skeleton_of, unknown

FRAMES = 60
BASE = np.array([
    [0, -60], [-3, -63], [3, -63], [-6, -62], [6, -62], [12, -45], [-12, -45], [16, -25], [-16, -25], [18, -5],
    [-18, -5], [8, 0], [-8, 0], [9, 35], [-9, 35], [10, 70], [-10, 70],
], dtype=float)  # fmt: skip


def swing(*, arm: str = "left", frames: int = FRAMES, fast: float = 1.0) -> Keypoints:
    """A person who lifts one arm and lowers it, facing the camera."""
    skeleton = by_count(17)
    lift = np.sin(np.pi * np.clip(np.linspace(0, fast, frames), 0, 1)) ** 2
    body = np.repeat(BASE[None], frames, axis=0)
    outwards = 1 if arm == "left" else -1
    elbow, wrist = skeleton.indices_of([f"{arm}_elbow", f"{arm}_wrist"])
    body[:, elbow] += np.stack([12 * outwards * lift, -24 * lift], axis=1)
    body[:, wrist] += np.stack([24 * outwards * lift, -70 * lift], axis=1)
    return Keypoints(body + np.array([300, 200]), np.ones((frames, 17)), np.arange(frames) / 30, skeleton, f"{arm}.mp4")


def moved(clip: Keypoints, *, by: tuple[float, float] = (0, 0), size: float = 1.0, tilt: float = 0.0) -> Keypoints:
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    return replace(clip, positions=(clip.positions @ turn.T) * size + np.asarray(by))


def vectors(*clips: Keypoints, **options: object) -> list[np.ndarray]:
    return [e.vectors for e in pose_embeddings(clips, PoseOptions(**options)).embeddings]  # type: ignore[arg-type]


def test_place_and_size_do_not_matter() -> None:
    one, other = vectors(swing(), moved(swing(), by=(500, -70), size=2.5))
    np.testing.assert_allclose(one, other, atol=2e-3)


def test_a_tilted_camera_does_not_matter_where_that_is_asked_for() -> None:
    tilted = moved(swing(), tilt=0.3)
    one, other = vectors(swing(), tilted, upright=True)
    np.testing.assert_allclose(one, other, atol=2e-3)
    one, other = vectors(swing(), tilted)
    assert np.abs(one - other).max() > 0.5


def test_left_handers_are_mirrored_and_said() -> None:
    clips = [swing(), swing(frames=50), swing(arm="right"), swing(fast=0.9)]
    folder = pose_embeddings(clips, PoseOptions(mirror="auto"))
    assert folder.mirrored == [False, False, True, False]
    np.testing.assert_allclose(folder.embeddings[0].vectors, folder.embeddings[2].vectors, atol=2e-3)
    assert pose_embeddings(clips).mirrored == [False] * 4


def test_a_gap_is_filled_and_a_long_one_is_unknown() -> None:
    clip, whole = swing(), swing()
    positions = clip.positions.copy()
    positions[10:13] = np.nan  # a tenth of a second
    positions[30:50] = np.nan
    positions[58:] = np.nan  # the end: nothing to go to
    folder = pose_embeddings([replace(clip, positions=positions), whole])
    assert np.flatnonzero(~folder.known[0]).tolist() == [*range(30, 50), 58, 59]
    assert (folder.embeddings[0].vectors[30:50] == 0).all()
    near = np.abs(folder.embeddings[0].vectors[8:15] - folder.embeddings[1].vectors[8:15]).max()
    assert near < 0.5


def test_one_joint_that_is_never_seen_does_not_make_frames_unknown() -> None:
    positions = swing().positions.copy()
    positions[:, 15] = np.nan
    folder = pose_embeddings([replace(swing(), positions=positions), swing()])
    assert folder.known[0].all()
    assert all(np.isfinite(embedding.vectors).all() for embedding in folder.embeddings)


def test_velocities_tell_up_from_down() -> None:
    up, down = 20, 40  # the arm is as high in both
    with_them, without = (vectors(swing(), velocities=weight, smoothing=0.0)[0] for weight in (1.0, 0.0))

    def cosine(rows: np.ndarray) -> float:
        return float(rows[up] @ rows[down] / np.linalg.norm(rows[up]) / np.linalg.norm(rows[down]))

    assert cosine(without) > 0.95
    assert cosine(with_them) < 0.7
    assert with_them.shape[1] == 2 * without.shape[1] == 52


def test_a_still_joint_that_jitters_counts_less_than_a_hand_that_swings() -> None:
    rng = np.random.default_rng(0)
    noisy = [replace(swing(), positions=swing().positions + rng.normal(0, 0.3, (FRAMES, 17, 2))) for _ in range(3)]
    one = vectors(*noisy, velocities=0.0)[0]
    spread = one.std(axis=0).reshape(13, 2).max(axis=1)
    joints = noisy[0].skeleton.used
    assert spread[joints.index("left_wrist")] > 3 * spread[joints.index("right_knee")]


def test_animals_and_tools_need_no_rules() -> None:
    rng = np.random.default_rng(1)
    body = rng.normal(size=(1, 5, 2)) * 30 + np.cumsum(rng.normal(size=(FRAMES, 5, 2)), axis=0)
    clip = Keypoints(body, np.ones((FRAMES, 5)), np.arange(FRAMES) / 30, unknown(list("abcde")), "fly.mp4")
    one, other = vectors(clip, moved(clip, by=(90, 10), size=3))
    np.testing.assert_allclose(one, other, atol=5e-3)
    one, other = vectors(clip, moved(clip, by=(90, 10), size=3), centre=("a",), scale=("a", "b"))
    np.testing.assert_allclose(one, other, atol=5e-3)
    with pytest.raises(SynclineError, match="--centre z: there is no such joint"):
        vectors(clip, centre=("z",))


def test_three_dimensions_and_two_skeletons() -> None:
    flat = swing()
    depth = np.concatenate([flat.positions, np.zeros((FRAMES, 17, 1))], axis=2)
    deep = replace(flat, positions=depth)
    assert vectors(deep)[0].shape == (FRAMES, 13 * 6)
    coco_only = swing()
    columns = [by_count(25).joints.index(name) for name in coco_only.skeleton.joints]
    wide = np.full((FRAMES, 25, 2), np.nan)
    wide[:, columns] = coco_only.positions
    openpose = Keypoints(wide, np.ones((FRAMES, 25)), coco_only.pts_seconds, by_count(25), "b.mp4")
    one, other = vectors(coco_only, openpose)
    np.testing.assert_allclose(one, other, atol=2e-3)
    tail = Keypoints(np.zeros((3, 1, 2)), np.ones((3, 1)), np.arange(3.0), unknown(["tail"]), "c.mp4")
    with pytest.raises(SynclineError, match="no joint in common"):
        vectors(flat, tail)
    for clips in ((flat, deep), (deep, flat)):
        with pytest.raises(SynclineError, match=r"has keypoints in 2-D, left\.mp4 in 3-D"):
            vectors(*clips)
    with pytest.raises(SynclineError, match="are 3-D, the others 2-D"):
        PoseSpace.fit([flat]).project([deep])
    nobody = replace(flat, positions=np.full_like(flat.positions, np.nan))
    assert [len(rows.T) for rows in vectors(nobody, deep)] == [13 * 6] * 2


def test_nothing_known_at_all() -> None:
    nobody = replace(swing(), positions=np.full((FRAMES, 17, 2), np.nan))
    folder = pose_embeddings([nobody, nobody])
    assert not folder.known[0].any()
    assert (folder.embeddings[0].vectors == 0).all()
    assert pose_embeddings([]).embeddings == []


def test_angles_and_where_two_bodies_differ() -> None:
    clip = swing()
    angles = joint_angles(clip)
    assert angles["left_knee"] == pytest.approx(180, abs=3)
    assert angles["left_shoulder"].max() - angles["left_shoulder"].min() > 60
    bent = clip.positions.copy()
    bent[:, clip.skeleton.index_of("left_ankle")] = bent[:, clip.skeleton.index_of("left_knee")] + [35, 0]
    names = differing_joints(clip, replace(clip, positions=bent), clip.pts_seconds, clip.pts_seconds)
    assert names[0][0] == "left_knee"
    assert names[0][1] == pytest.approx(-90, abs=5)
    assert differing_joints(clip, clip, np.full(3, np.nan), np.zeros(3)) == []


def test_angles_are_not_made_up_where_nobody_is_seen() -> None:
    clip = swing()  # 2 seconds
    positions = clip.positions.copy()
    positions[10:14] = np.nan
    positions[20:45] = np.nan
    moments = np.array([5.5, 12.0, 19.0, 19.5, 30.0, 44.5, 45.0, 59.0, 60.0]) / 30
    there = angles_at(replace(clip, positions=positions), moments)["left_shoulder"]
    assert np.isfinite(there).tolist() == [True, True, True, False, False, False, True, True, False]
    nobody = replace(clip, positions=np.full_like(positions, np.nan))
    assert differing_joints(clip, nobody, clip.pts_seconds, clip.pts_seconds) == []


def test_what_is_drawn_over_a_film() -> None:
    positions = swing().positions.copy()
    positions[3, 9] = np.nan
    drawn = overlay(replace(swing(), positions=positions, picture_size=(600, 400)))
    wrist = list(drawn["joints"]).index("left_wrist")  # type: ignore[call-overload]
    frames = drawn["frames"]
    assert frames[3][wrist] is None  # type: ignore[index]
    x, y = frames[0][wrist]  # type: ignore[index]
    assert (x, y) == pytest.approx((318 / 600, 195 / 400), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "other"),
    [("left_hip", "right_hip"), ("KneeR", "KneeL"), ("ear_l", "ear_r"), ("LeftPaw", "RightPaw"), ("tail", "tail"),
     ("R_wing", "L_wing"), ("l-antenna", "r-antenna"), ("lobe", "lobe"), ("ROI", "ROI")],
)  # fmt: skip
def test_the_other_side(name: str, other: str) -> None:
    assert other_side(name) == other
    assert other_side(other) == name


def test_names_as_others_spell_them_make_a_person() -> None:
    spelled = ["Nose", "LShoulder", "RShoulder", "LElbow", "Left Hip", "hip_r", "left-knee"]
    skeleton = skeleton_of(spelled)
    assert skeleton.centre == ("left_hip", "right_hip")
    assert canonical("Right Shoulder") == "right_shoulder"
    assert isinstance(skeleton, Skeleton)


def test_a_mirrored_clip_has_the_angles_of_the_other_side() -> None:
    left, right = joint_angles(swing(arm="left")), joint_angles(mirrored(swing(arm="right")))
    for name, angles in left.items():
        np.testing.assert_allclose(right[name], angles, atol=0.2)
