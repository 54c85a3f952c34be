"""`syncline scan`: the table, the JSON, exit codes, and what is remembered."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import bars
import numpy as np
import pytest

from syncline.cli.main import main
from syncline.data.synthetic import SyntheticConfig, render_synthetic
from syncline.video import VideoInfo, VideoReader, VideoWriter, scan_files
from syncline.video.scan_cache import ScanCache


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "my clips"
    (place / "more.d").mkdir(parents=True)
    bars.write_bar_codes(place / "a b.mp4", 40)
    bars.write_bar_codes(place / "more.d" / "größe.mp4", 30, times=np.cumsum([0.0, *([0.02, 0.09] * 15)])[:30].tolist())
    (place / "broken.mp4").write_bytes(b"no video" * 100)
    return place


def run(*words: str | Path) -> int:
    return main(["scan", *map(str, words)])


def test_table(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--cache", tmp_path / "c") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["a", "b.mp4", "40", "1.33", "30.00", "96x48", "h264"]
    assert "cannot be used: is no video that can be opened" in lines[2]
    assert "var" in lines[3].split()
    assert "variable frame rate" in lines[3]
    assert re.match(r"2 of 3 files can be used: \d\.\d s, ", lines[5])


def test_hints_name_files_as_the_table_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "set"
    for camera in ("cam1", "cam2"):
        (place / camera).mkdir(parents=True)
        bars.write_bar_codes(place / camera / "x.mp4", 30)
    assert run(place, "--cache", tmp_path / "c") == 0
    said = capsys.readouterr().out
    assert f"duplicate: {Path('cam2/x.mp4')}: nearly the same pictures as {Path('cam1/x.mp4')}" in said


def test_json_and_memory(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--json", "--cache", tmp_path / "c") == 0
    first = json.loads(capsys.readouterr().out)
    assert [file["num_frames"] for file in first["files"]] == [40, 0, 30]
    assert [file["constant_rate"] for file in first["files"]] == [True, True, False]
    (folder / "a b.mp4").rename(folder / "a c.mp4")
    assert run(folder, "--json", "--cache", tmp_path / "c") == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["path"].endswith("a c.mp4")


def test_what_was_learnt_is_not_learnt_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ScanCache(tmp_path / "c")
    path = folder / "a b.mp4"
    known, glance = cache.scan(path), cache.glance(path)
    assert glance is not None
    monkeypatch.setattr("syncline.video.scan_cache.scan_file", lambda path: pytest.fail("scanned again"))
    monkeypatch.setattr("syncline.video.scan_cache.glance_at", lambda path: pytest.fail("decoded again"))
    assert cache.scan(path) == known
    again = cache.glance(path)
    assert again is not None
    np.testing.assert_array_equal(again.pixels, glance.pixels)
    monkeypatch.undo()
    path.write_bytes((folder / "more.d" / "größe.mp4").read_bytes())
    assert cache.scan(path).num_frames == 30
    for file in (tmp_path / "c").iterdir():
        file.write_bytes(b"not what was written")
    assert cache.scan(path).num_frames == 30
    assert cache.glance(path) is not None


def test_a_passing_fault_is_not_remembered(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ScanCache(tmp_path / "c")
    with monkeypatch.context() as busy:
        busy.setattr("syncline.video.scan_cache.scan_file", lambda path: VideoInfo(path, "too many open files"))
        assert cache.scan(folder / "a b.mp4").problem == "too many open files"
    assert cache.scan(folder / "a b.mp4").problem is None


def test_nothing_readable_is_exit_code_one(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "broken.mp4", "--quick", "--cache", tmp_path / "c") == 1
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty") == 1
    assert "holds no video" in capsys.readouterr().err
    assert run(tmp_path / "nowhere") == 1
    assert "is no folder" in capsys.readouterr().err


def test_first_line_comes_before_the_last_file_is_scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        (tmp_path / f"{number:03d}.mp4").touch()
    seen: list[Path] = []

    def look(path: Path) -> scan_files.VideoInfo:
        seen.append(path)
        return scan_files.VideoInfo(path, "empty")

    infos = scan_files.scan_folder(tmp_path, scan=look)
    assert next(infos).path.name == "000.mp4"
    assert len(seen) <= 8 * (os.cpu_count() or 1)
    assert [info.path.name for info in infos] == [f"{number:03d}.mp4" for number in range(1, 200)]


def test_a_pipe_without_unicode_does_not_break_it(folder: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "SYNCLINE_CACHE": str(tmp_path / "c")}
    command = [sys.executable, "-m", "syncline", "scan", str(folder), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "gr??e.mp4" in done.stdout


@pytest.mark.slow
def test_slow_mirrored_and_repeated_clips_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Eight clips of one activity, three of them rewritten: at half the speed, mirrored, and shown twice."""
    looks = SyntheticConfig(num_videos=8, seed=2, size=(48, 64), seconds=(4.0, 5.0), unevenness=0.3)
    files = [video.path for video in render_synthetic(tmp_path / "clips", looks)]
    ways = {"slow motion": files[1], "mirrored": files[4], "repetitions": files[6]}
    for kind, path in ways.items():
        reader = VideoReader(path)
        pictures = reader.frames(np.arange(len(reader))).pixels
        pictures = pictures[:, :, ::-1] if kind == "mirrored" else pictures
        rate, times = (7.5, 1) if kind == "slow motion" else (15, 2 if kind == "repetitions" else 1)
        with VideoWriter(path, height=48, width=64, rate=rate) as writer:
            for number, picture in enumerate(np.concatenate([pictures] * times)):
                writer.write(np.ascontiguousarray(picture), number / rate)
    assert run(tmp_path / "clips" / "videos", "--json", "--cache", tmp_path / "c") == 0
    hints = json.loads(capsys.readouterr().out)["hints"]
    for kind, path in ways.items():
        assert [Path(hint["path"]).name for hint in hints if hint["kind"] == kind] == [path.name]
