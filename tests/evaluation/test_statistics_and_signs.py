"""Bootstrap, label-free signs, splicing and re-timing: what they must say of cases whose answer is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from syncline.evaluation.controls import time_only
from syncline.evaluation.evaluate_encoder import measure
from syncline.evaluation.protocols import Clip, Protocol, recut_by_chance, splice
from syncline.evaluation.statistics import averaged, better_is_lower, paired_bootstrap, spread
from syncline.evaluation.without_labels import label_free_signs, match_scores, time_share, warnings_of


def _clip(name: str, length: int, seed: int = 0) -> Clip:
    """Features are a point on an arc at the frame's progress, with a little noise; labels are its thirds."""
    random = np.random.default_rng([seed, length])
    place = np.sort(random.uniform(0, 3, length))
    features = np.stack([np.cos(place), np.sin(place)], 1) + 0.02 * random.normal(size=(length, 2))
    labels = np.floor(place).clip(0, 2).astype(np.int64)
    return Clip(name, name, name, features, np.arange(length) / 4, labels, np.arange(length) / 30)


def test_bootstrap_is_paired_and_over_videos() -> None:
    random = np.random.default_rng(0)
    base = random.normal(0, 10, 40)  # videos differ by far more than methods
    first = {i: float(v + 1 + 0.3 * random.normal()) for i, v in enumerate(base)}
    second = {i: float(v) for i, v in enumerate(base)}
    found = paired_bootstrap(first, second)  # type: ignore[arg-type]
    assert found.sure
    assert 0.8 < found.low < found.mean < found.high < 1.2
    assert (found.wins, found.losses, found.videos) == (40, 0, 40)
    turned = paired_bootstrap(first, second, lower_is_better=True)  # type: ignore[arg-type]
    assert (turned.wins, turned.losses, turned.mean) == (0, 40, found.mean)
    same = paired_bootstrap(second, second)  # type: ignore[arg-type]
    assert not same.sure
    assert math.isnan(paired_bootstrap({"a": 1.0}, {"b": 1.0}).mean)
    few = paired_bootstrap(dict.fromkeys("abcd", 0.51), dict.fromkeys("abcd", 0.5))
    assert few.low > 0
    assert not few.sure, "of four videos nothing is sure"


def test_seeds_are_averaged_and_directions_known() -> None:
    assert averaged([{"a": 1.0, "b": math.nan}, {"a": 2.0, "b": 1.0}]) == {"a": 1.5}
    assert spread([0.5, math.nan]) == pytest.approx((0.5, math.nan), nan_ok=True)
    assert [better_is_lower(m) for m in ("event_dtw_p90", "event_dtw_f1", "tau")] == [True, False, False]


def test_signs_know_time_only_a_collapse_and_a_course() -> None:
    clips = [_clip(f"{i}", 60 + 7 * i, i) for i in range(6)]
    recuts = [recut_by_chance(clip, seed=1) for clip in clips]
    by_time = label_free_signs(time_only(clips), retimed=time_only(recuts))
    assert by_time["time_share_retimed"] > 0.95
    assert by_time["tau"] > 0.99
    assert "time-only" in warnings_of(by_time)[0]
    course = label_free_signs([c.features for c in clips], retimed=[c.features for c in recuts])
    assert course["time_share_lost"] > by_time["time_share_lost"] + 0.02
    assert not [line for line in warnings_of(course) if "time-only" in line]
    collapsed = label_free_signs([1 + 1e-4 * c.features for c in clips])
    assert collapsed["spread"] < 1e-3
    assert "collapsed" in warnings_of(collapsed)[0]
    assert math.isnan(collapsed["time_share_retimed"])


def test_recuts_of_one_source_stay_in_one_half() -> None:
    random = np.random.default_rng(0)
    clips = [Clip(f"{i}", f"{i}", f"{i}", random.normal(size=(80, 16)), np.arange(80.0), np.zeros(80, int),
                  np.arange(80.0)) for i in range(7)]  # fmt: skip
    random_walks = [np.cumsum(clip.features, axis=0) for clip in clips]  # no two have a course in common
    recuts = [(walk[(recut_by_chance(clip, seed=2 * i + k).times).astype(int)], clip.group)
              for i, (clip, walk) in enumerate(zip(clips, random_walks)) for k in (0, 1)]  # fmt: skip
    signs = label_free_signs(
        random_walks, retimed=[walk for walk, _ in recuts], retimed_groups=[group for _, group in recuts]
    )
    assert signs["time_share"] < 0.2
    assert signs["time_share_retimed"] < 0.2, "with both re-cuts of a clip in different halves it was .8"


