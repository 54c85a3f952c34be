"""The films that the verbs write, played by Chromium: their length, and the frames that it shows."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bars import read_bar_code, write_bar_codes
from playwright.sync_api import Page
from walks import walk

from syncline.tasks import Alignment, align, synchronize
from syncline.tasks.aligned_films import grid, own_pace, side_by_side
from syncline.video import VideoReader

pytestmark = pytest.mark.browser

HEIGHT, WIDTH = 48, 96
LOOK = """
async ([film, seconds]) => {
  const video = document.body.appendChild(document.createElement("video"));
  video.src = "data:video/mp4;base64," + film;
  await new Promise((done, failed) => { video.onloadeddata = done; video.onerror = () => failed(video.error); });
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight), rows = [];
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  for (const second of seconds) {
    const there = new Promise((done) => { video.onseeked = done; });
    const drawn = new Promise((done) => { // which may come after "seeked"
      const look = (now, { mediaTime }) => {
        if (Math.abs(mediaTime - second) < 0.1) done(); else video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);
    });
    video.currentTime = second;
    await Promise.all([there, drawn]);
    pen.drawImage(video, 0, 0);
    rows.push([...pen.getImageData(0, 0, canvas.width, 24).data.filter((_, k) => k % 4 === 0)]);
  }
  video.currentTime = Math.max(0, video.duration - 0.5);
  const ended = new Promise((done) => { video.onended = done; });
  await video.play();
  await ended;
  return { width: video.videoWidth, height: video.videoHeight, duration: video.duration, rows };
}
"""


def shown(page: Page, film: Path, seconds: list[float]) -> dict[str, Any]:
    """What Chromium says of a film, with the upper 24 rows of the frames at these moments, and plays it to its end."""
    page.goto("about:blank")
    found: dict[str, Any] = page.evaluate(LOOK, [base64.b64encode(film.read_bytes()).decode(), seconds])
    found["rows"] = [np.array(row, np.uint8).reshape(24, found["width"], 1).repeat(3, axis=2) for row in found["rows"]]
    return found


def half_speed() -> Alignment:
    """A of 60 frames, B of 120 that shows the same at half the speed."""
    a, b = walk(np.linspace(0, 1, 60), "a", rate=30.0), walk(np.linspace(0, 1, 120), "b", rate=30.0)
    return align(a, b, mode="global", verdict=False)


def test_side_by_side(new_page: Callable[..., Page], tmp_path: Path) -> None:
    a, b = write_bar_codes(tmp_path / "a.mp4", 60), write_bar_codes(tmp_path / "b.mp4", 120)
    alignment, clock = half_speed(), VideoReader(a)
    side_by_side(a, b, alignment, tmp_path / "film.mp4", height=HEIGHT)
    frames = [0, 7, 31, 44, 58]
    found = shown(new_page(), tmp_path / "film.mp4", [float(clock.pts_seconds[k]) + 0.016 for k in frames])
    named = VideoReader(b).index_at(alignment.follow(clock.pts_seconds))
    assert found["duration"] == pytest.approx(clock.duration, abs=0.05)
    assert [read_bar_code(row[:, :WIDTH]) for row in found["rows"]] == frames
    assert [read_bar_code(row[:, WIDTH:]) for row in found["rows"]] == named[frames].tolist()


def test_own_pace_and_grid(new_page: Callable[..., Page], tmp_path: Path) -> None:
    a, b = write_bar_codes(tmp_path / "a.mp4", 60), write_bar_codes(tmp_path / "b.mp4", 120)
    own_pace(a, b, half_speed(), tmp_path / "film.mp4", height=HEIGHT)
    page = new_page()
    found = shown(page, tmp_path / "film.mp4", [0.516, 1.516, 3.0166])
    assert found["duration"] == pytest.approx(4.0, abs=0.05)  # as long as the longer one
    assert [read_bar_code(row[:, WIDTH : 2 * WIDTH]) for row in found["rows"]] == [15, 45, 90]
    walks = [walk(np.linspace(0, 1, 60), "a", rate=30.0), walk(np.linspace(0, 1, 60), "b", rate=30.0)]
    timeline = synchronize(walks, method="star", reference="a")
    grid([a, a], timeline, tmp_path / "grid.mp4", height=HEIGHT)
    found = shown(page, tmp_path / "grid.mp4", [0.5])
    assert found["duration"] == pytest.approx(2.0, abs=0.15)
    assert found["width"] == 2 * WIDTH
