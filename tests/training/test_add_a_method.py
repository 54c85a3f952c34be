"""What CONTRIBUTING says of adding a method is enough: its two snippets make one that trains."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import syncline.training.methods
from syncline.data import VideoSet
from syncline.errors import SynclineError
from syncline.experiments import BenchConfig
from syncline.training import METHODS, TrainConfig, fit, method_config

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def test_the_toy_of_the_page_trains(
    videos: VideoSet, cache: Path, small: Callable[..., TrainConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    section = PAGE.read_text(encoding="utf-8").split("## Add a method")[1]
    loss, row = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    toy = ModuleType("syncline.losses.toy")
    monkeypatch.setitem(sys.modules, toy.__name__, toy)
    exec(compile(loss, "toy.py", "exec"), vars(toy))
    table: dict[str, Any] = {**vars(syncline.training.methods), "METHODS": {}}  # what that file has, and no more
    exec(compile(row, "methods.py", "exec"), table)
    monkeypatch.setitem(METHODS, "toy", table["METHODS"]["toy"])
    losses: list[float] = []
    config = small("toy", steps=40, lr=3e-3, loss={"weight": 0.5})
    fit(videos, config, cache=cache, callback=lambda told: losses.append(told.loss) if told.loss is not None else None)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert method_config("toy", own=True).encoder.temporal == "none"
    assert BenchConfig("toys", ["a"], {"toy": {"method": "toy"}}).training("toy", 0).views.sampler == "segment_uniform"
    with pytest.raises(SynclineError, match="toy has no setting 'wieght'; it has weight"):
        method_config("toy", loss={"wieght": 1.0})
