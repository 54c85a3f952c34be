"""Folders of numbered pictures read like videos."""

from __future__ import annotations

from pathlib import Path

import bars
import numpy as np
import pytest
from PIL import Image, ImageOps

from syncline.errors import SynclineError
from syncline.files import content_hash
from syncline.video import VideoReader
from syncline.video.frame_folders import find_frame_folders


def write_frames(folder: Path, count: int, pattern: str = "{:06d}.jpg", start: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(bars.bar_code(number, 48, 96)).save(folder / pattern.format(number + start))
    return folder


@pytest.mark.parametrize("pattern", ["{:06d}.jpg", "frame {}.png", "v2.überlang_{}.JPEG"])
def test_frames_come_in_the_order_of_their_numbers(tmp_path: Path, pattern: str) -> None:
    reader = VideoReader(write_frames(tmp_path / "a.b", 12, pattern))
    assert [bars.read_bar_code(p) for p in reader.frames(range(12)).pixels] == list(range(12))
    assert [bars.read_bar_code(p) for p in reader.frames([7, 2, 7]).pixels] == [7, 2, 7]
    assert reader.frame_rate == 25.0
    np.testing.assert_allclose(reader.pts_seconds, np.arange(12) / 25)
    assert (reader.height, reader.width, reader.num_frames) == (48, 96, 12)
    assert reader.index_at([0.0, 0.078, 9.0]).tolist() == [0, 1, 11]


def test_size_and_rate_are_as_asked(tmp_path: Path) -> None:
    folder = write_frames(tmp_path, 5)
    (folder / "frame_rate.txt").write_text("10\n")
    reader = VideoReader(folder, size=(24, 48))
    chunks = list(reader.chunks(chunk_size=2))
    assert [c.pixels.shape for c in chunks] == [(2, 24, 48, 3), (2, 24, 48, 3), (1, 24, 48, 3)]
    assert [bars.read_bar_code(p) for c in chunks for p in c.pixels] == list(range(5))
    assert reader.pts_seconds.tolist() == [0.0, 0.1, 0.2, 0.3, 0.4]
    (folder / "frame_rate.txt").write_text("-3")
    with pytest.raises(SynclineError, match="no frame rate"):
        VideoReader(folder)


def test_faults_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match="no numbered pictures"):
        VideoReader(tmp_path)
    folder = write_frames(tmp_path / "a", 4)
    whole = (folder / "000003.jpg").read_bytes()
    (folder / "000003.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SynclineError, match=r"000003\.jpg: "):
        VideoReader(folder).frames([2])
    Image.new("RGB", (10, 10)).save(folder / "000003.jpg")
    with pytest.raises(SynclineError, match=r"10 x 10 pixels, the first frame has 96 x 48"):
        VideoReader(folder).frames([2])
    for number in (9, 10):
        Image.new("RGB", (10, 10)).save(folder / f"{number}.png")
    with pytest.raises(SynclineError, match=r"2 sequences of pictures side by side \(\*\.jpg, \*\.png\)"):
        VideoReader(folder)


def test_content_hash_of_a_folder_sees_its_pictures(tmp_path: Path) -> None:
    a, b = write_frames(tmp_path / "a", 5), write_frames(tmp_path / "b", 5)
    assert content_hash(a) == content_hash(b)
    Image.fromarray(bars.bar_code(9, 48, 96)).save(b / "000005.jpg")
    assert content_hash(a) != content_hash(b)
    (a / "000005.jpg").unlink()
    assert content_hash(a) != content_hash(b)


def test_folders_are_found_and_single_pictures_are_not(tmp_path: Path) -> None:
    write_frames(tmp_path / "x" / "take 1", 3)
    write_frames(tmp_path / ".hidden", 3)
    (tmp_path / "y").mkdir()
    for name in ("cover.jpg", "plot.png", "poster1.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "y" / name)
    assert find_frame_folders(tmp_path) == [tmp_path / "x" / "take 1"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_are_turned_upright(tmp_path: Path, orientation: int) -> None:
    for number in range(3):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(bars.bar_code(number + 5, 48, 96)).save(tmp_path / f"{number}.jpg", exif=exif)
    reader = VideoReader(tmp_path)
    with Image.open(tmp_path / "1.jpg") as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    assert (reader.height, reader.width) == upright.shape[:2]
    np.testing.assert_array_equal(reader.frames([1]).pixels[0], upright)
    assert reader.rotation == {3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270}.get(orientation, 0)


def test_sixteen_bits_of_grey_are_not_cut_off(tmp_path: Path) -> None:
    for number in range(2):
        Image.fromarray(np.full((8, 8), 30_000, np.uint16)).save(tmp_path / f"{number}.png")
    assert (VideoReader(tmp_path).frames([0]).pixels == 30_000 >> 8).all()


def test_a_rate_written_by_an_editor_with_a_mark_of_byte_order(tmp_path: Path) -> None:
    write_frames(tmp_path, 2)
    (tmp_path / "frame_rate.txt").write_bytes(b"\xef\xbb\xbf30\r\n")
    assert VideoReader(tmp_path).frame_rate == 30.0
