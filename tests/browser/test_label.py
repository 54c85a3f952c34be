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
from playwright.sync_api import Page, Route, expect
from viewing import known_embedding, listen, make_library, wait_until_up

from syncline.data import Embedding, Video
from syncline.viewer.embedding_sources import Given
from syncline.viewer.library import Library

Serve = Callable[..., AbstractContextManager[str]]

pytestmark = pytest.mark.browser

SERVER = """
import socket, sys
from pathlib import Path
import uvicorn
sys.path.insert(0, sys.argv[4])
from viewing import create_app, known_embedding, make_library, Given
library = make_library(Path(sys.argv[1]), Path(sys.argv[2]))
server = uvicorn.Server(uvicorn.Config(create_app(library, Given(known_embedding)), log_level="error"))
server.run(sockets=[socket.socket(fileno=int(sys.argv[3]))])
"""


def open_label(page: Page, address: str, number: int = 0) -> None:
    page.goto(f"{address}/#/label?id={number}")
    page.wait_for_selector(".events li")
    page.wait_for_function("() => document.getElementById('labelled').readyState >= 2")


def go_to(page: Page, frame: int) -> None:
    page.get_by_role("slider", name="Position in").first.fill(str(frame))
    page.get_by_role("slider", name="Position in").first.blur()


@pytest.mark.parametrize("width", [390, 1280])
def test_who_has_nothing_in_common_is_said_beside_the_name(
    new_page: Callable[..., Page], address: str, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800})

    def apart(route: Route) -> None:
        answer = route.fetch()
        videos = answer.json()["videos"]
        route.fulfill(response=answer, json={"videos": [video | {"apart": video["id"] == 1} for video in videos]})

    page.route("**/api/transfer?*", apart)
    open_label(page, address)
    page.keyboard.press("1")
    rows = page.locator(".carried tbody tr")
    expect(rows.nth(0)).to_contain_text("Nothing in common with the others")
    expect(rows.nth(0).locator(".note")).to_be_visible()
    expect(rows.nth(1).locator(".note")).to_be_hidden()
    ends = """(note) => note.getBoundingClientRect().right
      - note.closest("tr").querySelector("td").getBoundingClientRect().left"""
    assert rows.nth(0).locator(".note").evaluate(ends) <= 0, "beside the pictures, not under them"
    page.unroute("**/api/transfer?*")


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


def saved(page: Page) -> AbstractContextManager[object]:
    """Waits for the server's answer to a mark: what is shown before it is on its way."""
    return page.expect_response(lambda answer: "/api/labels" in answer.url and answer.request.method == "POST")


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
    with saved(page):
        page.mouse.up()
    expect(cell).to_contain_text("by hand")
    kept = library.journal.marks()["two.mp4"][0]
    assert kept == pytest.approx(before + 10 / 15, abs=0.01)
    cell.focus()
    with saved(page):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
    expect(cell).to_contain_text("by hand")
    assert library.journal.marks()["two.mp4"][0] == pytest.approx(before + 9 / 15, abs=0.01)
    with saved(page):
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
    page.get_by_role("button", name="Mark event 1 here").hover()
    with page.expect_response(lambda answer: "/api/names" in answer.url):
        page.mouse.down()
    assert library.journal.names() == {0: "grasp"}
    page.mouse.up()
    expect(page.locator(".events li").first).to_contain_text("0:02.00")
    expect(page.get_by_role("button", name="Mark grasp here")).to_be_visible()


