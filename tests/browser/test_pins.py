"""Pins by keyboard and mouse: set on a paused pair, moved, removed, taken back; kept like marks."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from syncline.errors import SynclineError
from syncline.viewer.library import Library
from syncline.viewer.marks_journal import Journal

pytestmark = pytest.mark.browser

SETTLED = "() => [...document.querySelectorAll('video')].every((v) => v.readyState >= 2 && v.ariaBusy === 'false')"


def open_at(page: Page, address: str, frame: int) -> None:
    page.goto(f"{address}/#/compare?a=0&b=2&mode=local")
    page.wait_for_selector(".stage")
    page.get_by_role("slider", name="Position in A").fill(str(frame))
    page.wait_for_function(SETTLED)


def test_pin_by_keys_and_undo(page: Page, address: str, library: Library) -> None:
    open_at(page, address, 60)
    before = page.evaluate("document.getElementById('b').currentTime")
    for key in ("n", "n", "n", "b"):
        page.keyboard.press(key)
    page.wait_for_function(f"() => Math.abs(document.getElementById('b').currentTime - {before} - 2 / 15) < 0.01")
    expect(page.locator("#time-b")).to_contain_text("moved")
    page.keyboard.press("p")
    pin = page.locator(".pinned li")
    expect(pin).to_have_count(1)
    expect(pin).to_contain_text("A 0:04.00")
    expect(page.locator("#done")).to_contain_text("Pinned")
    (kept,) = library.journal.pins()
    assert (kept.video_a, kept.video_b) == ("one.mp4", "two.mp4")
    assert kept.seconds_a == pytest.approx(4.0, abs=1e-3)
    assert kept.seconds_b == pytest.approx(before + 2 / 15 - 1 / 30, abs=0.02)
    page.wait_for_selector(".stage")
    page.keyboard.press("Control+z")
    expect(pin).to_have_count(0)
    assert Journal(library.journal.path).pins() == []


def test_pin_is_dragged_and_removed(page: Page, address: str, library: Library) -> None:
    open_at(page, address, 60)
    page.get_by_role("button", name="Pin these two").click()
    expect(page.locator("#done")).to_contain_text("Pinned")
    pin = page.locator(".pinned li")
    expect(pin).to_have_count(1)
    before = library.journal.pins()[0]
    canvas = page.locator("canvas.matrix")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    across, up = (box["width"] - 56) / 7.867, (box["height"] - 30) / 7.867  # the axes' margins; seconds that are drawn
    x, y = box["x"] + 46 + before.seconds_a * across, box["y"] + box["height"] - 22 - before.seconds_b * up
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 20, y - 15, steps=4)
    page.mouse.up()
    expect(page.locator("#done")).to_have_text("Pin moved")
    (after,) = library.journal.pins()
    assert after.number == before.number
    assert after.seconds_a - before.seconds_a == pytest.approx(20 / across, abs=0.05)
    assert after.seconds_b - before.seconds_b == pytest.approx(15 / up, abs=0.05)
    page.reload()
    expect(pin).to_have_count(1)
    pin.locator(".link").click()
    expect(pin).to_have_attribute("aria-current", "true")
    page.keyboard.press("Tab")
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("Delete")
    expect(pin).to_have_count(0)
    assert library.journal.pins() == []


@pytest.mark.parametrize("mode", ["local", "folder"])
def test_the_path_goes_through_a_pin(page: Page, address: str, library: Library, mode: str) -> None:
    page.goto(f"{address}/#/compare?a=0&b=2&mode={mode}")
    page.wait_for_selector(".stage")
    page.get_by_role("slider", name="Position in A").fill("60")
    page.wait_for_function(SETTLED)
    free = page.evaluate("document.getElementById('b').currentTime")
    for _ in range(8):
        page.keyboard.press("n")
    page.keyboard.press("p")
    expect(page.locator("#done")).to_contain_text("Pinned")
    page.wait_for_function(SETTLED)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")  # what was moved by hand follows the path again
    page.wait_for_function(SETTLED)
    expect(page.locator("#time-b")).not_to_contain_text("moved")
    page.wait_for_function(f"() => Math.abs(document.getElementById('b').currentTime - {free} - 8 / 15) < 0.07")
    page.keyboard.press("Control+z")
    expect(page.locator(".pinned li")).to_have_count(0)
    page.wait_for_function(f"() => Math.abs(document.getElementById('b').currentTime - {free}) < 0.07")


def test_a_pin_that_crosses_another_is_refused(library: Library) -> None:
    library.journal.pin("one.mp4", 2.0, "two.mp4", 1.2)
    with pytest.raises(SynclineError, match="cross"):
        library.pin(0, 1.0, 2, 3.0)
    with pytest.raises(SynclineError, match="no moment"):
        library.pin(0, 1.0, 2, 30.0)
    library.pin(2, 2.0, 0, 4.0)  # the other way round, later in both
    assert len(library.journal.pins()) == 2


def test_pins_of_a_swapped_pair_are_the_same(page: Page, address: str, library: Library) -> None:
    library.journal.pin("one.mp4", 2.0, "two.mp4", 1.2)
    page.goto(f"{address}/#/compare?a=2&b=0")
    expect(page.locator(".pinned li")).to_contain_text("A 0:01.20 = B 0:02.00")


@pytest.mark.parametrize("mode", ["global", "subsequence", "local"])
def test_pins_hold_in_every_mode(page: Page, address: str, library: Library, mode: str) -> None:
    library.journal.pin("one.mp4", 4.0, "two.mp4", 5.2)
    page.goto(f"{address}/#/compare?a=0&b=2&mode={mode}&t=4.0")
    page.wait_for_selector(".stage")
    page.wait_for_function("() => Math.abs(document.getElementById('b').currentTime - 5.2) < 0.1")
    page.wait_for_function("() => Math.abs(document.getElementById('a').currentTime - 4) < 0.1")
    page.wait_for_function(SETTLED)
    assert page.evaluate("() => document.getElementById('b').currentTime") == pytest.approx(5.2, abs=0.1)
