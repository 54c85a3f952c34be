"""Library, grid, search, map and sharing, by mouse and by keyboard."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import av
import pytest
from bars import write_bar_codes
from playwright.sync_api import Page, Route, expect
from viewing import COUNTS, known_embedding, make_folder, make_library

from syncline import tasks
from syncline.data import Embedding, Video
from syncline.viewer.embedding_sources import Given

Serve = Callable[..., AbstractContextManager[str]]
VIDEOS = "[...document.querySelectorAll('video')]"
STRIPS = "() => [...document.querySelectorAll('.strip img')].every((i) => i.naturalWidth > 0)"
pytestmark = pytest.mark.browser


def test_library_filters_sorts_ranks_and_opens(page: Page, folder: Path, tmp_path: Path, serve: Serve) -> None:
    library = make_library(folder, tmp_path / "work", broken=[("bad.mp4", "holds no video")])
    with serve(library) as address:
        page.goto(address)
        cards = page.locator(".card")
        expect(cards).to_have_count(3)
        expect(page.locator(".trouble")).to_contain_text("1 file cannot be used")
        page.locator(".trouble summary").click()
        expect(page.locator(".trouble")).to_contain_text("holds no video")
        assert page.wait_for_function(STRIPS)
        page.get_by_label("Filter by name").fill("TW")
        expect(cards).to_have_count(1)
        page.get_by_label("Filter by name").fill("")
        page.get_by_label("Sort by").select_option("Shortest first")
        expect(cards.first).to_contain_text("three.mp4")
        page.get_by_role("button", name="Find the odd ones").click()
        expect(page.locator(".card meter")).to_have_count(3)
        page.get_by_label("Sort by").select_option("Odd first")
        expect(cards.first).to_contain_text("three.mp4")
        expect(cards.last).to_contain_text("The most typical one")
        page.get_by_label("Choose one.mp4").check()
        page.get_by_label("Choose two.mp4").check()
        page.get_by_role("button", name="Compare the two").click()
        page.wait_for_selector(".stage")
        expect(page.locator(".a figcaption .name")).to_have_text("one.mp4")
        page.goto(f"{address}/#/library")
        page.get_by_role("link", name="Compare one.mp4 with another").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(".stage")
        expect(page.locator(".b figcaption .name")).to_have_text(re.compile("two|three"))  # the best partner


def test_one_video_alone_offers_what_one_can_do(page: Page, tmp_path: Path, serve: Serve) -> None:
    with serve(make_library(make_folder(tmp_path / "alone", {"one": 60}), tmp_path / "work")) as address:
        page.goto(address)
        expect(page.get_by_role("button", name="Find the odd ones")).to_be_disabled()
        expect(page.get_by_role("button", name="Share: one.mp4")).to_be_hidden()
        page.get_by_role("button", name="Compare: one.mp4").click()
        expect(page.locator("main")).to_contain_text("There is one video only")
        expect(page.get_by_role("button", name="Add files")).to_be_visible()
        page.evaluate("import('/page/dom.js').then((dom) => dom.problem('of this view'))")
        expect(page.get_by_role("alert")).to_be_visible()
        page.goto(f"{address}/#/grid?ids=0")
        expect(page.locator("main")).to_contain_text("at least two videos")
        expect(page.get_by_role("alert")).to_be_hidden()


def test_a_ranking_that_is_over_at_once_is_shown(
    page: Page, folder: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncline.viewer.page_analysis.in_background", lambda work, *given: work(*given))
    with serve(make_library(folder, tmp_path / "work")) as address:
        page.goto(address)
        assert page.wait_for_function(STRIPS)
        page.get_by_role("button", name="Find the odd ones").click()
        expect(page.locator(".card meter")).to_have_count(3)


def test_hundreds_of_videos_are_drawn_as_one_scrolls(page: Page, tmp_path: Path, serve: Serve) -> None:
    folder = tmp_path / "many"
    first = make_folder(folder, {"one": 20}) / "one.mp4"
    for number in range(499):
        (folder / f"one-{number:03d}.mp4").write_bytes(first.read_bytes())
    with serve(make_library(folder, tmp_path / "work")) as address:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        expect(page.get_by_role("status").filter(has_text="500 of 500 videos")).to_be_visible()
        assert page.locator(".card").count() < 150
        assert sum("/api/strip/" in url for url in asked) < 100
        for _ in range(500):  # a key that comes before the page is laid out anew scrolls nowhere
            page.keyboard.press("End")
            page.evaluate("() => new Promise(requestAnimationFrame)")
            if page.locator(".card").count() >= 192:
                break
        assert 192 <= page.locator(".card").count() < 500
        page.get_by_label("Filter by name").fill("one-498")
        expect(page.locator(".card")).to_have_count(1)


def test_grid_plays_on_one_timeline(page: Page, address: str) -> None:
    page.goto(f"{address}/#/grid?ids=0,2,1")
    page.wait_for_selector(".quad")
    expect(page.locator(".quad figure")).to_have_count(3)
    slider = page.get_by_label("Position on the common timeline")
    slider.fill("4")
    page.wait_for_function(f"() => {VIDEOS}.every((v) => !v.seeking && v.currentTime > 0.5)")
    before = page.evaluate(f"{VIDEOS}.map((v) => v.currentTime)")
    slider.blur()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.wait_for_function(
        "(before) => [...document.querySelectorAll('video')].some((v, i) => v.currentTime > before[i] + 0.3)",
        arg=before,
    )
    page.keyboard.press("Home")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function(f"() => {VIDEOS}.every((v) => v.currentTime > 1)")
    page.get_by_role("button", name="Pause").click()
    page.get_by_label("Remove three.mp4").click()
    expect(page.locator(".quad figure")).to_have_count(2)
    page.get_by_role("button", name="Add a video").click()
    expect(page.locator(".quad figure")).to_have_count(3)


def test_grid_goes_by_the_clock_of_an_uneven_reference(page: Page, tmp_path: Path, serve: Serve) -> None:
    """Ten frames a second, then thirty: both videos are the same, so both stand at the timeline's own second."""
    times = [*(k / 10 for k in range(30)), *(3 + k / 30 for k in range(60))]
    (tmp_path / "bars").mkdir()
    for name in ("one", "one-1"):
        write_bar_codes(tmp_path / "bars" / f"{name}.mp4", 90, times=times)
    with serve(make_library(tmp_path / "bars", tmp_path / "work")) as address:
        page.goto(f"{address}/#/grid?ids=0,1")
        page.wait_for_selector(".quad")
        slider = page.get_by_label("Position on the common timeline")
        slider.fill("4")
        expect(page.locator(".quad .time")).to_have_text(["0:04.00"] * 2)
        page.wait_for_function(f"() => {VIDEOS}.every((v) => !v.seeking && Math.abs(v.currentTime - 4.017) < 0.01)")
        slider.blur()
        page.keyboard.press("ArrowRight")  # to the next sampled frame, two frames on
        expect(page.locator(".quad .time").first).to_have_text("0:04.07")


