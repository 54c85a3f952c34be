"""What is opened for what people type."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from viewing import make_library

from syncline.data import open_videos
from syncline.errors import SynclineError
from syncline.training import fit, method_config
from syncline.viewer import serving
from syncline.viewer.serving import listen, open_viewer


@pytest.mark.usefixtures("only_opened")
def test_folder_manifest_and_trouble(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.mp4").write_bytes(b"no video")
    try:
        viewer = open_viewer(folder, work=str(tmp_path / "work"), cache=str(tmp_path / "cache"))
        assert viewer.videos == 3
        assert [name for name, _ in viewer.broken] == ["broken.mp4"]
    finally:
        (folder / "broken.mp4").unlink()
    with pytest.raises(SynclineError, match="does not exist"):
        open_viewer(tmp_path / "nothing")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.safetensors").write_bytes(b"")
    with pytest.raises(SynclineError, match="where its videos are"):
        open_viewer(tmp_path / "run")


@pytest.mark.usefixtures("only_opened")
def test_only_what_was_given_is_scanned(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scanned: list[str] = []
    scan = serving.scan_file
    monkeypatch.setattr(serving, "scan_file", lambda path: (scanned.append(path.name), scan(path))[1])
    shown = tmp_path / "shown"
    shown.mkdir()
    for name in ("one", "two"):
        (shown / f"{name}.mp4").write_bytes((folder / f"{name}.mp4").read_bytes())
    (shown / "broken.mp4").write_bytes(b"no video")
    (shown / "few.csv").write_text("video\none.mp4\n")
    options: dict[str, Any] = {"work": str(tmp_path / "work"), "cache": str(tmp_path / "cache")}
    for source in (shown / "one.mp4", shown / "few.csv"):
        assert open_viewer(source, **options).broken == ()
    assert scanned == []
    assert [name for name, _ in open_viewer(shown, **options).broken] == ["broken.mp4"]
    assert scanned == ["broken.mp4"]


@pytest.mark.usefixtures("only_opened")
def test_folders_of_one_name_that_hold_the_same_names_open_together(folder: Path, tmp_path: Path) -> None:
    several = [tmp_path / "mine" / "clips", tmp_path / "theirs" / "clips"]
    for place in several:
        place.mkdir(parents=True)
        for name in ("one.mp4", f"{place.parent.name}.mp4"):
            (place / name).write_bytes((folder / "one.mp4").read_bytes())
    viewer = open_viewer(several, work=str(tmp_path / "work"), cache=str(tmp_path / "cache"))
    videos = TestClient(viewer.app, base_url="http://127.0.0.1").get("/api/library").json()["videos"]
    assert {video["name"] for video in videos} == {
        "mine/clips/one.mp4", "theirs/clips/one.mp4", "mine.mp4", "theirs.mp4"
    }  # fmt: skip


@pytest.mark.parametrize("port", [99_999, -1])
def test_a_port_that_cannot_be_is_one_line(port: int) -> None:
    with pytest.raises(SynclineError, match=f"no port {port}"):
        listen("127.0.0.1", port)


def test_a_host_that_is_not_ours_is_named_and_no_port_is_blamed() -> None:
    with pytest.raises(SynclineError, match=r"cannot listen on 203\.0\.113\.7:\d+ .* choose another --host"):
        listen("203.0.113.7", 0)


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
@pytest.mark.usefixtures("only_opened")
def test_links_lead_nowhere_outside(folder: Path, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    (shown / "own.mp4").write_bytes((folder / "one.mp4").read_bytes())
    (shown / "link.mp4").symlink_to(folder / "two.mp4")
    (shown / "beside.mp4").symlink_to(shown / "own.mp4")
    (shown / "deeper").symlink_to(folder, target_is_directory=True)
    viewer = open_viewer(shown, work=str(tmp_path / "work"), cache=str(tmp_path / "cache"))
    assert viewer.videos == 2
    assert [(name, "leads out" in why) for name, why in viewer.broken] == [("link.mp4", True)]
    options = {"work": str(tmp_path / "work"), "cache": str(tmp_path / "cache")}
    assert open_viewer(shown, follow_links=True, **options).videos == 3  # type: ignore[arg-type]
    library = make_library(shown, tmp_path / "more")
    number = library.numbers["own.mp4"]
    assert library.file(number) == shown / "own.mp4"
    (shown / "own.mp4").unlink()
    (shown / "own.mp4").symlink_to(folder / "three.mp4")  # after it was opened
    with pytest.raises(SynclineError, match="leads elsewhere"):
        library.file(number)


@pytest.mark.usefixtures("only_opened")
def test_a_run_opens_with_the_videos_it_was_trained_on(folder: Path, tmp_path: Path) -> None:
    encoder = {"backbone": "test_resnet", "weights": "none", "grid": 1, "hidden": 16, "width": 16, "heads": 2,
               "feed_forward": 32, "embedding_dim": 8}  # fmt: skip
    config = method_config("scl", encoder=encoder, views={"num_frames": 8, "batch_size": 2}, steps=1)
    options: dict[str, Any] = {"work": str(tmp_path / "work"), "cache": str(tmp_path / "cache")}
    videos, run = open_videos([folder / "one.mp4", folder / "two.mp4"]), tmp_path / "run"
    fit(videos, config, cache=tmp_path / "cache", out=run)
    viewer = open_viewer(run, **options)
    assert (viewer.videos, viewer.trainer) == (2, None)
    summary = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(summary | {"source": [str(tmp_path / "moved.mp4")]}))
    with pytest.raises(SynclineError, match="have moved"):
        open_viewer(run, **options)
    parts = replace(videos, videos=tuple(replace(video, span=(0, 30)) for video in videos))
    fit(parts, config, cache=tmp_path / "cache", out=tmp_path / "parts")
    with pytest.raises(SynclineError, match="give them"):
        open_viewer(tmp_path / "parts", **options)


@pytest.mark.usefixtures("only_opened")
def test_a_run_counts_when_it_has_finished_and_opening_removes_none(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "work" / "run"
    run.mkdir(parents=True)
    (run / "train.json").write_text("{}")  # somebody trains, and there is no checkpoint yet

    def trained() -> bool:
        viewer = open_viewer(folder, work=str(tmp_path / "work"), cache=str(tmp_path / "cache"))
        client = TestClient(viewer.app, base_url="http://127.0.0.1")
        return "trained on this folder" in client.get("/api/status").json()["sources"]

    assert not trained()
    assert (run / "train.json").exists()
    (run / "model.safetensors").write_bytes(b"")
    (run / "run.json").write_text('{"finished": false, "step": 5}')  # the viewer was closed
    assert not trained()
    (run / "run.json").write_text('{"finished": true}')
    assert trained()
