"""`align --timeline` and `sync --timeline`: projects that OpenTimelineIO opens again."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from bars import bar_code, write_bar_codes

from syncline.cli.main import main
from syncline.video import VideoReader, VideoWriter

otio = pytest.importorskip("opentimelineio")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    for number, count in enumerate((90, 75, 60)):
        write_bar_codes(folder / f"{number}.mp4", count, rate=30)
    (folder / "annotations.csv").write_text(
        "video,event_seconds,event_names\n0.mp4,0.5;2.0,grasp;put\n1.mp4,;,grasp;put\n2.mp4,;,grasp;put\n"
    )
    return folder


def test_align_writes_both_films_and_the_events(folder: Path, tmp_path: Path) -> None:
    project = tmp_path / "pair.otio"
    films = [str(folder / name) for name in ("0.mp4", "1.mp4")]
    labels = ["--labels", str(folder / "annotations.csv"), "--force", "--no-films", "--figures", "none"]
    assert main(["align", *films, "--out", str(tmp_path / "out"), "--timeline", str(project), *labels]) == 0
    timeline = otio.adapters.read_from_file(str(project))
    assert [track.name for track in timeline.tracks] == ["0.mp4", "1.mp4"]
    assert timeline.tracks[0].duration().to_seconds() == pytest.approx(3.0)
    assert timeline.tracks[1].duration() == timeline.tracks[0].duration()
    marks = {mark.name: mark.marked_range.start_time.to_seconds() for mark in timeline.tracks[0][0].markers}
    assert marks == {"grasp": pytest.approx(0.5, abs=1 / 30), "put": pytest.approx(2.0, abs=1 / 30)}


def test_sync_writes_a_track_a_film(folder: Path, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "out"), "--no-films", "--figures", "none"]
    assert main(["sync", str(folder), *out, "--timeline", str(tmp_path / "all.otio")]) == 0
    timeline = otio.adapters.read_from_file(str(tmp_path / "all.otio"))
    assert [track.name for track in timeline.tracks] == ["0.mp4", "1.mp4", "2.mp4"]
    assert len({track.duration().value for track in timeline.tracks}) == 1
    reference = json.loads((tmp_path / "out" / "sync.json").read_text())["reference"]
    whole = {"0.mp4": 3.0, "1.mp4": 2.5, "2.mp4": 2.0}[reference]
    assert timeline.tracks[0].duration().to_seconds() == pytest.approx(whole), "to the end of the last picture"


def test_cameras_at_one_event_keep_their_pace(folder: Path, tmp_path: Path) -> None:
    early, late = tmp_path / "cameras" / "early.mp4", tmp_path / "cameras" / "late.mp4"
    early.parent.mkdir()
    early.write_bytes((folder / "0.mp4").read_bytes())
    reader = VideoReader(early)
    with VideoWriter(late, height=reader.height, width=reader.width, rate=30) as writer:
        for frame in range(15, 90):
            writer.write(reader.frames_at([frame / 30 + 0.01]).pixels[0], (frame - 15) / 30)
    out, project = tmp_path / "out", tmp_path / "cameras.fcpxml"
    words = ["--same-event", "--reference", "early.mp4", "--no-films", "--figures", "none", "--copies", "cut"]
    assert main(["sync", str(early.parent), *words, "--out", str(out), "--timeline", str(project)]) == 0
    timeline = otio.adapters.read_from_file(str(project))
    timeline = timeline if hasattr(timeline, "tracks") else timeline[0]
    (first,), (gap, second) = timeline.tracks
    assert isinstance(gap, otio.schema.Gap)
    assert gap.duration().to_seconds() == pytest.approx(0.5, abs=2 / 30)
    assert (first.duration().to_seconds(), second.duration().to_seconds()) == (pytest.approx(3.0), pytest.approx(2.5))
    copies = [VideoReader(path) for path in sorted((out / "copies").glob("*.mp4"))]
    assert len({copy.num_frames for copy in copies}) == 1
    one, other = (copy.frames_at([1.01]).pixels[0].astype(float) for copy in copies)
    assert abs(one - other).mean() < abs(one - copies[0].frames_at([1.51]).pixels[0]).mean()


def test_a_form_without_speeds_is_refused_before_any_work(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "all.fcpxml"
    assert main(["sync", str(folder), "--out", str(tmp_path / "out"), "--timeline", str(project)]) == 1
    assert "writes no changes of speed into FCPXML" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_form_that_is_none_is_refused_before_any_work(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sync", str(folder), "--out", str(tmp_path / "out"), "--timeline", str(tmp_path / "all.mov")]) == 1
    assert "expected one of .otio, .fcpxml, .edl" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("suffix", "rate", "code", "frames"),
    [("mov", 25, "10:00:00:05", 900_005), ("mp4", 30, "00:00:10:00", 300), ("mkv", 30, None, 0),
     ("mov", Fraction(30000, 1001), "01:00:00;02", 107_894), ("mov", Fraction(30000, 1001), "01:00:00:02", 108_002)],
)  # fmt: skip
def test_media_begin_with_their_time_code(
    tmp_path: Path, suffix: str, rate: int | Fraction, code: str | None, frames: int
) -> None:
    """Editors find a clip in its file by the file's time code; without one, they count from the first picture."""
    film = tmp_path / f"a.{suffix}"
    with av.open(str(film), "w") as container:
        stream: Any = container.add_stream("libx264", rate=rate)
        stream.height, stream.width, stream.pix_fmt = 48, 96, "yuv420p"
        if code:
            stream.metadata["timecode"] = code
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(bar_code(number, 48, 96), format="rgb24")
            frame.pts, frame.time_base = number, 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    write_bar_codes(tmp_path / "b.mp4", 40, rate=30)
    project = tmp_path / "x.otio"
    words = ["--force", "--no-films", "--figures", "none", "--timeline", str(project), "--out", str(tmp_path / "out")]
    assert main(["align", str(film), str(tmp_path / "b.mp4"), *words]) == 0
    timeline = otio.adapters.read_from_file(str(project))
    first, second = (track.find_clips()[0] for track in timeline.tracks)
    begins = first.media_reference.available_range.start_time
    assert begins.to_seconds() == pytest.approx(frames / rate, abs=0.5 / begins.rate)
    inside = first.source_range.start_time - begins
    assert 0 <= inside.to_seconds() < 40 / rate
    assert inside.to_seconds() == pytest.approx(first.metadata["syncline"]["film_start"], abs=1 / 30)
    assert second.media_reference.available_range.start_time.value == 0
