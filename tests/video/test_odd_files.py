"""Odd and hostile files: the right frames, or one line of ours; one seek a gap; memory that does not grow."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bars import bar_code, read_bar_code

from syncline.errors import SynclineError
from syncline.video import VideoReader, scan_file, video_file
from syncline.video.frame_source import MAX_PIXELS

Write = Callable[..., Path]
IDENTITY = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
TURNED = {
    90: "00000000 00010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000",
    180: "ffff0000 00000000 00000000 00000000 ffff0000 00000000 00000000 00000000 40000000",
    270: "00000000 ffff0000 00000000 00010000 00000000 00000000 00000000 00000000 40000000",
}


def numbers(reader: VideoReader, wanted: Any) -> list[int]:
    return [read_bar_code(picture) for picture in reader.frames(wanted).pixels]


@pytest.mark.parametrize("degrees", TURNED)
def test_rotation(write_bar_codes: Write, degrees: int) -> None:
    path = write_bar_codes(count=20)
    data = bytearray(path.read_bytes())
    at = data.index(IDENTITY, data.index(b"tkhd"))
    data[at : at + 36] = bytes.fromhex(TURNED[degrees])
    path.write_bytes(data)
    reader = VideoReader(path)
    assert reader.rotation == degrees
    assert (reader.height, reader.width) == ((48, 96) if degrees == 180 else (96, 48))
    upright = [np.rot90(picture, degrees // 90) for picture in reader.frames([13, 4]).pixels]
    assert [read_bar_code(picture) for picture in upright] == [13, 4]
    assert f"rotated by {degrees} degrees (applied)" in scan_file(path).remarks


@pytest.mark.parametrize(
    "case",
    [
        {"name": "b-frames.avi", "options": {"bf": "3"}},
        {"name": "bare.h264", "options": {"bf": "2", "g": "20"}},
        {"name": "vp9.webm", "codec": "libvpx-vp9", "height": 64},
        {"name": "b-frames.ts", "options": {"bf": "3", "g": "12"}},
        {"name": "ünï cödé 'quotes' 100%.v2.mp4"},
        {"name": "n" * 240 + ".mp4"},
        {"name": "odd.mkv", "height": 51, "width": 97, "codec": "ffv1"},
    ],
    ids=lambda case: case["name"][:20],
)
def test_forms_with_odd_times_and_names(write_bar_codes: Write, case: dict[str, Any]) -> None:
    reader = VideoReader(write_bar_codes(count=70, **case))
    assert reader.num_frames == 70
    wanted = [66, 3, 3, 41, 0, 69]
    assert numbers(reader, wanted) == wanted
    assert (np.diff(reader.pts_seconds) > 0).all()


@pytest.mark.parametrize("rate", [15, 25, 60])
def test_a_bare_stream_is_counted_at_the_rate_that_it_names(write_bar_codes: Write, rate: int) -> None:
    path = write_bar_codes("bare.h264", count=30, rate=rate, options={"bf": "2"})
    assert VideoReader(path).pts_seconds == pytest.approx(np.arange(30) / rate, abs=1e-5)
    assert f"a bare stream without times; counted at {rate} frames a second" in scan_file(path).remarks


def test_a_matroska_that_was_cut_off_says_so(write_bar_codes: Write, tmp_path: Path) -> None:
    whole = write_bar_codes("whole.mkv", count=60, height=96, width=192, options={"g": "5", "crf": "1"})
    assert scan_file(whole).remarks == ()
    (tmp_path / "cut.mkv").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    found = scan_file(tmp_path / "cut.mkv")
    assert 10 < found.num_frames < 50
    said = f"its pictures end at {found.duration:.2f} s, its header says 2.00 s: the file may be cut off"
    assert said in found.remarks


def test_an_animated_webp_is_refused_in_one_line(tmp_path: Path) -> None:
    from PIL import Image

    pictures = [Image.fromarray(np.full((20, 30, 3), value, np.uint8)) for value in (10, 90, 200)]
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:], duration=50)
    with pytest.raises(SynclineError, match=r"webp pictures of unknown size.*; give the file as MP4 or GIF"):
        VideoReader(tmp_path / "a.webp")


@pytest.mark.parametrize(("height", "width"), [(1, 1), (17, 3), (3, 17)])
def test_the_smallest_pictures(write_bar_codes: Write, height: int, width: int) -> None:
    path = write_bar_codes("small.webm", count=5, codec="libvpx", height=height, width=width)
    assert VideoReader(path).frames([0, 4]).pixels.shape == (2, height, width, 3)
    assert scan_file(path).problem is None


def test_one_seek_a_gap(write_bar_codes: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = VideoReader(write_bar_codes(count=200, options={"g": "20", "bf": "2", "sc_threshold": "0"}))
    seeks: list[int] = []
    plain = video_file.decoded_from
    monkeypatch.setattr(video_file, "decoded_from", lambda c, s, pts: seeks.append(pts) or plain(c, s, pts))
    for wanted, expected in (
        (range(200), 0),
        ([0, 5, 19, 20, 21, 39], 0),
        ([25, 26, 30], 1),
        ([3, 105, 107, 118, 185, 3], 2),
    ):
        seeks.clear()
        assert numbers(reader, wanted) == list(wanted)
        assert len(seeks) == expected, wanted


def test_truncated_gives_what_is_there_or_says_so(write_bar_codes: Write, tmp_path: Path) -> None:
    whole = write_bar_codes("whole.mkv", count=200, options={"g": "10"}).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    reader = VideoReader(cut)
    assert 20 < reader.num_frames < 200
    assert numbers(reader, [0, 11, reader.num_frames - 5]) == [0, 11, reader.num_frames - 5]
    info = scan_file(cut)
    assert info.problem is None or "cannot be decoded" in info.problem


def test_frames_of_repeated_times_are_counted(write_bar_codes: Write, tmp_path: Path) -> None:
    """Two recordings in one transport stream: the clock starts anew, so the second has the times of the first."""
    once = write_bar_codes("once.ts", count=50)
    twice = tmp_path / "twice.ts"
    twice.write_bytes(once.read_bytes() * 2)
    assert (VideoReader(once).num_frames, VideoReader(once).repeated) == (50, 0)
    assert (VideoReader(twice).num_frames, VideoReader(twice).repeated) == (50, 50)
    assert not any("come twice" in remark for remark in scan_file(once).remarks)
    assert any("50 frames left out" in remark for remark in scan_file(twice).remarks)


def test_a_hole_is_said_where_it_is(write_bar_codes: Write) -> None:
    path = write_bar_codes(count=120, options={"g": "10"})
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + len(data) // 4
    data[middle : middle + 600] = bytes(600)
    path.write_bytes(data)
    reader = VideoReader(path)
    assert numbers(reader, [0, 119]) == [0, 119]
    said = {}
    for number in range(120):
        try:
            reader.frames([number])
        except SynclineError as error:
            said[number] = str(error)
    assert all(f"frame {number} cannot be decoded" in text for number, text in said.items())


def test_sound_only(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, 0, Fraction(1, 8000)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(SynclineError, match="holds no video stream"):
        VideoReader(path)


def test_one_frame(write_bar_codes: Write) -> None:
    reader = VideoReader(write_bar_codes(count=1))
    assert reader.num_frames == 1
    assert numbers(reader, [0, 0]) == [0, 0]
    assert reader.duration > 0
    assert scan_file(reader.path).problem == "1 frame; at least 2 are needed"


@pytest.mark.parametrize("count", [1 << 20, 1 << 24, (1 << 32) - 1])
@pytest.mark.parametrize("each", [0, 1])
def test_a_claim_of_millions_of_frames_is_refused(write_bar_codes: Write, count: int, each: int) -> None:
    path = write_bar_codes()
    data = bytearray(path.read_bytes())
    at = data.index(b"stsz") + 8
    data[at : at + 8] = struct.pack(">II", each, count)
    path.write_bytes(data)
    with pytest.raises(SynclineError, match=f"claims {count} frames, more than its {len(data)} bytes can hold"):
        VideoReader(path)


def test_boxes_nested_by_the_thousand_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.mp4"
    path.write_bytes(b"".join(struct.pack(">I4s", 8 * left, b"moov") for left in range(3000, 0, -1)))
    assert scan_file(path).problem == "boxes nested more than 16 deep, which no camera writes"


PEAK = """
import sys
from pathlib import Path
from bars import read_bar_code
from syncline.errors import SynclineError
from syncline.video import VideoReader

