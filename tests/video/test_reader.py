"""The reader gives exactly the frame that was asked for, by number and by time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bars import bar_code, read_bar_code

from syncline.errors import SynclineError
from syncline.video import VideoReader, VideoWriter, scan_file, scan_folder, write_proxy

Write = Callable[..., Path]


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"options": {"g": "250", "bf": "3"}, "count": 300},
        {"options": {"g": "1"}},
        {"codec": "mpeg4", "name": "a.avi"},
        {"codec": "mjpeg", "name": "a.mov"},
        {"codec": "libx265", "name": "a.mkv", "options": {"x265-params": "log-level=none"}},
        {"height": 50, "width": 98},
    ],
)
def test_random_access_is_exact(write_bar_codes: Write, case: dict[str, object]) -> None:
    path = write_bar_codes(**case)
    reader = VideoReader(path)
    count = case.get("count", 60)
    assert reader.num_frames == count
    wanted = np.random.default_rng(0).integers(0, reader.num_frames, 25)
    frames = reader.frames(wanted)
    assert [read_bar_code(picture) for picture in frames.pixels] == wanted.tolist()
    linear = np.concatenate([chunk.pixels for chunk in reader.chunks(chunk_size=7)])
    assert [read_bar_code(picture) for picture in linear] == list(range(reader.num_frames))
    np.testing.assert_array_equal(frames.pixels, linear[wanted])


def test_variable_rate_by_time(write_bar_codes: Write) -> None:
    times = np.cumsum([0.0] + [0.02 + 0.05 * (k % 3) for k in range(39)])
    reader = VideoReader(write_bar_codes(count=40, times=times.tolist()))
    np.testing.assert_allclose(reader.pts_seconds, times, atol=1e-4)
    frames = reader.frames_at(times + 0.001)
    assert [read_bar_code(picture) for picture in frames.pixels] == list(range(40))
    assert reader.index_at([-1.0, times[-1] + 99]).tolist() == [0, 39]
    assert not scan_file(reader.path).constant_rate


def test_scaled_while_converting(write_bar_codes: Write) -> None:
    reader = VideoReader(write_bar_codes(), size=(24, 120))
    picture = reader.frames([37]).pixels[0]
    assert picture.shape == (24, 120, 3)
    assert read_bar_code(picture) == 37


def test_rotation_is_applied(write_bar_codes: Write) -> None:
    path = write_bar_codes(count=12)
    data = bytearray(path.read_bytes())
    # the display matrix of the track header: identity -> a quarter turn clockwise
    identity = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
    turned = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000")
    at = data.index(identity, data.index(b"tkhd"))
    data[at : at + 36] = turned
    path.write_bytes(data)
    reader = VideoReader(path)
    assert (reader.rotation, reader.height, reader.width) == (90, 96, 48)
    upright = np.rot90(reader.frames([9]).pixels[0], 1)
    assert read_bar_code(upright) == 9


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: p / "missing.mp4", "no such file"),
        (lambda p: _file(p / "text.mp4", b"this is no video" * 50), "no video that can be opened"),
        (lambda p: _file(p / "empty.mp4", b""), "no video that can be opened"),
    ],
)
def test_what_is_no_video_is_one_clear_line(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    path = make(tmp_path)
    with pytest.raises(SynclineError, match=words) as caught:
        VideoReader(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_frame_numbers_outside_are_refused(write_bar_codes: Write) -> None:
    reader = VideoReader(write_bar_codes(count=10))
    with pytest.raises(SynclineError, match="frame 10 was asked for, frames 0 to 9 exist"):
        reader.frames([3, 10])


def test_scan_passes_over_broken_files(write_bar_codes: Write, tmp_path: Path) -> None:
    good = write_bar_codes(count=30)
    (tmp_path / "cut.mp4").write_bytes(good.read_bytes()[:2000])
    (tmp_path / "words.avi").write_bytes(b"hello" * 300)
    write_bar_codes("one.mp4", count=1)
    (tmp_path / "notes.txt").write_text("not looked at")
    found = {info.path.name: info for info in scan_folder(tmp_path)}
    assert set(found) == {"bars.mp4", "cut.mp4", "words.avi", "one.mp4"}
    assert found["bars.mp4"].problem is None
    assert (found["bars.mp4"].num_frames, found["bars.mp4"].codec) == (30, "h264")
    assert all(found[name].problem for name in ("cut.mp4", "words.avi", "one.mp4"))


def test_writer_keeps_times_and_is_whole_or_not_there(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.1, 0.5, 0.52]
    with VideoWriter(tmp_path / "a.mp4", height=48, width=97, rate=25) as writer:
        for k, at in enumerate(times):
            writer.write(bar_code(k, 48, 97), at)
    reader = VideoReader(tmp_path / "a.mp4")
    np.testing.assert_allclose(reader.pts_seconds, times, atol=1e-4)
    assert [read_bar_code(p) for p in reader.frames(range(5)).pixels] == list(range(5))
    with pytest.raises(RuntimeError, match="stop"):
        _write_and_stop(tmp_path / "b.mp4")
    with pytest.raises(SynclineError, match="not come after"):
        _write_at(tmp_path / "b.mp4", [0.2, 0.1])
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def _write_at(path: Path, times: list[float]) -> None:
    with VideoWriter(path, height=8, width=8, rate=9) as writer:
        for at in times:
            writer.write(np.zeros((8, 8, 3), np.uint8), at)


def _write_and_stop(path: Path) -> None:
    with VideoWriter(path, height=8, width=8, rate=9) as writer:
        writer.write(np.zeros((8, 8, 3), np.uint8), 0.0)
        raise RuntimeError("stop")


def test_proxy_of_what_browsers_do_not_play(write_bar_codes: Write, tmp_path: Path) -> None:
    path = write_bar_codes("a.avi", codec="mpeg4", count=20)
    write_proxy(path, tmp_path / "proxy.mp4")
    reader = VideoReader(tmp_path / "proxy.mp4")
    assert reader.codec == "h264"
    assert [read_bar_code(p) for p in reader.frames(range(20)).pixels] == list(range(20))


@pytest.mark.data
def test_names_that_look_like_addresses(
    write_bar_codes: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plain = write_bar_codes()
    for name in ("take1:a.mp4", "http:b.mp4", "file:c.mp4"):
        plain.with_name(name).write_bytes(plain.read_bytes())
        assert read_bar_code(VideoReader(name).frames([7]).pixels[0]) == 7
        write_proxy(name, f"copy:{name}")
        assert len(VideoReader(f"copy:{name}")) == 60


def test_real_clips_random_access_equals_linear(real_data: Path) -> None:
    reader = VideoReader(next(iter(sorted((real_data / "g1_bottle" / "videos").glob("*.mp4")))), size=(64, 64))
    linear = np.concatenate([chunk.pixels for chunk in reader.chunks()])
    wanted = np.random.default_rng(1).integers(0, reader.num_frames, 12)
    np.testing.assert_array_equal(reader.frames(wanted).pixels, linear[wanted])