def test_news_of_the_folder_ends_no_typing(page: Page, address: str, library: Library) -> None:
    open_label(page, address)
    go_to(page, 30)
    page.keyboard.press("1")
    field = page.get_by_label("Name of event 1")
    field.fill("gra")
    for _ in range(3):
        with page.expect_response(lambda answer: "/api/transfer" in answer.url):
            page.evaluate("() => document.dispatchEvent(new Event('grouped'))")
    field.press_sequentially("sp")
    expect(field).to_be_focused()
    expect(field).to_have_value("grasp")
    assert library.journal.names() == {}
    page.keyboard.press("Enter")
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
    with listen("127.0.0.1", 0) as held:  # by this process all along: no other test is given the port meanwhile
        address = f"http://127.0.0.1:{held.getsockname()[1]}"
        command = [sys.executable, "-c", SERVER, str(folder), str(work), str(held.fileno()), str(support)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        first = subprocess.Popen(command, env=environment, pass_fds=[held.fileno()])
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
        second = subprocess.Popen(command, env=environment, pass_fds=[held.fileno()])
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


def test_carried_events_are_accepted_and_the_next_uncertain_one_opens(
    page: Page, address: str, library: Library
) -> None:
    library.journal.mark("one.mp4", 0, 2.0)
    library.journal.mark("one.mp4", 1, 4.0)
    open_label(page, address, 2)
    rows = page.locator(".events li.carried")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("%")
    carried = rows.first.locator(".link").inner_text()
    page.get_by_role("button", name="Accept event 1").click()
    expect(page.locator(".events li.known")).to_have_count(1)
    expect(page.locator(".events li.known")).to_contain_text(carried)
    page.keyboard.press("a")
    expect(page.locator(".events li.known")).to_have_count(2)
    assert sorted(library.journal.marks()["two.mp4"]) == [0, 1]
    page.keyboard.press("g")
    page.wait_for_function("() => location.hash.includes('id=1') && location.hash.includes('t=')")
    expect(page.locator(".events li.carried")).to_have_count(2)
    at = float(page.url.split("t=")[1])
    page.wait_for_function(f"() => Math.abs(document.getElementById('labelled').currentTime - {at}) < 0.1")


def test_keys_beyond_nine_rows_names_and_phases(page: Page, address: str, library: Library) -> None:
    open_label(page, address)
    go_to(page, 30)
    page.keyboard.press("0")
    expect(page.locator(".events li").nth(9)).to_contain_text("0:02.00")
    go_to(page, 45)
    page.keyboard.press("Shift+Digit2")
    expect(page.locator(".events li").nth(11)).to_contain_text("0:03.00")
    assert library.journal.marks() == {"one.mp4": {9: 2.0, 11: 3.0}}
    page.get_by_role("button", name="Add event").click()
    name = page.get_by_label("Name of event 13")
    expect(name).to_be_focused()
    name.fill("let go")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Mark let go here")).to_be_visible()
    expect(name).not_to_be_focused()
    assert library.journal.names() == {12: "let go"}
    page.get_by_role("button", name="Add a phase").click()
    expect(page.get_by_label("Name of event 15")).to_have_value("phase 1 end")
    for number, frame in ((14, 50), (15, 70)):
        go_to(page, frame)
        page.keyboard.press(f"Shift+Digit{number - 10}")
        expect(page.locator(".events li").nth(number - 1)).to_have_class("known")
    at = """(share) => { const track = document.querySelector(".track"), copy = new OffscreenCanvas(1, 1);
      const pen = copy.getContext("2d", { willReadFrequently: true });
      pen.drawImage(track, -Math.round(track.width * share), -Math.round(track.height / 2));
      return [...pen.getImageData(0, 0, 1, 1).data]; }"""
    band, plain = page.evaluate(at, 0.5), page.evaluate(at, 0.9)  # frame 60 of 120 lies within the phase
    assert band != plain


def test_absent_is_drawn_and_labels_of_a_file_are_opened(
    page: Page, address: str, library: Library, tmp_path: Path
) -> None:
    open_label(page, address)
    (tmp_path / "other.csv").write_text(
        "video,event_seconds,event_names\none.mp4,1.0;3.0,grasp;let go\ntwo.mp4,0.6;-1,grasp;let go\n"
    )
    page.get_by_label("Label files to open").set_input_files([str(tmp_path / "other.csv")])
    expect(page.locator("#done")).to_contain_text("Opened labels of 2 videos")
    expect(page.get_by_label("Name of event 1")).to_have_value("grasp")
    marks = library.journal.marks()
    assert marks["one.mp4"] == {0: pytest.approx(1.0, abs=0.04), 1: pytest.approx(3.0, abs=0.04)}
    assert marks["two.mp4"][1] is None
    cell = page.get_by_role("slider", name="let go of two.mp4")
    expect(cell).to_contain_text("absent")
    expect(cell.locator(".none")).to_be_visible()
    expect(cell.locator("img")).to_be_hidden()
    page.keyboard.press("u")
    expect(page.locator(".events li.known")).to_have_count(0)
    assert library.journal.marks() == {}


def test_a_tick_in_the_track_is_dragged(page: Page, address: str, library: Library) -> None:
    library.journal.mark("one.mp4", 0, 2.0)
    open_label(page, address, 2)
    expect(page.locator(".events li.carried")).to_have_count(1)  # carried to here; dragging it makes a mark of it
    track = page.locator("canvas.track")
    x = page.evaluate("() => document.querySelector('canvas.track').ticks[0][0]")
    box = track.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + x + 60, box["y"] + 8, steps=6)
    with saved(page):
        page.mouse.up()
    expect(page.locator(".events li.known")).to_have_count(1)
    second = page.evaluate("(x) => document.querySelector('canvas.track').secondAt(x)", x + 60)
    assert library.journal.marks()["two.mp4"][0] == pytest.approx(second, abs=0.07)