def test_times_are_rounded_before_they_are_split(page: Page, address: str) -> None:
    page.goto(address)
    texts = page.evaluate("import('/page/dom.js').then(({ timeText }) => [59.997, 0, 61.5, 3599.996].map(timeText))")
    assert texts == ["1:00.00", "0:00.00", "1:01.50", "1:00:00.00"]


def test_a_hit_plays_on_while_the_query_plays(page: Page, address: str) -> None:
    page.goto(f"{address}/#/search?id=0&t=1")
    page.wait_for_selector(".beside video")
    page.get_by_label("Speed").select_option("0.25")
    page.get_by_role("button", name="Play", exact=True).click()
    page.locator(".hit").first.click()
    page.wait_for_function("() => document.querySelector('.beside video')?.readyState >= 2")
    page.evaluate("() => { window.from = document.querySelector('.beside video').currentTime; }")
    page.wait_for_function("() => document.querySelector('.beside video').currentTime > window.from + 0.1")
    assert page.evaluate(f"{VIDEOS}.map((v) => v.paused)") == [False, False]


def test_search_finds_the_moment_and_plays_it_beside(page: Page, address: str) -> None:
    page.goto(f"{address}/#/search?id=0")
    page.wait_for_selector(".transport")
    page.get_by_role("slider", name="Position in one.mp4").fill("60")  # half way: at two it is frame 36
    page.keyboard.press("f")
    page.wait_for_selector(".hit")
    hit = page.get_by_role("button", name="Play two.mp4 at").first
    assert abs(float(hit.get_attribute("data-hit").split()[1]) - 36 / 15) < 0.3  # type: ignore[union-attr]
    hit.click()
    page.wait_for_function("() => (document.querySelector('.beside video')?.currentTime ?? 0) > 2.6")
    page.get_by_role("button", name="Compare in step").click()
    page.wait_for_selector(".stage")
    page.keyboard.press("f")
    page.wait_for_selector(".hit")
    assert "id=0" in page.url


