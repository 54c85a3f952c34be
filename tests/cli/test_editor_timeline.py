"""`align --timeline` and `sync --timeline`: projects that OpenTimelineIO opens again."""

from __future__ import annotations

from pathlib import Path

import pytest
from bars import write_bar_codes

from syncline.cli.main import main

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


def test_a_form_that_is_none_is_refused_before_any_work(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sync", str(folder), "--out", str(tmp_path / "out"), "--timeline", str(tmp_path / "all.mov")]) == 1
    assert "expected one of .otio, .fcpxml, .edl" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
