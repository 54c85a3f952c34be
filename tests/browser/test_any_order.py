"""A moment that is asked for is reached in every view, in whatever order browser and network tell their news."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from bars import write_bar_codes
from playwright.sync_api import Page, expect
from viewing import make_library

pytestmark = pytest.mark.browser

LATE = """
const late = NAMES, add = HTMLMediaElement.prototype.addEventListener, create = Document.prototype.createElement;
HTMLMediaElement.prototype.addEventListener = function (name, listener, options) {
  const later = (event) => setTimeout(() => listener.call(this, event), 300);
  return add.call(this, name, late.includes(name) ? later : listener, options);
};
Document.prototype.createElement = function (name, ...more) {
  const made = create.call(this, name, ...more);
  const all = name === "video" ? ["loadedmetadata", "loadeddata", "canplay", "seeked"] : [];
  for (const news of all) add.call(made, news, () => window.heard?.(news));
  return made;
};
"""
"""The news of these names come late to whoever listens to a film, and all news at once to `heard`."""
ASK = """
({ label, values, news }) => {
  const slider = () => document.querySelector(`input[aria-label^="${label}"]`);
  const ask = () => {
    if (window.asked) return;
    if (!slider()) { requestAnimationFrame(ask); return; }
    window.asked = true;
    for (const value of values) {
      slider().value = value;
      slider().dispatchEvent(new Event("input", { bubbles: true }));
    }
  };
  window.asked = false;
  window.heard = (name) => { if (name === news) ask(); };
  if (!news) ask();
}
"""
"""Moves a slider, at once or as soon as a film tells some news: before whoever listens to the film."""
STAND = """
(second) => {
  const videos = [...document.querySelectorAll("video")];
  return videos.length > 0 && videos.every((v) => v.ariaBusy === "false" && Math.abs(v.currentTime - second) < 0.04);
}
"""
VIEWS = {
    "compare": ("#/compare?a=0&b=1&mode=global", "Position in A", 60),
    "grid": ("#/grid?ids=0,1", "Position on the common timeline", 4.0),
    "search": ("#/search?id=0", "Position in one", 60),
    "label": ("#/label?id=0", "Position in one", 60),
}
NEWS = ["", "loadedmetadata", "loadeddata", "canplay", "seeked"]
DELAYS: dict[str, tuple[list[str], float]] = {
    "on time": ([], 0.0),
    "first picture": (["loadeddata", "canplay"], 0.0),
    "all news": (["loadedmetadata", "loadeddata", "canplay", "seeked"], 0.0),
    "the film itself": ([], 0.5),
}


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two equal videos: wherever one stands, the other belongs there too."""
    folder = tmp_path_factory.mktemp("twins")
    for name in ("one", "one-1"):
        write_bar_codes(folder / f"{name}.mp4", 120, rate=15, options={"g": "15", "bf": "2"})
    return folder


@pytest.mark.parametrize("delay", DELAYS)
def test_a_moment_asked_for_is_reached(
    page: Page, twins: Path, tmp_path: Path, serve: Callable[..., AbstractContextManager[str]], delay: str
) -> None:
    names, films_after = DELAYS[delay]
    page.add_init_script(LATE.replace("NAMES", repr(names)))
    with serve(make_library(twins, tmp_path / "work"), films_after=films_after) as address:
        page.goto(f"{address}/#/compare?a=0&b=1&mode=global")
        page.wait_for_selector(".stage")  # what is imported and computed once is there from now on
        for view, (route, label, there) in VIEWS.items():
            for news in NEWS[:-1] if view == "search" else NEWS:  # a search seeks nothing by itself
                page.goto("about:blank")
                page.goto(f"{address}/")
                asked = {"label": label, "values": [0.2 * there, 0.7 * there, there], "news": news}
                page.evaluate(ASK, asked)
                page.evaluate("(route) => { location.hash = route; }", route)
                page.wait_for_function("() => window.asked")
                page.wait_for_function(STAND, arg=4.033)  # the middle of frame 60 of 15 a second
                if view == "compare":
                    expect(page.locator("#time-b")).to_contain_text("frame 61")
