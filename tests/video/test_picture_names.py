"""Names of pictures: order and time by number or by clock; cameras are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bars import bar_code, read_bar_code
from PIL import Image

from syncline.errors import SynclineError
from syncline.video import VideoReader, scan_file
from syncline.video.picture_names import picture_sequences


def write(folder: Path, names: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        Image.fromarray(bar_code(number, 48, 96)).save(folder / name)
    return folder


@pytest.mark.parametrize(
    ("names", "seconds"),
    [
        (["1.png", "2.png", "5.png"], [0, 1 / 25, 4 / 25]),
        (["img_0.webp", "img_10.webp", "img_20.webp"], [0, 0.4, 0.8]),
        (["a7_0009.tif", "a7_0010.tif"], [0, 0.04]),
        (["0009_left.bmp", "0010_left.bmp"], [0, 0.04]),
        (["1700000000.5.jpg", "1700000001.25.jpg"], [0, 0.75]),
        (["cam0_1403636579763555584.png", "cam0_1403636579813555456.png"], [0, 0.049999872]),
        (["1700000000500.jpg", "1700000000533.jpg"], [0, 0.033]),
        (["IMG_20240131_235959_900.jpg", "IMG_20240201_000000_100.jpg"], [0, 0.2]),
        (["2024-01-31T12-00-00.png", "2024-01-31T12-00-02.png"], [0, 2]),
        (["0.033.png", "0.067.png", "0.1.png"], [0, 0.034, 0.067]),
        (["take2.0001.png", "take2.0002.png"], [0, 0.04]),
        (["B20240131_235959_001.jpg", "B20240131_235959_002.jpg", "B20240131_235959_003.jpg"], [0, 0.04, 0.08]),
        (["0007_1700000000500.jpg", "0008_1700000000533.jpg"], [0, 0.033]),
        (["1700000000500_0007.jpg", "1700000000533_0008.jpg"], [0, 0.033]),
        (["3_a1.png", "4_a2.png"], [0, 0.04]),
        (["frame_0ms.png", "frame_33ms.png", "frame_100ms.png"], [0, 0.033, 0.1]),
        (["20240131_0001.png", "20240131_0002.png"], [0, 0.04]),
    ],
)
def test_times_are_those_that_the_names_tell(tmp_path: Path, names: list[str], seconds: list[float]) -> None:
    reader = VideoReader(write(tmp_path / "pictures", names))
    np.testing.assert_allclose(reader.pts_seconds, seconds, atol=1e-6)
    assert [read_bar_code(picture) for picture in reader.frames(range(len(names))).pixels] == list(range(len(names)))


@pytest.mark.parametrize(
    ("names", "seconds"),
    [
        (["Screenshot 2024-05-01 at 9.23.46.png", "Screenshot 2024-05-01 at 10.23.45.png"], [0, 3599]),
        (["Screenshot 2024-05-01 at 10.23.59.png", "Screenshot 2024-05-01 at 10.24.01.png"], [0, 2]),
        (
            [f"Screen Shot 2024-05-01 at {time}.png"
             for time in ("12.00.01 AM", "9.59.00 AM", "12.00.00\u202fPM", "1.00.00 PM", "11.59.59 p.m.")],
            [0, 35_939, 43_199, 46_799, 86_398],
        ),
        (["Bildschirmfoto 2024-05-01 um 10.23.45.png", "Bildschirmfoto 2024-05-02 um 00.00.00.png"], [0, 48_975]),
        (["Captura de pantalla 2024-05-01 a las 9.59.59.png", "Captura de pantalla 2024-05-01 a las 10.00.00.png"],
         [0, 1]),
        (["Ska\u0308rmavbild 2024-05-01 kl. 10.23.45.png", "Ska\u0308rmavbild 2024-05-01 kl. 10.25.00.png"], [0, 75]),
        (["2024-05-01 9.23.45.jpg", "2024-05-01 10.23.45.jpg"], [0, 3600]),
    ],
)  # fmt: skip
def test_pictures_of_the_screen_are_in_the_order_of_their_times(
    tmp_path: Path, names: list[str], seconds: list[float]
) -> None:
    folder = write(tmp_path / "pictures", names)
    reader = VideoReader(folder)
    np.testing.assert_allclose(reader.pts_seconds, seconds)
    assert [read_bar_code(picture) for picture in reader.frames(range(len(names))).pixels] == list(range(len(names)))
    assert "times from the names of the pictures" in scan_file(folder).remarks


def test_pictures_of_a_second_screen_are_never_mixed_in(tmp_path: Path) -> None:
    names = [f"Screenshot 2024-05-01 at {time}.png" for time in ("10.23.45", "10.24.01", "10.23.45 (2)")]
    folder = write(tmp_path / "pictures", names)
    assert [name for s in picture_sequences(names)[:1] for name in s.names] == names[:2]
    assert "1 other pictures in the folder are left out" in scan_file(folder).remarks
    write(folder, [*names, "Screenshot 2024-05-01 at 10.24.01 (2).png"])
    problem = scan_file(folder).problem
    assert problem is not None
    assert "2 sequences of pictures side by side (Screenshot * (2).png, Screenshot *.png)" in problem


def test_two_cameras_are_refused_and_not_interleaved(tmp_path: Path) -> None:
    names = [f"{number:04d}_{side}.png" for number in range(3) for side in ("left", "right")]
    info = scan_file(write(tmp_path / "pictures", names))
    assert info.problem is not None
    assert "2 sequences of pictures side by side (*_left.png, *_right.png)" in info.problem
    assert [s.pattern for s in picture_sequences(["cam1_2.jpg", "cam2_2.jpg", "cam1_1.jpg", "cam2_1.jpg"])] == [
        "cam1_*.jpg",
        "cam2_*.jpg",
    ]


def test_gaps_steps_strays_and_sizes_are_said(tmp_path: Path) -> None:
    folder = write(tmp_path / "pictures", ["0.jpg", "10.jpg", "40.jpg", "poster_1.jpg"])
    assert scan_file(folder).remarks[1:4] == (
        "numbered in steps of 10, taken as every 10th of 25 a second",
        "1 gap in the numbers (2 pictures missing), kept in time",
        "1 other pictures in the folder are left out",
    )
    Image.new("RGB", (30, 20)).save(folder / "50.jpg")
    problem = scan_file(folder).problem
    assert problem is not None
    assert problem.startswith("pictures of 2 sizes (3 of 96 x 48, 1 of 30 x 20)")


def test_two_pictures_of_one_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SynclineError, match="same number or time"):
        VideoReader(write(tmp_path / "pictures", ["1.png", "01.png", "2.png"]))
