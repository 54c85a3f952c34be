"""Synthetic videos: the truth is true, a clock does not solve them, and every wish is rendered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from syncline.data import open_videos
from syncline.data.synthetic import SyntheticConfig, SyntheticVideo, course_of, phase_of, read_truth, render_synthetic
from syncline.data.synthetic_scene import EVENT_NAMES, NUM_PHASES, TABLE, Look, draw, state_at
from syncline.errors import SynclineError
from syncline.evaluation import phase_classification, retrieval_precision
from syncline.video import VideoReader

SMALL = {"size": (48, 64), "frame_rate": 10.0, "seconds": (4.0, 5.0)}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SyntheticVideo]]:
    folder = tmp_path_factory.mktemp("synthetic")
    return folder, render_synthetic(folder, SyntheticConfig(num_videos=4, **SMALL))


def test_the_folder_opens_like_any_other_with_true_labels(rendered: tuple[Path, list[SyntheticVideo]]) -> None:
    folder, made = rendered
    videos = open_videos(folder)
    assert videos.event_names == EVENT_NAMES
    assert [video.split for video in videos] == ["train", "train", "train", "val"]
    for video, truth in zip(videos, made, strict=True):
        assert video.path == truth.path
        assert VideoReader(video.path).num_frames == video.num_frames == len(truth.progress)
        np.testing.assert_array_equal(video.phases, truth.phases)
        assert (np.diff(truth.progress) >= 0).all()
        assert set(truth.phases.tolist()) == set(range(NUM_PHASES))
        assert [truth.phases[event] - truth.phases[event - 1] for event in truth.events if event is not None] == [1] * 7


def test_truth_is_read_back(rendered: tuple[Path, list[SyntheticVideo]]) -> None:
    folder, made = rendered
    for one, other in zip(read_truth(folder), made, strict=True):
        assert (one.path, one.events, one.segments) == (other.path, other.events, other.segments)
        np.testing.assert_allclose(one.progress, other.progress, atol=1e-8)
    (folder / "sub").mkdir(exist_ok=True)
    with pytest.raises(SynclineError, match="not the truth"):
        read_truth(folder / "sub")


def test_same_seed_same_pictures_and_another_seed_others(tmp_path: Path) -> None:
    config = SyntheticConfig(num_videos=1, **SMALL)
    first, again = (render_synthetic(tmp_path / name, config)[0] for name in "ab")
    other = render_synthetic(tmp_path / "c", SyntheticConfig(num_videos=1, seed=1, **SMALL))[0]
    assert first.path.read_bytes() == again.path.read_bytes()
    assert first.path.read_bytes() != other.path.read_bytes()


@pytest.mark.parametrize("wish", ["pauses", "missing", "repeated", "extra"])
def test_wishes_are_in_the_truth(wish: str) -> None:
    kind = {"pauses": "pause"}.get(wish, wish)
    for seed in range(12):
        config = SyntheticConfig(seed=seed, **{wish: True})
        shown, offsets, segments = course_of(np.random.default_rng([seed, 0]), config)
        found = [segment for segment in segments if segment[0] == kind]
        assert found
        frames = np.concatenate([np.arange(first, last + 1) for what, first, last in segments if what != "missing"])
        np.testing.assert_array_equal(frames, np.arange(len(shown)))
        for _, first, last in found:
            part = shown[first : last + 1]
            if kind == "pause":
                assert len(part) >= 6
                assert np.ptp(part) == 0
            if kind == "missing":
                assert phase_of(shown[first : first + 1]) - phase_of(shown[first - 1 : first]) == 2
            if kind == "repeated":
                assert len(np.unique(phase_of(part))) == 1
                assert phase_of(part)[0] in phase_of(shown[: first - 1])
            if kind == "extra":
                assert (np.abs(offsets[first : last + 1]).max(axis=1) > 0).all()
        moved = np.flatnonzero(np.abs(offsets).max(axis=1) > 0)
        assert len(moved) == sum(last - first + 1 for what, first, last in segments if what == "extra")


def test_all_wishes_together_render(tmp_path: Path) -> None:
    wishes = {"pauses": True, "missing": True, "repeated": True, "extra": True}
    made = render_synthetic(tmp_path, SyntheticConfig(num_videos=2, **SMALL, **wishes))
    for video, truth in zip(open_videos(tmp_path), made, strict=True):
        assert sum(event is None for event in truth.events) == 1
        assert np.isnan(truth.progress).any()
        assert video.num_frames == len(truth.progress)


def test_a_clock_does_not_solve_the_set() -> None:
    """Time alone gets less than half of the frames right, far above chance (it is one activity after all)."""
    courses = [course_of(np.random.default_rng([0, n]), SyntheticConfig())[0] for n in range(24)]
    labels = [phase_of(course)[::2] for course in courses]
    clocks = [np.linspace(0, 1, len(y))[:, None] for y in labels]
    assert 0.2 < phase_classification(clocks[:16], labels[:16], clocks[16:], labels[16:]) < 0.5
    assert retrieval_precision(clocks[16:], labels[16:], 5) < 0.5


def test_pictures_show_the_state() -> None:
    """Every phase changes the picture, and equal progress gives the same scene in any video."""
    rng = np.random.default_rng(3)
    look = Look.drawn(rng, 96, 128)
    moments = (np.arange(NUM_PHASES) + 0.6) / NUM_PHASES
    pictures = [draw(state_at(float(p), look), look, 0.0, np.random.default_rng(0)).astype(int) for p in moments]
    for one in range(NUM_PHASES):
        for other in range(one):
            assert (np.abs(pictures[one] - pictures[other]).max(axis=2) > 40).mean() > 0.005
    before, after = (state_at(at / NUM_PHASES, look) for at in (2.9, 4.1))
    assert (before.level, after.level) == (0.0, 1.0)
    assert state_at(1.0, look).ball[0] == look.box
    assert state_at(1.0, look).ball[1] == pytest.approx(TABLE - 0.05)
    assert state_at(0.0, look).hand == state_at(1.0, look).hand == look.rest


@pytest.mark.parametrize(
    "change",
    [{"num_videos": 0}, {"size": (95, 128)}, {"seconds": (3.0, 2.0)}, {"frame_rate": 0.0}, {"seconds": (0.5, 1.0)},
     {"trim": 1.5}],
)  # fmt: skip
def test_what_cannot_be_rendered_is_said(change: dict[str, Any]) -> None:
    with pytest.raises(SynclineError):
        SyntheticConfig(**change)
