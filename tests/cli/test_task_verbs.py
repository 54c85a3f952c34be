"""The verbs align, sync, search, transfer and deviate on a small synthetic folder, from the command line."""

from __future__ import annotations

import csv
import importlib
import json
import re
import shutil
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from lerobot_forms import write_v3
from odd_films import after_sound, write_film
from PIL import Image

from syncline.cli.argument_values import known_events
from syncline.cli.main import main
from syncline.cli.transfer import WRITTEN
from syncline.data import open_videos
from syncline.data.labels.attach_labels import attach_labels
from syncline.data.labels.label_formats import read_labels
from syncline.data.synthetic import SyntheticConfig, render_synthetic
from syncline.tasks import Timeline
from syncline.video import VideoReader, VideoWriter

COUNT = 4

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four short synthetic videos, and a feature cache beside them."""
    place = tmp_path_factory.mktemp("verbs") / "videos"
    render_synthetic(place, SyntheticConfig(num_videos=COUNT, seed=3, size=(64, 64), seconds=(3.0, 4.0)))
    return place


def command(folder: Path, *words: str | Path) -> int:
    """A verb with an untrained tiny backbone: fast, and good enough for moving shapes."""
    torch.manual_seed(0)  # the same random weights for every command
    tiny = ["--backbone", "test_resnet", "--weights", "none", "--cache", folder.parent / "cache"]
    return main([str(word) for word in [*words, *tiny]])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def films(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.mp4"))


def test_align_writes_everything(folder: Path, tmp_path: Path) -> None:
    a, b = films(folder)[:2]
    assert command(folder, "align", a, b, "--out", tmp_path, "--height", "64", "--force") == 0
    value: dict[str, Any] = json.loads((tmp_path / "alignment.json").read_text(encoding="utf-8"))
    table = rows(tmp_path / "alignment.csv")
    assert len(table) == len(value["pairs"])
    assert {row["kind"] for row in table} <= {"match", "gap"}
    matched = np.array([[float(row["time_a"]), float(row["time_b"])] for row in table if row["kind"] == "match"])
    assert (np.diff(matched, axis=0) >= 0).all()
    assert all(0 <= float(row["confidence"]) <= 1 for row in table if row["kind"] == "match")
    for row in table:
        if row["kind"] == "gap":
            assert (row["time_a"] == "") != (row["time_b"] == "")
    film = VideoReader(tmp_path / "side_by_side.mp4")
    assert film.duration == pytest.approx(VideoReader(a).duration, abs=0.1)
    with av.open(str(tmp_path / "own_pace.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 30
    for name in ("similarity", "filmstrip", "tempo"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert min(picture.size) > 300


def test_align_refuses_what_does_not_match(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        importlib.import_module("syncline.tasks.alignment_result"), "MATCH_THRESHOLD", 2.0
    )  # more than anything reaches
    (tmp_path / "similarity.png").write_bytes(b"of an earlier pair")
    assert command(folder, "align", *films(folder)[:2], "--out", tmp_path) == 1
    said = capsys.readouterr().err
    assert "do not match" in said
    assert f"--within {films(folder)[0].parent} asks them" in said
    value = json.loads((tmp_path / "alignment.json").read_text(encoding="utf-8"))
    assert value["matches"] is False
    assert value["pairs"] == []
    assert [path.name for path in tmp_path.iterdir()] == ["alignment.json"]


def test_align_does_not_replace_what_it_is_given(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = shutil.copy(films(folder)[0], tmp_path / "side_by_side.mp4")
    assert command(folder, "align", film, films(folder)[1], "--out", tmp_path) == 1
    assert "give another --out" in capsys.readouterr().err
    assert film.stat().st_size == films(folder)[0].stat().st_size


def test_sync_writes_a_timeline_and_a_grid(folder: Path, tmp_path: Path) -> None:
    assert command(folder, "sync", folder, "--out", tmp_path, "--height", "32") == 0
    value = json.loads((tmp_path / "sync.json").read_text(encoding="utf-8"))
    table = rows(tmp_path / "timeline.csv")
    names = [entry["video"] for entry in value["videos"]]
    assert list(table[0]) == ["seconds", *names]
    assert len(names) == COUNT
    for entry in value["videos"]:
        known = [float(row[entry["video"]]) for row in table if row[entry["video"]]]
        assert len(known) / len(table) == pytest.approx(entry["coverage"], abs=1e-3)
        assert (np.diff(known) >= -1e-6).all()
    film = VideoReader(tmp_path / "grid.mp4")
    assert film.duration == pytest.approx(float(table[-1]["seconds"]), abs=0.2)
    assert (tmp_path / "timeline.png").stat().st_size > 5000


def test_the_grid_shows_the_timeline_that_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Timeline] = []
    monkeypatch.setattr("syncline.tasks.aligned_films.grid", lambda files, timeline, out, **_: shown.append(timeline))
    assert command(folder, "sync", folder, "--out", tmp_path, "--grid", "2") == 0
    table = rows(tmp_path / "timeline.csv")
    columns = list(table[0])[1:3]
    wanted = [[float(row[name] or "nan") for row in table] for name in columns]
    np.testing.assert_allclose(shown[0].positions, wanted, atol=1e-5)


def test_sync_of_two_that_do_not_match_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "two").mkdir()
    for film in films(folder)[:2]:
        shutil.copy(film, tmp_path / "two")
    monkeypatch.setattr("syncline.tasks.sync.MATCH_THRESHOLD", 2.0)
    monkeypatch.setattr("syncline.alignment.alignment_settings.MATCH_THRESHOLD", 2.0)
    words = ["sync", tmp_path / "two", "--no-films", "--figures", "none", "--out", tmp_path / "out"]
    assert command(folder, *words) == 0
    said = capsys.readouterr().out
    said_so = r"nothing in common with the reference \(score -?\d\.\d+, needs 2.00\): a guess"
    assert len(re.findall(said_so, said)) == 1
    value = json.loads((tmp_path / "out" / "sync.json").read_text(encoding="utf-8"))
    assert sorted(entry["doubtful"] for entry in value["videos"]) == [False, True]


def test_search_and_deviate_mark_what_does_not_match(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = films(folder)[0].name
    for words, row in (
        (["search", folder, "--video", video, "--time", "1.5"], r"^ +\d\.\d{3} .* s +-?\d\.\d{3}\?   \S+\.mp4$"),
        (["deviate", folder], r"^ +\d\.\d\d +-?\d\.\d{3}\?  \S+\.mp4 "),
    ):
        monkeypatch.setattr("syncline.alignment.alignment_settings.MATCH_THRESHOLD", -2.0)
        assert command(folder, *words, "--out", tmp_path, "--figures", "none") == 0
        assert "?" not in capsys.readouterr().out
        monkeypatch.setattr("syncline.alignment.alignment_settings.MATCH_THRESHOLD", 2.0)
        command(folder, *words, "--out", tmp_path, "--figures", "none")
        said = capsys.readouterr().out
        assert re.search(row, said, re.MULTILINE), said
        assert said.count("? match below 2.00") == 1


def test_align_takes_two_videos_that_are_two(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = films(folder)[0]
    assert command(folder, "align", film, film.parent / ".." / film.parent.name / film.name, "--out", tmp_path) == 1
    assert "the same video" in capsys.readouterr().err
    assert command(folder, "align", film.parent, film, "--out", tmp_path) == 1
    assert "is a folder and no video" in capsys.readouterr().err


def test_sync_finds_the_offset_of_a_camera_that_started_later(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early, late = tmp_path / "cameras" / "early.mp4", tmp_path / "cameras" / "late.mp4"
    early.parent.mkdir()
    early.write_bytes(films(folder)[0].read_bytes())
    reader = VideoReader(early)
    with VideoWriter(late, height=reader.height, width=reader.width, rate=reader.frame_rate) as writer:
        for frames in reader.chunks(np.arange(12, reader.num_frames)):
            for picture, second in zip(frames.pixels, frames.pts_seconds, strict=True):
                writer.write(picture, second - reader.pts_seconds[12])
    words = ["--reference", "early.mp4", "--same-event", "--no-films", "--rate", "15"]
    assert command(folder, "sync", early.parent, *words, "--out", tmp_path / "out") == 0
    offsets = {entry["video"]: entry for entry in json.loads((tmp_path / "out" / "sync.json").read_text())["offsets"]}
    assert offsets["late.mp4"]["rate"] == pytest.approx(1.0, abs=0.02)
    assert offsets["late.mp4"]["offset"] == pytest.approx(-reader.pts_seconds[12], abs=0.05)
    said = capsys.readouterr().out
    assert f"late.mp4: at {offsets['late.mp4']['offset']:+.3f} ±" in said
    assert "s where the reference begins" in said  # "starts" of an offset below 0 would say that it began earlier


def test_search_finds_the_moment_itself_and_keeps_its_index(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, index, out = films(folder)[0], tmp_path / "index", tmp_path / "out"
    words = ["search", folder, "--video", video.name, "--time", "1.5", "--own", "-k", "3", "--index", index]
    assert command(folder, *words, "--out", out) == 0
    best = rows(out / "hits.csv")[0]
    assert best["video"].endswith(video.name)
    assert float(best["seconds"]) == pytest.approx(1.5, abs=0.1)
    assert float(best["score"]) == pytest.approx(1.0, abs=1e-3)
    assert (out / "hits.png").stat().st_size > 5000
    assert float(best["similarity"]) == pytest.approx(1.0, abs=1e-3)
    assert len({row["video"] for row in rows(out / "hits.csv")}) == 3, "one hit a video"
    before = (index / "index.safetensors").stat().st_mtime_ns
    assert command(folder, *words, "--out", out) == 0
    assert (index / "index.safetensors").stat().st_mtime_ns == before
    assert "stale" not in capsys.readouterr().err
    # a picture of a frame finds that frame, without its colours, too
    for mode in ("RGB", "L"):
        with Image.fromarray(VideoReader(video).frames_at([2.0]).pixels[0]) as still:
            still.convert(mode).save(tmp_path / "still.png")
        assert command(folder, "search", folder, "--image", tmp_path / "still.png", "--out", out) == 0
        best = rows(out / "hits.csv")[0]
        assert best["video"].endswith(video.name)
        assert float(best["seconds"]) == pytest.approx(2.0, abs=0.3)
        assert float(best["score"]) > 0.95
        assert best["match_score"] == ""  # a picture has no course


def test_search_says_when_its_index_is_stale(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    some = tmp_path / "some"
    some.mkdir()
    for film in films(folder)[:2]:
        (some / film.name).write_bytes(film.read_bytes())
    query = ["--video", films(folder)[0].name, "--time", "1", "--index", tmp_path / "index", "--out", tmp_path / "out"]
    assert command(folder, "search", some, *query) == 0
    (some / "new.mp4").write_bytes(films(folder)[2].read_bytes())
    assert command(folder, "search", some, *query, "--keep-index") == 0, "the folder's measurement holds"
    assert "stale" in capsys.readouterr().err
    assert command(folder, "search", some, *query, "--keep-index", "--refit") == 1, "vectors of another space"
    assert "stale" in capsys.readouterr().err
    assert command(folder, "search", some, *query) == 0
    assert "new.mp4" in json.loads((tmp_path / "index" / "index.json").read_text(encoding="utf-8"))["sources"]


def test_transfer_with_every_video_labelled_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(folder, "transfer", folder, "--labels", folder / "annotations.csv", "--out", tmp_path, "--figures", "none")
    assert "labelled videos, no video is left to carry their events to" in capsys.readouterr().out


def test_transfer_carries_events_in_every_form(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = {track.video: track for track in read_labels(folder / "annotations.csv")}
    given = next(iter(truth.values()))
    marks = tmp_path / "marks.csv"
    lines = (folder / "annotations.csv").read_text(encoding="utf-8").splitlines()
    own = [line for line in lines if line.startswith(given.video)]
    strange = [line.replace(given.video, "of_somewhere_else.mp4") for line in own]
    marks.write_text("\n".join([lines[0], *own, *strange]) + "\n", "utf-8")
    assert command(folder, "transfer", folder, "--labels", marks, "--form", "all", "--out", tmp_path / "out") == 0
    said = capsys.readouterr()
    warned = said.err
    carried = [line for line in said.out.splitlines() if line.startswith("  ") and ".mp4: " in line]
    assert len(carried) == len(truth) - 1, "where the events are, and how sure that is"
    assert all(re.search(r" (\d+\.\d\d s|absent) \(\d+%\)", line) for line in carried)
    assert "labels 2 videos; those that" in warned
    assert "are left out: 1 (the first" in warned
    assert "of_somewhere_else.mp4" in warned
    table = rows(tmp_path / "out" / "transferred.csv")
    assert {row["video"] for row in table} == set(truth)
    assert {row["state"] for row in table if row["video"] == given.video} == {"labelled"}
    frames = dict(zip(given.event_names, given.frames or (), strict=True))
    shown = VideoReader(next(film for film in films(folder) if film.name == given.video)).pts_seconds
    for row in table:
        if row["state"] == "labelled":
            frame = frames[row["event"]]
            assert row["seconds"] == "" if frame is None else float(row["seconds"]) == pytest.approx(shown[frame])
        elif row["state"] == "found":
            assert 0 <= float(row["confidence"]) <= 1
    videos = open_videos(folder)
    names = next(iter(truth.values())).event_names
    said = {(row["video"], row["event"]): row["seconds"] for row in table}
    for form, ending in WRITTEN.items():
        tracks = read_labels(tmp_path / "out" / ending, event_names=names)
        assert len(tracks) == COUNT, form
        for video in attach_labels(videos, tracks):
            assert video.phases is not None, form
            seconds = known_events(video, len(names) + 1)
            for name, second, after in zip(names, seconds, [*seconds[1:], None], strict=True):
                wanted = said[video.name, name]
                if wanted:  # a frame of 1/15 s, of which seconds are the beginning; times are rounded to milliseconds
                    assert second is not None
                    assert -0.002 <= float(wanted) - second < 1 / 15 + 0.002, (form, video.name, name)
                elif form in ("npy", "text"):  # phases alone cannot tell an absent event from the next one
                    assert second == after, (form, video.name, name)
                else:
                    assert second is None, (form, video.name, name)


def test_transfer_places_nothing_in_a_video_that_has_nothing_in_common(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of noise beside a true one; alone, which leaves nothing to place; and what --force does."""
    noise = np.random.default_rng(0).integers(0, 256, (45, 64, 64, 3), dtype=np.uint8)
    mixed, alone = tmp_path / "mixed", tmp_path / "alone"
    for place, kept in ((mixed, films(folder)), (alone, films(folder)[:1])):
        place.mkdir()
        for film in kept:
            shutil.copy(film, place / film.name)
        with VideoWriter(place / "noise.mp4", height=64, width=64, rate=15) as writer:
            for k, picture in enumerate(noise):
                writer.write(picture, k / 15)
    marks, out = tmp_path / "marks.csv", tmp_path / "out"
    marks.write_text(f"video,event_seconds,event_names\n{films(folder)[0].name},1.0,lift\n", "utf-8")
    for place, code in ((mixed, 0), (alone, 1)):
        capsys.readouterr()
        assert command(folder, "transfer", place, "--labels", marks, "--out", out) == code
        assert "noise.mp4 shows nothing in common with the others (best score" in capsys.readouterr().err
        row = next(row for row in rows(out / "transferred.csv") if row["video"] == "noise.mp4")
        assert (row["state"], row["seconds"]) == ("absent", "")
        assert float(row["match_score"]) < 0.2
    assert command(folder, "transfer", alone, "--labels", marks, "--out", out, "--force", "--absent-below", "0") == 0
    assert "nothing in common" not in capsys.readouterr().err