path = Path(sys.argv[1])

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
"""
tells_its_peak = pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")


def in_a_process_of_its_own(code: str, path: Path) -> str:
    """What it prints; `peak()` is its largest size so far, in kB. This process may have been larger before."""
    command = [sys.executable, "-c", PEAK + textwrap.dedent(code), str(path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@tells_its_peak
def test_huge_pictures_are_refused(tmp_path: Path) -> None:
    """GIF says its size in its head: 65535 x 65535 needs no such file."""
    path = tmp_path / "huge.gif"
    head = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\x80\x00\x00" + bytes(6)
    picture = b"\x2c" + struct.pack("<HHHH", 0, 0, 65535, 65535) + b"\x00\x02\x02\x44\x01\x00"
    path.write_bytes(head + picture * 3 + b"\x3b")
    code = """
    before = peak()
    try:
        VideoReader(path)
    except SynclineError:
        print(peak() - before)
    """
    assert int(in_a_process_of_its_own(code, path)) < 500_000


def test_the_decoder_holds_to_the_limit_of_pixels(write_bar_codes: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bar_codes()
    assert MAX_PIXELS < 1 << 28
    monkeypatch.setattr("syncline.video.video_file.MAX_PIXELS", 48 * 96 - 1)
    with pytest.raises(SynclineError, match="pictures of 96 x 48; sides"):
        VideoReader(path)


@tells_its_peak
@pytest.mark.slow
def test_memory_does_not_grow_with_the_video(tmp_path: Path) -> None:
    """Frames of 20,000 would take 276 MB; one pass in chunks holds a chunk."""
    path = tmp_path / "long.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"preset": "ultrafast", "g": "250"})
        stream.height, stream.width, stream.pix_fmt = 48, 96, "yuv420p"
        frames = [av.VideoFrame.from_ndarray(bar_code(number, 48, 96), format="rgb24") for number in range(4096)]
        for number in range(20_000):
            frame = frames[number % 4096]
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    code = """
    chunks = iter(VideoReader(path).chunks(chunk_size=64))
    for _ in range(20):
        next(chunks)
    before, seen = peak(), 0
    for chunk in chunks:
        assert read_bar_code(chunk.pixels[0]) == chunk.indices[0] % 4096
        seen += len(chunk.indices)
    print(seen, peak() - before)
    """
    seen, more = map(int, in_a_process_of_its_own(code, path).split())
    assert seen == 20_000 - 20 * 64
    assert more < 60_000


@pytest.mark.parametrize("name", ["cut.mp4", "cut.mov"])
def test_a_film_cut_without_encoding_is_read_in_one_pass(
    write_bar_codes: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An edit list hides the key frame that the first frames need; they are reached from it, not each from anew."""
    whole = write_bar_codes(count=100, options={"g": "50", "bf": "2", "sc_threshold": "0"})
    cut = tmp_path / name
    with av.open(str(whole)) as source, av.open(str(cut), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        offset = round(0.5 / float(stream.time_base or 1))
        for packet in source.demux(stream):
            if packet.dts is not None and packet.pts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - offset, packet.dts - offset, copy
                target.mux(packet)
    reader = VideoReader(cut)
    seeks: list[int] = []
    plain = video_file.decoded_from
    monkeypatch.setattr(video_file, "decoded_from", lambda c, s, pts: seeks.append(pts) or plain(c, s, pts))
    assert numbers(reader, range(reader.num_frames)) == list(range(15, 100))
    assert not seeks
    assert numbers(reader, [80, 3, 30]) == [95, 18, 45]


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_a_recording_that_begins_without_a_key_frame_is_read_from_the_first_one_on(
    write_bar_codes: Write, tmp_path: Path, codec: str
) -> None:
    options = (
        {"g": "40", "bf": "0", "sc_threshold": "0"}
        if codec != "libx265"
        else {"x265-params": "keyint=40:min-keyint=40:bframes=0:scenecut=0:log-level=none"}
    )
    whole = write_bar_codes("whole.ts", count=130, codec=codec, options=options).read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole[len(whole) // 188 // 6 * 188 :])
    reader = VideoReader(cut)
    first = numbers(reader, [0])[0]
    assert first == 40
    assert numbers(reader, range(reader.num_frames)) == list(range(first, 130))
    assert len(VideoReader(cut, size=(24, 48))) == reader.num_frames
    assert scan_file(cut).problem is None
