"""The page and the command line give the same answers about the same folder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from viewing import until

from syncline.alignment.alignment_settings import MATCH_THRESHOLD
from syncline.cli.main import main
from syncline.video import VideoWriter
from syncline.viewer.serving import open_viewer


def write_moving_square(path: Path, count: int, *, seed: int, pause: int = 0) -> None:
    """A square that crosses a textured picture, and may stand still for some frames in the middle."""
    ground = np.asarray(
        Image.fromarray(np.random.default_rng(seed).integers(0, 90, (6, 8, 3), dtype=np.uint8)).resize((128, 96))
    )
    at = np.linspace(0, 1, count - pause)
    at = np.concatenate([at[: len(at) // 2], np.full(pause, at[len(at) // 2]), at[len(at) // 2 :]])
    with VideoWriter(path, height=96, width=128, rate=15) as writer:
        for k, share in enumerate(at):
            picture = ground.copy()
            left = int(share * 96)
            picture[20 + left // 3 : 52 + left // 3, left : left + 32] = (230, 60 + left, 40)
            writer.write(picture, k / 15)


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("squares")
    for name, count, seed, pause in (("a", 60, 1, 0), ("b", 45, 1, 0), ("c", 75, 2, 15), ("d", 60, 3, 0)):
        write_moving_square(folder / f"{name}.mp4", count, seed=seed, pause=pause)
    return folder


@pytest.fixture(scope="module")
def client(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """The viewer of the folder, once everything has been embedded and compared."""
    work = tmp_path_factory.mktemp("work")
    viewer = open_viewer(squares, work=str(work), cache=str(work / "cache"))
    client = TestClient(viewer.app, base_url="http://127.0.0.1")
    assert client.get("/").status_code == 200
    until(lambda: client.get("/api/status").json()["group"]["state"] == "ready", 600)
    return client


def cache_of(client: TestClient, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(next(tmp_path_factory.getbasetemp().glob("work*")) / "cache")


def test_timeline_and_sync(
    client: TestClient, squares: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_timelines(client, squares, tmp_path, "--cache", cache_of(client, tmp_path_factory))


def check_timelines(client: TestClient, squares: Path, tmp_path: Path, *options: str) -> None:
    """Every second of the page's timeline is that of `sync`."""
    assert main(["sync", str(squares), "--out", str(tmp_path), "--no-films", "--figures", "none", *options]) == 0
    with (tmp_path / "timeline.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    page = client.get("/api/timeline?ids=0,1,2,3").json()
    assert len(rows) == len(page["seconds"])
    for k, name in enumerate("abcd"):
        said = [float(row[f"{name}.mp4"] or "nan") for row in rows]
        absent = np.array(page["absent"][k], dtype=bool)
        assert np.array_equal(absent, np.isnan(said))
        assert np.array(page["positions"][k])[~absent] == pytest.approx(np.array(said)[~absent], abs=2e-3)


def test_ranking_and_deviate(
    client: TestClient, squares: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    cache, out = cache_of(client, tmp_path_factory), str(tmp_path)
    assert main(["deviate", str(squares), "--out", out, "--cache", cache, "--figures", "none"]) == 0
    said = json.loads((tmp_path / "deviations.json").read_text())
    token = client.get("/").text.split('syncline-token" content="')[1].split('"')[0]
    assert client.post("/api/rank", headers={"x-syncline-token": token}).status_code == 200
    until(lambda: client.get("/api/status").json()["ranking"]["state"] == "ready", 60)
    videos = client.get("/api/library").json()["videos"]
    assert [video["name"] for video in videos if video.get("typical")] == [said["reference"]]
    shown = {video["name"]: video for video in videos if not video.get("typical")}
    assert shown.keys() == {entry["video"] for entry in said["ranking"]}
    for entry in said["ranking"]:
        assert shown[entry["video"]]["oddness"] == pytest.approx(entry["oddness"], abs=1e-3)
        assert shown[entry["video"]]["unsure"] == (entry["match_score"] < MATCH_THRESHOLD)
        kinds = [d["kind"] for d in said["deviations"] if d["video"] == entry["video"]]
        assert [kind for kind, _, _ in shown[entry["video"]]["why"]] == kinds


def test_a_pair_and_align(squares: Path, tmp_path: Path) -> None:
    """Two videos alone: the folder knows no more than the two do."""
    two = tmp_path / "two"
    two.mkdir()
    for name in ("a.mp4", "c.mp4"):
        (two / name).write_bytes((squares / name).read_bytes())
    work, out = tmp_path / "work", tmp_path / "aligned"
    viewer = open_viewer(two, work=str(work), cache=str(work / "cache"))
    client = TestClient(viewer.app, base_url="http://127.0.0.1")
    assert client.get("/").status_code == 200
    until(lambda: client.get("/api/status").json()["generation"] == 1, 120)
    words = ["align", str(two / "a.mp4"), str(two / "c.mp4"), "--out", str(out), "--cache", str(work / "cache")]
    assert main([*words, "--no-films", "--figures", "none", "--force"]) == 0
    said = json.loads((out / "alignment.json").read_text())
    page = client.get("/api/compare?a=0&b=1&mode=local").json()
    assert page["matchScore"] == pytest.approx(said["match_score"], abs=2e-3)
    assert page["matches"] == said["matches"]
    for kind in ("gaps", "slower"):
        shown = [(one["video"], one["from"], one["to"]) for one in page[kind]]
        for (video, start, end), one in zip(shown, said[kind], strict=True):
            assert (video, start, end) == (one["video"], pytest.approx(one["start"], abs=2e-3),
                                           pytest.approx(one["end"], abs=2e-3))  # fmt: skip
    assert said["gaps"] or said["slower"]
    assert page["gapScale"] < 0.3  # of clips of four and five seconds


@pytest.mark.parametrize("other", ["c.mp4", "noise.mp4"])
def test_two_videos_are_labelled_and_searched_alike(squares: Path, tmp_path: Path, other: str) -> None:
    """What is carried to the second of two, whether it is refused, and which hits are marked as doubtful."""
    two, work, out = tmp_path / "two", tmp_path / "work", tmp_path / "out"
    two.mkdir()
    (two / "a.mp4").write_bytes((squares / "a.mp4").read_bytes())
    if other == "noise.mp4":
        random = np.random.default_rng(5)
        with VideoWriter(two / other, height=96, width=128, rate=15) as writer:
            for k in range(60):
                writer.write(random.integers(0, 255, (96, 128, 3), dtype=np.uint8), k / 15)
    else:
        (two / other).write_bytes((squares / other).read_bytes())
    client = TestClient(open_viewer(two, work=str(work), cache=str(work / "cache")).app, base_url="http://127.0.0.1")
    token = client.get("/").text.split('syncline-token" content="')[1].split('"')[0]
    until(lambda: client.get("/api/status").json()["generation"] == 1, 120)
    mark = {"id": 0, "event": 0, "second": 2.0}
    assert client.post("/api/labels", json=mark, headers={"x-syncline-token": token}).status_code == 200
    page = next(entry for entry in client.get("/api/transfer").json()["videos"] if entry["id"] == 1)
    labels = tmp_path / "labels.csv"
    labels.write_text("video,event,seconds\na.mp4,event 1,2.0\n")
    more = ["--out", str(out), "--cache", str(work / "cache"), "--figures", "none"]
    code = main(["transfer", str(two), "--labels", str(labels), *more])
    (row,) = [row for row in json.loads((out / "transferred.json").read_text()) if row["video"] == other]
    (event,) = page["events"]
    assert event["confidence"] == pytest.approx(row["confidence"], abs=2e-3)
    assert page["apart"] == (code == 1) == (other == "noise.mp4")
    assert event["second"] == (None if row["seconds"] is None else pytest.approx(row["seconds"], abs=2e-3))
    hit = client.get("/api/search?id=0&t=2.0&k=3&each=1").json()["hits"][0]
    assert main(["search", str(two), "--video", "a.mp4", "--time", "2.0", *more]) == code
    said = json.loads((out / "hits.json").read_text())["hits"][0]
    assert hit["matches"] == (said["match_score"] >= MATCH_THRESHOLD) == (code == 0)


def test_a_pair_within_the_folder(
    client: TestClient, squares: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The folder answers whether the two match, and refuses who is no part of it."""
    cache = ["--cache", cache_of(client, tmp_path_factory), "--no-films", "--figures", "none"]
    words = [str(squares / "a.mp4"), str(squares / "d.mp4"), "--within", str(squares), "--out", str(tmp_path), *cache]
    assert main(["align", *words]) == 0
    assert "the folder links the two: it carries" in capsys.readouterr().out
    said = json.loads((tmp_path / "alignment.json").read_text())
    page = client.get("/api/compare?a=0&b=3&mode=folder").json()
    assert page["carried"] == pytest.approx(said["carried"], abs=2e-3)
    assert (page["matches"], said["matches"], said["linked"]) == (True, True, True)
    noise, random = tmp_path / "noise.mp4", np.random.default_rng(5)
    with VideoWriter(noise, height=96, width=128, rate=15) as writer:
        for k in range(60):
            writer.write(random.integers(0, 255, (96, 128, 3), dtype=np.uint8), k / 15)
    assert main(["align", str(squares / "a.mp4"), str(noise), *words[2:]]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "do not match" in line]
    assert "the folder carries nothing between the two; by themselves score" in line
    assert json.loads((tmp_path / "alignment.json").read_text())["carried"] == 0


def test_search(client: TestClient, squares: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    page, said = hits_of(client, squares, tmp_path, "--cache", cache_of(client, tmp_path_factory))
    assert page == said


def test_labels(client: TestClient, squares: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Events that are marked once on the page are carried as `transfer` carries them."""
    page, said = labels_of(client, squares, tmp_path, "--cache", cache_of(client, tmp_path_factory))
    assert page == said


@pytest.mark.parametrize("least", [0.0, 1.1], ids=["different scenes", "one scene"])
def test_the_same_answers_with_a_run(
    squares: Path, tmp_path: Path, least: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which features are aligned, and which compare single frames, is one rule, on the page too."""
    monkeypatch.setattr("syncline.encoder.run_beside_frozen.DIFFERENT_SCENES", least)
    run, cache = tmp_path / "run", str(tmp_path / "cache")
    small = ["backbone=test_resnet", "weights=none", "grid=1", "hidden=16", "width=16", "heads=2", "feed_forward=32",
             "embedding_dim=8", "sampling.rate_hz=15"]  # fmt: skip
    words = [*(f"--set=encoder.{one}" for one in small), "--set=views.num_frames=8", "--set=views.batch_size=2"]
    assert main(["train", str(squares), "--out", str(run), "--cache", cache, "--method=scl", "--steps=4", *words]) == 0
    viewer = open_viewer(squares, run=str(run), work=str(tmp_path / "work"), cache=cache)
    client = TestClient(viewer.app, base_url="http://127.0.0.1")
    assert client.get("/").status_code == 200
    until(lambda: client.get("/api/status").json()["group"]["state"] == "ready", 600)
    for found in (hits_of, labels_of):
        page, said = found(client, squares, tmp_path, "--cache", cache, "--run", str(run))
        assert page == said
    check_timelines(client, squares, tmp_path / "sync", "--cache", cache, "--run", str(run))


Rows = list[tuple[object, ...]]


def hits_of(client: TestClient, squares: Path, tmp_path: Path, *options: str) -> tuple[Rows, Rows]:
    """Video, second and score of each hit, on the page and by the command."""
    words = ["search", str(squares), "--video", "a.mp4", "--time", "1.6", "--out", str(tmp_path / "hits"), *options]
    assert main([*words, "--figures", "none"]) in (0, 1)
    said = json.loads((tmp_path / "hits" / "hits.json").read_text())["hits"]
    page = client.get("/api/search?id=0&t=1.6").json()
    assert page["by"] == "folder"
    assert said
    names = [video["name"] for video in client.get("/api/library").json()["videos"]]
    return (
        [(names[hit["id"]], hit["second"], hit["score"]) for hit in page["hits"]],
        [(hit["video"], about(hit["seconds"]), about(hit["score"])) for hit in said],
    )


def labels_of(client: TestClient, squares: Path, tmp_path: Path, *options: str) -> tuple[Rows, Rows]:
    """Video, second and confidence of each event that two marks of one video carry, on the page and by the command."""
    marks = tmp_path / "marks.csv"
    marks.write_text("video,event,seconds\na.mp4,middle,2.0\na.mp4,late,3.2\n")
    out = tmp_path / "out"
    assert main(["transfer", str(squares), "--labels", str(marks), "--out", str(out), *options]) in (0, 1)
    said = json.loads((out / "transferred.json").read_text())
    token = client.get("/").text.split('syncline-token" content="')[1].split('"')[0]
    for event, second in enumerate((2.0, 3.2)):
        mark = {"id": 0, "event": event, "second": second}
        assert client.post("/api/labels", json=mark, headers={"x-syncline-token": token}).status_code == 200
    names = [video["name"] for video in client.get("/api/library").json()["videos"]]
    videos = client.get("/api/transfer").json()["videos"]
    shown = sorted((names[video["id"]], k, e) for video in videos for k, e in enumerate(video["events"]) if video["id"])
    carried = [row for row in said if row["state"] != "labelled"]
    assert len(carried) == 6
    return (
        [(name, event["second"], event["confidence"]) for name, _, event in shown],
        [(row["video"], about(row["seconds"]), about(row["confidence"])) for row in carried],
    )


def about(value: float | None) -> object:
    return None if value is None else pytest.approx(value, abs=2e-3)