def test_transfer_draws_in_the_form_that_is_asked_for_where_it_can(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heading, *lines = (folder / "annotations.csv").read_text(encoding="utf-8").splitlines()
    marks, out = tmp_path / "marks.csv", tmp_path / "out"
    marks.write_text("\n".join([heading, *lines[:3]]) + "\n", "utf-8")
    words = ["transfer", folder, "--labels", marks, "--out"]
    assert command(folder, *words, out, "--figures", "svg") == 0
    assert (out / "reliability.svg").read_bytes().startswith(b"<?xml")
    assert command(folder, *words, out) == 0
    assert [path.name for path in out.glob("reliability.*")] == ["reliability.png"]
    capsys.readouterr()
    assert command(folder, *words, marks) == 1
    said = capsys.readouterr()
    assert said.err == f"syncline: --out {marks} is a file; give a folder\n"
    assert said.out == "", "before any work"


def test_transfer_names_what_to_label_first(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(folder, "transfer", folder, "--suggest", "2") == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("label ")]
    names = {film.name for film in films(folder)}
    assert len(said) == 2
    assert {line.split()[1].rstrip(":").rsplit("/", 1)[-1] for line in said} <= names


def test_transfer_refuses_pins_without_the_consensus(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = tmp_path / "pins.csv"
    pins.write_text("video_a,seconds_a,video_b,seconds_b\nnone.mp4,1,other.mp4,1\n", "utf-8")
    words = ["transfer", folder, "--labels", folder / "annotations.csv", "--pins", pins, "--out", tmp_path / "out"]
    assert command(folder, *words, "--no-consensus") == 1
    assert "leave --no-consensus out" in capsys.readouterr().err
    assert command(folder, *words) == 1
    assert "row 2 of pins.csv" in capsys.readouterr().err


def test_transfer_counts_phases_over_all_arrays(folder: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    for film, count in zip(films(folder)[:2], (3, 2), strict=True):
        length = VideoReader(film).num_frames
        np.save(labels / f"{film.stem}.npy", np.arange(length) * count // length)
    assert command(folder, "transfer", folder, "--labels", labels, "--out", tmp_path / "out") == 0
    table = [row for row in rows(tmp_path / "out" / "transferred.csv") if row["state"] == "labelled"]
    assert [(row["event"], row["seconds"] != "") for row in table] == [
        ("phase 1", True), ("phase 2", True), ("phase 1", True), ("phase 2", False)
    ]  # fmt: skip


@pytest.mark.parametrize("cells", ["events,event_names\n{},12,grasp", "event_seconds,event_names\n{},1.2,grasp"])
def test_transfer_of_episodes_keeps_to_their_own_clocks(tmp_path: Path, cells: str) -> None:
    root = tmp_path / "set"
    write_v3(root, [21, 30, 25])
    videos = open_videos(root)
    second = videos[1].name
    (tmp_path / "marks.csv").write_text("video," + cells.format(second) + "\n", "utf-8")
    out = tmp_path / "out"
    assert command(root, "transfer", root, "--labels", tmp_path / "marks.csv", "--form", "all", "--out", out) == 0
    said = {row["video"]: row["seconds"] for row in rows(out / "transferred.csv")}
    assert said[second] == "1.2"
    for video in videos:
        first, end = video.span or (0, 0)
        assert not said[video.name] or 0 <= float(said[video.name]) < (end - first) / 10
    for form, ending in WRITTEN.items():
        labelled = attach_labels(videos, read_labels(out / ending, event_names=["grasp"] if form != "npy" else None))
        phases = labelled[1].phases
        assert phases is not None, form
        assert (np.flatnonzero(phases == 1)[0], np.flatnonzero(phases >= 0)[0]) == (21 + 12, 21), form


def test_transfer_refuses_events_beyond_the_end(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marks = tmp_path / "marks.csv"
    for column, place in (("events", "9999"), ("event_seconds", "99")):
        marks.write_text(f"video,{column},event_names\n{films(folder)[0].name},{place},grasp\n", "utf-8")
        assert command(folder, "transfer", folder, "--labels", marks, "--out", tmp_path / "out") == 1
        assert "outside the video" in capsys.readouterr().err


def test_transfer_gives_one_frame_in_every_form(folder: Path, tmp_path: Path) -> None:
    film = films(folder)[0]
    just_before = VideoReader(film).pts_seconds[[10, 20, 30]] - (0.0005, 0.0009, 0.0011)
    cells = ";".join(map(str, just_before))
    (tmp_path / "marks.csv").write_text(f"video,event_seconds,event_names\n{film.name},{cells},a;b;c\n", "utf-8")
    words = ["--labels", tmp_path / "marks.csv", "--form", "all", "--out", tmp_path / "out"]
    assert command(folder, "transfer", folder, *words) == 0
    for form, ending in WRITTEN.items():
        videos = attach_labels(open_videos(folder), read_labels(tmp_path / "out" / ending))
        phases = next(video.phases for video in videos if video.name == film.name)
        assert phases is not None
        assert (np.flatnonzero(np.diff(phases)) + 1).tolist() == [10, 20, 29], form


def test_a_name_that_is_no_utf8_ends_in_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has such names")
    for film, name in zip(films(folder)[:2], ("a.mp4", "\udcff.mp4"), strict=True):
        (tmp_path / name).write_bytes(film.read_bytes())
    words = ["search", tmp_path, "--video", "a.mp4", "--time", "1", "--out", tmp_path / "out"]
    assert command(folder, *words) == 1
    assert "no UTF-8 cannot be written" in capsys.readouterr().err


def test_deviate_ranks_and_draws(folder: Path, tmp_path: Path) -> None:
    reference = films(folder)[0].name
    assert command(folder, "deviate", folder, "--reference", reference, "--out", tmp_path) == 0
    ranking = rows(tmp_path / "ranking.csv")
    assert len(ranking) == COUNT - 1
    assert reference not in {row["video"] for row in ranking}
    oddness = [float(row["oddness"]) for row in ranking]
    assert oddness == sorted(oddness)
    for row in rows(tmp_path / "deviations.csv"):
        if row["kind"] != "faster":  # a tenth of the median video; what is faster is shorter in the video
            assert float(row["end"]) - float(row["start"]) >= 0.3
    assert (tmp_path / "deviations.png").stat().st_size > 5000
    assert command(folder, "deviate", folder, "--out", tmp_path / "group") == 0
    assert len(rows(tmp_path / "group" / "ranking.csv")) == COUNT - 1, "all but the one that stands for the group"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["search", "{folder}"], "give what is looked for"),
        (["search", "{folder}", "--video", "nobody.mp4", "--time", "1"], "names none of 4 videos"),
        (["search", "{folder}", "--video", "{first}", "--time", "99"], "asked for 99.00 s"),
        (["search", "{folder}", "--video", "{first}", "--time", "-0.1"], "asked for -0.10 s"),
        (
            ["search", "{folder}", "--video", "{first}", "--time", "1", "--per-video", "-1"],
            "-k must be at least 1, --apart",
        ),
        (["sync", "{folder}", "--reference", "nobody.mp4"], "names none of 4 videos"),
        (["sync", "{folder}", "--copies", "cut", "--copies-rate", "0"], "--copies-rate 0: expected a number above 0"),
        (["search", "{folder}", "--video", "{first}", "--time", "2", "--until", "1"], "comes before --time"),
        (
            ["search", "{folder}", "--video", "{first}", "--time", "2", "--apart", "nan"],
            "-k must be at least 1, --apart",
        ),
        (["deviate", "{folder}", "--tempo", "0.5"], "--tempo above 1"),
        (["deviate", "{folder}", "--min-seconds", "nan"], "--min-seconds must be above 0"),
        (["transfer", "{folder}", "--labels", "{folder}/none.csv"], "none.csv cannot be read as labels: No such file"),
        (
            ["transfer", "{folder}", "--labels", "{folder}/annotations.csv", "--events", "lfit"],
            "--events lfit: there is no such event; .*annotations.csv has bottle grasped, ",
        ),
        (["transfer", "{folder}", "--labels", "{folder}/annotations.csv", "--tolerance", "0"], "--tolerance must be"),
        (["transfer", "{folder}", "--suggest", "0"], "--suggest must be at least 1"),
        (["sync", "{folder}", "--save-template", "{folder}"], "is a folder; give a file"),
        (["sync", "{folder}", "--save-template", "{folder}/t", "--labels", "{folder}/none.csv"], "No such file"),
        (["align", "{folder}/none.mp4", "{first}"], "none.mp4: no such file"),
    ],
)
def test_bad_requests_end_in_one_line(
    folder: Path, tmp_path: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    filled = [word.format(folder=folder, first=films(folder)[0]) for word in words]
    assert command(folder, *filled, "--out", tmp_path / "out") == 1
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("syncline: ")]
    assert len(error) == 1
    assert re.search(said, error[0])


def test_align_asks_the_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = films(folder)[:2]
    words = ["align", a, b, "--within", folder, "--no-films", "--figures", "none", "--force"]
    assert command(folder, *words, "--out", tmp_path / "asked") == 0
    value = json.loads((tmp_path / "asked" / "alignment.json").read_text(encoding="utf-8"))
    assert value["mode"] == "consensus"
    pins = tmp_path / "pins.csv"
    pins.write_text(f"video_a,seconds_a,video_b,seconds_b\n{a.name},1.0,{b.name},1.5\n", "utf-8")
    assert command(folder, *words, "--pins", pins, "--out", tmp_path / "pinned") == 0
    held = json.loads((tmp_path / "pinned" / "alignment.json").read_text(encoding="utf-8"))["pairs"]
    nearest = min((pair for pair in held if pair["kind"] == "match"), key=lambda pair: abs(pair["time_a"] - 1.0))
    assert nearest["time_b"] == pytest.approx(1.5, abs=0.15)
    capsys.readouterr()
    assert command(folder, *words, "--mode", "global", "--out", tmp_path / "no") == 1
    assert "--within has a way of its own" in capsys.readouterr().err


def test_transfer_reads_and_writes_the_clock_of_the_container(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for name, late in (("a", 0.3), ("b", 0.3), ("c", 0.0)):
        write_film(
            films / f"{name}.mkv", "libx264", np.arange(45) * 3000, (48, 96), Fraction(1), "upright", 30, late, 0
        )
    offset = VideoReader(films / "a.mkv").container_offset
    (tmp_path / "marks.csv").write_text("video,event,seconds\na.mkv,lift,0.9\na.mkv,pour,1.5\n", "utf-8")
    words = ["transfer", films, "--labels", tmp_path / "marks.csv", "--time-origin", "container", "--force"]
    assert command(folder, *words, "--form", "csv", "srt", "--out", tmp_path / "out") == 0
    assert "labels count seconds from where a container begins, results from the same; container and first" in (
        " ".join(capsys.readouterr().out.split())
    )
    found = rows(tmp_path / "out" / "transferred.csv")
    own = [float(row["seconds"]) for row in found if row["video"] == "a.mkv"]
    shown = VideoReader(films / "a.mkv").pts_seconds + offset
    assert own == [shown[shown <= at + 1e-3].max().round(6) for at in (0.9, 1.5)]
    (cues,) = read_labels(tmp_path / "out" / "srt" / "a.srt")
    assert [second for _, second in cues.events] == pytest.approx(own, abs=2e-3)
    assert command(folder, *words[:4], "--force", "--out", tmp_path / "plain") == 0
    plain = rows(tmp_path / "plain" / "transferred.csv")
    by_picture = {row["event"]: float(row["seconds"]) for row in plain if row["video"] == "a.mkv"}
    assert by_picture == pytest.approx({"lift": 0.9, "pour": 1.4667}, abs=1e-3)


@pytest.fixture(scope="module")
def late_films(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The videos as MKV, whose pictures come 0.5 s, 0.4 s and so on after their sound begins."""
    there = tmp_path_factory.mktemp("late")
    for k, film in enumerate(films(folder)):
        after_sound(film, there / f"{film.stem}.mkv", 0.5 - k / 10)
    return there


def test_search_and_deviate_count_from_where_the_container_begins(
    folder: Path, late_films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begins = {film.name: VideoReader(film).container_offset for film in sorted(late_films.iterdir())}
    assert list(begins.values()) == pytest.approx([0.5, 0.4, 0.3, 0.2], abs=0.03)
    query = min(begins)
    quiet = ["--time-origin", "container", "--figures", "none"]

    def found(kind: str, *words: str | Path) -> list[dict[str, str]]:
        assert command(folder, *words, "--out", tmp_path / kind) == 0
        return rows(tmp_path / kind / ("hits.csv" if words[0] == "search" else "deviations.csv"))

    search = ["search", late_films, "--video", query, "--own", "--apart", "0.2", "--per-video", "2", "--time"]
    plain = found("plain", *search, "1.5", "--until", "1.75", "--figures", "none")
    told = found("told", *search, f"{1.5 + begins[query]}", "--until", f"{1.75 + begins[query]}", *quiet)
    assert "seconds given and found count from where a container begins; container and first picture differ in 4" in (
        " ".join(capsys.readouterr().out.split())
    )
    assert {hit["video"] for hit in plain} == set(begins)
    assert [hit["video"] for hit in told] == [hit["video"] for hit in plain]
    expected = [float(hit["seconds"]) + begins[hit["video"]] for hit in plain]
    assert [float(hit["seconds"]) for hit in told] == pytest.approx(expected, abs=1e-5)
    asked = json.loads((tmp_path / "told" / "hits.json").read_text(encoding="utf-8"))["query"]
    assert (asked["seconds"], asked["until"]) == pytest.approx((1.5 + begins[query], 1.75 + begins[query]), abs=1e-5)
    assert command(folder, *search, "0.3", *quiet, "--out", tmp_path / "early") == 1
    assert "--time at 0.3 s of the container comes before its first picture" in capsys.readouterr().err

    deviate = ["deviate", late_films, "--reference", query, "--min-seconds", "0.1", "--tempo", "1.1"]
    plain = found("odd", *deviate, "--figures", "none")
    told = found("odd told", *deviate, *quiet)
    assert {row["seconds_of"] for row in plain} == {"reference", "video"}
    for row, moved in zip(plain, told, strict=True):
        own = begins[row["video"]]
        clock = begins[query] if row["seconds_of"] == "reference" else own
        by = {"start": clock, "end": clock, "shown_at": own}
        for name, seconds in by.items():
            assert float(moved[name]) == pytest.approx(float(row[name]) + seconds, abs=1e-5), (name, row)


def test_what_knows_no_container_refuses_its_clock(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, stored = tmp_path / "moves.template", tmp_path / "embeddings"
    stored.mkdir()
    (stored / "store.json").write_text("{}")
    clock = ["--time-origin", "container", "--out", tmp_path / "out"]
    for words, said in (
        (["deviate", films(folder)[0], "--template", kept], "does not know where its reference's container begins"),
        (["search", stored, "--video", films(folder)[0].name, "--time", "1"], "do not know where containers begin"),
    ):
        assert command(folder, *words, *clock) == 1
        assert said in " ".join(capsys.readouterr().err.split())


def test_a_template_serves_new_clips_without_the_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, labels = tmp_path / "moves.template", folder / "annotations.csv"
    quiet = ["--no-films", "--figures", "none"]
    words = ["sync", folder, "--save-template", kept, "--labels", labels, "--rate", "15", *quiet]
    assert command(folder, *words, "--out", tmp_path / "synced") == 0
    assert f"template of {COUNT} videos, {COUNT} of them labelled" in capsys.readouterr().out
    (tmp_path / "new").mkdir()
    new = [Path(shutil.copy(film, tmp_path / "new")) for film in films(folder)[:2]]
    assert command(folder, "transfer", *new, "--template", kept, "--out", tmp_path / "carried") == 0
    truth = {
        track.video: dict(zip(track.event_names, track.frames or (), strict=True)) for track in read_labels(labels)
    }
    apart = []
    for row in rows(tmp_path / "carried" / "transferred.csv"):
        frame = truth[row["video"]][row["event"]]
        if row["seconds"] and frame is not None:
            apart.append(abs(float(row["seconds"]) - frame / 15))
    assert np.median(apart) < 0.15  # its own twin is in the template
    assert command(folder, "deviate", tmp_path / "new", "--template", kept, "--out", tmp_path / "odd", *quiet[1:]) == 0
    assert {row["video"] for row in rows(tmp_path / "odd" / "ranking.csv")} == {film.name for film in new}
    align = ["align", new[0], "--template", kept, "--force", "--out", tmp_path / "aligned"]
    assert command(folder, *align) == 0
    made = {path.stem for path in (tmp_path / "aligned").iterdir() if not path.name.startswith(".")}
    assert made == {"alignment", "similarity", "tempo"}
    assert command(folder, "align", *new, "--template", kept, "--force", *quiet, "--out", tmp_path / "two") == 0
    refused = {
        ("transfer", new[0], "--template", kept, "--rate", "7.5"): "frames a second are 15",
        ("transfer", new[0], "--template", kept, "--no-consensus"): "leave it or --template out",
        ("deviate", new[0], new[1]): "go with --template",
        ("align", new[0]): "give two videos",
        ("deviate", new[0], "--template", labels): "is no template",
    }
    for words_of, said in refused.items():
        capsys.readouterr()
        assert command(folder, *words_of, "--out", tmp_path / "refused") == 1
        assert said in capsys.readouterr().err
    other = ["--backbone", "test_efficientnet", "--weights", "none", "--cache", str(tmp_path / "cache")]
    torch.manual_seed(0)
    assert main(["transfer", str(new[0]), "--template", str(kept), "--out", str(tmp_path / "no"), *other]) == 1
    assert "another backbone" in capsys.readouterr().err
