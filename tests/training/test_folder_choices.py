"""What a configuration leaves to the folder: rate, copies and flips, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bars import write_bar_codes

from syncline.data import Sampling, Video, VideoSet, open_videos
from syncline.encoder import Backbone, FeatureCache
from syncline.encoder.scene_difference import scene_difference
from syncline.losses import DEFAULT_PRESET, ONE_SCENE_PRESET
from syncline.training import TrainConfig, fit, method_config, read_config, settled
from syncline.training.folder_choices import COPIES
from syncline.video import VideoWriter

Small = Callable[..., TrainConfig]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    """Twelve clips, each in a colour of its own that hardly moves."""
    folder = tmp_path_factory.mktemp("rooms")
    rng = np.random.default_rng(0)
    for number in range(12):
        picture = np.tile(rng.integers(0, 255, (1, 1, 3)).astype(np.uint8), (64, 64, 1))
        picture[::2] //= 2
        with VideoWriter(folder / f"{number}.mp4", height=64, width=64, rate=30) as writer:
            for i in range(40):
                picture[8:12, i : i + 4] = 255
                writer.write(picture, i / 30)
    return open_videos(folder)


def test_copies_and_flips_where_scenes_differ(rooms: VideoSet, videos: VideoSet, cache: Path, small: Small) -> None:
    open_config = replace(small(), copies="auto")
    differ = settled(rooms.videos, open_config, cache)
    assert (differ.config.copies, differ.config.views.flip) == (COPIES, True)
    assert "different scenes, 4 augmented copies, mirrored ones among them" in " ".join(differ.notes)
    alike = settled(videos.videos, open_config, cache)
    assert (alike.config.copies, alike.config.views.flip) == (1, False)
    assert "taken for one scene, no augmented copies" in " ".join(alike.notes)
    named = settled(rooms.videos, small(copies=2), cache)
    assert (named.config.copies, named.config.views.flip) == (2, False)


def test_the_preset_follows_the_scenes(rooms: VideoSet, videos: VideoSet, cache: Path, small: Small) -> None:
    open_config = small("lac")
    assert open_config.preset == "auto"
    assert settled(rooms.videos, open_config, cache).config.preset == DEFAULT_PRESET
    assert settled(videos.videos, open_config, cache).config.preset == ONE_SCENE_PRESET
    named = small("lac", preset="paper")
    assert settled(videos.videos, named, cache).config.preset == "paper"
    pixels = replace(open_config, encoder=replace(open_config.encoder, trainable="all"))
    assert settled(videos.videos, pixels, cache).config.preset == DEFAULT_PRESET


def test_the_rate_follows_the_clips_unless_it_is_named(rooms: VideoSet, cache: Path, small: Small) -> None:
    free = replace(small(), sample_rate_hz="auto", encoder=replace(small().encoder, sampling=Sampling()))
    found = settled(rooms.videos, free, cache)
    assert found.config.encoder.sampling == Sampling(rate_hz=30.0), "clips of 1.3 s are looked at frame by frame"
    assert found.config.sample_rate_hz == 30.0
    assert any("30 frames a second" in note for note in found.notes)
    assert settled(rooms.videos, found.config, cache).config == found.config
    stride = replace(free, encoder=replace(free.encoder, sampling=Sampling(stride=2)))
    assert settled(rooms.videos, stride, cache).config.encoder.sampling == Sampling(stride=2)
    slow = replace(free, sample_rate_hz=5.0)
    assert settled(rooms.videos, slow, cache).config.encoder.sampling == Sampling(rate_hz=5.0)


def test_few_clips_are_told(rooms: VideoSet, videos: VideoSet, cache: Path, small: Small) -> None:
    assert any("4 clips to learn from: that is few" in note for note in settled(videos.videos, small(), cache).notes)
    assert not any("few" in note for note in settled(rooms.videos, small(), cache).notes)


def test_what_was_chosen_is_kept_with_the_run(rooms: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    told = []
    config = replace(small(steps=2), copies="auto")
    fit(rooms, config, cache=cache, out=tmp_path / "run", callback=lambda progress: told.append(progress.message))
    kept = read_config(tmp_path / "run")
    assert (kept.copies, kept.views.flip) == (COPIES, True)
    assert any("taken for different scenes" in message for message in told)
    fit(rooms, replace(config, steps=4), cache=cache, out=tmp_path / "run", resume=True)
    assert read_config(tmp_path / "run").steps == 4


def test_the_recommended_configuration_leaves_it_to_the_folder() -> None:
    assert (method_config().copies, method_config().sample_rate_hz) == ("auto", "auto")
    assert (TrainConfig().copies, TrainConfig().sample_rate_hz) == (1, None), "as version 0.1.0 saved it"
    assert (method_config().label_seconds, TrainConfig().label_seconds) == ("auto", 0.19)
    assert (method_config("lac", own=True).copies, method_config("lac", own=True).sample_rate_hz) == (1, None)


def test_soft_labels_are_as_wide_as_the_clips_ask_for(small: Small, cache: Path) -> None:
    free = replace(small(), label_seconds="auto", copies=1, preset="corrected")

    def clips(seconds: float) -> list[Video]:
        return [Video(Path(f"{k}.mp4"), f"{k}", f"{k}", int(30 * seconds), 30.0) for k in range(12)]

    takes, swings = settled(clips(12.0), free, cache), settled(clips(1.3), free, cache)
    assert takes.config.label_seconds == pytest.approx(0.19), "what was measured on takes of ten seconds"
    assert swings.config.label_seconds == pytest.approx(0.0475), "and not a seventh of a swing"
    assert any("soft labels are 0.048 s wide" in note for note in swings.notes)
    named = settled(clips(1.3), replace(free, label_seconds=0.3), cache)
    assert named.config.label_seconds == 0.3
    assert not any("soft labels" in note for note in named.notes)


def test_a_lent_backbone_serves_the_measurement(rooms: VideoSet, cache: Path, small: Small) -> None:
    config = small()
    lent = Backbone(config.encoder.backbone, weights=config.encoder.weights, grid=config.encoder.grid)
    found = settled(rooms.videos, replace(config, copies="auto"), FeatureCache(cache, lent))
    assert isinstance(found.cache, FeatureCache)
    assert found.cache.backbone is lent


def test_scene_difference_of_clips_that_stand_still() -> None:
    assert scene_difference([np.zeros((3, 4), np.float32)] * 2) == 0
    assert scene_difference([np.full((3, 4), k, np.float32) for k in range(3)]) == 1


def test_clips_that_cannot_be_read_are_left_out(rooms: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    write_bar_codes(tmp_path / "a.mp4", 20)
    video = open_videos(tmp_path)[0]
    broken = replace(video, path=tmp_path / "gone.mp4", name="gone")
    found = settled([*rooms.videos, broken], replace(small(), copies="auto"), cache)
    assert found.config.copies == COPIES


def test_a_batch_has_a_pair_for_every_process(videos: VideoSet, cache: Path, small: Small) -> None:
    two = small(views={"batch_size": 2}, sample_rate_hz=None, label_seconds=0.2)
    assert settled(videos.videos, two, cache, processes=2).config == two
    raised = settled(videos.videos, two, cache, processes=4)
    assert raised.config == replace(two, views=replace(two.views, batch_size=4))
    assert any("batch of 2 pairs is raised to 4, one for each process" in note for note in raised.notes)