def test_clips_that_share_a_source_stay_in_one_half() -> None:
    random = np.random.default_rng(0)
    walks = [np.cumsum(random.normal(size=(80, 16)), axis=0) for _ in range(6)]
    twice = [walk for walk in walks for _ in (0, 1)]
    groups = [frozenset([i, f"{i}{k}"]) for i in range(6) for k in (0, 1)]
    assert time_share(twice) > 0.6, "each walk is known from its copy"
    assert time_share(twice, groups) < 0.2


@pytest.mark.parametrize("videos", [[], [np.zeros((0, 3))], [np.zeros((1, 3))], [np.zeros((1, 3)), np.zeros((1, 3))]])
def test_signs_of_next_to_nothing_are_undefined(videos: list[np.ndarray[Any, Any]]) -> None:
    signs = label_free_signs(videos, retimed=videos)
    assert math.isnan(signs["time_share"])
    assert len(videos) == 2 or math.isnan(signs["effective_rank"])
    assert isinstance(warnings_of(signs), list)


def test_match_scores_tell_friends_from_strangers() -> None:
    friends = [_clip(f"{i}", 50, i).features for i in range(3)]
    stranger = np.random.default_rng(0).normal(size=(50, 2))
    scores = {(r["a"], r["b"]): r["score"] for r in match_scores([*friends, stranger])}
    assert min(scores[0, 1], scores[1, 2]) > 0.2 > max(scores[0, 3], scores[2, 3])
    assert len(match_scores(friends, most=2)) == 2


def test_spliced_clips_keep_their_course_and_say_whose_frames_they_hold() -> None:
    clips = [_clip(f"{i}", 60 + i, i) for i in range(4)]
    spliced = splice(clips, seed=3)
    assert [c.name for c in spliced] == ["0+", "1+", "2+", "3+"]
    for clip, made in zip(clips, spliced):
        own = made.labels >= 0
        np.testing.assert_array_equal(made.features[own], clip.features)
        np.testing.assert_array_equal(made.labels[own], clip.labels)
        assert not own[0]
        assert not own[-1]
        assert (np.diff(np.flatnonzero(own)) > 1).sum() == 1  # one stretch inside
        assert clip.source in made.group  # type: ignore[operator]
        np.testing.assert_allclose(np.diff(made.steps), 0.25)
    again = splice(clips, seed=3)
    np.testing.assert_array_equal(again[2].features, spliced[2].features)
    assert len(splice(clips, seed=4)[2]) != len(spliced[2])
    foreign = splice(clips, foreign=[_clip("far", 80, 9)], seed=3)
    assert any("far" in c.group for c in foreign)  # type: ignore[operator]


def test_retimed_clips_are_recuts_of_the_source() -> None:
    clip = _clip("a", 90)
    made = recut_by_chance(clip, seed=5)
    rows = np.rint(made.times * 30).astype(int)
    np.testing.assert_array_equal(made.labels, clip.labels[rows])
    assert 0 <= rows[0] <= 9
    assert (np.diff(rows) >= 0).all()
    assert len(set(np.diff(rows))) > 1  # the speed varies


def test_frames_without_a_label_count_in_no_metric() -> None:
    x = np.concatenate([np.arange(8.0), np.arange(4.0)[::-1]])[:, None]  # a tail that runs back, without a label
    labels = np.repeat([0, 1, -1], 4)

    def clip(name: str) -> Clip:
        return Clip(name, name, name, x, np.arange(12.0), labels, np.arange(12.0))

    clips = (clip("a"), clip("b"))
    row = measure(lambda given: [c.features for c in given], Protocol("whole", (), clips, clips), num_phases=2)
    assert row["tau"] == 1
    assert row["ap5"] == pytest.approx(0.75), "of the five nearest 4, 4, 4 and 3 are of the phase"
