"""The pictures of docs/pose.md, made anew from golf swings; needs Chromium and the pose estimator.

    python docs/scripts/pose_pictures.py human_golf/ [--out docs/images]

`pose-compare.webp` is two swings in Compare with their bodies and the angle of a joint; `pose-fails.webp` is a body
that the estimator sees in a golf bag. The films are shown in coarse squares, so that nobody is recognised; the poses
are those of the films as they are.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from syncline.data import Sampling, open_videos
from syncline.encoder.folder_features import FolderBodies
from syncline.pose import write_keypoints
from syncline.pose.pose_cache import PoseCache
from syncline.video import VideoReader, VideoWriter
from syncline.viewer.serving import open_viewer, served

CLIPS = ("golf_010_g09.mp4", "golf_017_g15.mp4", "golf_021_g00.mp4")
"""Two swings, and the one in which a bag is followed."""
SQUARE = 8
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]
SETTLED = "() => [...document.querySelectorAll('video')].every((video) => video.readyState >= 2 && !video.seeking)"


def main() -> None:
    """Both pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "images")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        films, points = Path(made) / "films", Path(made) / "points"
        films.mkdir()
        points.mkdir()
        videos = [video for video in open_videos(chosen.folder) if video.path.name in CLIPS]
        videos.sort(key=lambda video: CLIPS.index(video.path.name))
        source = PoseCache(None, Sampling(stride=1))
        for number, (video, body) in enumerate(zip(videos, source.of_videos(videos), strict=True)):
            write_keypoints(points / f"swing {number}.npz", body)
            coarse(video.path, films / f"swing {number}.mp4")
        source.close()
        viewer = open_viewer(films, work=made, cache=made, bodies=FolderBodies("keypoints", points))
        with served(viewer.app) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            compare(browser, address, chosen.out / "pose-compare.webp")
            fails(browser, address, chosen.out / "pose-fails.webp")
            browser.close()


def coarse(path: Path, out: Path) -> None:
    """A copy of a film in squares of one colour."""
    reader = VideoReader(path)
    with VideoWriter(out, height=reader.height, width=reader.width, rate=reader.frame_rate) as writer:
        for frames in reader.chunks():
            for picture, second in zip(frames.pixels, frames.pts_seconds.tolist(), strict=True):
                height, width = (side // SQUARE for side in picture.shape[:2])
                squares = picture[: height * SQUARE, : width * SQUARE].reshape(height, SQUARE, width, SQUARE, 3)
                means = squares.mean(axis=(1, 3)).astype(np.uint8)
                whole = means.repeat(SQUARE, axis=0).repeat(SQUARE, axis=1)
                writer.write(np.asarray(Image.fromarray(whole).resize((reader.width, reader.height))), second)


def compare(browser: Browser, address: str, out: Path) -> None:
    """The first two in step, with their bodies and the curves of a knee."""
    page = opened(browser, f"{address}#/compare?a=0&b=1&mode=local&t=0.7", height=1000)
    region = page.get_by_role("region", name="Angle of a joint")
    region.get_by_label("Joint", exact=True).select_option("left_knee")
    page.wait_for_function(SETTLED)
    shot(page, ".stage", out, bottom=region)


def fails(browser: Browser, address: str, out: Path) -> None:
    """The third alone."""
    page = opened(browser, f"{address}#/compare?a=2&b=0&mode=global&t=0.7", height=800)
    shot(page, "figure.a .screen", out)


def opened(browser: Browser, address: str, *, height: int) -> Page:
    """A page with bodies drawn."""
    page = browser.new_page(viewport={"width": 1000, "height": height}, color_scheme="dark")
    page.goto(address)
    page.get_by_role("button", name="Poses").click(timeout=120_000)
    page.wait_for_selector("canvas.pose[data-joints]")
    page.wait_for_function(SETTLED)
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)
    return page


def shot(page: Page, selector: str, out: Path, bottom: object = None) -> None:
    """What stands there, down to the end of another element, as WebP."""
    first = page.locator(selector).first
    page.evaluate("() => { document.querySelector('header').style.display = 'none'; scrollTo(0, 0); }")
    page.wait_for_timeout(300)  # the bodies are drawn anew
    box = first.bounding_box()
    end = None if bottom is None else bottom.bounding_box()  # type: ignore[attr-defined]
    assert box is not None
    if end is not None:
        box["height"] = end["y"] + end["height"] - box["y"]
    picture = Image.open(io.BytesIO(page.screenshot(clip=box, full_page=True)))  # type: ignore[arg-type]
    picture.thumbnail((800, 800))
    picture.convert("RGB").save(out, quality=60, method=6)


if __name__ == "__main__":
    main()
