"""The viewer in a real Chromium: first paint of a folder, answer to scrubbing, how closely B follows A.

    python -m benchmarks.viewer [FOLDER] [--run RUN] [--work WORK] [--cache CACHE] [--seconds 10]

Appends one line to `benchmarks/results/viewer.jsonl`. Times are seen from inside the page:
- first_paint_seconds: from asking a server that is up for the page until the first row of cards has its pictures;
- scrub: from a position set in A until both videos show their frames (median, 95th percentile, milliseconds);
- follow: at every frame of A that is presented, how far B's time is from where the path says (milliseconds, frames).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.record import append, surroundings
from playwright.sync_api import Page, sync_playwright

from syncline.viewer.serving import open_viewer, served

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip

PAINTED = """
async () => {
  const seen = (image) => image.getBoundingClientRect().top < innerHeight;
  const cards = () => [...document.querySelectorAll(".strip img")].filter(seen);
  const painted = () => cards().length && cards().every((image) => image.complete && image.naturalWidth);
  while (!painted()) await new Promise(requestAnimationFrame);
  return performance.now() / 1000;
}
"""
SCRUB = """
async (share) => {
  const [a, b] = ["a", "b"].map((id) => document.getElementById(id));
  const range = document.querySelector(".transport input");
  const presented = (video) => new Promise((done) => {
    video.requestVideoFrameCallback(done);
    setTimeout(done, 1500);
  });
  const start = performance.now(), both = Promise.all([presented(a), presented(b)]);
  range.value = Math.round(share * range.max);
  range.dispatchEvent(new Event("input"));
  await both;
  return performance.now() - start;
}
"""
FOLLOW = """
async ([seconds, knots]) => {
  const [a, b] = ["a", "b"].map((id) => document.getElementById(id)), found = [];
  const at = (t) => {
    for (const line of knots) if (t >= line[0][0] && t <= line.at(-1)[0]) {
      const k = Math.max(1, line.findIndex(([x]) => x >= t)), [x0, y0] = line[k - 1], [x1, y1] = line[k];
      return x1 > x0 ? y0 + (y1 - y0) * (t - x0) / (x1 - x0) : y0;
    }
    return null;
  };
  const look = () => {
    const target = at(a.currentTime);
    if (target !== null && !a.paused) found.push(Math.abs(b.currentTime - target));
    a.requestVideoFrameCallback(look);
  };
  a.requestVideoFrameCallback(look);
  document.getElementById("play").click();
  await new Promise((done) => setTimeout(done, seconds * 1000));
  document.getElementById("play").click();
  return found;
}
"""


def main() -> None:
    """Measure, and write the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="default: g1_bottle in SYNCLINE_TEST_DATA")
    parser.add_argument("--run")
    parser.add_argument("--work")
    parser.add_argument("--cache")
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    if chosen.folder is None and os.environ.get("SYNCLINE_TEST_DATA"):
        chosen.folder = Path(os.environ["SYNCLINE_TEST_DATA"]) / "g1_bottle"
    if chosen.folder is None or shutil.which("chromium") is None:
        print("benchmarks.viewer: needs a folder of videos (or SYNCLINE_TEST_DATA) and chromium; nothing was measured")
        return
    with tempfile.TemporaryDirectory() as work:
        row = measure(chosen, chosen.work or work)
    append("viewer", surroundings("starlette", "playwright") | row)


def measure(chosen: argparse.Namespace, work: str) -> dict[str, Any]:
    """One server, one browser, all numbers."""
    viewer = open_viewer(chosen.folder, run=chosen.run, work=work, cache=chosen.cache)
    with served(viewer.app) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        row: dict[str, Any] = {"videos": viewer.videos, "run": bool(chosen.run)}
        page.goto(address, wait_until="commit")
        page.wait_for_selector(".card")
        row["first_paint_seconds"] = round(page.evaluate(PAINTED), 2)
        began = time.monotonic()
        while page.evaluate("fetch('/api/status').then((a) => a.json()).then((s) => s.generation)") == 0:
            time.sleep(0.5)
        row["embedded_after_seconds"] = round(time.monotonic() - began, 1)
        row |= _in_step(page, address, chosen.seconds)
        browser.close()
    return row


def _in_step(page: Page, address: str, seconds: float) -> dict[str, Any]:
    page.goto(f"{address}#/compare?a=0&mode=global")
    page.wait_for_selector(".stage")
    page.wait_for_function(
        "() => [...document.querySelectorAll('video')].every((v) => v.readyState >= 3 && !v.seeking)"
    )
    generator = np.random.default_rng(0)
    scrubs = np.array([page.evaluate(SCRUB, float(share)) for share in generator.uniform(0.05, 0.95, 40)])
    page.get_by_label("Position in A").fill("0")
    page.wait_for_timeout(500)
    pair = page.evaluate("location.hash").split("?")[1]
    data = page.evaluate("(pair) => fetch(`/api/compare?${pair}`).then((answer) => answer.json())", pair)
    knots = [segment["knots"] for segment in data["segments"] if len(segment["knots"]) > 1]
    errors = np.array(page.evaluate(FOLLOW, [seconds, knots]))
    number = int(pair.split("b=")[1].split("&")[0])
    rate = page.evaluate("fetch('/api/library').then((a) => a.json())")["videos"][number]["rate"]
    return {
        "scrub_ms_median": round(float(np.median(scrubs)), 1),
        "scrub_ms_p95": round(float(np.quantile(scrubs, 0.95)), 1),
        "follow_frames_seen": len(errors),
        "follow_ms_median": round(1000 * float(np.median(errors)), 1),
        "follow_ms_p95": round(1000 * float(np.quantile(errors, 0.95)), 1),
        "follow_frames_p95": round(rate * float(np.quantile(errors, 0.95)), 2),
    }


if __name__ == "__main__":
    main()
