"""The viewer's parts: the journal, the background worker, training, and what people type."""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bars import read_bar_code, write_bar_codes
from lerobot_forms import write_v3
from PIL import Image
from viewing import known_embedding, make_folder, make_library

from syncline.cli.main import main
from syncline.data import Embedding, Video, VideoSet, open_videos
from syncline.errors import SynclineError, UnusableRunError
from syncline.tasks import deviate
from syncline.training import fit, method_config
from syncline.video import VideoReader
from syncline.viewer import serving
from syncline.viewer.analysis import Analysis
from syncline.viewer.background import in_background
from syncline.viewer.embedding_queue import LONGEST, EmbeddingQueue, thinned
from syncline.viewer.embedding_sources import Given, Kept
from syncline.viewer.journal import Journal
from syncline.viewer.labelling import Labelling
from syncline.viewer.library import Library
from syncline.viewer.proxies import Proxies
from syncline.viewer.serving import open_viewer
from syncline.viewer.trainer import Trainer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("bars"), {"one": 40, "two": 40, "three": 30})


def until(happened: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


# ---- journal


def test_journal_survives_any_cut(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "whole.jsonl")
    journal.mark("a", 0, 1.0)
    journal.mark("a", 1, None)
    journal.rename(0, "grasp")
    journal.mark("b", 0, 2.5)
    journal.undo()
    journal.mark("b", 0, 3.0)
    content = journal.path.read_bytes()
    assert Journal(journal.path).marks() == {"a": {0: 1.0, 1: None}, "b": {0: 3.0}}
    for cut in {*range(0, len(content), 7), *(k for k, byte in enumerate(content) if byte in b"\n}")}:
        part = tmp_path / "cut.jsonl"
        part.write_bytes(content[:cut])
        again = Journal(part)
        whole = [json.loads(line) for line in content[:cut].split(b"\n") if line.endswith(b"}")]
        left: list[dict[str, Any]] = []
        for line in whole:
            left = left[:-1] if "undo" in line else [*left, line]
        assert again.names() == {line["event"]: line["name"] for line in left if "name" in line}
        assert again.marks() == {
            video: {line["event"]: line["seconds"] for line in left if line.get("video") == video}
            for video in {line["video"] for line in left if "video" in line}
        }
        again.mark("c", 0, 9.0)  # and goes on
        assert Journal(part).marks()["c"] == {0: 9.0}


def test_journal_undoes_and_refuses(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "labels.jsonl")
    assert journal.undo() is None
    journal.rename(2, "let go")
    assert journal.names() == {2: "let go"}
    assert journal.undo() == {"event": 2, "name": "let go"}
    assert journal.names() == {}
    journal.mark("a", 0, 1.0)
    journal.mark("a", 0, None, clear=True)
    assert journal.marks() == {}
    for event, second in ((-1, 1.0), (0, -1.0), (0, float("nan")), (10**6, 1.0)):
        with pytest.raises(SynclineError):
            journal.mark("a", event, second)
    with pytest.raises(SynclineError):
        journal.rename(0, " ")


# ---- embedding in the background


def test_wanted_videos_come_first_and_old_embeddings_serve(folder: Path) -> None:
    videos, gate, order = open_videos(folder), threading.Event(), []

    def slowly(video: Video) -> Embedding:
        gate.wait(30)
        order.append(video.name)
        return known_embedding(video)

    changes: list[int] = []
    embedder = EmbeddingQueue(videos, lambda: changes.append(1))
    embedder.start(Given(slowly, "slow"))
    with pytest.raises(SynclineError, match="still being embedded"):
        embedder.all()
    with pytest.raises(SynclineError, match="wait"):
        embedder.start(Given(known_embedding))
    asked = threading.Thread(target=embedder.of, args=([2, 0],))
    asked.start()
    until(lambda: embedder.wanted == [2, 0])
    gate.set()
    asked.join(30)
    until(lambda: embedder.ready)
    assert order.index("two.mp4") <= 1  # number 2, ahead of number 1 (number 0 may have begun already)
    assert (embedder.generation, embedder.source_name, changes) == (1, "slow", [1])
    first = embedder.all()
    embedder.start(Given(known_embedding, "trained"))
    assert embedder.all().keys() == first.keys()
    until(lambda: embedder.generation == 2)
    assert embedder.source_name == "trained"


def test_one_bad_video_is_left_out_and_all_bad_fails(folder: Path) -> None:
    def picky(video: Video) -> Embedding:
        if video.name == "one.mp4":
            raise SynclineError("one.mp4: cannot be decoded")
        return known_embedding(video)

    def never(video: Video) -> Embedding:
        raise SynclineError("no weights here")

    embedder = EmbeddingQueue(open_videos(folder), lambda: None)
    embedder.start(Given(picky))
    until(lambda: embedder.ready)
    assert sorted(embedder.all()) == [1, 2]
    with pytest.raises(SynclineError, match=r"one\.mp4"):
        embedder.of([0, 1])
    embedder = EmbeddingQueue(open_videos(folder), lambda: None)
    embedder.start(Given(never))
    until(lambda: embedder.progress.state == "failed")
    assert embedder.progress.message == "no weights here"
    with pytest.raises(SynclineError, match="no weights"):
        embedder.of([0, 1])


def analysis_of(library: Library, embed: Callable[[Video], Embedding]) -> Analysis:
    """What is computed from given embeddings, once they are there."""
    embedder = EmbeddingQueue(library.videos, lambda: None)
    embedder.start(Given(embed))
    until(lambda: embedder.ready)
    return Analysis(library, embedder)


def test_a_cell_of_the_matrix_is_the_mean_cosine_of_its_frames(folder: Path, tmp_path: Path) -> None:
    """1000 frames across become 384 runs of two or three; up there is one frame a row."""
    generator = np.random.default_rng(0)
    long, short = generator.normal(size=(1000, 5)).astype(np.float32), np.eye(5, dtype=np.float32)
    library = make_library(folder, tmp_path / "work")
    analysis = analysis_of(
        library,
        lambda video: (
            Embedding(long, np.arange(1000) / 10, "x")
            if library.numbers[video.name] == 0
            else Embedding(short, np.arange(5) / 10, "y")
        ),
    )
    cells, extent = analysis.matrix(0, 1)
    assert cells.shape == (5, 384)
    assert extent == (0.0, 99.9, 0.0, 0.4)
    unit = long / np.linalg.norm(long, axis=1, keepdims=True)
    starts = [*np.linspace(0, 1000, 384, endpoint=False).astype(int), 1000]
    means = np.stack([unit[start:end].mean(0) for start, end in itertools.pairwise(starts)], axis=1)
    seen = (cells > 0) & (cells < 255)  # the rest is beyond what the colours span
    assert seen.mean() > 0.8
    assert np.corrcoef(cells[seen], means[seen])[0, 1] > 0.9999


def test_long_video_is_answered_with_a_reduced_matrix(folder: Path, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(27_000, 8)).astype(np.float32)
    hour = Embedding(vectors, np.arange(27_000) / 7.5, "hour")
    assert len(thinned(hour)) == LONGEST
    analysis = analysis_of(make_library(folder, tmp_path / "work"), lambda video: hour)
    cells, extent = analysis.matrix(0, 1)
    assert cells.shape == (384, 384)
    assert extent[1] == pytest.approx(26_999 / 7.5)
    part, window = analysis.matrix(0, 1, (10.0, 20.0, 0.0, 3600.0))
    assert part.shape == (384, 76)
    assert 10.0 <= window[0] <= window[1] <= 20.0


def test_embeddings_of_a_folder_are_kept_until_a_file_changes(folder: Path, tmp_path: Path) -> None:
    videos = open_videos(folder).videos
    asked: list[str] = []

    def counted(video: Video) -> Embedding:
        asked.append(video.name)
        return known_embedding(video)

    def through(names: str = "known") -> list[Embedding]:
        kept = Kept(Given(counted, names), tmp_path / "kept", videos)
        for video in videos:
            kept.prepare(video)
        return kept.embed(videos)

    first, again = through(), through()
    assert len(asked) == len(videos)
    assert all(np.array_equal(x.vectors, y.vectors) for x, y in zip(first, again, strict=True))
    through("another")
    assert len(asked) == 2 * len(videos)
    (tmp_path / "kept" / "manifest.jsonl").write_text("broken\n")
    through("another")
    assert len(asked) == 3 * len(videos)


@pytest.fixture
def only_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """No embedding in the background of what is opened and not looked at: it would go on beside the next tests."""
    monkeypatch.setattr(EmbeddingQueue, "start", lambda *given, **options: None)


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


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SynclineError("another process writes")])
def test_what_cannot_be_kept_is_shown_all_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    videos = open_videos(folder).videos
    kept = Kept(Given(known_embedding), tmp_path / "kept", videos)
    for video in videos:
        kept.prepare(video)
    monkeypatch.setattr("syncline.encoder.EmbeddingStore.write", full)
    assert len(kept.embed(videos)) == 3
    if isinstance(error, OSError):
        monkeypatch.setattr("syncline.viewer.library.replacing", full)
        assert make_library(folder, tmp_path / "work").strip(0)


