"""The folder's consensus as a teacher: it knows where a frame lies in another video, and training uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from syncline.data import VideoSet
from syncline.losses.view_pair import checked_pair
from syncline.progress import Progress
from syncline.training import TrainConfig, fit
from syncline.training.consensus_teacher import ConsensusTeacher

Small = Callable[..., TrainConfig]


def courses(count: int = 5) -> list[np.ndarray]:
    """Features along one curve, each video with a speed of its own: frame a of one is frame a / speed of another."""
    rng = np.random.default_rng(0)
    knots = rng.normal(size=(12, 32)).cumsum(axis=0)
    result = []
    for number in range(count):
        moments = np.arange(0, 11, 0.2 + 0.05 * number)
        rows = np.stack([np.interp(moments, np.arange(12), knots[:, k]) for k in range(32)], axis=1)
        result.append((rows + 0.05 * rng.normal(size=rows.shape)).astype(np.float32))
    return result


def test_positions_are_those_of_the_folder() -> None:
    told: list[Progress] = []
    teacher = ConsensusTeacher(courses(), rate_hz=7.5, callback=told.append)
    assert [progress.done for progress in told] == [0, 1, 2, 3, 4, 5]
    steps_x, steps_y = torch.tensor([[5, 20, 40], [4, 10, 30]]), torch.tensor([[2, 15, 35], [1, 12, 30]])
    z = torch.zeros(2, 3, 4)
    pair = checked_pair(
        z, z, steps_x=steps_x, steps_y=steps_y, frames_x=torch.tensor([55, 44]), frames_y=torch.tensor([37, 55]),
        video_x=torch.tensor([0, 1]), video_y=torch.tensor([2, 0]),
    )  # fmt: skip
    in_y, in_x = teacher(pair)
    expected = torch.stack([steps_x[0] * 0.2 / 0.3, steps_x[1] * 0.25 / 0.2])
    assert (in_y.steps - expected).abs().max() < 1.0
    assert (in_y.weights > 0.5).all()
    back = torch.stack([steps_y[0] * 0.3 / 0.2, steps_y[1] * 0.2 / 0.25])
    seen = in_x.weights > 0
    assert seen.sum() >= 4
    assert (in_x.steps - back)[seen].abs().max() < 1.0


def test_a_view_that_does_not_show_the_moment_teaches_nothing() -> None:
    teacher = ConsensusTeacher(courses(), rate_hz=7.5)
    z = torch.zeros(1, 3, 4)
    pair = checked_pair(
        z, z, steps_x=torch.tensor([[40, 45, 50]]), steps_y=torch.tensor([[0, 4, 8]]), frames_x=torch.tensor([55]),
        frames_y=torch.tensor([44]), video_x=torch.tensor([0]), video_y=torch.tensor([1]),
    )  # fmt: skip
    assert teacher(pair)[0].weights.max() == 0
    own = checked_pair(
        z, z, steps_x=torch.tensor([[1, 2, 3]]), steps_y=torch.tensor([[1, 2, 3]]), frames_x=torch.tensor([55]),
        frames_y=torch.tensor([55]), video_x=torch.tensor([0]), video_y=torch.tensor([0]),
    )  # fmt: skip
    assert teacher(own)[0].weights.max() == 0


def test_training_follows_it(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    told, phases = [], []
    for teacher in ("alignment", "consensus"):
        config = replace(small("lac", preset="cross_video", steps=1, loss={"cross_start": 0.0}), teacher=teacher)
        run = tmp_path / teacher
        fit(videos, config, cache=cache, out=run, callback=lambda progress: phases.append(progress.phase))
        told.append(json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["terms"])
    assert told[0]["contrastive"] == told[1]["contrastive"]
    assert told[0]["cross"] != told[1]["cross"]
    assert phases.count("consensus") == len(videos) + 1, "its beginning, and every video"
    again = replace(small("lac", preset="cross_video", steps=3, loss={"cross_start": 0.0}), teacher="consensus")
    fit(videos, again, cache=cache, out=tmp_path / "consensus", resume=True)
