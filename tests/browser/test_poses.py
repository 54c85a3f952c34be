"""Bodies drawn over the films, by a switch, in Compare and Grid."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import keypoint_forms as forms
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from spots import write_spot
from tests.browser.test_access import AXE, CHECK, SERIOUS
from viewing import make_library

from syncline.encoder.folder_features import FolderBodies
from syncline.video import VideoReader
from syncline.viewer.pose_source import BodySource

pytestmark = pytest.mark.browser

DRAWN_AT = """
([canvas, expected]) => { // whether the middle of what is drawn stands there, as a share of the picture's width
  const { width, height } = canvas, video = canvas.parentElement.querySelector("video");
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const cells = pen.getImageData(0, 0, width, height).data;
  let x = 0, y = 0, count = 0;
  for (let i = 0; i < width * height; i++)
    if (cells[4 * i + 3] > 200) { x += i % width; y += Math.floor(i / width); count++; }
  const scale = Math.min(width / video.videoWidth, height / video.videoHeight), shown = video.videoWidth * scale;
  const found = (x / count - (width - shown) / 2) / shown;
  return count > 0 && Math.abs(found - expected) < 0.04 && Math.abs(y / count / height - 0.5) < 0.1;
}
"""


def body(frames: int) -> forms.Array:
    """(t, 17, 2): a small body about the bright spot of `write_spot`, which moves to the right."""
    shape = np.random.default_rng(0).uniform(-6, 6, size=(17, 2))
    placed: forms.Array = (
        shape - shape.mean(axis=0) + np.stack([18 + 2 * np.arange(frames), np.full(frames, 48)], 1)[:, None]
    )
    return placed


@pytest.fixture
def posed(tmp_path: Path, serve: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """A server of two films with a moving spot, and of bodies that move with it."""
    (tmp_path / "points").mkdir()
    for name in "ab":
        write_spot(tmp_path / "films" / f"{name}.mp4", 40, speed=2.0)
        forms.write_mmpose(tmp_path / "points" / f"{name}.json", [body(40)])
    library = make_library(tmp_path / "films", tmp_path / "work")
    bodies = BodySource(FolderBodies("keypoints", tmp_path / "points"), lambda: library.videos.videos)
    with serve(library, bodies=bodies) as where:
        yield where


def test_bodies_move_with_the_films_in_compare(page: Page, posed: str) -> None:
    page.goto(f"{posed}/#/compare?a=0&b=1&mode=local")
    page.wait_for_selector(".stage")
    page.get_by_role("button", name="Poses").click()
    drawn = page.locator(".stage canvas.pose")
    expect(drawn).to_have_count(2)
    for frame in (0, 20, 35):
        page.get_by_role("slider", name="Position in A").fill(str(frame))
        for film in range(2):
            page.wait_for_function(DRAWN_AT, arg=[drawn.nth(film).element_handle(), (18 + 2 * frame) / 160])
    page.get_by_role("button", name="Poses").click()
    expect(drawn).to_have_count(0)


def test_the_switch_holds_in_the_grid(page: Page, posed: str) -> None:
    page.goto(f"{posed}/#/grid?ids=0,1")
    switch = page.get_by_role("button", name="Poses")
    switch.click()
    expect(page.locator(".quad canvas.pose")).to_have_count(2)
    expect(page.locator(".quad canvas.pose").first).to_have_attribute(
        "data-joints", "13"
    )  # of face and feet there is nothing to see
    expect(switch).to_have_attribute("aria-pressed", "true")


def bent(frames: int, degrees: np.ndarray[tuple[int], np.dtype[np.float64]]) -> forms.Array:
    """(t, 17, 2): the body of `body` with a left arm whose elbow has these angles, and a right arm that is straight."""
    placed = body(frames).copy()
    for shoulder, elbow, wrist, turn in ((5, 7, 9, np.radians(degrees)), (6, 8, 10, np.full(frames, np.pi))):
        placed[:, shoulder] = placed[:, elbow] + [0, -10]
        placed[:, wrist] = placed[:, elbow] + 10 * np.stack([np.sin(turn), -np.cos(turn)], axis=1)
    return placed


CURVES = """
(canvas) => { // height of each curve at the left and at the right, as a share of the canvas from above
  const ratio = window.devicePixelRatio, { width, height } = canvas;
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const cells = pen.getImageData(0, 0, width, height).data;
  const style = getComputedStyle(document.body);
  const probe = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  return ["--a", "--b"].map((name) => {
    probe.fillStyle = style.getPropertyValue(name).trim(); probe.fillRect(0, 0, 1, 1);
    const wanted = probe.getImageData(0, 0, 1, 1).data;
    return [0.02, 0.9].map((share) => {
      const found = [];
      for (let x = Math.round(width * share); x < width * share + 20 * ratio; x++)
        for (let y = 0; y < height; y++)
          if ([0, 1, 2].every((k) => Math.abs(cells[4 * (y * width + x) + k] - wanted[k]) < 12)) found.push(y / height);
      return found.length ? found.reduce((sum, y) => sum + y, 0) / found.length : null;
    });
  });
}
"""


def test_the_angle_of_a_joint_in_both_is_drawn_over_the_time_of_a(
    page: Page, tmp_path: Path, serve: Callable[..., AbstractContextManager[str]]
) -> None:
    (tmp_path / "points").mkdir()
    frames = np.arange(40.0)
    for name, degrees in (("a", 60 + 2 * frames), ("b", np.full(40, 120.0))):
        write_spot(tmp_path / "films" / f"{name}.mp4", 40, speed=2.0)
        forms.write_mmpose(tmp_path / "points" / f"{name}.json", [bent(40, degrees)])
    library = make_library(tmp_path / "films", tmp_path / "work")
    bodies = BodySource(FolderBodies("keypoints", tmp_path / "points"), lambda: library.videos.videos)
    with serve(library, bodies=bodies) as where:
        page.goto(f"{where}/#/compare?a=0&b=1&mode=global")
        region = page.get_by_role("region", name="Angle of a joint")
        joint = region.get_by_label("Joint", exact=True)
        expect(joint).to_have_value("left_elbow")  # the one that differs
        expect(joint.locator("option").first).to_have_text(re.compile(r"left elbow \(2\d° apart\)"))
        for frame in (0, 10, 35):
            page.get_by_role("slider", name="Position in A").fill(str(frame))
            expect(region.locator("output")).to_have_text(f"A {60 + 2 * frame}° · B 120°")
        curves = region.get_by_role("img", name="Angle of the left elbow in A and in B over the time of A")
        (a_first, a_last), (b_first, b_last) = page.evaluate(CURVES, curves.element_handle())
        assert a_first - a_last > 0.5, "the arm of A straightens, so its curve rises"
        assert abs(b_first - b_last) < 0.02
        assert a_last < b_last < a_first
        box = curves.bounding_box()
        assert box is not None
        curves.click(position={"x": box["width"] / 2, "y": 20})
        expect(region.locator("output")).to_have_text(re.compile("A (98|100|102)° · B 120°"))
        joint.select_option("right_elbow")
        expect(region.locator("output")).to_have_text("A 180° · B 180°")
        page.get_by_role("button", name="Swap A and B").click()
        expect(joint).to_have_value("right_elbow")


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_the_curves_are_named_and_readable(new_page: Callable[..., Page], posed: str, size: tuple[int, int]) -> None:
    page = new_page(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce")
    page.goto(f"{posed}/#/compare?a=0&b=1&mode=local")
    expect(page.get_by_role("region", name="Angle of a joint").locator("output")).to_contain_text("°")
    page.wait_for_load_state("networkidle")
    page.evaluate(AXE)
    assert page.evaluate(CHECK) + page.evaluate(SERIOUS) == []


def test_without_poses_there_is_no_switch(page: Page, address: str) -> None:
    page.goto(f"{address}/#/compare?a=0&b=1&mode=local")
    page.wait_for_selector(".stage")
    expect(page.get_by_role("button", name="Poses")).to_have_count(0)
    expect(page.get_by_role("button", name="Share without pictures")).to_have_count(0)
    expect(page.get_by_role("region", name="Angle of a joint")).to_have_count(0)


def test_a_comparison_is_shared_without_pictures(page: Page, posed: str, tmp_path: Path) -> None:
    page.goto(f"{posed}/#/compare?a=0&b=1&mode=local")
    page.wait_for_selector(".stage")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Share without pictures").click()
    assert saved.value.suggested_filename == "a-b-bodies.html"
    saved.value.save_as(tmp_path / "shared.html")
    films = json.loads((tmp_path / "shared.html").read_text().split('id="data">')[1].split("</script>")[0])["videos"]
    (tmp_path / "body.mp4").write_bytes(base64.b64decode(films[0]))
    drawn, own = VideoReader(tmp_path / "body.mp4"), VideoReader(tmp_path / "films" / "a.mp4")
    np.testing.assert_allclose(drawn.pts_seconds, own.pts_seconds, atol=1e-3)
    pictures = drawn.frames(np.array([0, 30])).pixels.astype(int)
    assert pictures.min(axis=3).max() < 180  # the white spot of the film is nowhere
    for picture, frame in zip(pictures, (0, 30), strict=True):
        across = np.argwhere(picture[:, :, 0] > 150)[:, 1].mean() / picture.shape[1]
        assert across == pytest.approx((18 + 2 * frame) / 160, abs=0.03)
    page.goto((tmp_path / "shared.html").as_uri())
    page.wait_for_function("document.querySelector('video')?.readyState >= 2")
    page.get_by_role("slider", name="Position in A").fill("20")
    expect(page.get_by_text("frame 21").first).to_be_visible()
    expect(page.get_by_label("Sound")).to_have_count(0)
