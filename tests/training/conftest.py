"""A few tiny videos with their features, and the smallest configuration that trains on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bars import write_bar_codes

from syncline.data import VideoSet, open_videos
from syncline.training import TrainConfig, method_config

SMALL: dict[str, Any] = {
    "backbone": "test_resnet", "weights": "none", "grid": 1, "hidden": 16, "width": 16, "heads": 2, "feed_forward": 32,
    "embedding_dim": 8, "sampling": {"stride": 2},
}  # fmt: skip


def small_config(method: str = "scl", **changes: Any) -> TrainConfig:
    """A configuration whose steps take milliseconds; changes as ``method_config`` takes them."""
    encoder = {**SMALL, **changes.pop("encoder", {})}
    views = {"num_frames": 8, "batch_size": 3, **changes.pop("views", {})}
    given = {"encoder": encoder, "views": views, "steps": 6, "log_every": 2, "copies": 1, **changes}
    return method_config(method, **given)


@pytest.fixture(scope="session")
def small() -> Callable[..., TrainConfig]:
    return small_config


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four videos."""
    place = tmp_path_factory.mktemp("videos")
    for number in range(4):
        write_bar_codes(place / f"{number}.mp4", 36 + 4 * number)
    return place


@pytest.fixture(scope="session")
def videos(folder: Path) -> VideoSet:
    return open_videos(folder)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One feature cache for all tests: what random weights made is keyed by their hash, and the seed fixes them."""
    return tmp_path_factory.mktemp("cache")
