"""Five tasks in the viewer, done by a script and counted: clicks, keys and seconds from a page that has just opened.

    python -m benchmarks.viewer_tasks [FOLDER] [--work WORK] [--cache CACHE]

Appends a line a task to `benchmarks/results/viewer_tasks.jsonl`. The seconds are a machine's, without any thinking:
they say what the viewer takes, not what a person takes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.record import append, surroundings
from benchmarks.viewer import ARGUMENTS
from playwright.sync_api import Locator, Page, sync_playwright

from syncline.viewer.serving import open_viewer, served

SETTLED = "() => [...document.querySelectorAll('video')].every((v) => v.readyState >= 2 && !v.seeking)"


class Hand:
    """A person's hand on a page; every click and key is counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.keys = page, 0, 0

    def click(self, target: str | Locator) -> None:
        """One click, when the target is there."""
        (self.page.locator(target).first if isinstance(target, str) else target).click()
        self.clicks += 1

    def press(self, key: str) -> None:
        """One key."""
        self.page.keyboard.press(key)
        self.keys += 1

    def button(self, name: str) -> None:
        """A click on a button or link by its name."""
        self.click(self.page.get_by_role("button", name=name).or_(self.page.get_by_role("link", name=name)).first)

    def until(self, selector: str) -> None:
        """Wait for what a person would wait for."""
        self.page.wait_for_selector(selector)


def see_two_in_step(hand: Hand) -> None:
    """Two clips in step."""
    hand.click(".strip")
    hand.until(".stage")
    hand.page.wait_for_function(SETTLED)
    hand.press(" ")
    hand.page.wait_for_function("() => document.getElementById('b').currentTime > 0.5")


def find_a_moment(hand: Hand) -> None:
    """The same moment in the other videos, one of them playing beside it."""
    hand.button("Search:")
    hand.until(".transport")
    for _ in range(3):
        hand.press("Shift+ArrowRight")
    hand.press("f")
    hand.until(".hit")
    hand.click(".hit")
    hand.page.wait_for_function("() => (document.querySelector('.beside video')?.currentTime ?? 0) > 0.3")


def label_once_and_export(hand: Hand) -> None:
    """Two events of one video, carried to all the others and saved."""
    hand.button("Label:")
    hand.until(".events li")
    for key in ("1", "2"):
        hand.press("Shift+ArrowRight")
        hand.press("Shift+ArrowRight")
        hand.press(key)
        hand.until(f".events li.known:nth-child({key})")
    hand.until(".moment")
    with hand.page.expect_download():
        hand.button("Export labels")


def find_the_odd_one(hand: Hand) -> None:
    """The clip that differs most."""
    hand.button("Find the odd ones")
    hand.page.wait_for_selector(".card meter", timeout=300_000)


def share_a_comparison(hand: Hand) -> None:
    """A comparison as one file."""
    with hand.page.expect_download():
        hand.button("Share:")


TASKS: tuple[Callable[[Hand], None], ...] = (
    see_two_in_step,
    find_a_moment,
    label_once_and_export,
    find_the_odd_one,
    share_a_comparison,
)


def main() -> None:
    """All five."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="default: g1_bottle in SYNCLINE_TEST_DATA")
    parser.add_argument("--work")
    parser.add_argument("--cache")
    chosen = parser.parse_args()
    if chosen.folder is None and os.environ.get("SYNCLINE_TEST_DATA"):
        chosen.folder = Path(os.environ["SYNCLINE_TEST_DATA"]) / "g1_bottle"
    if chosen.folder is None or shutil.which("chromium") is None:
        print(
            "benchmarks.viewer_tasks: needs a folder of videos (or SYNCLINE_TEST_DATA) and chromium; nothing was done"
        )
        return
    with tempfile.TemporaryDirectory() as work:
        viewer = open_viewer(chosen.folder, work=chosen.work or work, cache=chosen.cache)
        with served(viewer.app) as address:
            do_all(address, viewer.videos)


def do_all(address: str, videos: int) -> None:
    """Each task on a page of its own, once the videos are embedded."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page()
        page.goto(address)
        while page.evaluate("fetch('/api/status').then((a) => a.json()).then((s) => s.generation)") == 0:
            time.sleep(0.5)
        page.close()
        for task in TASKS:
            page = browser.new_page(viewport={"width": 1280, "height": 800}, accept_downloads=True)
            hand, began = Hand(page), time.monotonic()
            page.goto(address)
            page.wait_for_selector(".card")
            task(hand)
            facts = {"task": task.__name__, "videos": videos, "clicks": hand.clicks, "keys": hand.keys}
            append("viewer_tasks", surroundings() | facts | {"seconds": round(time.monotonic() - began, 1)})
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
