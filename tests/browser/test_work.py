"""What takes long, from the page: training with its question, progress, stop and switch; taking in videos."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from bars import write_bar_codes
from playwright.sync_api import Page, expect
from viewing import known_embedding, make_folder, make_library, until

from syncline.data import Embedding, Video
from syncline.viewer.background_training import Trainer
from syncline.viewer.embedding_sources import Given, Trained

Serve = Callable[..., AbstractContextManager[str]]
pytestmark = pytest.mark.browser

PLAN = """
import json
print("a remark")
print(json.dumps({"feature_seconds": 120, "step_seconds": 0.5, "steps": 1200, "seconds": 720, "bytes": 3e6}))
"""
TRAINS = """
import sys, time, pathlib
run = pathlib.Path(sys.argv[1]); run.mkdir(parents=True, exist_ok=True)
(run / "train.json").write_text("{}")
with (run / "metrics.jsonl").open("a") as file: file.write('{"step": 7}\\n')
while not run.with_name("go on").exists(): time.sleep(0.05)
(run / "run.json").write_text('{"finished": true}')
"""
DROP = """
async (name) => {
  const film = await (await fetch("/video/0")).blob(), transfer = new DataTransfer();
  transfer.items.add(new File([film], name, { type: "video/mp4" }));
  for (const kind of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
}
"""


def test_training_is_asked_for_followed_stopped_and_switched(
    page: Page, folder: Path, tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_trained(self: Trained, videos: list[Video], *, whole: bool = False) -> list[Embedding]:
        return [known_embedding(video) for video in videos]

    monkeypatch.setattr(Trained, "prepare", lambda self, video: None)
    monkeypatch.setattr(
        Trained, "embed", lambda self, videos, whole=False: [known_embedding(video) for video in videos]
    )
    run = tmp_path / "work" / "run"
    trainer = Trainer(
        lambda: [sys.executable, "-c", TRAINS, str(run)], run, minutes=9, estimator=lambda: [sys.executable, "-c", PLAN]
    )
    with serve(make_library(folder, tmp_path / "work"), source=Given(known_embedding, "known"), trainer=trainer) as at:
        page.goto(at)
        page.get_by_role("button", name="Train on this folder").click()
        asked = page.get_by_role("dialog", name="Train on this folder")
        expect(asked).to_contain_text("3 videos (0:22.00 in all)")
        expect(asked.get_by_label("Minutes")).to_have_value("9")
        expect(asked).to_contain_text("All of it takes about 12 min: 2 min to read the videos (3 MB of disk) and")
        expect(asked).to_contain_text("In 9 minutes it gets to about step 798.")
        asked.get_by_label("Minutes").fill("20")
        expect(asked).to_contain_text("It ends by itself.")
        asked.get_by_label("Minutes").fill("5")
        asked.get_by_role("button", name="Start training").click()
        expect(page.locator("#status")).to_contain_text("training: step 7, about 5 min left")
        assert trainer.minutes == 5
        page.get_by_role("button", name="Stop training").click()
        page.get_by_role("button", name="Go on with training").click()  # it was stopped and can be resumed
        (tmp_path / "work" / "go on").touch()
        again = page.get_by_role("dialog", name="Go on with training")
        expect(again).to_contain_text("continues where it stopped")
        again.get_by_role("button", name="Go on").click()
        source = page.get_by_label("What the pages are made with")
        expect(source).to_have_value("trained on this folder")
        source.select_option("known")
        until(lambda: page.evaluate("fetch('/api/status').then((a) => a.json()).then((s) => s.source)") == "known")
        expect(source).to_be_enabled()
        expect(source).to_have_value("known")


def test_files_and_drops_are_taken_in(page: Page, tmp_path: Path, serve: Serve) -> None:
    library = make_library(make_folder(tmp_path / "bars", {"one": 60}), tmp_path / "work")
    more = write_bar_codes(tmp_path / "two.mp4", 60, rate=15)
    (tmp_path / "notes.mp4").write_text("no video at all")
    with serve(library) as address:
        page.goto(address)
        expect(page.locator(".card")).to_have_count(1)
        page.get_by_label("Add files …").first.set_input_files([str(more)])
        expect(page.locator(".card")).to_have_count(2)
        expect(page.locator("#done")).to_have_text("Added 1 video")
        page.evaluate(DROP, "one-1.mp4")
        expect(page.locator(".card")).to_have_count(3)
        page.goto(f"{address}/#/compare?a=0&b=2&mode=global")
        page.wait_for_selector(".stage")
        expect(page.locator(".b figcaption .name")).to_have_text("one-1.mp4")
    assert sorted(path.name for path in (tmp_path / "work" / "added").iterdir()) == ["one-1.mp4", "two.mp4"]
