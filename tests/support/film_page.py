"""Films whose truth is known in the viewer's page: the frame asked for is the frame that Chromium shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from film_checks import number_of
from odd_films import OddFilm
from playwright.sync_api import Page, sync_playwright
from viewing import make_library, served, until

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required")
LOOK = """
() => {
  const film = document.getElementById("labelled"), width = film.videoWidth, height = film.videoHeight;
  if (film.readyState < 2 || film.seeking) return null;
  const canvas = new OffscreenCanvas(width, height), pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(film, 0, 0);
  const grey = pen.getImageData(0, 0, width, height).data.filter((_, k) => k % 4 === 0);
  return { height, width, grey: [...grey] };
}
"""


@contextmanager
def opened_page() -> Iterator[Page]:
    """A page of a Chromium of its own."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield chromium.new_page()
        chromium.close()


def check_page(page: Page, films: Sequence[OddFilm], work: Path) -> None:
    """Every film of one folder on the page where it is labelled: its shape, and some frames, the last among them.

    Raises:
        AssertionError: naming the film.
    """
    by_name = {film.path.name: film for film in films}
    library = make_library(films[0].path.parent, work / "library")
    with served(library) as address:
        for number, video in enumerate(library.videos):
            film = by_name[video.name]
            page.goto("about:blank")
            page.goto(f"{address}/#/label?id={number}")
            page.wait_for_function("() => document.getElementById('labelled')?.readyState >= 2")
            slider = page.get_by_role("slider", name="Position in").first
            last = len(film.seconds) - 1
            for frame in (last // 3, last, 1):
                slider.fill(str(frame))
                try:
                    until(lambda film=film, frame=frame: _shown(page, film) == frame, 60)  # type: ignore[misc]
                except AssertionError as error:
                    shown = _shown(page, film)
                    raise AssertionError(f"{film}: the page shows {shown} for frame {frame}") from error
        page.goto("about:blank")


def _shown(page: Page, film: OddFilm) -> int | None:
    """The number of the frame on display, None while the film seeks."""
    found: dict[str, Any] | None = page.evaluate(LOOK)
    if found is None:
        return None
    sides = found["height"], found["width"]
    # of pixels that are taller than wide Chromium makes a larger picture of the same shape
    assert abs(sides[1] / sides[0] / (film.width / film.height) - 1) < 0.03, (sides, film)
    return number_of(film, np.array(found["grey"], np.uint8).reshape(*sides, 1).repeat(3, axis=2))
