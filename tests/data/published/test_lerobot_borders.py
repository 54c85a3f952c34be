"""Borders of episodes in a film that holds many: mended by the lengths, or told by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lerobot_forms
import numpy as np
import pytest
from pyarrow import parquet

from syncline.data import open_source
from syncline.data.published.lerobot_borders import Part, borders
from syncline.video import VideoReader

READ_AS = {
    "test_borders_that_drift_are_mended_by_the_lengths": (
        "LeRobot v3", "borders of episodes in seconds", "by the lengths in frames where these fill the film",
    ),
    "test_frames_of_no_episode_and_overlaps": (
        "LeRobot v3", "overlaps, gaps, films that end early", "told by name; overlaps of two frames are mended",
    ),
}  # fmt: skip
LENGTHS = [12, 9, 15]


def rewritten(root: Path, change: dict[int, dict[str, Any]]) -> Path:
    """A v3 data set of `LENGTHS` whose table says otherwise of some episodes (starts in frames)."""
    import pyarrow as pa

    lerobot_forms.write_v3(root, LENGTHS)
    file = root / "meta/episodes/chunk-000/file-000.parquet"
    rows = parquet.read_table(file).to_pylist()
    for number, values in change.items():
        for key, value in values.items():
            if key == "start":
                for camera in lerobot_forms.CAMERAS:
                    rows[number][f"videos/{camera}/from_timestamp"] = value / lerobot_forms.FPS
            else:
                rows[number][key] = value
    parquet.write_table(pa.Table.from_pylist(rows), file)
    return root


def spans(root: Path) -> list[Any]:
    return [video.span for video in open_source(root)]


@pytest.mark.parametrize("drift", [-1.9, -0.7, 0.4, 1.2, 2.0])
def test_borders_that_drift_are_mended_by_the_lengths(
    tmp_path: Path, drift: float, caplog: pytest.LogCaptureFixture
) -> None:
    root = rewritten(tmp_path / "d", {1: {"start": 12 + drift}, 2: {"start": 21 + drift / 2}})
    assert spans(root) == [(0, 12), (12, 21), (21, 36)]
    assert "WARNING" not in caplog.text


def test_borders_far_from_the_lengths_are_told_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = rewritten(tmp_path / "d", {1: {"start": 17}})
    assert spans(root) == [(0, 12), (12, 21), (21, 36)]
    assert "episode_000001 begins 5 frames later than the lengths" in caplog.text


def test_a_film_that_ends_early_is_told_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = rewritten(tmp_path / "d", {2: {"length": 25}})
    assert spans(root)[2] == (21, 36)
    assert "episode_000002: file-000.mp4 ends 10 frames early" in caplog.text


def test_frames_of_no_episode_and_overlaps(caplog: pytest.LogCaptureFixture) -> None:
    pts_seconds = np.arange(100) / 10
    parts = [Part("one", 20, 0.0), Part("two", 20, 1.9), Part("three", 20, 4.5), Part("four", 20, 6.0)]
    found = borders("x.mp4", parts, pts_seconds)
    assert found == {"one": (0, 20), "two": (20, 40), "three": (45, 65), "four": (60, 80)}
    assert "5 frames of x.mp4 between two and three are in no episode" in caplog.text
    assert "four begins 5 frames before the end of three" in caplog.text


def test_an_episode_outside_its_film_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    assert borders("x.mp4", [Part("one", 5, 0.0), Part("two", 9, 70.0)], np.arange(50) / 10) == {"one": (0, 5)}
    assert "passed over two" in caplog.text


def test_rows_that_do_not_fit_a_film_of_their_own_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lerobot_forms.write_v2(tmp_path / "d", [12, 9])
    lines = (tmp_path / "d/meta/episodes.jsonl").read_text().replace('"length": 9', '"length": 14')
    (tmp_path / "d/meta/episodes.jsonl").write_text(lines)
    assert len(open_source(tmp_path / "d")) == 2
    assert "episode_000001 has 9 frames in its film and 14 rows" in caplog.text


def test_bar_codes_say_that_the_mended_borders_are_right(tmp_path: Path) -> None:
    import bars

    root = rewritten(tmp_path / "d", {1: {"start": 13.4}, 2: {"start": 22.4}})
    for video, first in zip(open_source(root), (0, 12, 21), strict=True):
        assert video.span is not None
        assert bars.read_bar_code(VideoReader(video.path).frames([video.span[0]]).pixels[0]) == first
