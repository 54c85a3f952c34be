"""Manifests as people write them: by hand, in a spreadsheet, on another system."""

from __future__ import annotations

from pathlib import Path

import data_forms as forms
import pytest
from data_forms import Item

from syncline.data import read_manifest
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
