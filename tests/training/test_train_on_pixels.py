"""Training from pixels: with workers, a store, a crash or neither, the parameters are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from syncline.data import VideoSet
from syncline.errors import SynclineError
from syncline.progress import NOTICE
from syncline.training import TrainConfig, TrainingProgress, fit, method_config, plan_of, settled, training_data
from syncline.training.checkpoint import trained_state
from syncline.training.optimiser_step import lr_factor

Small = Callable[..., TrainConfig]


def pixels(small: Small, **changes: object) -> TrainConfig:
    encoder = {"trainable": "all"}
    return small("scl", steps=3, encoder=encoder, views={"num_frames": 2, "batch_size": 2}, **changes)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SYNCLINE_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
def test_workers_store_and_a_crash_change_nothing(videos: VideoSet, small: Small, tmp_path: Path) -> None:
    plain = trained_state(fit(videos, pixels(small)))
    phases: list[str] = []
    notices: list[str] = []
    config = pixels(small, store=True, workers=2, checkpoint_seconds=0.0)

    def crash(progress: TrainingProgress) -> None:
        phases.append(progress.phase)
        notices.extend([progress.message] if progress.phase == NOTICE else [])
        if progress.phase == "saved":
            raise MemoryError

    with pytest.raises(MemoryError):
        fit(videos, config, out=tmp_path / "run", callback=crash)
    assert phases.count("pictures") == len(videos) + 1
    assert len(notices) == 1
    assert notices[0].startswith(f"decoding {len(videos)} videos into {tmp_path}")
    # resumed without workers: they are no part of what a run is
    resumed = trained_state(fit(videos, replace(config, workers=0), out=tmp_path / "run", resume=True))
    assert plain.keys() == resumed.keys()
    assert all(torch.equal(plain[name], resumed[name]) for name in plain)


def test_the_plan_is_made_of_a_few_videos_before_all_are_decoded(
    videos: VideoSet, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_data, "FEW", 2)
    config = pixels(small, store=True)
    plan = plan_of(videos, config)
    frames = sum(video.num_frames for video in videos)
    assert (plan.videos, plan.steps, plan.frames, plan.missing) == (len(videos), 3, frames, frames)
    assert plan.bytes == frames * 160 * 160 * 3
    stored = list((tmp_path / "cache" / "pictures").rglob("*.npy"))
    assert len(stored) == 2
    assert plan.seconds == plan.missing * plan.decode + 3 * plan.step_seconds
    assert plan.decode > 0
    assert 2**20 < plan.memory < 2**40
    again = plan_of(videos, config)
    assert again.missing == frames - sum(video.num_frames for video in videos.videos[:2])
    assert str(again).startswith(f"{len(videos)} videos: about ")
    assert "of disk" in str(again)


def test_pictures_that_the_disk_has_no_room_for_are_refused_beforehand(
    videos: VideoSet, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil
    from types import SimpleNamespace

    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**7))
    with pytest.raises(SynclineError, match=r"pictures of 4 videos take 0\.0 GB, .* has 0\.0 GB free; .*store=false"):
        fit(videos, pixels(small, store=True))
    assert not list(tmp_path.rglob("*.npy"))


def test_who_augments_changes_nothing(videos: VideoSet, small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = trained_state(fit(videos, pixels(small)))
    monkeypatch.setattr(training_data, "augments", lambda device: True)
    other = trained_state(fit(videos, pixels(small)))
    assert all(torch.equal(plain[name], other[name]) for name in plain)


def test_rounds_decide_the_steps_and_the_schedule(videos: VideoSet, small: Small) -> None:
    config = settled(videos.videos, pixels(small, epochs=10)).config
    assert config.steps == 20, "4 videos, 2 a step, 10 rounds"
    factors = [lr_factor(config, step, config.steps) for step in range(20)]
    assert factors[0] == factors[1] == 1.0
    assert factors[1] > factors[2] == factors[3] > factors[4]
    assert factors[-1] == pytest.approx(0.5 * (1 + torch.cos(torch.tensor(torch.pi * 9 / 11)).item()))


@pytest.mark.parametrize(
    ("method", "preset", "frames", "batch", "epochs", "pairing", "backbone"),
    [
        ("lac", "paper", 64, 2, 300, "views", "torchvision/resnet50"),
        ("lac", "corrected", 64, 2, 300, "views", "torchvision/resnet50"),
        ("scl", None, 32, 16, 300, "views", "torchvision/resnet50"),
        ("tcn", "lac", 8, 16, 200, "triplets", "torchvision/inception_v3"),
        ("tcc", "lac", 32, 4, 200, "views", "torchvision/resnet50"),
        ("lav", "lac", 32, 2, 200, "videos", "torchvision/resnet50"),
        ("gta", "lac", 32, 2, 200, "views", "torchvision/resnet50"),
        ("lrprop", None, 32, 4, 300, "views", "torchvision/resnet50"),
    ],
)
def test_published_settings(
    method: str, preset: str | None, frames: int, batch: int, epochs: int, pairing: str, backbone: str
) -> None:
    config = method_config(method, preset=preset, published=True)
    shown = config.views
    assert (shown.num_frames, shown.batch_size, shown.pairing) == (frames, batch, pairing)
    assert (config.epochs, config.lr, config.weight_decay, config.clip) == (epochs, 1e-4, 1e-5, 10.0)
    assert (config.encoder.backbone, config.encoder.trainable) == (
        backbone,
        "last" if "scl" in (method,) or method == "lrprop" else "all",
    )
    assert config.encoder.sampling.stride == 1, "every frame"
    assert (shown.crop_base, shown.region, shown.retimed) == ("video", 1.5, 0.0)
    assert config.label_seconds is None, "labels are as wide as published, in source frames"
    assert shown.flip is (method != "tcn")
    assert config.schedule == "cosine"
