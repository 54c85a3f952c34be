"""The benchmarks of waiting times run, at sizes that nobody would publish; what they measure is not judged here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import first_hour, groups, growth, pixels, record
from benchmarks.transfer_consensus import Target

from syncline.data import Embedding

ROWS = {"open": 3, "embed": 3, "store": 4, "index": 4, "partners": 4, "everyone": 4}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(record, "RESULTS", tmp_path / "results")
    monkeypatch.setenv("SYNCLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "results"


def rows_of(results: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (results / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_every_stage_of_a_growing_folder_is_measured(results: Path, tmp_path: Path) -> None:
    growth.write_features(tmp_path)
    growth.link(tmp_path, 3)
    found = {stage: growth.measured(stage, tmp_path, clips, 12) for stage, clips in ROWS.items()}
    assert list(found) == list(growth.STAGES)
    assert all(row["peak_bytes"] > 0 and row["grown_bytes"] >= 0 for row in found.values())
    assert found["everyone"]["pairs"] == found["partners"]["pairs"] == 6


def test_exponents_are_those_of_a_power_law() -> None:
    sizes = {n: {"processor_seconds": 2e-3 * n**2, "grown_bytes": 5.0 * n} for n in (10, 100, 1000)}
    assert growth.exponents(sizes) == {"time_exponent": 2.0, "memory_exponent": 1.0}
    assert growth.exponents({10: sizes[10]}) == {}


@pytest.mark.slow
def test_pixels_are_measured_by_stage_and_workers(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--size", "16", "--frames", "2", "--batch", "1", "--workers", "1", "--batches", "2", "--device", "cpu"]
    monkeypatch.setattr(sys, "argv", ["pixels", *words])
    pixels.main()
    stages, bare, loader, plan = rows_of(results, "pixels")
    assert all(stages[name] >= 0 for name in ("decode", "store", "augment", "transfer"))
    assert bare["batches_per_second"] > 0
    assert loader["batches_per_second"] > 0
    assert 0 <= loader["waiting_share"] <= 1
    assert plan["planned_seconds"] > 0
    assert plan["planned_gb"] > 0


@pytest.mark.slow
def test_clips_of_the_first_hour_are_different_videos(tmp_path: Path) -> None:
    from syncline.files import content_hash

    folder = first_hour.write_clips(tmp_path, 14, seconds=2.0, height=48)
    clips = sorted(folder.iterdir())
    assert len({content_hash(clip) for clip in clips}) == len(clips) == 14
    assert first_hour.held(folder) == sum(clip.stat().st_size for clip in clips)


def test_a_clip_lacks_what_its_reference_has() -> None:
    seconds = np.arange(4.0)
    whole, late = (
        Target(Embedding(np.ones((4, 2), np.float32), seconds, name), seconds, events)
        for name, events in (("whole", (0.5, 2.0)), ("late", (None, 1.0)))
    )
    assert groups.lacks_an_event(late, whole)
    assert not groups.lacks_an_event(whole, late)
    assert not groups.lacks_an_event(late, late)
