"""Films of every odd kind in the viewer: the frame that the page shows is the frame of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from film_page import check_page
from odd_films import draw_film
from playwright.sync_api import Page

pytestmark = pytest.mark.browser
SEEDS = (0, 1, 2, 3, 5, 6, 7, 9, 10, 12, 19, 28)


def test_the_page_shows_the_frame_that_is_asked_for(new_page: Callable[..., Page], tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    check_page(new_page(), [draw_film(folder, seed) for seed in SEEDS], tmp_path)
