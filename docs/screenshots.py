"""The pictures of docs/viewer.md, made anew: every view, wide or narrow, light or dark.

    python docs/screenshots.py FOLDER [--run RUN] [--work WORK] [--cache CACHE] [--all] [--out docs/images]

Marks four events of the first video that has phases (in a work folder of its own, unless one is given).
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from syncline.viewer.serving import open_viewer, served

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}
VIEWS = {
    "library": ("#/library", ".card meter"),
    "compare": ("#/compare?a={first}&b={second}&t={t}", ".stage"),
    "wipe": ("#/compare?a={first}&b={second}&t={t}", ".stage"),
    "grid": ("#/grid?ids={several}", ".quad"),
    "search": ("#/search?id={first}&t={t}", ".beside video"),
    "label": ("#/label?id={second}&t={t}", ".events li.carried"),
    "map": ("#/map", ".seen img"),
}
SHOTS = (
    ("compare", "wide", "dark"), ("wipe", "wide", "light"), ("label", "wide", "light"), ("library", "wide", "light"),
    ("search", "wide", "dark"), ("grid", "wide", "dark"), ("map", "wide", "light"), ("compare", "narrow", "light"),
    ("label", "narrow", "dark"),
)  # fmt: skip
"""The pictures that docs/viewer.md shows; --all takes every view at both sizes in both schemes."""
SETTLED = "() => [...document.querySelectorAll('video')].every((video) => video.readyState >= 2 && !video.seeking)"
PICTURES = """
() => [...document.querySelectorAll("img[src]")].every((image) => {
  const { top, bottom } = image.getBoundingClientRect();
  return bottom < 0 || top > innerHeight || (image.complete && image.naturalWidth > 0);
})
"""
PREPARE = """
async ({ id, starts }) => {
  const token = document.querySelector('meta[name="syncline-token"]').content;
  const headers = { "x-syncline-token": token };
  const post = (path, body) => fetch(path, { method: "POST", body: JSON.stringify(body), headers });
  for (const [event, second] of starts.entries()) await post("/api/labels", { id, event, second });
  await post("/api/rank", {});
}
"""


def main() -> None:
    """All pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run")
    parser.add_argument("--work")
    parser.add_argument("--cache")
    parser.add_argument("--first", type=int, default=0, help="number of the video that is shown as A")
    parser.add_argument("--second", type=float, default=4.0, help="moment of it that is shown (default: 4)")
    parser.add_argument("--all", action="store_true", help="every view at both sizes, light and dark")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        viewer = open_viewer(chosen.folder, run=chosen.run, work=chosen.work or work, cache=chosen.cache)
        with served(viewer.app) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            shown = range(chosen.first, min(chosen.first + 4, viewer.videos))
            prepare(browser, address, shown[0])
            every = [(view, size, scheme) for scheme in ("light", "dark") for size in SIZES for view in VIEWS]
            for shot in every if chosen.all else SHOTS:
                take(browser, address, chosen.out, shot, shown, chosen.second)
            browser.close()


def prepare(browser: Browser, address: str, first: int) -> None:
    """Waits until everything is computed, marks four events of one video and ranks them all."""
    page = browser.new_page()
    page.goto(address)
    status = "fetch('/api/status').then((a) => a.json()).then((s) => s.{}.state)"
    while page.evaluate(status.format("group")) != "ready":
        time.sleep(0.5)
    about = page.evaluate("fetch('/api/library').then((a) => a.json())")["videos"][first]
    shares = about["starts"][:4] or [0.2, 0.4, 0.6, 0.8]
    page.evaluate(PREPARE, {"id": first, "starts": [round(share * about["duration"], 3) for share in shares]})
    while page.evaluate(status.format("ranking")) == "working":
        time.sleep(0.2)
    page.close()


def take(browser: Browser, address: str, out: Path, shot: tuple[str, str, str], shown: range, second: float) -> None:
    """One view at one size in one scheme, as WebP."""
    name, size, scheme = shot
    width, height = SIZES[size]
    view = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    route, there = VIEWS[name]
    several = ",".join(map(str, shown))
    view.goto(address + route.format(first=shown[0], second=shown[-1], several=several, t=second))
    view.wait_for_selector(there, timeout=120_000)
    view.wait_for_function(SETTLED)
    if name == "wipe":
        view.get_by_label("Layout").select_option("wipe")
        view.mouse.wheel(0, -height)
    if name == "grid":
        view.get_by_label("Position on the common timeline").fill(str(second))
    if name == "label":
        view.mouse.wheel(0, height // 3)
    view.wait_for_function(SETTLED)
    view.wait_for_load_state("networkidle")
    view.wait_for_function(PICTURES)
    out.mkdir(parents=True, exist_ok=True)
    picture = Image.open(io.BytesIO(view.screenshot()))
    picture.convert("RGB").save(out / f"viewer-{name}-{size}-{scheme}.webp", quality=70, method=6)
    view.close()


if __name__ == "__main__":
    main()
