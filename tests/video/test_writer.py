"""What is written does not depend on when."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bars import bar_code

from syncline.video import VideoReader, VideoWriter, write_proxy


@pytest.mark.parametrize(("height", "width"), [(48, 64), (208, 156)])
def test_the_same_pictures_give_the_same_file(tmp_path: Path, height: int, width: int) -> None:
    """Twelve times, with other memory taken in between: x264 once read what nobody had written."""
    random = np.random.default_rng(0)
    still = random.integers(0, 255, (height, width, 3), dtype=np.uint8)
    files = set()
    for turn in range(12):
        path = tmp_path / f"{turn}.mp4"
        with VideoWriter(path, height=height, width=width, rate=10) as writer:
            for number in range(30):
                writer.write(np.roll(still, number, axis=1), number / 10)
        files.add(path.read_bytes())
        random.random(50_000 + 1_000 * turn)
    assert len(files) == 1


def film_with_sound(path: Path, count: int) -> Path:
    """A transport stream as cameras write them, 15 frames a second with a silent sound."""
    with av.open(str(path), "w", format="mpegts") as container:
        pictures: Any = container.add_stream("libx264", rate=15)
        pictures.height, pictures.width, pictures.pix_fmt = 48, 96, "yuv420p"
        sound: Any = container.add_stream("aac", rate=44_100)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(bar_code(number, 48, 96), format="rgb24")
            container.mux(pictures.encode(frame))
        container.mux(pictures.encode(None))
        for number in range(count * 44_100 // 15 // 1024):
            part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            part.sample_rate, part.pts, part.time_base = 44_100, number * 1024, Fraction(1, 44_100)
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def test_joined_transport_streams_are_written_without_the_sound_that_cannot_be(tmp_path: Path) -> None:
    """`cat *.MTS`: the time stamps of the second one begin anew."""
    joined = tmp_path / "joined.mts"
    joined.write_bytes(b"".join(film_with_sound(tmp_path / f"{n}.ts", n).read_bytes() for n in (30, 45)))
    write_proxy(joined, tmp_path / "copy.mp4")
    assert VideoReader(tmp_path / "copy.mp4").num_frames == VideoReader(joined).num_frames
    write_proxy(tmp_path / "30.ts", tmp_path / "whole.mp4")
    assert VideoReader(tmp_path / "whole.mp4").has_audio


def test_sound_of_a_film_whose_title_is_not_utf_8(tmp_path: Path) -> None:
    source = film_with_sound(tmp_path / "film.ts", 15)
    film, out = tmp_path / "film.mkv", tmp_path / "copy.mp4"
    with av.open(str(source)) as given, av.open(str(film), "w") as target:
        target.metadata["title"] = "TITLE"
        copies = [target.add_stream_from_template(stream) for stream in given.streams]
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                target.mux(packet)
    film.write_bytes(film.read_bytes().replace(b"TITLE", b"caf\xe9s"))
    write_proxy(film, out)
    assert VideoReader(out).has_audio
