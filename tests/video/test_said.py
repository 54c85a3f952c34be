"""What scan says of pictures that are displayed otherwise than they are stored."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from bars import bar_code
from PIL import Image

from syncline.video import VideoReader, scan_file
from syncline.video.picture_file import read_still

Write = Callable[..., Path]


def said(path: Path, word: str) -> list[str]:
    return [remark for remark in scan_file(path).remarks if word in remark]


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_high_dynamic_range(write_bar_codes: Write, transfer: str, name: str) -> None:
    path = write_bar_codes(options={"x264-params": f"mbtree=0:transfer={transfer}"})
    assert said(path, "HDR") == [f"HDR ({name}); its colours are read as stored, not tone-mapped"]
    assert said(write_bar_codes("plain.mp4"), "HDR") == []


def test_pictures_that_change_their_size(tmp_path: Path, write_bar_codes: Write) -> None:
    parts = [
        write_bar_codes(f"{k}.ts", 30, rate=25, height=height, width=width, times=[2 * k + n / 25 for n in range(30)])
        for k, (height, width) in enumerate([(48, 96), (96, 48)])
    ]
    both = tmp_path / "both.ts"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    assert len(VideoReader(both)) == 60
    assert said(both, "size") == [
        "its pictures change their size (96x48, 48x96); all are shown in the shape of the first"
    ]
    assert said(parts[1], "size") == []


def test_interlaced_pictures(write_bar_codes: Write) -> None:
    path = write_bar_codes("fields.mpg", codec="mpeg2video", rate=25, options={"flags": "+ilme+ildct", "top": "1"})
    assert said(path, "interlaced") == ["interlaced; both fields are in one picture"]
    assert said(write_bar_codes("plain.mpg", codec="mpeg2video", rate=25), "interlaced") == []


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 576, 720, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(64, 45)
        for number in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(bar_code(number, 576, 720), format="rgb24")))
        container.mux(stream.encode(None))
    assert said(path, "pixels") == ["stored as 720x576 with pixels of aspect 64/45, shown as 1024x576"]
    reader = VideoReader(path)
    assert reader.frames([2]).pixels.shape == (1, 576, 1024, 3)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_query_picture_is_read_as_it_is_seen(tmp_path: Path, name: str, orientation: int) -> None:
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:, :15], upright[:10] = 255, (255, 0, 0)
    back = {1: lambda p: p, 3: lambda p: np.rot90(p, 2), 6: np.rot90, 8: lambda p: np.rot90(p, -1)}
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(back[orientation](upright)))
    stored.save(tmp_path / name, exif=exif.tobytes(), **({"quality": 95} if name != "a.tif" else {}))
    seen = read_still(tmp_path / name)
    assert seen.shape == upright.shape
    assert np.abs(seen.astype(int) - upright).mean() < 12


def test_sixteen_bits_of_grey_are_a_query_too(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 9), 30_000, np.uint16)).save(tmp_path / "deep.png")
    assert (read_still(tmp_path / "deep.png") == 30_000 >> 8).all()
