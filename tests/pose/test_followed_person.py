"""Who is followed where several people are in the picture."""

from __future__ import annotations

import keypoint_forms as forms
import numpy as np

from syncline.pose.followed_person import Detections, follow
from syncline.pose.skeleton import by_count


def scene(*people: forms.Array, seed: int = 0) -> tuple[Detections, np.ndarray]:
    """Detections in an order of chance in every frame, and whose each is."""
    rng = np.random.default_rng(seed)
    frames, rows, who = [], [], []
    for frame in range(len(people[0])):
        for number in rng.permutation(len(people)):
            if np.isfinite(people[number][frame]).any():
                frames.append(frame)
                rows.append(people[number][frame])
                who.append(number)
    count = len(frames)
    joints = people[0].shape[1]
    found = Detections(
        np.array(frames, np.int64), np.array(rows, np.float32), np.ones((count, joints), np.float32),
        np.full(count, -1, np.int64), len(people[0]), by_count(joints),
    )  # fmt: skip
    return found, np.array(who)


def followed(found: Detections, who: np.ndarray, person: tuple[float, float] | None = None) -> list[int]:
    return [int(who[found_at]) if found_at >= 0 else -1 for found_at in follow(found, person)]


def larger(body: forms.Array, factor: float) -> forms.Array:
    middle = body.mean(axis=1, keepdims=True)
    return middle + (body - middle) * factor


def test_two_people_who_cross_keep_who_they_are() -> None:
    for seed in range(5):
        right = forms.walk(40, 17, start=100, step=5, seed=seed)
        left = larger(forms.walk(40, 17, start=300, step=-5, seed=seed + 50), 1.2)
        found, who = scene(right, left, seed=seed)
        assert followed(found, who, person=(100, 120)) == [0] * 40
        assert followed(found, who, person=(300, 120)) == [1] * 40


def test_the_largest_is_followed_who_leaves_and_comes_back() -> None:
    main, other = larger(forms.walk(60, 17, start=100, step=0), 1.4), forms.walk(60, 17, start=400, step=0, seed=3)
    main[20:40] = np.nan
    main[40:] += 150  # comes back at another place
    found, who = scene(main, other)
    assert followed(found, who) == [0] * 20 + [-1] * 20 + [0] * 20


def test_somebody_seen_beside_the_followed_one_is_never_taken_for_them() -> None:
    main, other = forms.walk(60, 17, start=100, step=0), forms.walk(60, 17, start=250, step=0, seed=3)
    main[20:] = np.nan
    found, who = scene(main, other)
    assert followed(found, who, person=(100, 120)) == [0] * 20 + [-1] * 40


def test_somebody_of_another_size_is_somebody_else() -> None:
    main, child = forms.walk(60, 17, start=100, step=0), larger(forms.walk(60, 17, start=120, step=0), 0.3)
    main[20:] = np.nan
    child[:40] = np.nan
    found, who = scene(main, child)
    assert followed(found, who) == [0] * 20 + [-1] * 40


def test_a_pause_of_a_few_frames_is_bridged() -> None:
    main, other = forms.walk(30, 17, start=100, step=3), forms.walk(30, 17, start=400, step=0, seed=3)
    main[10:15] = np.nan
    found, who = scene(main, other)
    assert followed(found, who, person=(100, 120)) == [0] * 10 + [-1] * 5 + [0] * 15


def test_numbers_of_the_file_are_believed() -> None:
    one, two = forms.walk(10, 17, start=100, step=0), larger(forms.walk(10, 17, start=100, step=0, seed=1), 1.5)
    found, who = scene(one, two)
    numbered = Detections(found.frames, found.positions, found.confidence, who, found.num_frames, found.skeleton)
    assert followed(numbered, who) == [1] * 10


def test_nobody() -> None:
    found = Detections(
        np.zeros(0, np.int64), np.zeros((0, 17, 2), np.float32), np.zeros((0, 17), np.float32), np.zeros(0, np.int64),
        5, by_count(17),
    )  # fmt: skip
    assert follow(found).tolist() == [-1] * 5