def test_map_shows_and_opens_frames(page: Page, address: str) -> None:
    page.goto(f"{address}/#/map")
    canvas = page.locator("canvas.map")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_function("() => document.querySelector('.seen img').naturalWidth > 0")
    for key in ("PageUp", "PageUp", "ArrowRight"):  # wherever the focus is
        page.keyboard.press(key)
    expect(page.locator(".seen p")).to_contain_text("one.mp4 at 0:0")
    for by in ("video", "progress"):
        page.get_by_label("Colour by").select_option(by)
    canvas.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".hit")
    page.go_back()
    page.wait_for_selector("canvas.map")
    page.mouse.click(box["x"] + 100, box["y"] + 100)
    page.wait_for_selector(".hit")


def test_shared_page_plays_offline(new_page: Callable[..., Page], address: str, tmp_path: Path) -> None:
    page = new_page(accept_downloads=True)
    page.goto(f"{address}/#/compare?a=0&b=2")
    page.wait_for_selector(".stage")
    with page.expect_download() as download:
        page.get_by_role("button", name="Share as one file").click()
    target = tmp_path / "comparison.html"
    download.value.save_as(target)
    alone = new_page(offline=True)
    alone.goto(target.as_uri())
    alone.wait_for_selector(".stage")
    alone.wait_for_function(f"() => {VIDEOS}.every((v) => v.readyState >= 2 && !v.seeking)")
    alone.get_by_role("button", name="Play", exact=True).click()
    alone.wait_for_function("() => document.getElementById('a').currentTime > 1")
    alone.keyboard.press(" ")
    alone.get_by_role("slider", name="Position in A").fill("60")
    alone.wait_for_function("() => Math.abs(document.getElementById('b').currentTime - 37 / 15) < 0.5")
    assert alone.evaluate("() => document.getElementById('a').paused")


def test_a_card_shares_its_best_pair_in_one_click(new_page: Callable[..., Page], address: str, tmp_path: Path) -> None:
    page = new_page(accept_downloads=True)
    page.goto(address)
    with page.expect_download() as download:
        page.get_by_role("button", name="Share: one.mp4").click()
    download.value.save_as(tmp_path / "shared.html")
    partner = page.evaluate("() => fetch('/api/partner?a=0').then((a) => a.json()).then((found) => found.id)")
    best = page.locator(".card h2").nth(partner).inner_text()
    assert f"<title>one.mp4 and {best} in step</title>" in (tmp_path / "shared.html").read_text(encoding="utf-8")
    expect(page.locator("#done")).to_contain_text("Saved")


