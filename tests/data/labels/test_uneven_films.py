"""Labels of films of variable rate: the same frame through every form, and every pair of forms."""

from __future__ import annotations

import itertools
from pathlib import Path

import bars
import numpy as np
import pytest

from syncline.data import VideoSet, open_videos
from syncline.data.labels.attach_labels import attach_labels, video_stem
from syncline.data.labels.label_formats import ENDINGS, FORMS, ONE_VIDEO, read_labels, write_labels
from syncline.data.labels.video_labels import LabelTrack
from syncline.errors import SynclineError

READ_AS = {
    "test_every_pair_of_forms_keeps_the_frames": (
        "all forms", "films of variable rate", "the same frames through every pair of forms, with the films at hand",
    ),
    "test_without_the_film_seconds_become_no_frames": (
        "arrays, text", "seconds without the film", "not written: refused unless a constant rate is guaranteed",
    ),
}  # fmt: skip
NAMES = ("reach", "grasp", "lift", "release")
FRAMES = {"a.mp4": (5, 31, 47, 78), "b.mp4": (2, None, 40, 79)}


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    """Two films of 80 frames: one speeds up, the other changes its rate in the middle but has the usual mean."""
    folder = tmp_path_factory.mktemp("films")
    rng = np.random.default_rng(3)
    bars.write_bar_codes(folder / "a.mp4", 80, times=[0, *np.cumsum(rng.uniform(1 / 90, 1 / 12, 79))])
    bars.write_bar_codes(folder / "b.mp4", 80, times=[*(np.arange(40) / 24), *(40 / 24 + np.arange(40) / 40)])
    return open_videos(folder)


def marked(films: VideoSet) -> list[LabelTrack]:
    """The tracks in seconds, as a person marks them: within the frame's time on display."""
    from syncline.video import open_video

    tracks = []
    for video in films:
        pts_seconds = open_video(video.path).pts_seconds
        seconds = [None if f is None else round(float(pts_seconds[f]), 3) for f in FRAMES[video.name]]
        tracks.append(LabelTrack(video.name, tuple(zip(NAMES, seconds, strict=True))))
    return tracks


def frames_of(films: VideoSet, tracks: list[LabelTrack]) -> dict[str, list[int]]:
    """Frame of every event that is there, found by attaching the labels."""
    found = {}
    for video in attach_labels(films, tracks):
        assert video.phases is not None
        starts = [np.flatnonzero(video.phases >= k) for k in range(1, int(video.phases.max()) + 1)]
        found[video.name] = sorted({int(at[0]) for at in starts})
    return found


def written(path: Path, tracks: list[LabelTrack], form: str, films: VideoSet) -> list[LabelTrack]:
    """Through a form and back, with the films at hand."""
    target = path / form if form in ONE_VIDEO else path / f"labels{ENDINGS[form]}"
    write_labels(target, tracks, form=form, videos=films)
    return read_labels(target)


TRUTH = {name: [frame for frame in frames if frame is not None] for name, frames in FRAMES.items()}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(FORMS, FORMS)))
def test_every_pair_of_forms_keeps_the_frames(tmp_path: Path, films: VideoSet, first: str, second: str) -> None:
    once = written(tmp_path / "first", marked(films), first, films)
    assert frames_of(films, once) == TRUTH
    twice = written(tmp_path / "second", once, second, films)
    assert {video_stem(track.video) for track in twice} == {"a", "b"}
    assert frames_of(films, twice) == TRUTH


@pytest.mark.parametrize("form", ["csv", "json", "boris", "boris-csv", "label-studio", "activitynet"])
def test_forms_of_seconds_need_no_film(tmp_path: Path, films: VideoSet, form: str) -> None:
    write_labels(tmp_path / f"x{ENDINGS[form]}", marked(films), form=form)
    assert frames_of(films, read_labels(tmp_path / f"x{ENDINGS[form]}")) == TRUTH


def test_without_the_film_seconds_become_no_frames(tmp_path: Path, films: VideoSet) -> None:
    with pytest.raises(SynclineError, match=r"a\.mp4: labels in seconds have no frames without the film"):
        write_labels(tmp_path / "a.npy", marked(films)[:1], form="npy")
    counted = LabelTrack("a.mp4", (("grasp", None),), frames=(31,))
    with pytest.raises(SynclineError, match="no times without the film"):
        write_labels(tmp_path / "a.eaf", [counted], form="elan")
    with pytest.raises(SynclineError, match="no film among"):
        write_labels(tmp_path / "c.npy", [LabelTrack("c.mp4", (("grasp", 1.0),))], form="npy", videos=films)


def test_the_film_beside_the_label_file_counts_its_frames(tmp_path: Path, films: VideoSet) -> None:
    folder = films[0].path.parent
    write_labels(folder / "marks.csv", marked(films)[:1], form="csv")
    try:
        write_labels(tmp_path / "a.npy", read_labels(folder / "marks.csv"), form="npy")
    finally:
        (folder / "marks.csv").unlink()
    assert np.flatnonzero(np.diff(np.load(tmp_path / "a.npy"))).tolist() == [f - 1 for f in TRUTH["a.mp4"]]


def test_frames_that_count_another_film_are_refused(tmp_path: Path, films: VideoSet) -> None:
    (tmp_path / "x.csv").write_text("video,num_frames,events,event_names\na.mp4,90,5;31,reach;grasp\n")
    with pytest.raises(SynclineError, match=r"a film of 90 frames; a\.mp4 has 80"):
        attach_labels(films, read_labels(tmp_path / "x.csv"))


def test_a_manifest_in_seconds_names_the_frames_on_display(films: VideoSet) -> None:
    folder = films[0].path.parent
    write_labels(folder / "annotations.csv", marked(films), form="csv")
    try:
        videos = open_videos(folder)
    finally:
        (folder / "annotations.csv").unlink()
    assert {video.name: video.events for video in videos} == FRAMES
    assert videos.event_names == NAMES