def test_a_ranking_of_old_embeddings_is_dropped(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library, begun, gate = make_library(folder, tmp_path / "work"), threading.Event(), threading.Event()

    def waiting(*given: Any) -> Any:
        begun.set()
        gate.wait(30)
        return deviate(*given)

    monkeypatch.setattr("syncline.viewer.analysis.deviate", waiting)
    embedder = EmbeddingQueue(library.videos, lambda: analysis.changed())
    analysis = Analysis(library, embedder)
    threads = []
    monkeypatch.setattr("syncline.viewer.analysis.in_background", lambda *w: threads.append(in_background(*w)))
    for generation in (1, 2):
        if generation == 2:
            analysis.rank()
            begun.wait(30)
        embedder.start(Given(known_embedding))
        until(lambda: embedder.generation == generation and embedder.progress.state == "ready")  # noqa: B023
        until(lambda: analysis.ranking.state == "idle")
    gate.set()
    threads[0].join(30)
    assert (analysis.oddness, analysis.ranking.state, analysis.rankings) == ({}, "idle", 0)
    analysis.rank()
    threads[1].join(30)
    assert (sorted(analysis.oddness), analysis.ranking.state, analysis.rankings) == ([0, 1, 2], "ready", 1)


# ---- what is known about the videos


def test_phases_go_by_the_clock_of_the_video(tmp_path: Path) -> None:
    write_bar_codes(tmp_path / "one.mp4", 60, times=[*(k / 10 for k in range(30)), *(3 + k / 30 for k in range(30))])
    phases = np.repeat([0, 1], 30)
    library = Library(VideoSet((replace(open_videos(tmp_path)[0], phases=phases),), "one"), tmp_path / "work")
    assert library.events(0) == [[0, pytest.approx(3.0, abs=1e-4)]]
    assert library.phase_at(0, np.array([0.0, 2.95, 3.0, 9.0])).tolist() == [0, 0, 1, 1]


def test_parts_of_one_file_are_shown_as_videos_of_their_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two episodes of LeRobot v3 in one film, whose frame k spells k; the hand closes at a third and opens at two."""
    write_v3(tmp_path / "robot", [21, 30])
    (tmp_path / "robot" / "syncline_events.txt").write_text("grasp: action[1] > 0.5\nlet go: action[1] < 0.5\n")
    videos = open_videos(tmp_path / "robot")
    library = Library(videos, tmp_path / "work")
    told = library.describe()
    assert [(video["frames"], video["duration"]) for video in told] == [(21, 2.1), (30, 3.0)]
    assert [video["starts"] for video in told] == [[0.3333, 0.6667]] * 2
    assert library.pts_seconds(1) == pytest.approx(np.arange(30) / 10)
    assert library.events(0) == [[0, pytest.approx(0.7)], [1, pytest.approx(1.4)]]
    assert library.events(1) == [[0, pytest.approx(1.0)], [1, pytest.approx(2.0)]]
    assert library.phase_at(1, np.array([0.9, 1.0, 9.0])).tolist() == [0, 1, 2]
    assert library.strip(0) != library.strip(1)
    pictures = [np.asarray(Image.open(io.BytesIO(library.picture(n, s)))) for n, s in ((0, 9.0), (1, 0.0), (1, 1.0))]
    assert [read_bar_code(picture) for picture in pictures] == [20, 21, 31]

    def on_the_clock_of_the_file(video: Video) -> Embedding:
        assert video.span is not None
        seconds = VideoReader(video.path).pts_seconds[slice(*video.span)]
        return Embedding(np.eye(len(seconds), dtype=np.float32), seconds, video.identity)

    embedder = EmbeddingQueue(videos, lambda: None, library.begins)
    embedder.start(Given(on_the_clock_of_the_file))
    until(lambda: embedder.ready)
    assert [embedding.pts_seconds[0] for embedding in embedder.all().values()] == [0, 0]
    library.journal.mark("episode_000001", 0, 1.2)
    track = Labelling(library, embedder).tracks(carried=False)[0]
    assert (track.num_frames, track.frames) == (30, (12,))
    # counted from the start of the file by an older version: no moment of the first episode
    library.journal.mark("episode_000000", 0, 2.6)
    library.journal.mark("episode_000000", 1, 1.4)
    assert library.events(0) == [[1, 1.4]]
    assert library.describe()[0]["marks"] == {"1": 1.4}
    assert Labelling(library, embedder).tracks(carried=False)[0].frames == (None, 14)
    assert caplog.text.count("ignored") == 1

    proxies = Proxies(library)
    for number, first in ((0, 0), (1, 21)):
        assert proxies.path(number) is None
        until(lambda: proxies.states()[number]["state"] == "ready")  # noqa: B023
        film = VideoReader(proxies.path(number) or "")
        assert film.pts_seconds == pytest.approx(library.pts_seconds(number), abs=1e-4)
        assert [read_bar_code(picture) for picture in film.frames([0, film.num_frames - 1]).pixels] == [
            first, first + film.num_frames - 1
        ]  # fmt: skip


# ---- training in its own process

SCRIPT = """
import sys, time, pathlib
run = pathlib.Path(sys.argv[1]); run.mkdir(parents=True, exist_ok=True)
for step in range(3):
    with (run / "metrics.jsonl").open("a") as file: file.write('{"step": %d}\\n' % step)
while not run.with_name("seen").exists(): time.sleep(0.02)
if sys.argv[2] == "fail":
    print("syncline: no space left"); sys.exit(1)
(run / "run.json").write_text('{"finished": %s}' % ("false" if sys.argv[2] == "stop" else "true"))
print("syncline: go on with --resume")
"""


@pytest.mark.parametrize("how", ["work", "fail", "stop"])
def test_training_tells_steps_and_how_it_ended(tmp_path: Path, how: str) -> None:
    run, finished = tmp_path / "work" / "run", []
    trainer = Trainer([sys.executable, "-c", SCRIPT, str(run), how], run, minutes=1, finished=finished.append)
    trainer.start()
    with pytest.raises(SynclineError, match="already"):
        trainer.start()
    until(lambda: trainer.progress.message == "training: step 2")
    (tmp_path / "work" / "seen").touch()
    until(lambda: trainer.progress.state != "working")
    if how == "work":
        until(lambda: finished == [run])
    else:
        assert trainer.progress.state == "failed"
        assert {"fail": "no space left", "stop": "go on with"}[how] in trainer.progress.message
        assert finished == []


BREAKS_ONCE = """
import sys, pathlib
run = pathlib.Path(sys.argv[1]); run.mkdir(parents=True, exist_ok=True)
(run / "train.json").write_text("{}")
(run / "run.json").write_text('{"finished": true}')
sys.exit(0 if "--resume" in sys.argv else 1)
"""


def test_a_second_click_goes_on_with_the_run_of_the_first(tmp_path: Path) -> None:
    run = tmp_path / "run"
    trainer = Trainer([sys.executable, "-c", BREAKS_ONCE, str(run)], run, minutes=1, resume=["--resume"])
    for state in ("failed", "ready"):
        trainer.start()
        until(lambda: trainer.progress.state != "working")
        assert trainer.progress.state == state


UNFIT = """
import sys, pathlib
run = pathlib.Path(sys.argv[1])
if "--resume" in sys.argv:
    sys.exit(3)
run.mkdir()
(run / "run.json").write_text('{"finished": true}')
"""


def test_a_run_that_does_not_fit_any_more_is_moved_aside(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (tmp_path / "run-old-1").mkdir()
    run.mkdir()
    (run / "train.json").write_text("{}")
    trainer = Trainer([sys.executable, "-c", UNFIT, str(run)], run, minutes=1, resume=["--resume"])
    trainer.start()
    until(lambda: trainer.progress.state != "working")
    assert trainer.progress.state == "ready"
    assert (tmp_path / "run-old-2" / "train.json").exists()
    assert not (run / "train.json").exists()


def test_training_ends_with_an_exit_code_of_its_own_where_a_run_does_not_fit(folder: Path, tmp_path: Path) -> None:
    encoder = {"backbone": "test_resnet", "weights": "none", "grid": 1, "hidden": 16, "width": 16, "heads": 2,
               "feed_forward": 32, "embedding_dim": 8}  # fmt: skip
    config = method_config("scl", encoder=encoder, views={"num_frames": 8, "batch_size": 2}, steps=1)
    where: dict[str, Any] = {"cache": tmp_path / "cache", "out": tmp_path / "run"}
    fit(open_videos([folder / "one.mp4", folder / "two.mp4"]), config, **where)
    again = ["train", str(folder), "--out", str(where["out"]), "--cache", str(where["cache"]), "--resume"]
    assert main(again) == UnusableRunError.exit_code, "a video came since"


def test_training_that_cannot_begin_may_be_begun_again(tmp_path: Path) -> None:
    trainer = Trainer([str(tmp_path / "no such program")], tmp_path / "run", minutes=1)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            trainer.start()
        assert trainer.progress.state == "failed"


def test_a_long_reason_names_the_log(tmp_path: Path) -> None:
    trainer = Trainer([sys.executable, "-c", "import sys; sys.exit('x' * 500)"], tmp_path / "run", minutes=1)
    trainer.start()
    until(lambda: trainer.progress.state != "working")
    assert trainer.progress.message.endswith("… (the whole of it is in run.log)")


@pytest.mark.usefixtures("only_opened")
def test_a_run_counts_when_it_has_finished_and_opening_removes_none(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "work" / "run"
    run.mkdir(parents=True)
    (run / "train.json").write_text("{}")  # somebody trains, and there is no checkpoint yet

    def trained() -> bool:
        viewer = open_viewer(folder, work=str(tmp_path / "work"), cache=str(tmp_path / "cache"))
        return viewer.trainer is None

    assert not trained()
    assert (run / "train.json").exists()
    (run / "model.safetensors").write_bytes(b"")
    (run / "run.json").write_text('{"finished": false, "step": 5}')  # the viewer was closed
    assert not trained()
    (run / "run.json").write_text('{"finished": true}')
    assert trained()


# ---- what people type


@pytest.mark.usefixtures("only_opened")
def test_folder_manifest_and_trouble(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.mp4").write_bytes(b"no video")
    try:
        viewer = open_viewer(folder, work=str(tmp_path / "work"), cache=str(tmp_path / "cache"))
        assert viewer.videos == 3
        assert [name for name, _ in viewer.broken] == ["broken.mp4"]
        assert viewer.address.startswith("http://127.0.0.1:80")
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


@pytest.mark.parametrize("port", [99_999, -1])
def test_a_port_that_cannot_be_is_one_line(folder: Path, port: int) -> None:
    with pytest.raises(SynclineError, match=f"no port {port}"):
        open_viewer(folder, port=port)


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


def test_copy_of_an_odd_file_tells_how_far_it_is(folder: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.mkdir()
    write_bar_codes(odd / "old.avi", 40, rate=15, codec="mjpeg")
    library = make_library(odd, tmp_path / "work")
    proxies = Proxies(library)
    assert not library.plays(0)
    assert proxies.path(0) is None
    until(lambda: proxies.states()[0]["state"] == "ready")
    made = proxies.path(0)
    assert made is not None
    assert made.parent == tmp_path / "work" / "proxies"
    assert Proxies(library).path(0) == made  # found again by another session


def test_a_copy_that_fails_says_so_and_the_next_is_made(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = make_library(folder, tmp_path / "work")

    def picky(path: Path, out: Path, **_: object) -> None:
        if path.name == "one.mp4":
            raise ValueError("Invalid argument")
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(b"")

    monkeypatch.setattr("syncline.viewer.proxies.write_browser_copy", picky)
    monkeypatch.setattr(Library, "plays", lambda *_: False)
    proxies = Proxies(library)
    first, second = library.numbers["one.mp4"], library.numbers["three.mp4"]
    proxies.make(first)
    proxies.make(second)
    until(lambda: proxies.states()[second]["state"] == "ready")
    failed = {"state": "failed", "why": "Invalid argument"}
    assert proxies.states()[first] == failed
    assert proxies.path(first) is None
    assert proxies.told(first) == failed
    monkeypatch.setattr("syncline.viewer.proxies.write_browser_copy", lambda path, out, **_: out.write_bytes(b""))
    assert proxies.path(first) is None, "opened again, it is tried again"
    until(lambda: proxies.told(first) == {"state": "ready"})