def held_consensus(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """No consensus is made before the event is set."""
    gate, made = threading.Event(), tasks.gather_folder

    def late(*given: object, **options: object) -> object:
        gate.wait(60)
        return made(*given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(tasks, "gather_folder", late)
    return gate


def test_what_the_folder_says_takes_the_place_of_a_first_look(
    page: Page, folder: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held_consensus(monkeypatch)
    header = "document.querySelector('header').offsetHeight"
    with serve(make_library(folder, tmp_path / "work")) as address:
        page.goto(f"{address}/#/compare?a=0&b=1")
        page.wait_for_selector(".stage")
        expect(page.locator("#status")).to_contain_text("comparing all videos")
        busy = page.evaluate(header)
        expect(page.locator(".facts")).to_contain_text("A first look")
        page.get_by_role("button", name="Global").click()
        expect(page.locator(".facts")).not_to_contain_text("A first look")
        page.goto(f"{address}/#/compare?a=0&b=2")
        page.wait_for_selector(".facts:has-text('A first look')")
        gate.set()
        expect(page.get_by_role("button", name="Folder", exact=True)).to_have_attribute("aria-pressed", "true")
        expect(page.locator("#done")).to_contain_text("as the whole folder sees")
        expect(page.locator(".facts")).not_to_contain_text("A first look")
        expect(page.locator("#status")).to_have_text("")
        assert page.evaluate(header) == busy, "the header keeps its height"


def test_who_watches_is_not_stopped_by_what_the_folder_says(
    page: Page, folder: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Play is pressed while the folder's path is being fetched: it takes its place at the next pause."""
    gate = held_consensus(monkeypatch)
    with serve(make_library(folder, tmp_path / "work")) as address:
        page.goto(f"{address}/#/compare?a=0&b=2")
        page.wait_for_selector(".stage:has-text('A first look')")
        page.wait_for_function(f"() => {VIDEOS}.every((v) => v.readyState >= 2 && !v.seeking)")
        held: list[Route] = []
        page.route("**/api/compare?*mode=folder*", lambda route: held.append(route))
        with page.expect_request("**/api/compare?*mode=folder*"):
            gate.set()
        page.get_by_role("button", name="Play", exact=True).click()
        page.wait_for_function("() => document.getElementById('a').currentTime > 0.2")
        stage = page.locator(".stage").element_handle()
        held.pop().continue_()
        page.wait_for_function("() => document.getElementById('a').currentTime > 1")
        assert stage.evaluate("(node) => node.isConnected")
        page.unroute("**/api/compare?*mode=folder*")
        page.keyboard.press(" ")
        expect(page.locator(".facts")).not_to_contain_text("A first look")
        assert not stage.evaluate("(node) => node.isConnected")


def test_a_chosen_way_to_align_stays(
    page: Page, folder: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = held_consensus(monkeypatch)
    with serve(make_library(folder, tmp_path / "work")) as address:
        page.goto(f"{address}/#/compare?a=0&b=1&mode=global")
        page.wait_for_selector(".stage")
        gate.set()
        expect(page.locator("#status")).to_have_text("")
        expect(page.get_by_role("button", name="Global")).to_have_attribute("aria-pressed", "true")


def test_why_nothing_is_shared_is_said(page: Page, address: str, refuse: Callable[[str], None]) -> None:
    page.goto(f"{address}/#/compare?a=0&b=2")
    page.wait_for_selector(".stage")
    refuse("one.mp4 is too long for one page")
    page.get_by_role("button", name="Share as one file").click()
    expect(page.get_by_role("alert")).to_contain_text("too long for one page")
    expect(page.get_by_role("button", name="Share as one file")).to_be_enabled()


def test_file_that_browsers_do_not_play_gets_a_copy(page: Page, tmp_path: Path, serve: Serve) -> None:
    folder = make_folder(tmp_path / "old", {"one": 60})
    write_bar_codes(folder / "two.avi", 60, rate=15, codec="mjpeg")
    with serve(make_library(folder, tmp_path / "work")) as address:
        page.goto(f"{address}/#/compare?a=0&b=1")
        page.wait_for_selector(".stage")
        page.wait_for_function("() => document.getElementById('b').readyState >= 2")
        copies = list((tmp_path / "work" / "proxies").glob("*.mp4"))
        assert len(copies) == 1
        with av.open(str(copies[0])) as container:
            assert container.streams.video[0].codec_context.name == "h264"


def test_two_videos_can_be_compared_before_the_folder_is_done(
    page: Page, folder: Path, tmp_path: Path, serve: Serve
) -> None:
    gate = threading.Event()

    def embed(video: Video) -> Embedding:
        if video.name == "two.mp4":
            gate.wait(60)
        return known_embedding(video)

    with serve(make_library(folder, tmp_path / "work"), source=Given(embed)) as address:
        page.goto(f"{address}/#/compare?a=0&b=1")
        page.wait_for_selector(".stage")
        expect(page.locator(".facts")).to_contain_text("A first look")
        page.goto(f"{address}/#/map")
        expect(page.get_by_text("this page opens by itself")).to_be_visible()
        expect(page.locator("#status")).to_contain_text(f"2/{len(COUNTS)}")
        gate.set()
        page.wait_for_selector("canvas.map")


def test_progress_goes_on_while_a_view_waits(page: Page, folder: Path, tmp_path: Path, serve: Serve) -> None:
    seen, gate = threading.Event(), threading.Event()

    def embed(video: Video) -> Embedding:
        (gate if video.name == "two.mp4" else seen).wait(60)
        return known_embedding(video)

    with serve(make_library(folder, tmp_path / "work"), source=Given(embed)) as address:
        page.goto(f"{address}/#/compare?a=0&b=2")
        expect(page.locator("#status")).to_contain_text(f"0/{len(COUNTS)}")
        seen.set()
        expect(page.locator("#status")).not_to_contain_text(f"0/{len(COUNTS)}")
        expect(page.locator(".wait")).to_contain_text("Embedding these two first")
        gate.set()
        page.wait_for_selector(".stage")


def test_video_that_cannot_be_embedded_is_said_and_stops_nothing(
    page: Page, folder: Path, tmp_path: Path, serve: Serve
) -> None:
    from syncline.errors import SynclineError

    def embed(video: Video) -> Embedding:
        if video.name == "two.mp4":
            raise SynclineError("two.mp4: frame 7 cannot be decoded")
        return known_embedding(video)

    with serve(make_library(folder, tmp_path / "work"), source=Given(embed)) as address:
        page.goto(address)
        expect(page.locator(".card.broken")).to_contain_text("frame 7 cannot be decoded")
        page.goto(f"{address}/#/search?id=0&t=1")
        expect(page.locator(".hit").first).to_contain_text("three.mp4")


def test_news_from_the_background_takes_nothing_from_under_the_hand(page: Page, address: str) -> None:
    """A press that news comes into is still a click, and what is being typed stays."""
    page.goto(address)
    expect(page.locator(".card")).to_have_count(3)
    field = page.get_by_label("Filter by name")
    field.click()
    page.keyboard.type("on")
    card = page.locator(".card").element_handle()
    page.evaluate("document.dispatchEvent(new Event('listed'))")
    page.keyboard.type("e")
    expect(field).to_have_value("one")
    expect(page.locator(".card")).to_have_count(1)
    assert card.evaluate("(node) => node.isConnected"), "the card is the same one"
    box = page.get_by_role("button", name="Label: one.mp4").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.evaluate("document.dispatchEvent(new Event('listed'))")
    page.mouse.up()
    expect(page.get_by_role("heading", name="Label once")).to_be_visible()


def test_compare_is_not_replaced_while_a_button_is_held(page: Page, address: str) -> None:
    page.goto(f"{address}/#/compare?a=0&b=1")
    page.wait_for_selector(".stage")
    stage = page.locator(".stage").element_handle()
    box = page.get_by_role("button", name="Label A").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    with page.expect_response("**/api/compare**"):
        page.evaluate("document.dispatchEvent(new Event('embedded'))")
    page.evaluate("() => new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
    assert stage.evaluate("(node) => node.isConnected")
    page.mouse.up()
    expect(page.get_by_role("heading", name="Label once")).to_be_visible()
