"""How two videos are laid out and moved through: layouts, size, click, keys, and the film of what is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from bars import read_bar_code
from playwright.sync_api import Page, expect

from syncline.video import VideoReader

pytestmark = pytest.mark.browser

SETTLED = "() => [...document.querySelectorAll('video')].every((v) => v.readyState >= 2 && v.ariaBusy === 'false')"
BOXES = "() => [...document.querySelectorAll('.pair video')].map((v) => v.getBoundingClientRect().toJSON())"


def open_pair(page: Page, address: str) -> None:
    page.goto(f"{address}/#/compare?a=0&b=2")
    page.wait_for_selector(".stage")
    page.wait_for_function(SETTLED)


def frame_of_a(page: Page) -> int:
    return int(page.get_by_role("slider", name="Position in A").input_value())


def test_layouts_by_key_and_by_choice(page: Page, address: str) -> None:
    open_pair(page, address)
    layout = page.get_by_label("Layout")
    for name in ("stack", "overlay", "wipe", "difference", "side"):
        page.keyboard.press("o")
        expect(layout).to_have_value(name)
        expect(page.locator(".b figcaption .name")).to_be_visible()
        assert page.evaluate("() => getComputedStyle(document.querySelector('figure.b')).mixBlendMode") == "normal"
        a, b = page.evaluate(BOXES)
        if name == "side":
            assert b["left"] >= a["right"]
        elif name == "stack":
            assert b["top"] >= a["bottom"]
        else:
            assert [a[side] for side in ("left", "top", "width")] == [b[side] for side in ("left", "top", "width")]
    layout.select_option("overlay")
    page.get_by_label("Opacity of B").fill("0.25")
    assert page.evaluate("() => getComputedStyle(document.getElementById('b')).opacity") == "0.25"
    layout.select_option("wipe")
    page.locator(".a .screen").scroll_into_view_if_needed()
    box = page.locator(".a .screen").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 60, steps=5)
    page.mouse.up()
    assert float(page.get_by_label("Where B begins").input_value()) == pytest.approx(0.3, abs=0.02)
    page.get_by_label("B", exact=True).select_option("three.mp4")  # the look stays from pair to pair
    page.wait_for_function("() => document.querySelector('.b figcaption .name')?.textContent === 'three.mp4'")
    expect(page.get_by_label("Layout")).to_have_value("wipe")


def test_the_track_has_stripes_where_the_text_tells_a_gap(page: Page, address: str) -> None:
    open_pair(page, address)
    script = """async () => {
      const { drawTrack } = await import("/page/plots.js"), canvas = document.querySelector("canvas.track");
      const segments = [[0, 2], [3, 5], [8, 10]].map((a) => ({ a })), gaps = [{ from: 5, to: 8 }];
      drawTrack(canvas, { duration: 10, segments, gaps, now: 10 });
      const { data } = canvas.getContext("2d").getImageData(0, canvas.height >> 1, canvas.width, 1);
      const x = (t) => Math.round((8 + t / 10 * (canvas.clientWidth - 16)) * canvas.width / canvas.clientWidth);
      const at = (from, to) => {
        const colours = new Set();
        for (let k = x(from); k < x(to); k++) colours.add(data.slice(4 * k, 4 * k + 3).join());
        return colours.size;
      };
      return [at(0.5, 1.5), at(2.2, 2.8), at(5.5, 7.5)];
    }"""
    matched, short, gap = page.evaluate(script)
    assert (matched, short) == (1, 1), "one colour each"
    assert gap > 1, "stripes"


def test_both_pictures_are_zoomed_and_moved_as_one(page: Page, address: str) -> None:
    open_pair(page, address)
    before = page.evaluate(BOXES)
    page.keyboard.press("z")
    a, b = page.evaluate(BOXES)
    assert a["width"] == pytest.approx(1.5 * before[0]["width"], abs=1)
    assert b["width"] == pytest.approx(a["width"], abs=1)
    page.locator(".b .screen").hover()
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    assert page.evaluate(BOXES)[0]["width"] > a["width"] + 10
    a, b = page.evaluate(BOXES)
    box = page.locator(".a .screen").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 130, box["y"] + 70, steps=4)
    page.mouse.up()
    moved = page.evaluate(BOXES)
    assert [moved[0]["left"] - a["left"], moved[1]["left"] - b["left"]] == pytest.approx([30, 30], abs=1.5)
    assert moved[0]["top"] - a["top"] == pytest.approx(-10, abs=1.5)
    assert page.evaluate("document.getElementById('a').paused")  # a drag is no click
    page.get_by_role("button", name="Size of the pictures").click()
    assert page.evaluate(BOXES)[0]["width"] == pytest.approx(before[0]["width"], abs=1)


def test_click_and_keys_of_players(page: Page, address: str) -> None:
    open_pair(page, address)
    page.locator(".b .screen").click()
    page.wait_for_function("() => !document.getElementById('a').paused")
    page.locator(".a .screen").click()
    page.wait_for_function("() => document.getElementById('a').paused")
    page.keyboard.press("Home")
    page.keyboard.press("l")
    page.keyboard.press(".")
    page.keyboard.press(".")
    assert frame_of_a(page) == 17
    page.keyboard.press(",")
    page.keyboard.press("j")
    assert frame_of_a(page) == 1
    page.keyboard.press(">")
    expect(page.get_by_label("Speed")).to_have_value("1.5")
    page.keyboard.press("<")
    page.keyboard.press("<")
    expect(page.get_by_label("Speed")).to_have_value("0.5")
    page.keyboard.press("k")
    page.wait_for_function("() => !document.getElementById('a').paused")
    assert page.evaluate("document.getElementById('a').playbackRate") == 0.5
    page.keyboard.press("k")
    page.keyboard.press("w")
    page.wait_for_function("() => document.fullscreenElement?.className === 'theatre'")
    page.keyboard.press("w")
    page.wait_for_function("() => !document.fullscreenElement")


SHOWN = {
    "library": ".card", "compare?a=0&b=2": ".stage", "grid?ids=0,1": ".quad", "search?id=0": ".transport",
    "label?id=0": ".events li", "map": ".seen img",
}  # fmt: skip


@pytest.mark.parametrize("view", SHOWN)
def test_every_view_has_a_sheet_of_its_keys(page: Page, address: str, view: str) -> None:
    page.goto(f"{address}/#/{view}")
    page.wait_for_selector(SHOWN[view])
    page.get_by_role("button", name="Keys of this view").click()
    sheet = page.get_by_role("dialog", name="Keyboard")
    expect(sheet).to_be_visible()
    assert sheet.locator("dt").count() >= 2
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.keyboard.press("?")
    expect(sheet).to_be_visible()
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_have_count(0)


def test_the_film_shows_what_was_seen(page: Page, address: str, tmp_path: Path) -> None:
    open_pair(page, address)
    slider = page.get_by_role("slider", name="Position in A")
    slider.fill("30")
    page.keyboard.press("[")
    slider.fill("45")
    page.keyboard.press("]")
    page.get_by_label("Layout").select_option("stack")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as mp4").click()
    assert download.value.suggested_filename == "one-two-stack.mp4"
    expect(page.locator("#done")).to_have_text("Saved one-two-stack.mp4")
    download.value.save_as(tmp_path / "film.mp4")
    film = VideoReader(tmp_path / "film.mp4")
    assert film.num_frames == 16
    pictures = film.frames([0, 15]).pixels
    half = pictures.shape[1] // 2
    shape = page.evaluate("() => { const v = document.getElementById('a'); return v.videoHeight / v.videoWidth; }")
    wide = round(480 / shape)
    left = (pictures.shape[2] - wide) // 2
    for k, frame in ((0, 30), (1, 45)):
        assert read_bar_code(pictures[k][:480, left : left + wide]) == frame
    assert pictures[:, half : half + 480].std() > 20  # B is there too
