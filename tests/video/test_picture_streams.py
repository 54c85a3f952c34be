"""Of several picture streams the film: covers and thumbnails are none, the default one comes first, and it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from bars import bar_code, read_bar_code

from syncline.errors import SynclineError
from syncline.video import VideoReader, scan_file


def write(path: Path, streams: list[dict[str, Any]]) -> Path:
    """A file whose stream k shows bar codes from 100 k on."""
    with av.open(str(path), "w") as container:
        made = []
        for given in streams:
            codec = given.get("codec", "libx264")
            stream: Any = container.add_stream(codec, rate=30)
            stream.height, stream.width = given.get("size", (48, 96))
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = given.get("disposition", Disposition(0))
            made.append(stream)
        for k, (stream, given) in enumerate(zip(made, streams, strict=True)):
            for number in range(given.get("count", 30)):
                picture = bar_code(100 * k + number, stream.height, stream.width)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("streams", "film"),
    [
        ([{"codec": "mjpeg", "count": 1, "size": (120, 120)}, {}], 1),
        ([{}, {"codec": "mjpeg", "count": 1, "size": (240, 240)}], 0),
        ([{}, {"disposition": Disposition.default}], 1),
        ([{"disposition": Disposition.default}, {"size": (96, 192)}], 0),
    ],
    ids=["thumbnail first", "thumbnail last", "second is default", "first is default"],
)
def test_the_film_is_read_and_the_others_are_told(tmp_path: Path, streams: list[dict[str, Any]], film: int) -> None:
    path = write(tmp_path / "several.mkv", streams)
    reader = VideoReader(path)
    assert reader.num_frames == 30
    numbers = [read_bar_code(picture) for picture in reader.frames([3, 29, 0]).pixels]
    assert numbers == [100 * film + k for k in (3, 29, 0)]
    assert f"2 picture streams in one file; stream {film} is read" in scan_file(path).remarks
    assert reader.reading == (1 if film == 0 else 2)


def test_a_sound_file_with_a_cover_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mkv"
    with av.open(str(path), "w") as container:
        sound: Any = container.add_stream("aac", rate=48_000)
        cover: Any = container.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 48, 48, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.zeros((48, 48, 3), np.uint8), format="rgb24")))
        container.mux(cover.encode(None))
        for k in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 48_000, 1024 * k
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    with pytest.raises(SynclineError) as caught:
        VideoReader(path).frames([0, 1])
    assert "\n" not in str(caught.value)
    assert scan_file(path).problem is not None
