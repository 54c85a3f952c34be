"""Seconds from a container's beginning: of a film whose sound begins before its pictures and that starts late."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from odd_films import packed, write_film

from syncline.data import open_videos
from syncline.data.labels.attach_labels import attach_labels
from syncline.data.labels.label_formats import ENDINGS, read_labels, write_labels
from syncline.data.labels.time_origin import container_offset, from_container, in_container, tracks_from_container
from syncline.data.labels.video_labels import LabelTrack, track_of_shown
from syncline.data.video_set import Video
from syncline.errors import SynclineError
from syncline.video import open_video

FRAMES = (3, 30, 57)
NAMES = ("lift", "pour", "stop")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MKV of sixty frames at 30 a second: sound from 2 s on, pictures .3 s later."""
    folder = tmp_path_factory.mktemp("films")
    write_film(folder / "early.mkv", "libx264", np.arange(60) * 3000, (48, 96), Fraction(1), "upright", 30, 0.3, 2)
    (folder / "late").mkdir()
    return packed(folder / "early.mkv", folder / "late" / "late.mkv", later=2.0)


def test_the_offset_is_what_the_container_says(film: Path) -> None:
    (video,) = open_videos([film])
    assert container_offset(video) == pytest.approx(0.3, abs=0.03)  # packets of sound last 23 ms
    with pytest.raises(SynclineError, match="is a part of a file"):
        container_offset(replace(video, span=(0, 10)))


@pytest.mark.parametrize("form", ["csv", "json", "elan", "boris", "boris-csv", "activitynet", "srt", "vtt"])
def test_labels_in_the_clock_of_the_container_name_the_same_frames(film: Path, tmp_path: Path, form: str) -> None:
    videos = open_videos([film])
    offset, shown = container_offset(videos[0]), open_video(film).pts_seconds
    track = track_of_shown(videos[0], NAMES, [float(shown[k]) for k in FRAMES], shown)
    path = tmp_path / f"late{ENDINGS[form]}"
    write_labels(path, [in_container(track, offset)], form=form)
    (read,) = read_labels(path, event_names=NAMES)
    assert [second for _, second in read.events] == pytest.approx([shown[k] + offset for k in FRAMES], abs=2e-3)
    (back,) = attach_labels(videos, tracks_from_container(videos, [replace(read, frames=None)]))
    assert back.events == FRAMES
    (wrong,) = attach_labels(videos, [replace(read, frames=None, events=read.events[:2])])
    assert wrong.events is not None
    assert wrong.events[0] is not None
    assert wrong.events[0] - FRAMES[0] in (8, 9)  # what is mended: .3 s late


def test_frames_stay_what_they_are(film: Path) -> None:
    videos = open_videos([film])
    track = LabelTrack("late.mkv", (("lift", None),), frames=(7,))
    (back,) = attach_labels(videos, tracks_from_container(videos, [track]))
    assert back.events == (7,)


def test_an_event_before_the_first_picture_is_refused() -> None:
    with pytest.raises(SynclineError, match=r"'lift' at 0.2 s of the container comes before its first picture, at 0.3"):
        from_container(LabelTrack("a.mkv", (("lift", 0.2),)), 0.3)


def test_labels_of_other_videos_are_left_as_they_are(film: Path) -> None:
    videos = open_videos([film])
    assert isinstance(videos[0], Video)
    other = LabelTrack("another.mkv", (("lift", 0.1),))
    assert tracks_from_container(videos, [other]) == [other]
