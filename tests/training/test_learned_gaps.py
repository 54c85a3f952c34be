"""The gap prices that LAC learns go with the encoder, and `align --run` takes them where the run says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import syncline.tasks
from syncline.alignment import Gaps
from syncline.alignment.centring import similarity_unit
from syncline.cli.main import main
from syncline.data import VideoSet
from syncline.encoder import FrameEncoder
from syncline.training import TrainConfig, fit, method_config

Small = Callable[..., TrainConfig]


@pytest.mark.parametrize("used", [False, True])
def test_learned_gaps_are_kept_and_used(
    used: bool, videos: VideoSet, cache: Path, small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    config = small("lac", preset="corrected", steps=5, lr=1e-2, align_with_gaps=used)
    trained = fit(videos, config, cache=cache, out=run)
    learned = FrameEncoder.from_pretrained(run).learned_gaps
    assert learned is not None
    assert learned == trained.learned_gaps
    assert (learned.gap_open, learned.gap_extend) != (1.0, 0.5), "they were learned"
    assert (learned.unit, learned.used) == (0.1, used)
    asked: list[dict[str, Any]] = []
    real = syncline.tasks.align

    def align(a: Any, b: Any, **options: Any) -> Any:
        asked.append(options | {"unit": similarity_unit(a.vectors, b.vectors)})
        return real(a, b, **options)

    monkeypatch.setattr(syncline.tasks, "align", align)
    words = ["align", str(videos[0].path), str(videos[1].path), "--run", str(run), "--out", str(tmp_path / "out")]
    main([*words, "--cache", str(cache), "--no-films", "--figures", "none", "--force"])
    if used:
        assert asked[0]["gap_open"] == pytest.approx(learned.gap_open * 0.1 / asked[0]["unit"])
        assert asked[0]["gap_extend"] == pytest.approx(learned.gap_extend * 0.1 / asked[0]["unit"])
    else:
        assert "gap_open" not in asked[0]


def test_the_own_setting_of_lac_says_so_and_the_common_one_does_not() -> None:
    assert method_config("lac", own=True).align_with_gaps
    assert not method_config("lac").align_with_gaps


@pytest.mark.parametrize("preset", ["paper", "cross_video"])
def test_gaps_that_are_no_two_learned_numbers_are_not_kept(
    preset: str, videos: VideoSet, cache: Path, small: Small
) -> None:
    assert fit(videos, small("lac", preset=preset, steps=1), cache=cache).learned_gaps is None


def test_softplus_gaps_have_a_floor() -> None:
    """However far training pushes them: opening and extending cost a tenth at least."""
    gaps = Gaps(opening=1.0, extending=0.5)
    with torch.no_grad():
        for parameter in gaps.parameters():
            parameter.fill_(-100.0)
    opening, extending = gaps()
    assert opening.item() == pytest.approx(0.1)
    assert extending.item() == pytest.approx(0.1)


def test_a_run_without_them_still_opens(videos: VideoSet, cache: Path, small: Small, tmp_path: Path) -> None:
    import json

    fit(videos, replace(small("lac", preset="corrected", steps=1)), cache=cache, out=tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    described = json.loads(path.read_text())
    del described["learned_gaps"]  # as version 0.1.0 wrote it
    path.write_text(json.dumps(described))
    assert FrameEncoder.from_pretrained(tmp_path / "run").learned_gaps is None
