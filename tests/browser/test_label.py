"""Label once: by keyboard and mouse, carried, corrected, undone, exported; and nothing is lost when the server dies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from viewing import known_embedding, listen, make_library, wait_until_up

from syncline.data import Embedding, Video
from syncline.viewer.embedding_sources import Given
from syncline.viewer.library import Library

Serve = Callable[..., AbstractContextManager[str]]

pytestmark = pytest.mark.browser

SERVER = """
import sys
from pathlib import Path
import uvicorn
sys.path.insert(0, sys.argv[4])
from viewing import create_app, known_embedding, make_library, Given
library = make_library(Path(sys.argv[1]), Path(sys.argv[2]))
port = int(sys.argv[3])
uvicorn.run(create_app(library, Given(known_embedding)), port=port, log_level="error")
"""


def open_label(page: Page, address: str, number: int = 0) -> None:
    page.goto(f"{address}/#/label?id={number}")
    page.wait_for_selector(".events li")
    page.wait_for_function("() => document.getElementById('labelled').readyState >= 2")


def go_to(page: Page, frame: int) -> None:
    page.get_by_role("slider", name="Position in").first.fill(str(frame))
    page.get_by_role("slider", name="Position in").first.blur()


def test_marks_by_keyboard_are_carried_with_confidence(page: Page, address: str, library: Library) -> None:
    open_label(page, address)
    go_to(page, 30)
    page.keyboard.press("1")
    expect(page.locator(".events li").first).to_contain_text("0:02.00")
    go_to(page, 60)
    page.keyboard.press("n")  # the next one
    expect(page.locator(".events li").nth(1)).to_contain_text("0:04.00")
    assert library.journal.marks() == {"one.mp4": {0: 2.0, 1: 4.0}}
    cells = page.locator(".moment")
    expect(cells).to_have_count(4)
    # the same progress in two.mp4: a quarter at frame 18, one half at frame 36
    second = page.get_by_role("slider", name="event 1 of two.mp4")
    expect(second).to_have_attribute("aria-valuetext", re.compile(r"confidence \d+ %"))
    assert abs(float(second.get_attribute("aria-valuenow") or 0) - 18 / 15) < 0.4


def test_marks_while_playing(page: Page, address: str, library: Library) -> None:
    open_label(page, address)
    page.keyboard.press(" ")
    page.wait_for_function("() => document.getElementById('labelled').currentTime > 1")
    page.keyboard.press("1")
    expect(page.locator(".events li.known")).to_have_count(1)
    assert not page.evaluate("document.getElementById('labelled').paused")
    marked = library.journal.marks()["one.mp4"][0]
    assert marked is not None
    assert 0.9 < marked < 6.0
    assert abs(marked * 15 - round(marked * 15)) < 1e-3  # a frame's own time


def test_corrections_by_mouse_and_keys_are_kept_and_count(page: Page, address: str, library: Library) -> None:
    open_label(page, address)
    go_to(page, 60)
    page.get_by_role("button", name="Mark event 1 here").click()
    cell = page.get_by_role("slider", name="event 1 of two.mp4")
    expect(cell).to_be_visible()
    cell.scroll_into_view_if_needed()
    box = cell.bounding_box()
    assert box is not None
    before = float(cell.get_attribute("aria-valuenow") or 0)
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 40, steps=5)  # 40 pixels: 10 frames
    page.mouse.up()
    expect(cell).to_contain_text("by hand")
    kept = library.journal.marks()["two.mp4"][0]
    assert kept == pytest.approx(before + 10 / 15, abs=0.01)
    cell.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('[role=status].soft')?.textContent.includes('corrected')")
    expect(cell).to_contain_text("by hand")
    assert library.journal.marks()["two.mp4"][0] == pytest.approx(before + 9 / 15, abs=0.01)
    page.keyboard.press("Delete")
    expect(cell).to_contain_text("absent")
    assert library.journal.marks()["two.mp4"][0] is None


def test_undo_names_forget_and_absent(page: Page, address: str, library: Library) -> None:
    open_label(page, address)
    go_to(page, 30)
    page.keyboard.press("1")
    go_to(page, 45)
    page.keyboard.press("1")
    expect(page.locator(".events li").first).to_contain_text("0:03.00")
    page.keyboard.press("Control+z")
    expect(page.locator(".events li").first).to_contain_text("0:02.00")
    page.get_by_label("Name of event 1").fill("grasp")
    page.keyboard.press("Tab")
    expect(page.get_by_role("columnheader", name="grasp")).to_be_visible()
    page.get_by_role("button", name="event 2 is absent").click()
    expect(page.locator(".events li").nth(1)).to_contain_text("absent")
    page.get_by_role("button", name="Forget event 2").click()
    expect(page.locator(".events li.known")).to_have_count(1)
    for _ in range(5):
        page.get_by_role("button", name="Undo").click()
    expect(page.locator(".events li.known")).to_have_count(0)
    assert library.journal.marks() == {}


def test_the_last_of_two_quick_marks_counts(page: Page, address: str, library: Library) -> None:
    open_label(page, address)
    page.evaluate("""() => {
      const ask = window.fetch;
      let first = true;
      window.answered = 0;
      window.fetch = async (path, ...more) => {
        if (path === "/api/labels" && first) { first = false; await new Promise((done) => { window.release = done; }); }
        const answer = await ask(path, ...more);
        if (path === "/api/labels") window.answered += 1;
        return answer;
      };
    }""")
    for frame in (30, 45):
        go_to(page, frame)
        page.keyboard.press("1")
    page.evaluate("() => window.release()")
    page.wait_for_function("() => window.answered === 2")
    expect(page.locator(".events li").first).to_contain_text("0:03.00")
    assert library.journal.marks() == {"one.mp4": {0: 3.0}}


def test_keys_go_on_after_the_slider_was_used(page: Page, address: str, library: Library) -> None:
    open_label(page, address)
    slider = page.get_by_role("slider", name="Position in").first
    slider.fill("30")
    page.keyboard.press("1")
    expect(page.locator(".events li").first).to_contain_text("0:02.00")
    slider.focus()
    page.keyboard.press("Shift+ArrowRight")
    expect(slider).to_have_value("45")
    page.keyboard.press("Control+z")
    expect(page.locator(".events li.known")).to_have_count(0)
    assert library.journal.marks() == {}


def test_a_click_ends_the_typing_of_a_name_and_counts(page: Page, address: str, library: Library) -> None:
    open_label(page, address)
    go_to(page, 30)
    page.get_by_label("Name of event 1").fill("grasp")
    box = page.get_by_role("button", name="Mark event 1 here").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    with page.expect_response(lambda answer: "/api/names" in answer.url):
        page.mouse.down()
    assert library.journal.names() == {0: "grasp"}
    page.mouse.up()
    expect(page.locator(".events li").first).to_contain_text("0:02.00")
    expect(page.get_by_role("button", name="Mark grasp here")).to_be_visible()


def test_a_correction_that_is_not_saved_is_not_shown(page: Page, address: str, refuse: Callable[[str], None]) -> None:
    open_label(page, address)
    go_to(page, 60)
    page.keyboard.press("1")
    cell = page.get_by_role("slider", name="event 1 of two.mp4")
    expect(cell).to_contain_text("%")
    before = cell.get_attribute("aria-valuetext")
    refuse("No space left on device")
    cell.focus()
    page.keyboard.press("ArrowRight")
    expect(cell).to_contain_text("by hand")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not saved: No space left on device")
    expect(cell).to_have_attribute("aria-valuetext", before or "")


def test_marks_are_carried_once_embedding_is_done(page: Page, folder: Path, tmp_path: Path, serve: Serve) -> None:
    gate = threading.Event()

    def embed(video: Video) -> Embedding:
        gate.wait(60)
        return known_embedding(video)

    with serve(make_library(folder, tmp_path / "work"), source=Given(embed)) as address:
        open_label(page, address)
        go_to(page, 30)
        page.keyboard.press("1")
        expect(page.get_by_text("as soon as those are embedded")).to_be_visible()
        gate.set()
        expect(page.locator(".moment")).to_have_count(2)


def test_exports_are_downloaded(page: Page, address: str, tmp_path: Path) -> None:
    open_label(page, address)
    for frame, key in ((30, "1"), (60, "2")):
        go_to(page, frame)
        page.keyboard.press(key)
        expect(page.locator(".events li").nth(int(key) - 1)).to_have_class("known")
    for form, suffix in (("csv", ".csv"), ("json", ".json"), ("elan", ".zip"), ("label-studio", ".json")):
        page.get_by_label("Form of the label file").select_option(form)
        with page.expect_download() as download:
            page.get_by_role("button", name="Export labels").click()
        assert download.value.suggested_filename.endswith(suffix)
        download.value.save_as(tmp_path / f"{form}{suffix}")
    entries = json.loads((tmp_path / "json.json").read_text())["videos"]
    assert {entry["video"] for entry in entries} == {"one.mp4", "two.mp4", "three.mp4"}


def test_kill_during_labelling_loses_nothing(page: Page, folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    support = Path(__file__).resolve().parents[1] / "support"
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", SERVER, str(folder), str(work), str(port), str(support)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    first = subprocess.Popen(command, env=environment)
    try:
        wait_until_up(address)
        open_label(page, address)
        for frame, key in ((15, "1"), (30, "2"), (45, "3")):
            go_to(page, frame)
            page.keyboard.press(key)
            expect(page.locator(".events li").nth(int(key) - 1)).to_have_class("known")
        page.goto("about:blank")
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(10)
    with (work / "labels.jsonl").open("ab") as journal:
        journal.write(b'{"video": "one.mp4", "event": 3, "sec')  # as if it had died within a line
    second = subprocess.Popen(command, env=environment)
    try:
        wait_until_up(address)
        open_label(page, address)
        expect(page.locator(".events li.known")).to_have_count(3)
        for row, text in enumerate(("0:01.00", "0:02.00", "0:03.00")):
            expect(page.locator(".events li").nth(row)).to_contain_text(text)
        page.keyboard.press("u")
        expect(page.locator(".events li.known")).to_have_count(2)
        page.goto("about:blank")
    finally:
        second.kill()
        second.wait(10)
