"""Videos of a folder by what they hold; what is left out is counted; our own films are no input."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

import bars
import pytest

from syncline.cli.output_files import prepare_folder
from syncline.data.labels.label_formats import read_labels
from syncline.errors import SynclineError
from syncline.video import VideoReader, find_videos, mark_result
from syncline.video.discovery import told_aside


@pytest.mark.parametrize(
    ("form", "codec"),
    [
        ("mp4", "libx264"), ("mkv", "libx264"), ("webm", "libvpx"), ("avi", "mpeg4"), ("ts", "libx264"),
        ("mpg", "mpeg2video"), ("flv", "flv1"), ("wmv", "wmv2"), ("mxf", "mpeg2video"), ("ivf", "libvpx"),
        ("h264", "libx264"),
    ],
)  # fmt: skip
def test_a_container_is_known_by_its_content(tmp_path: Path, form: str, codec: str) -> None:
    film = bars.write_bar_codes(tmp_path / f"film.{form}", 30, codec=codec, rate=25)
    (tmp_path / "videos").mkdir()
    for name in ("film", "film.data", "film.mp4_download"):
        shutil.copy(film, tmp_path / "videos" / name)
    assert [path.name for path in find_videos(tmp_path / "videos")] == ["film", "film.data", "film.mp4_download"]


@pytest.mark.parametrize(("delimiters", "unit"), [(0, b"\x40"), (1, b"\x46")])
def test_bare_h265_is_known_by_its_content(tmp_path: Path, delimiters: int, unit: bytes) -> None:
    """It begins with parameters, or with the delimiter of the first picture."""
    options = {"x265-params": f"log-level=none:aud={delimiters}"}
    film = bars.write_bar_codes(tmp_path / "film.hevc", 3, codec="libx265", rate=25, options=options)
    assert film.read_bytes().startswith(b"\0\0\0\1" + unit)
    shutil.move(film, tmp_path / "film")
    (tmp_path / "notes").write_bytes(b"\0\0\0\1" + b"text")
    assert [path.name for path in find_videos(tmp_path)] == ["film"]


def test_what_is_left_aside_is_counted_with_its_reason(tmp_path: Path) -> None:
    bars.write_bar_codes(tmp_path / "film.mp4", 5)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "broken.mov").write_bytes(b"")
    (tmp_path / "code.ts").write_text("export const frames = 3;\n")
    for name in ("._film.mp4", "cover.jpg", "labels.csv", "sound.wav", "notes", "photo.heic"):
        (tmp_path / name).write_bytes(b"\x00\x00\x00\x18ftypheic" if name == "photo.heic" else b"some text")
    aside: Counter[str] = Counter()
    assert [path.name for path in find_videos(tmp_path, aside=aside)] == ["broken.mov", "film.mp4"]
    assert +aside == {
        "hidden files": 1, "hidden folders": 1, "texts": 1, "pictures": 1, "sound files": 1, "other files": 3,
    }  # fmt: skip
    assert "3 other files" in told_aside(aside)
    assert "1 hidden file, " in told_aside(aside)


def test_films_that_syncline_wrote_are_no_videos_of_a_folder(tmp_path: Path) -> None:
    bars.write_bar_codes(tmp_path / "film.mp4", 5)
    results = tmp_path / "results"
    results.mkdir()
    for name in ("grid.mp4", "own.mp4"):
        shutil.copy(tmp_path / "film.mp4", results / name)
    mark_result(results / "grid.mp4")
    aside: Counter[str] = Counter()
    assert [path.name for path in find_videos(tmp_path, aside=aside)] == ["film.mp4", "own.mp4"]
    assert +aside == {"films written by syncline": 1}


def test_a_folder_of_results_alone_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    copy = bars.write_bar_codes(tmp_path / "copy.mp4", 5)
    mark_result(copy)
    assert find_videos(tmp_path) == [copy]
    shutil.copy(copy, tmp_path / "mine.mp4")
    assert find_videos(tmp_path) == [tmp_path / "mine.mp4"]


def test_a_folder_that_a_verb_made_is_left_aside_whatever_is_in_it(tmp_path: Path) -> None:
    film = bars.write_bar_codes(tmp_path / "film.mp4", 5)
    results, own = tmp_path / "syncline-results" / "synced", tmp_path / "mine"
    own.mkdir()
    shutil.copy(film, own / "kept.mp4")
    for folder in (results, own):
        prepare_folder(folder)
    shutil.copy(film, results / "grid.mp4")
    aside: Counter[str] = Counter()
    assert [path.name for path in find_videos(tmp_path, aside=aside)] == ["film.mp4", "kept.mp4"]
    assert +aside == {"folders of results": 1}
    assert [path.name for path in find_videos(results)] == ["grid.mp4"], "a person asks for it"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    film = bars.write_bar_codes(tmp_path / "film.mp4", 5)
    for name in ("pipe", "pipe.mp4", "pipe.ts", "pipe.csv"):
        os.mkfifo(tmp_path / name)
    aside: Counter[str] = Counter()
    assert find_videos(tmp_path, aside=aside) == [film]
    assert aside["other files"] == 4
    with pytest.raises(SynclineError, match="holds no label file"):
        read_labels(tmp_path)
    with pytest.raises(SynclineError, match="no such file"):
        VideoReader(tmp_path / "pipe.mp4")
