"""Films whose truth is known, whatever the container: the right pictures, times and shape, and nothing moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bars import read_bar_code
from odd_films import draw_film, spelled

from syncline.video import VideoReader, plays_in_step, scan_file, write_browser_copy


@pytest.mark.parametrize("seed", range(12))
def test_pictures_times_and_shape_are_those_that_were_written(tmp_path: Path, seed: int) -> None:
    film = draw_film(tmp_path, seed)
    reader = VideoReader(film.path)
    assert (reader.height, reader.width) == (film.height, film.width)
    np.testing.assert_allclose(reader.pts_seconds, film.seconds, atol=6e-4)
    order = np.random.default_rng(seed).permutation(len(film.seconds))[:20]
    for wanted in (np.arange(len(film.seconds)), order):
        pictures = reader.frames(wanted).pixels
        assert [read_bar_code(spelled(film, picture)) for picture in pictures] == wanted.tolist()
    assert scan_file(film.path).problem is None


@pytest.mark.parametrize("seed", range(6))
def test_the_browser_is_given_the_same_times(tmp_path: Path, seed: int) -> None:
    film = draw_film(tmp_path, seed)
    shown = film.path
    if not plays_in_step(VideoReader(film.path)):
        shown = tmp_path / "copy.mp4"
        write_browser_copy(film.path, shown)
    copy = VideoReader(shown)
    assert (copy.container_offset, copy.first_pts_seconds) == (0, 0)
    np.testing.assert_allclose(copy.pts_seconds, film.seconds, atol=1.5e-3)
    numbers = [read_bar_code(spelled(film, picture)) for picture in copy.frames(np.arange(len(copy))).pixels]
    assert numbers == list(range(len(film.seconds)))
