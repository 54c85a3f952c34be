"""The pictures of docs/viewer.md, made anew: every view, wide and narrow, light and dark.

    python docs/screenshots.py FOLDER [--run RUN] [--work WORK] [--cache CACHE] [--out docs/images]

Marks four events of the first video that has phases (in a work folder of its own, unless one is given).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from syncline.viewer.serving import open_viewer, served

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]
SIZES = {"wide": (1280, 800), "narrow": (390, 844)}
VIEWS = {
    "library": ("#/library", ".card meter"),
    "compare": ("#/compare?a={first}&t=3", ".stage"),
    "grid": ("#/grid?ids={several}", ".quad"),
    "search": ("#/search?id={first}&t=4", ".beside video"),
    "label": ("#/label?id={first}&t=2", ".moment img"),
    "map": ("#/map", ".seen img"),
}
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
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        viewer = open_viewer(chosen.folder, run=chosen.run, work=chosen.work or work, cache=chosen.cache)
        with served(viewer.app) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            take(browser, address, chosen.out, range(chosen.first, min(chosen.first + 4, viewer.videos)))
            browser.close()


def take(browser: Browser, address: str, out: Path, shown: range) -> None:
    """Every view at every size in both schemes."""
    out.mkdir(parents=True, exist_ok=True)
    page = browser.new_page()
    page.goto(address)
    while page.evaluate("fetch('/api/status').then((a) => a.json()).then((s) => s.generation)") == 0:
        time.sleep(0.5)
    about = page.evaluate("fetch('/api/library').then((a) => a.json())")["videos"][shown[0]]
    starts = [round(share * about["duration"], 3) for share in about["starts"][:4]] or [1.0]
    page.evaluate(PREPARE, {"id": shown[0], "starts": starts})
    while page.evaluate("fetch('/api/status').then((a) => a.json()).then((s) => s.ranking.state)") == "working":
        time.sleep(0.2)
    several = ",".join(map(str, shown))
    for scheme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            view = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            for name, (route, there) in VIEWS.items():
                view.goto("about:blank")
                view.goto(address + route.format(first=shown[0], several=several))
                view.wait_for_selector(there)
                view.wait_for_function(SETTLED)
                if name == "label":
                    view.mouse.wheel(0, height // 2.5)
                view.wait_for_timeout(700)
                view.wait_for_function(PICTURES)
                view.screenshot(path=out / f"viewer-{name}-{size}-{scheme}.jpg", type="jpeg", quality=82)
            view.close()


if __name__ == "__main__":
    main()
