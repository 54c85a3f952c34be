"""Two videos in step: what each frame shows is read from the picture itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page
from viewing import known_embedding, until

from syncline.data import open_videos
from syncline.tasks import Alignment, align
from syncline.video import VideoReader

pytestmark = pytest.mark.browser

READ = """
(video) => {
  const canvas = new OffscreenCanvas(96, 48), pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(video, 0, 0, 96, 48);
  const row = pen.getImageData(0, 24, 96, 1).data;
  let number = 0;
  for (let bit = 0; bit < 12; bit++) number = number * 2 + (row[4 * (bit * 8 + 4)] > 128 ? 1 : 0);
  return number;
}
"""
SETTLED = """
() => ["a", "b"].every((id) => {
  const video = document.getElementById(id);
  return video && video.readyState >= 2 && !video.seeking && video.paused && video.ariaBusy !== "true";
})
"""


def shown(page: Page) -> tuple[int, int]:
    """The frame numbers on display in A and B, once both stand still."""
    page.wait_for_function(SETTLED)
    return tuple(page.evaluate(f"[...document.querySelectorAll('#a, #b')].map({READ})"))


def come_to(page: Page, a: int, b: int) -> None:
    """Waits until A and B show these frames."""
    page.wait_for_function(
        f"wanted => String([...document.querySelectorAll('#a, #b')].map({READ})) === String(wanted)", arg=[a, b]
    )


def expected(folder: Path, a: str, b: str, frame: int, mode: str = "local") -> int:
    """The frame of B that the alignment names for a frame of A, by the library itself."""
    videos = {video.name: video for video in open_videos(folder)}
    x, y = (known_embedding(videos[f"{name}.mp4"]) for name in (a, b))
    clock_a, clock_b = (VideoReader(videos[f"{name}.mp4"].path) for name in (a, b))
    alignment = align(x, y, mode=mode)  # type: ignore[arg-type]
    return followed(alignment, clock_a, clock_b)[frame]


def followed(alignment: Alignment, clock_a: VideoReader, clock_b: VideoReader) -> list[int]:
    """The frame of B for every frame of A: along the path, and in a gap of A that of the last match before it."""
    second = alignment.follow(clock_a.pts_seconds)
    for gap in alignment.gaps:
        if gap.video == "a":
            before = alignment.times[alignment.times[:, 0] < gap.start]
            after = alignment.times[alignment.times[:, 0] >= gap.end - 1e-6]
            if len(before) and len(after):
                inside = (clock_a.pts_seconds > before[-1, 0]) & (clock_a.pts_seconds < after[0, 0])
                second[inside] = before[-1, 1]
    return list(clock_b.index_at(second).tolist())


def open_compare(page: Page, address: str, a: int, b: int, **more: object) -> None:
    extra = "".join(f"&{key}={value}" for key, value in ({"mode": "local"} | more).items())
    page.goto(f"{address}/#/compare?a={a}&b={b}{extra}")
    page.wait_for_selector(".stage")
    page.wait_for_function(SETTLED)


# numbers of the videos in the order of their names: one 0, three 1, two 2


@pytest.mark.parametrize(("a", "b"), [("one", "two"), ("three", "one"), ("one", "three")])
def test_frame_of_b_is_the_one_that_the_path_names(page: Page, address: str, folder: Path, a: str, b: str) -> None:
    number = {"one": 0, "three": 1, "two": 2}
    open_compare(page, address, number[a], number[b])
    slider = page.get_by_role("slider", name="Position in A")
    last = int(slider.get_attribute("max") or 0)
    for frame in (0, 7, 20, 36, 41, 50, 60, last - 1, last):
        slider.fill(str(frame))
        come_to(page, frame, expected(folder, a, b, frame))
        assert shown(page) == (frame, expected(folder, a, b, frame)), "and there they stay"


def test_keys_step_play_and_pause_on_exact_frames(page: Page, address: str, folder: Path) -> None:
    open_compare(page, address, 0, 2)
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    come_to(page, 2, expected(folder, "one", "two", 2))
    page.keyboard.press("Shift+ArrowRight")
    come_to(page, 17, expected(folder, "one", "two", 17))
    page.keyboard.press("End")
    come_to(page, 119, expected(folder, "one", "two", 119))
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    page.wait_for_function("() => document.getElementById('a').currentTime > 1.5")
    page.keyboard.press(" ")
    a, b = shown(page)
    assert a > 20
    assert b == expected(folder, "one", "two", a)


@pytest.mark.parametrize("speed", ["1", "2"])
def test_b_follows_while_a_plays(page: Page, address: str, folder: Path, speed: str) -> None:
    open_compare(page, address, 0, 2)
    page.get_by_label("Speed").select_option(speed)
    page.evaluate(
        """() => {
          const show = READ, [a, b] = [document.getElementById("a"), document.getElementById("b")];
          window.seen = [];
          const look = () => { window.seen.push([show(a), show(b)]); a.requestVideoFrameCallback(look); };
          a.requestVideoFrameCallback(look);
        }""".replace("READ", READ.strip())
    )
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("() => document.getElementById('a').ended || document.getElementById('a').currentTime > 7.5")
    seen = np.array(page.evaluate("window.seen"))
    assert len(np.unique(seen[:, 0])) > 8  # a busy machine shows few
    wanted = np.array([expected_all(folder)[a] for a in seen[:, 0]])
    late = np.abs(seen[:, 1] - wanted) / 15  # seconds of B
    assert np.quantile(late[5:], 0.9) < 1.0


def expected_all(folder: Path) -> list[int]:
    if not _EXPECTED:
        videos = {video.name: video for video in open_videos(folder)}
        x, y = known_embedding(videos["one.mp4"]), known_embedding(videos["two.mp4"])
        clock_a, clock_b = VideoReader(videos["one.mp4"].path), VideoReader(videos["two.mp4"].path)
        _EXPECTED.extend(followed(align(x, y), clock_a, clock_b))
    return _EXPECTED


_EXPECTED: list[int] = []


def test_gap_is_said_and_b_waits(page: Page, address: str, folder: Path) -> None:
    open_compare(page, address, 1, 0)  # A has a part that B lacks
    slider = page.get_by_role("slider", name="Position in A")
    slider.fill("38")
    before = shown(page)[1]
    assert page.locator(".waits").is_visible()
    page.get_by_label("Layout").select_option("wipe")
    above = "() => { let e = document.querySelector('.waits'), all = []; while ((e = e.parentElement)) all.push(e);"
    above += " return all.every((one) => getComputedStyle(one).clipPath === 'none'); }"
    assert page.evaluate(above), "the whole sentence is seen"
    page.get_by_label("Layout").select_option("side")
    slider.fill("48")
    assert shown(page)[1] == before
    slider.fill("80")
    assert not page.locator(".waits").is_visible()
    assert page.get_by_text("not in B: B waits").count() >= 1


def test_short_ends_are_no_gaps_and_nothing_is_dimmed(page: Page, address: str) -> None:
    open_compare(page, address, 0, 2)
    slider = page.get_by_role("slider", name="Position in A")
    for frame in ("0", slider.get_attribute("max") or ""):  # B's last match may lie a few frames before
        slider.fill(frame)
        shown(page)
        assert not page.locator(".waits").is_visible()
    open_compare(page, address, 1, 0)
    slider.fill("44")
    shown(page)
    assert page.locator(".waits").is_visible()
    faded = "() => [...document.querySelectorAll('.pair, .pair *')].filter((n) => getComputedStyle(n).opacity !== '1')"
    assert page.evaluate(f"({faded})().length") == 0


def test_modes_switch_in_place_and_swap(page: Page, address: str, folder: Path) -> None:
    open_compare(page, address, 0, 2)
    page.get_by_role("slider", name="Position in A").fill("30")
    page.evaluate("() => { window.old = document.querySelector('.stage'); }")
    page.get_by_role("button", name="Global").click()
    page.wait_for_function("() => !window.old.isConnected && document.querySelector('.stage')")
    assert "mode=global" in page.url
    come_to(page, 30, expected(folder, "one", "two", 30, "global"))
    page.evaluate("() => { window.old = document.querySelector('.stage'); }")
    page.keyboard.press("m")
    page.wait_for_function("() => location.hash.includes('mode=subsequence')")
    page.wait_for_function("() => !window.old.isConnected && document.querySelector('.stage')")
    assert page.get_by_role("button", name="Subsequence").get_attribute("aria-pressed") == "true"
    b = expected(folder, "one", "two", 30, "subsequence")
    come_to(page, 30, b)
    page.keyboard.press("s")
    page.wait_for_function("() => document.querySelector('.a figcaption .name')?.textContent === 'two.mp4'")
    page.wait_for_function(f"wanted => ({READ})(document.querySelector('#a')) === wanted", arg=b)
    assert shown(page)[0] == b


def test_another_a_starts_anew_and_another_b_at_the_same_moment(page: Page, address: str) -> None:
    open_compare(page, address, 0, 2)
    slider = page.get_by_role("slider", name="Position in A")
    slider.fill("30")
    page.get_by_label("B", exact=True).select_option("three.mp4")
    page.wait_for_function("() => document.querySelector('.b figcaption .name')?.textContent === 'three.mp4'")
    assert shown(page)[0] == 30
    page.get_by_label("A", exact=True).select_option("two.mp4")
    page.wait_for_function("() => document.querySelector('.a figcaption .name')?.textContent === 'two.mp4'")
    assert shown(page)[0] == 0


def test_new_embeddings_bring_a_new_matrix_at_the_next_pause(page: Page, address: str) -> None:
    open_compare(page, address, 0, 2)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("Speed").select_option("0.25")
    page.keyboard.press(" ")
    page.wait_for_function("() => !document.getElementById('a').paused")
    page.evaluate(
        "() => { window.old = document.querySelector('.stage'); document.dispatchEvent(new Event('embedded')); }"
    )
    page.evaluate("() => { window.from = document.getElementById('a').currentTime; }")
    page.wait_for_function("() => document.getElementById('a').currentTime > window.from + 0.15")
    assert page.evaluate("() => window.old.isConnected && !document.getElementById('a').paused")
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelector('.stage') && !window.old.isConnected")
    assert sum("/api/matrix" in url for url in asked) == 1
    assert sum("/api/compare" in url for url in asked) == 1


def test_the_last_of_many_modes_is_shown(page: Page, address: str) -> None:
    """The answers come in another order than the questions."""
    open_compare(page, address, 0, 2)
    page.evaluate("""() => {
      const ask = window.fetch;
      window.fetch = async (path, ...more) => {
        if (path.includes("mode=global")) await new Promise((done) => { window.release = done; });
        return ask(path, ...more);
      };
      window.first = document.querySelector(".stage");
    }""")
    page.get_by_role("button", name="Global").click()
    page.get_by_role("button", name="Subsequence").click()
    page.wait_for_function("() => !window.first.isConnected && document.querySelector('.stage')")
    page.evaluate("() => { window.last = document.querySelector('.stage'); }")
    with page.expect_response(lambda answer: "mode=global" in answer.url) as late:
        page.evaluate("() => window.release()")
    late.value.finished()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("() => window.last.isConnected")


def test_brackets_of_other_layouts_loop(page: Page, address: str) -> None:
    open_compare(page, address, 0, 2)
    page.get_by_role("slider", name="Position in A").fill("30")
    page.evaluate("""() => document.body.dispatchEvent(
      new KeyboardEvent("keydown", { key: "[", altKey: true, ctrlKey: true, bubbles: true }))""")
    assert page.get_by_role("button", name="Repeat segment").get_attribute("aria-pressed") == "true"


def test_the_folder_is_the_default_once_it_is_known(page: Page, address: str) -> None:
    page.goto(address)
    until(lambda: page.evaluate("fetch('/api/status').then((a) => a.json()).then((s) => s.group.state)") == "ready")
    page.reload()
    page.wait_for_selector(".card")
    page.evaluate("() => { location.hash = '#/compare?a=0&b=2'; }")
    page.wait_for_selector(".stage")
    assert page.get_by_role("button", name="Folder").get_attribute("aria-pressed") == "true"
    slider = page.get_by_role("slider", name="Position in A")
    for frame, same in ((30, 18), (60, 36), (90, 78)):  # a quarter, a half, and three quarters of the way
        slider.fill(str(frame))
        assert abs(shown(page)[1] - same) <= 3


def test_matrix_is_clicked_dragged_and_zoomed(page: Page, address: str, folder: Path) -> None:
    open_compare(page, address, 0, 2)
    matrix = page.locator("canvas.matrix")
    box = matrix.bounding_box()
    assert box is not None
    x = lambda share: box["x"] + 46 + share * (box["width"] - 56)  # noqa: E731  the axes' margins
    page.mouse.click(x(0.5), box["y"] + 60)
    a, b = shown(page)
    assert abs(a - 59) <= 2
    assert b == expected(folder, "one", "two", a)
    page.mouse.move(x(0.2), box["y"] + 60)
    page.mouse.down()
    page.mouse.move(x(0.6), box["y"] + 80, steps=8)
    page.mouse.move(x(0.75), box["y"] + 80, steps=8)
    page.mouse.up()
    assert abs(shown(page)[0] - 89) <= 2
    matrix.focus()
    before = float(matrix.get_attribute("aria-valuenow") or 0)
    page.keyboard.press("ArrowUp")
    page.wait_for_function(f"() => Number(document.querySelector('canvas.matrix').ariaValueNow) > {before}")
    with page.expect_response(lambda answer: "a0=" in answer.url):  # zoomed in: a sharper tile is fetched
        page.keyboard.press("+")
    with page.expect_response(lambda answer: "a0=" in answer.url):  # and where the cursor has left the part
        page.keyboard.press("Home")


def test_loop_keeps_within_the_segment(page: Page, address: str) -> None:
    open_compare(page, address, 0, 2)
    slider = page.get_by_role("slider", name="Position in A")
    slider.fill("30")
    page.keyboard.press("[")
    slider.fill("45")
    page.keyboard.press("]")
    assert page.get_by_role("button", name="Repeat segment").get_attribute("aria-pressed") == "true"
    slider.fill("40")
    page.evaluate("""() => { window.back = 0; let last = 0; const a = document.getElementById("a");
      const look = (now, { mediaTime }) => {
        if (mediaTime < last - 0.3) window.back += 1;
        last = mediaTime;
        a.requestVideoFrameCallback(look);
      };
      a.requestVideoFrameCallback(look); }""")
    page.locator("#play").click()
    page.wait_for_function("() => window.back >= 2")
    assert page.evaluate("document.getElementById('a').currentTime") < 3.6
    page.keyboard.press("r")
    assert page.get_by_role("button", name="Repeat segment").get_attribute("aria-pressed") == "false"
