"""Manifests as people write them: by hand, in a spreadsheet, on another system."""

from __future__ import annotations

from pathlib import Path

import data_forms as forms
import pytest
from data_forms import Item

from syncline.data import open_videos, read_manifest
from syncline.errors import SynclineError


def manifest(folder: Path, *rows: str, name: str = "set.csv") -> Path:
    """A manifest of `a.mp4`, which has 20 frames, and others."""
    if not (folder / "videos").exists():
        forms.write_video(folder, Item("a", [0] * 20))
    path = folder / name
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("said", [10, 90, 10**12])
def test_labels_counted_in_another_file_are_refused(tmp_path: Path, said: int) -> None:
    path = manifest(tmp_path, "video,num_frames,fps,events", f"a.mp4,{said},25,3;9")
    with pytest.raises(SynclineError, match=r"row 2 \(a\.mp4\): (num_frames is|10{12} frames)"):
        read_manifest(path)


@pytest.mark.parametrize("said", [18, 20, 22])
def test_labels_of_a_length_that_differs_a_little_are_fitted(tmp_path: Path, said: int) -> None:
    video = read_manifest(manifest(tmp_path, "video,num_frames,fps,events", f"a.mp4,{said},25,3;9"))[0]
    assert video.phases is not None
    assert video.phases.tolist() == [0] * 3 + [1] * 6 + [2] * 11
    assert video.num_frames == 20


@pytest.mark.parametrize("fps", ["inf", "nan", "0"])
def test_a_rate_that_is_none(tmp_path: Path, fps: str) -> None:
    with pytest.raises(SynclineError, match="is not a video"):
        read_manifest(manifest(tmp_path, "video,num_frames,fps", f"a.mp4,20,{fps}"))


def test_what_spreadsheets_and_other_systems_write(tmp_path: Path) -> None:
    """A mark of byte order, CRLF, rows of nothing but commas, quotes, folders with backslashes."""
    path = manifest(tmp_path, "")
    forms.write_video(tmp_path / "videos" / "day 1", Item("b", [0] * 5))
    path.write_bytes(
        b'\xef\xbb\xbfvideo,split,events\r\na.mp4,train,"3;9"\r\n,,\r\n"day 1\\videos\\b.mp4",val,\r\n,,\r\n'
    )
    videos = read_manifest(path)
    assert [(video.name, video.split, video.num_frames) for video in videos] == [
        ("a.mp4", "train", 20), ("day 1\\videos\\b.mp4", "val", 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.mp4", r"row 3 \(a\.mp4\): the same video as in row 2"),
        ('"' + "x" * 5000 + '"', "there is no file xxx"),
        ('"b.mp4\n' + "c.mp4,train\n" * 500, "there is no file b.mp4"),
    ],
)
def test_faults_are_one_line_with_the_row(tmp_path: Path, row: str, said: str) -> None:
    path = manifest(tmp_path, "video,split", "a.mp4,", row)
    with pytest.raises(SynclineError, match=said) as caught:
        read_manifest(path)
    assert str(caught.value).startswith(f"{path}, row 3")
    assert len(str(caught.value)) < 1000


def test_the_set_of_the_folder_that_one_stands_in_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pour"
    folder.mkdir()
    manifest(folder, "video", "a.mp4", name="annotations.csv")
    monkeypatch.chdir(folder)
    assert read_manifest("annotations.csv").name == open_videos(".").name == "pour"
